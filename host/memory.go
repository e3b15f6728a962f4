package host

import (
	"sync/atomic"

	"github.com/glovebox-ml/glovebox/host/pages"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// smallest is the size from which memory comes from the system and goes back
// to it at once, instead of waiting for the collector.
const smallest = 64 << 10

// Each region takes two of the some 65,000 mappings that a system lets a process
// have, the Go heap's among them. Beyond so many, of which those under a mebibyte
// may be half, memory comes from the heap as well.
const (
	maxRegions = 1 << 14
	maxSmall   = maxRegions / 2
)

// regions is how many there are in the process.
var regions atomic.Int64

// Guarded reports whether memory stands between guard pages on this system.
const Guarded = pages.Guarded

// memory is bytes charged to a ledger until free.
type memory struct {
	ledger *ledger
	n      int64
	data   []byte
	region *pages.Region

	// A constant that is kept with a model: the programs that use it, its turn
	// among those that none uses, and the slab it lies in, if any.
	uses int
	turn uint64
	slab *memory
}

// allocate charges n bytes and then takes them, zeroed: from the heap when
// small, else from the system, between guard pages.
func allocate(l *ledger, n int64) (*memory, error) {
	if err := l.charge(n); err != nil {
		return nil, err
	}
	m, err := obtain(n)
	if err != nil {
		l.release(n)
		return nil, err
	}
	m.ledger = l
	return m, nil
}

// obtain is memory that nobody is charged for yet.
func obtain(n int64) (*memory, error) {
	if have := regions.Load(); n < smallest || n < own && have >= maxSmall || have >= maxRegions {
		return &memory{n: n, data: tensor.Aligned(n)}, nil
	}
	r, err := pages.Alloc(n)
	if err != nil {
		return nil, ErrMemory
	}
	regions.Add(1)
	return &memory{n: n, region: r, data: r.Bytes()}, nil
}

// seal makes the memory read-only where it has pages of its own: a kernel that
// writes a shared weight then faults instead of changing another's answer.
func (m *memory) seal() {
	if m.region != nil {
		// A failure leaves the memory writable, as correct kernels may have it.
		_ = m.region.ReadOnly()
	}
}

// free gives the memory back. The bytes must not be used again.
func (m *memory) free() {
	if m != nil && m.slab != nil {
		if m.slab.uses--; m.slab.uses == 0 {
			m.slab.free()
		}
		m.slab, m.data = nil, nil
		return
	}
	if m == nil {
		return
	}
	if m.ledger != nil {
		m.ledger.release(m.n)
	}
	if m.region != nil {
		_ = m.region.Free()
		regions.Add(-1)
	}
	m.ledger, m.data, m.region = nil, nil, nil
}
