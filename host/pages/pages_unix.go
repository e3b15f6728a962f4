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
type mapping struct {
	all   []byte
	front int64 // the guard in front, and what aligns the region behind it
}

func reserve(size int64, huge bool) (*mapping, error) {
	slack := int64(0)
	if huge = huge && size >= hugePage; huge {
		slack = hugePage
	}
	all, err := unix.Mmap(-1, 0, int(guard+slack+size+guard), unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_NORESERVE)
	if err != nil {
		return nil, fmt.Errorf("%w: %v", ErrMemory, err)
	}
	m := &mapping{all, guard}
	if huge {
		m.front += -(address(all) + guard) & (hugePage - 1)
		preferHuge(all)
	}
	return m, nil
}

// pages is the whole pages that from and to lie in.
func (m *mapping) pages(from, to int64) []byte {
	return m.all[m.front+from/page()*page() : m.front+roundUp(to)]
}

func (m *mapping) commit(from, to int64) error {
	return protect(m.pages(from, to), unix.PROT_READ|unix.PROT_WRITE)
}

func (m *mapping) bytes(from, to int64) []byte { return m.all[m.front+from : m.front+to : m.front+to] }

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
