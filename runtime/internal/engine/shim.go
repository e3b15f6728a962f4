package engine

import (
	"context"
	"encoding/binary"
	"fmt"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/tetratelabs/wazero/api"
)

// This file is the only one that sees the raw stack of the engine. A compiled
// guest chooses the upper half of every slot that holds an i32, so each
// argument is cut to its type here, and nowhere else.

// function is one import: what it is called and costs, and what it does.
type function struct {
	name   string
	price  price
	length length
	call   func(f frame, box abi.Box) abi.Errno
}

// price is the fuel that a call takes besides the guest's own instructions. A
// unit is the time of one of those, about a quarter of a nanosecond. Work that the host does for the guest (kernels,
// hashing, sealing) is charged by the box.
type price struct {
	base    int64
	perByte int64
}

// length says which argument counts what a call reads or writes in guest
// memory, how many bytes one of it is, and the most that is accepted.
type length struct {
	arg  int
	unit int64
	max  int64
}

// frame is one call on its way through the shim.
type frame struct {
	*Instance
	raw []uint64
}

func (f frame) u32(k int) uint32        { return uint32(f.raw[k]) }
func (f frame) i64(k int) int64         { return int64(f.raw[k]) }
func (f frame) handle(k int) abi.Handle { return abi.Handle(f.u32(k)) }

// at is n bytes of guest memory at the pointer in argument k. The guest does
// not run while the host uses them.
func (f frame) at(k int, n int64) ([]byte, bool) {
	return f.bytes(f.u32(k), n)
}

// record is a private copy of the n bytes at the pointer in argument k, whose
// count is in argument k+1.
func (f frame) record(k int) ([]byte, bool) {
	b, ok := f.at(k, int64(f.u32(k+1)))
	if !ok {
		return nil, false
	}
	f.scratch = append(f.scratch[:0], b...)
	return f.scratch, true
}

// typ decodes the Type at the pointer in argument k.
func (f frame) typ(k int) (abi.Type, abi.Errno) {
	b, ok := f.at(k, abi.TypeSize)
	if !ok {
		return abi.Type{}, abi.ErrBounds
	}
	return abi.DecodeType(b)
}

// give writes the number that do answers to the pointer in argument k. The
// pointer is checked first, so that a refused call has no effect.
func give[T ~uint32](f frame, k int, do func() (T, abi.Errno)) abi.Errno {
	b, ok := f.at(k, 4)
	if !ok {
		return abi.ErrBounds
	}
	n, e := do()
	if e == abi.OK {
		binary.LittleEndian.PutUint32(b, uint32(n))
	}
	return e
}

// types turns the letters of an import's parameters or results into types.
func types(letters string) []api.ValueType {
	t := make([]api.ValueType, len(letters))
	for i, c := range letters {
		t[i] = api.ValueTypeI32
		if c == 'I' {
			t[i] = api.ValueTypeI64
		}
	}
	return t
}

// instanceKey finds the instance in the context that its calls run with.
type instanceKey struct{}

// ended is what a host function panics with to end the guest; the reason is in
// Instance.end.
type ended struct{}

func (ended) Error() string { return "ended" }

// host makes the Go function that the engine calls. Leaving it by a panic is
// the engine's way of ending a guest.
func (f *function) host(results int) api.GoModuleFunc {
	return func(ctx context.Context, _ api.Module, raw []uint64) {
		i := ctx.Value(instanceKey{}).(*Instance)
		e := f.enter(frame{i, raw})
		if i.end != nil {
			panic(ended{})
		}
		if results == 1 {
			raw[0] = uint64(uint32(e))
		}
	}
}

// answer calls a function of the guest. Its result is an i32, or nothing.
func answer(ctx context.Context, f api.Function, args []uint64) (uint32, error) {
	raw := make([]uint64, max(1, len(args)))
	copy(raw, args)
	err := f.CallWithStack(ctx, raw)
	return uint32(raw[0]), err
}

func (f *function) enter(fr frame) (e abi.Errno) {
	defer func() {
		if r := recover(); r != nil {
			fr.stop(fmt.Errorf("%w in %s: %v", ErrInternal, f.name, r))
		}
	}()
	cost, tooLong := f.price.base, false
	if f.length.max > 0 {
		n := int64(fr.u32(f.length.arg)) * f.length.unit
		tooLong = n > f.length.max
		cost += min(n, f.length.max) * f.price.perByte
	}
	if !fr.charge(cost) {
		return abi.ErrState
	}
	if tooLong {
		return abi.ErrCount
	}
	e = f.call(fr, fr.box)
	if s, ok := fr.box.(Stopper); ok {
		fr.stop(s.Stopped())
	}
	return e
}
