package host

import (
	"encoding/binary"
	"math"
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func (b *Box) addTensor(t *held) (abi.Handle, abi.Errno) {
	if len(b.tensors) >= abi.MaxTensors {
		t.mem.free()
		return 0, abi.ErrCount
	}
	h := b.handle()
	b.tensors[h] = t
	return h, abi.OK
}

// TensorConst makes a view of blob bytes. Nothing is read.
func (b *Box) TensorConst(blob abi.Handle, off int64, t abi.Type) (abi.Handle, abi.Errno) {
	f := b.file(blob)
	switch {
	case f == nil:
		return 0, abi.ErrHandle
	case t.Check() != nil:
		return 0, abi.ErrType
	case !f.in(off, t.Bytes()):
		return 0, abi.ErrBounds
	}
	c := &constant{typ: t, key: viewKey(blob, off, t), blob: f, off: off}
	return b.addTensor(&held{typ: t, view: c, used: true, source: source{step: noSource}})
}

// TensorNew makes a zeroed tensor for the guest to fill. It is never a
// constant, so what a guest wrote of one request cannot reach the next.
func (b *Box) TensorNew(t abi.Type) (abi.Handle, abi.Errno) {
	switch {
	case !b.running():
		return 0, abi.ErrState
	case t.Check() != nil:
		return 0, abi.ErrType
	}
	mem, err := allocate(b.ledger, t.Bytes())
	if err != nil {
		return 0, b.end(err)
	}
	return b.addTensor(&held{typ: t, data: mem.data, mem: mem, source: source{step: noSource}})
}

// TensorRead copies whole elements of a tensor into guest memory. What it
// tells of the request becomes a guard of whatever this run publishes.
func (b *Box) TensorRead(h abi.Handle, off int64, p []byte) abi.Errno {
	t := b.tensor(h)
	if t == nil {
		return abi.ErrHandle
	}
	size := int64(t.typ.DType.Size())
	n := int64(len(p))
	if off < 0 || off > t.typ.Bytes() || n > t.typ.Bytes()-off || off%size != 0 || n%size != 0 {
		return abi.ErrBounds
	}
	if b.readBack += n; b.readBack > abi.MaxReadBack {
		return abi.ErrCount
	}
	if t.view != nil {
		if err := t.view.blob.read(t.view.off+off, p); err != nil {
			return b.end(err)
		}
	} else {
		if b.dry {
			return b.end(errDry)
		}
		copy(p, t.data[off:])
	}
	canonical(t.typ.DType, p)
	if t.view == nil {
		b.rec.read(t.source, off, p)
	}
	return abi.OK
}

// TensorWrite fills a tensor made by this run, until something uses it.
func (b *Box) TensorWrite(h abi.Handle, off int64, p []byte) abi.Errno {
	t := b.tensors[h]
	switch {
	case t == nil:
		return abi.ErrHandle
	case t.used || !b.running():
		return abi.ErrState
	}
	size := int64(t.typ.DType.Size())
	n := int64(len(p))
	if off < 0 || off > t.typ.Bytes() || n > t.typ.Bytes()-off || off%size != 0 || n%size != 0 {
		return abi.ErrBounds
	}
	copy(t.data[off:], p)
	canonical(t.typ.DType, t.data[off:off+n])
	return abi.OK
}

// TensorFree gives up a tensor of this load or run.
func (b *Box) TensorFree(h abi.Handle) abi.Errno {
	t := b.tensors[h]
	if t == nil {
		return abi.ErrHandle
	}
	t.mem.free()
	t.data = nil
	if !slices.Contains(b.outRef, t.source) { // else a plan gives it at the end
		b.rec.free(t.source)
	}
	delete(b.tensors, h)
	return abi.OK
}

// canonical makes every NaN the same and every bool 0 or 1: payloads differ
// between engines, and a kernel may rely on a bool being one of two bytes.
func canonical(d tensor.DType, p []byte) {
	t := &odd[d]
	if t.top == 0 {
		return
	}
	for len(p) > 0 {
		p = p[t.before(p):]
		n := min(len(p), oddPiece)
		makeCanonical(d, p[:n])
		p = p[n:]
	}
}

// A lanes is a test of eight bytes at once for elements that are not canonical:
// v&mask + add, which does not carry from one to the next, has bits of top then.
type lanes struct{ mask, add, top uint64 }

var odd = [tensor.Bool + 1]lanes{
	tensor.Float32:  {0x7fffffff7fffffff, 0x007fffff007fffff, 0x8000000080000000},
	tensor.Float64:  {0x7fffffffffffffff, 0x000fffffffffffff, 0x8000000000000000},
	tensor.Float16:  {0x7fff7fff7fff7fff, 0x03ff03ff03ff03ff, 0x8000800080008000},
	tensor.BFloat16: {0x7fff7fff7fff7fff, 0x007f007f007f007f, 0x8000800080008000},
	tensor.Bool:     {0xfefefefefefefefe, 0, 0xfefefefefefefefe},
}

// oddPiece is how many bytes are tested together.
const oddPiece = 32

// before is how many bytes of p, in pieces, come before the first that is not
// canonical.
func (t *lanes) before(p []byte) int {
	le := binary.LittleEndian
	for i := 0; ; i += oddPiece {
		if len(p)-i < oddPiece {
			return i
		}
		q := p[i : i+oddPiece]
		found := (le.Uint64(q)&t.mask + t.add) | (le.Uint64(q[8:])&t.mask + t.add) |
			(le.Uint64(q[16:])&t.mask + t.add) | (le.Uint64(q[24:])&t.mask + t.add)
		if found&t.top != 0 {
			return i
		}
	}
}

func makeCanonical(d tensor.DType, p []byte) {
	le := binary.LittleEndian
	switch d {
	case tensor.Float32:
		for ; len(p) >= 4; p = p[4:] {
			if u := le.Uint32(p); u&0x7fffffff > 0x7f800000 {
				le.PutUint32(p, math.Float32bits(float32(math.NaN())))
			}
		}
	case tensor.Float64:
		for ; len(p) >= 8; p = p[8:] {
			if u := le.Uint64(p); u&math.MaxInt64 > 0x7ff0000000000000 {
				le.PutUint64(p, 0x7ff8000000000000)
			}
		}
	case tensor.Float16, tensor.BFloat16:
		limit, quiet := uint16(0x7c00), uint16(0x7e00)
		if d == tensor.BFloat16 {
			limit, quiet = 0x7f80, 0x7fc0
		}
		for ; len(p) >= 2; p = p[2:] {
			if u := le.Uint16(p); u&0x7fff > limit {
				le.PutUint16(p, quiet)
			}
		}
	case tensor.Bool:
		for i, v := range p {
			if v > 1 {
				p[i] = 1
			}
		}
	}
}
