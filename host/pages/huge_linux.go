package pages

import "golang.org/x/sys/unix"

// preferHuge asks for huge pages. A system that has none goes without.
func preferHuge(all []byte) { _ = unix.Madvise(all, unix.MADV_HUGEPAGE) }
