package engine

import (
	"math"
	"runtime"

	"github.com/tetratelabs/wazero/api"
)

// Meter is told what a guest consumed, in wasm instructions or what takes as
// long. It is asked often, at least every few milliseconds. An error ends the
// guest, and is what Call returns.
type Meter interface {
	Fuel(n int64) error
}

// Stopper is a Box that may end its guest: it is asked after each import, and
// an error is what Call returns.
type Stopper interface {
	Stopped() error
}

// slice is how much fuel a guest gets at a time: half a millisecond of usual
// code and less than thirty where each load misses the caches. Go's collector
// waits that long for it.
const slice = 2 << 20

// charge tells the meter what the guest consumed since the last time, and
// price more. It reports whether the guest may go on.
func (i *Instance) charge(price int64) bool {
	left := int64(i.fuel.Get())
	used := i.granted - left + price
	i.granted = left
	if i.clock += used; i.clock < 0 {
		i.clock = math.MaxInt64
	}
	switch {
	case i.end != nil:
	case i.closing.Load():
		i.stop(ErrClosed)
	case i.mem.refused:
		i.stop(ErrMemory)
	default:
		i.stop(i.ctx.Err())
		i.stop(i.meter.Fuel(used))
	}
	return i.end == nil
}

// refill gives the guest its next slice, and other goroutines a turn: the
// scheduler cannot take one from a guest.
func (i *Instance) refill() {
	runtime.Gosched()
	i.grant(slice)
}

func (i *Instance) grant(n int64) {
	i.granted = n
	i.fuel.Set(uint64(n))
}

// stop ends the guest with the first reason that there is.
func (i *Instance) stop(err error) {
	if i.end == nil {
		i.end = err
	}
}

// mutable finds an exported global that the host may set, or nil.
func mutable(m api.Module, name string) api.MutableGlobal {
	g, _ := m.ExportedGlobal(name).(api.MutableGlobal)
	return g
}
