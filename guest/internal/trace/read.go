package trace

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
)

// Contents of a tensor come in pieces that the host accepts as one guard.
const (
	readPiece = 256
	maxPlaced = 256 << 10 // bytes read of a computed value
	maxTable  = 512 << 10 // bytes read of a constant
)

// Ints are the contents of v as integers. Those of a value that follows from
// an input are computed now, and what they are becomes a guard of the run.
func (t *Tracer) Ints(v *Value) []Int {
	t.present(v)
	if v.typ.DType.IsFloat() {
		t.Fail(abi.FaultMalformed, "integers are needed, not %v", v.typ)
	}
	if v.known != nil {
		return v.known
	}
	return Consts(integers(v.typ.DType, t.read(v))...)
}

// Floats are the contents of v, of any float type, likewise.
func (t *Tracer) Floats(v *Value) []float32 {
	t.present(v)
	d := v.typ.DType
	if !d.IsFloat() {
		t.Fail(abi.FaultMalformed, "floats are needed, not %v", v.typ)
	}
	p, size := t.read(v), d.Size()
	fs := make([]float32, len(p)/size)
	for i := range fs {
		x, _ := number(d, element(p[i*size:], size))
		fs[i] = float32(x)
	}
	return fs
}

// read gives the bytes of v. They are a guard of the run, and so is how many
// there are.
func (t *Tracer) read(v *Value) []byte {
	n := v.typ.Bytes()
	if v.con && n > maxTable || !v.con && n > maxPlaced {
		t.Fail(abi.FaultUnsupported, "the contents of %v are needed and are too large", v.typ)
	}
	p := make([]byte, n)
	r := t.place(v)
	if f := r.file; f != nil {
		if f.data != nil {
			return f.data
		}
		if n > 0 {
			t.must(t.box.BlobRead(f.blob, f.off, p), "constant")
		}
		return p
	}
	t.Pins(v.Dims())
	t.run([]*result{r})
	t.runs++
	for off := 0; off < len(p); off += readPiece {
		t.must(t.box.TensorRead(r.tensor, int64(off), p[off:min(off+readPiece, len(p))]), "contents")
	}
	return p
}

// Finish computes the outputs and ends the run.
func (t *Tracer) Finish() {
	rs := make([]*result, len(t.outputs))
	for i, o := range t.outputs {
		rs[i] = t.place(o.v)
	}
	t.Live = nil // nothing comes after this
	t.run(rs)
	for i, o := range t.outputs {
		t.must(t.box.RunOutput(o.port, rs[i].tensor), "output")
	}
	for _, h := range append(t.bodies, t.draft) {
		if h != 0 {
			t.must(t.box.ProgramFree(h), "program")
		}
	}
	t.bodies, t.draft = nil, 0
	if !t.mixed {
		t.must(t.box.ProgramPublish(), "publish")
	}
}
