//go:build linux || darwin

package pages

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Guarded reports whether regions have guards, stay in place and can be made
// read-only.
const Guarded = true

// mapping is the address space of a region, both guards included.
//
// It does not ask for huge pages. With them runs take at best a fiftieth less, but
// where a virtual machine gives free blocks of that size back to its host, coming
// by them may take longer than all else that the first run of a large model does.
type mapping struct{ all []byte }

func reserve(size int64) (*mapping, error) {
	all, err := unix.Mmap(-1, 0, int(guard+size+guard), unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMemory, err)
	}
	return &mapping{all}, nil
}

// pages is the whole pages that from and to lie in.
func (m *mapping) pages(from, to int64) []byte {
	return m.all[guard+from/page()*page() : guard+roundUp(to)]
}

func (m *mapping) commit(from, to int64) error {
	return protect(m.pages(from, to), unix.PROT_READ|unix.PROT_WRITE)
}

func (m *mapping) bytes(from, to int64) []byte { return m.all[guard+from : guard+to : guard+to] }

func (m *mapping) protect(to int64) error {
	if to == 0 {
		return nil
	}
	return protect(m.pages(0, to), unix.PROT_READ)
}

func (m *mapping) release() error {
	if err := unix.Munmap(m.all); err != nil {
		return fmt.Errorf("%w: %v", ErrMemory, err)
	}
	return nil
}

func protect(b []byte, prot int) error {
	if err := unix.Mprotect(b, prot); err != nil {
		return fmt.Errorf("%w: %v", ErrMemory, err)
	}
	return nil
}
