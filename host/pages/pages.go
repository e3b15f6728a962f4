// Package pages hands out memory that is not the Go heap's: address space that
// is reserved first and committed as it grows, with unmapped pages in front and
// behind, so that code which leaves its bounds faults instead of reading
// something else. Linear memories, arenas and packed weights live here.
//
// Where the platform has no such calls, Guarded is false and the memory is the
// Go heap's, with the same interface and no guards.
package pages

import (
	"math"
	"os"
	"sync"
)

// Error is why memory was not handed out.
type Error string

func (e Error) Error() string { return string(e) }

const (
	ErrSize     Error = "pages: size out of range"
	ErrFreed    Error = "pages: region was freed"
	ErrReadOnly Error = "pages: region is read-only"
	ErrMemory   Error = "pages: the system has no such memory"
)

// guard is the size of the unmapped range on each side: larger than any page
// and than what one vector instruction or a short assembly loop can overrun.
const guard = 64 << 10

// hugePage is what the system may commit at once.
const hugePage = 2 << 20

// maxSize keeps guards and rounding within an int on every platform.
const maxSize = math.MaxInt - 4*guard - hugePage

// Region is a range of address space of which the first bytes are memory.
//
//	┌─────────┬─────────────────────┬──────────────────────┬─────────┐
//	│ guard   │ committed: Bytes    │ reserved: no access  │ guard   │
//	└─────────┴─────────────────────┴──────────────────────┴─────────┘
//
// Its owner sees to it that nobody reads Bytes while Free runs.
type Region struct {
	mu       sync.Mutex
	space    *mapping // nil once freed
	size     int64    // what may be committed
	skip     int64    // bytes in front of Bytes that fill the first page
	n        int64    // bytes committed
	readOnly bool
}

// Reserve sets size bytes of address space aside without using memory. What is
// committed comes in huge pages if the system has them: a linear memory begins by
// filling a few.
func Reserve(size int64) (*Region, error) { return reserved(size, true) }

func reserved(size int64, huge bool) (*Region, error) {
	if size < 0 || size > maxSize {
		return nil, ErrSize
	}
	space, err := reserve(roundUp(size), huge)
	if err != nil {
		return nil, err
	}
	return &Region{space: space, size: size}, nil
}

// Alloc is n zeroed bytes that start on a page, of the usual size. In huge ones
// runs take at best a fiftieth less, but where a virtual machine gives free blocks
// of that size back to its host, coming by many of them may take longer than all
// else that the first run of a large model does.
func Alloc(n int64) (*Region, error) { return alloc(n, 0) }

// AllocFlush is n zeroed bytes of which the last one touches the guard behind:
// reading one byte more faults. Tests of assembly use it. The first byte is
// aligned only as far as n is.
func AllocFlush(n int64) (*Region, error) { return alloc(n, roundUp(max(n, 0))-n) }

func alloc(n, skip int64) (*Region, error) {
	if n < 0 || n > maxSize {
		return nil, ErrSize
	}
	r, err := reserved(skip+n, false)
	if err != nil {
		return nil, err
	}
	r.skip, r.size = skip, n
	if _, err := r.Grow(n); err != nil {
		return nil, err
	}
	return r, nil
}

// Grow commits memory until Bytes is n long and returns it; what is new is
// zero. Where Guarded is true the address never changes. A size below the
// present one changes nothing. On an error the region is as it was.
func (r *Region) Grow(n int64) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case r.space == nil:
		return nil, ErrFreed
	case n < 0 || n > r.size:
		return nil, ErrSize
	case n <= r.n:
		return r.bytes(), nil
	case r.readOnly:
		return nil, ErrReadOnly
	}
	if err := r.space.commit(r.skip+r.n, r.skip+n); err != nil {
		return nil, err
	}
	r.n = n
	return r.bytes(), nil
}

// Bytes is the committed memory, nil after Free.
func (r *Region) Bytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.bytes()
}

func (r *Region) bytes() []byte {
	if r.space == nil {
		return nil
	}
	return r.space.bytes(r.skip, r.skip+r.n)
}

// ReadOnly makes a later write to the region fault. There is no way back.
func (r *Region) ReadOnly() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.space == nil {
		return ErrFreed
	}
	if err := r.space.protect(r.skip + r.n); err != nil {
		return err
	}
	r.readOnly = true
	return nil
}

// Free gives the address space back. It may be called again.
func (r *Region) Free() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.space == nil {
		return nil
	}
	space := r.space
	r.space = nil
	return space.release()
}

func page() int64 { return int64(os.Getpagesize()) }

func roundUp(n int64) int64 { return (n + page() - 1) / page() * page() }
