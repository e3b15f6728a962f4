package engine

import (
	"math"

	"github.com/glovebox-ml/glovebox/host/pages"
	"github.com/tetratelabs/wazero/experimental"
)

// reach is what a wasm address can name, 32 bits of base and 32 of offset and
// the access itself. With all of it reserved, a bounds check that was compiled
// wrongly faults instead of reading the host.
const reach = 8<<30 + 64<<10

// linear is the memory of one instance. It grows in place, up to its cap and
// as far as the ledger lets it.
type linear struct {
	region  *pages.Region
	limit   int64
	size    int64
	now     []byte // the memory as it is
	onGrow  func(delta int64) bool
	refused bool  // a growth was refused: the guest ends at its next import
	shrink  int64 // where not negative, the size that the next Reallocate sets
}

func newLinear(limit int64, onGrow func(int64) bool) (*linear, error) {
	limit = min(max(limit, 0)/pageSize, maxPages) * pageSize
	size := limit
	if pages.Guarded && math.MaxInt > math.MaxInt32 {
		size = reach
	}
	region, err := pages.Reserve(size)
	if err != nil {
		return nil, ErrMemory
	}
	if onGrow == nil {
		onGrow = func(int64) bool { return true }
	}
	return &linear{region: region, limit: limit, onGrow: onGrow, shrink: -1}, nil
}

var _ experimental.MemoryAllocator = (*linear)(nil)
var _ experimental.LinearMemory = (*linear)(nil)

// Allocate is how wazero asks for the memory of the instance it makes.
func (l *linear) Allocate(_, _ uint64) experimental.LinearMemory { return l }

// Reallocate is how wazero grows it. Nil refuses.
func (l *linear) Reallocate(size uint64) []byte {
	n := int64(min(size, reach))
	if l.shrink >= 0 {
		n, l.shrink = l.shrink, -1
		clear(l.now[n:])
	}
	if n > l.limit || n > l.size && !l.onGrow(n-l.size) {
		l.refused = true
		return nil
	}
	b, err := l.region.Grow(n)
	if err != nil {
		l.onGrow(l.size - n)
		l.refused = true
		return nil
	}
	if n < l.size {
		l.onGrow(n - l.size)
	}
	l.size, l.now = n, b[:n:n]
	return l.now
}

// Free is left to the owner of the instance, who knows when nobody runs in it.
func (l *linear) Free() {}

func (l *linear) free() {
	l.onGrow(-l.size)
	l.size, l.now = 0, nil
	l.region.Free()
}
