package kernels

import "github.com/glovebox-ml/glovebox/kernels/tensor"

// isFloat32 reports whether arithmetic on d is done in float32.
func isFloat32(d tensor.DType) bool { return d == tensor.Float32 || isHalf(d) }

// workspace is scratch memory of which pieces are handed out.
type workspace []float32

func scratchOf(c *Call) workspace { return tensor.View[float32](c.Scratch) }

func (f *workspace) cut(n int64) []float32 {
	p := (*f)[:n:n]
	*f = (*f)[n:]
	return p
}

// isHalf reports whether d is computed in float32 but not stored so.
func isHalf(d tensor.DType) bool { return d == tensor.Float16 || d == tensor.BFloat16 }

// realSize is the size of an element of d as it is computed.
func realSize(d tensor.DType) int64 {
	if d == tensor.Float64 {
		return 8
	}
	return 4
}

// float32Scratch is the scratch in bytes that holds float32 copies of the
// halves among ts.
func float32Scratch(ts ...tensor.Type) int64 {
	n := int64(0)
	for i := range ts {
		if isHalf(ts[i].DType) {
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
	return c.widen(rest.cut(t.Elems()), t)
}

func (c *Call) widen(f []float32, t Tensor) ([]float32, error) {
	return f, c.split(int64(len(f)), 4, func(lo, hi int64) { readFloat32(f[lo:hi], t, int(lo)) })
}

// readFloat32 reads elements of t, a float16, bfloat16 or float32, from at on.
func readFloat32(dst []float32, t Tensor, at int) {
	if t.DType == tensor.Float32 {
		copy(dst, tensor.View[float32](t.Data)[at:])
		return
	}
	halfOf(t.DType).load(dst, tensor.View[uint16](t.Data)[at:][:len(dst)])
}

// writeFloat32 rounds src into the elements of t from at on.
func writeFloat32(t Tensor, at int, src []float32) {
	if t.DType == tensor.Float32 {
		copy(tensor.View[float32](t.Data)[at:], src)
		return
	}
	halfOf(t.DType).store(tensor.View[uint16](t.Data)[at:][:len(src)], src)
}

// perType is the run of an op for each element type.
type perType [tensor.Bool + 1]func(c *Call) error

// real is a type that floats are computed in.
type real interface{ float32 | float64 }

// operand is the elements of t, which may be absent: halves are copied to
// scratch, and T is float32.
func operand[T tensor.Element](c *Call, t Tensor, rest *workspace) ([]T, error) {
	if t.Type == (tensor.Type{}) {
		return nil, nil
	}
	if !isHalf(t.DType) {
		return tensor.View[T](t.Data), nil
	}
	f, err := c.asFloat32(t, rest)
	return any(f).([]T), err
}

// output is where the elements of y are computed: its own memory, or scratch
// from which store takes them.
func output[T tensor.Element](y Tensor, rest *workspace) []T {
	if !isHalf(y.DType) {
		return tensor.View[T](y.Data)
	}
	return any(rest.cut(y.Elems())).([]T)
}

// store rounds the elements lo … hi of y, where that is still to do.
func store[T tensor.Element](y Tensor, v []T, lo, hi int) {
	if isHalf(y.DType) {
		writeFloat32(y, lo, any(v[lo:hi]).([]float32))
	}
}

// storeAll rounds all of y, where that is still to do.
func storeAll[T tensor.Element](c *Call, y Tensor, v []T) error {
	if !isHalf(y.DType) {
		return nil
	}
	return c.split(int64(len(v)), 4, func(lo, hi int64) { store(y, v, int(lo), int(hi)) })
}

// cutReals takes n elements of scratch. All that an op cuts has one type.
func cutReals[T real](rest *workspace, n int) []T {
	var v T
	size := int64(8)
	if _, ok := any(v).(float32); ok {
		size = 4
	}
	return tensor.View[T](tensor.Bytes(rest.cut(int64(n) * size / 4)))
}
