package kernels

import "github.com/glovebox-ml/glovebox/kernels/tensor"

// isFloat32 reports whether arithmetic on d is done in float32.
func isFloat32(d tensor.DType) bool {
	return d == tensor.Float32 || d == tensor.Float16 || d == tensor.BFloat16
}

// workspace is scratch memory of which pieces are handed out.
type workspace []float32

func scratchOf(c *Call) workspace { return tensor.View[float32](c.Scratch) }

func (f *workspace) cut(n int64) []float32 {
	p := (*f)[:n:n]
	*f = (*f)[n:]
	return p
}

// float32Scratch is the scratch in bytes that holds float32 copies of those of
// ts that are something else.
func float32Scratch(ts ...tensor.Type) int64 {
	n := int64(0)
	for i := range ts {
		if ts[i].DType != tensor.Float32 {
			n = tensor.AddSat(n, tensor.MulSat(4, ts[i].Elems()))
		}
	}
	return n
}

// asFloat32 is t in float32: its own memory, or a copy in scratch.
func (c *Call) asFloat32(t Tensor, rest *workspace) ([]float32, error) {
	if t.DType == tensor.Float32 {
		return tensor.View[float32](t.Data), nil
	}
	f := rest.cut(t.Elems())
	return f, c.split(int64(len(f)), 4, func(lo, hi int64) { readFloat32(f[lo:hi], t, int(lo)) })
}

// result is where the float32 elements of y are computed: its own memory, or
// scratch from which writeFloat32 takes them.
func (f *workspace) result(y Tensor) []float32 {
	if y.DType == tensor.Float32 {
		return tensor.View[float32](y.Data)
	}
	return f.cut(y.Elems())
}

// readFloat32 reads elements of t, a float16, bfloat16 or float32, from at on.
func readFloat32(dst []float32, t Tensor, at int) {
	if t.DType == tensor.Float32 {
		copy(dst, tensor.View[float32](t.Data)[at:])
		return
	}
	h := halfOf(t.DType)
	for i, v := range tensor.View[uint16](t.Data)[at:][:len(dst)] {
		dst[i] = h.widen(v)
	}
}

// writeFloat32 rounds src into the elements of t from at on.
func writeFloat32(t Tensor, at int, src []float32) {
	if t.DType == tensor.Float32 {
		copy(tensor.View[float32](t.Data)[at:], src)
		return
	}
	h := halfOf(t.DType)
	dst := tensor.View[uint16](t.Data)[at:][:len(src)]
	for i, v := range src {
		dst[i] = h.narrow(v)
	}
}
