package trace

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Reshape gives x other dims. One of them may be Const(-1): what is left.
func (t *Tracer) Reshape(x *Value, dims []Int) *Value {
	t.present(x)
	if x.known != nil && x.dims == nil {
		if shape, ok := filled(dims, int64(len(x.known))); ok {
			return t.hold(tensor.Of(x.typ.DType, shape...), x.known)
		}
	}
	if x.splat && x.known == nil && x.typ.Elems() == 1 {
		if shape, ok := filled(dims, 1); ok {
			return t.splat(x.typ.DType, x.bits, Consts(shape...))
		}
	}
	if sameDims(x.Dims(), dims) {
		return x
	}
	if x.perm != nil {
		if v := t.squeezed(x, dims); v != nil {
			return v
		}
	}
	r := t.place(x)
	if r.node != nil && r.node.op == abi.OpView {
		r = r.node.in[0]
		if sameDims(r.allDims(), dims) {
			return t.unread(r)
		}
	}
	return placed(t.node(abi.OpView, &abi.View{Dims: t.Words(dims)}, []*result{r}).out[0])
}

// filled is dims with -1 replaced by what n elements leave; false, if there is
// a symbol among them or they do not fit.
func filled(dims []Int, n int64) ([]int64, bool) {
	shape, rest := make([]int64, len(dims)), -1
	for i, d := range dims {
		if d.sym != nil || d.N < -1 || d.N == -1 && rest >= 0 {
			return nil, false
		}
		if shape[i] = d.N; d.N == -1 {
			rest, shape[i] = i, 1
		}
	}
	size := tensor.Product(shape)
	if rest >= 0 && size > 0 && n%size == 0 {
		shape[rest], size = n/size, n
	}
	return shape, size == n && len(shape) <= tensor.MaxRank
}

func sameDims(a, b []Int) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if !identical(a[i], b[i]) {
			return false
		}
	}
	return true
}

// Slice takes size[i] elements of dim i, from start[i] in steps of step[i]. A
// nil step means 1 throughout.
func (t *Tracer) Slice(x *Value, start, size []Int, step []int64) *Value {
	t.present(x)
	if step == nil {
		step = ones(x.Rank())
	}
	if v := t.slice(x, start, size, step); v != nil {
		return v
	}
	if sameDims(size, x.Dims()) && allOnes(step) && sameDims(start, make([]Int, len(start))) {
		return x
	}
	if turnOf(start) != nil {
		return t.sliceInTurn(x, start, size, step)
	}
	return t.One(abi.OpSlice, &abi.Slice{Start: t.Words(start), Size: t.Words(size), Step: step}, x)
}

// sliceInTurn is a slice that begins elsewhere in each turn of a loop.
func (t *Tracer) sliceInTurn(x *Value, start, size []Int, step []int64) *Value {
	t.part(x, turnOf(start))
	fixed := append([]Int(nil), start...)
	var axes []int64
	var at []Int
	for i, s := range start {
		if s.turn() != nil {
			axes, at, fixed[i] = append(axes, int64(i)), append(at, s), Const(0)
		}
	}
	a := &abi.Slice{Start: t.Words(fixed), Size: t.Words(size), Step: step, Axes: axes}
	return t.One(abi.OpSlice, a, x, t.Vector(at...))
}

func allOnes(xs []int64) bool {
	for _, x := range xs {
		if x != 1 {
			return false
		}
	}
	return true
}

// slice picks from known contents; nil, if x has none.
func (t *Tracer) slice(x *Value, start, size []Int, step []int64) *Value {
	rank := x.Rank()
	if x.known == nil || x.dims != nil || len(start) != rank || len(size) != rank || len(step) != rank {
		return nil
	}
	if x.con && keepSymbols(append(append([]Int(nil), start...), size...)) != nil {
		return nil // a table of the model, cut to a size of the input
	}
	from, dims := t.Pins(start), t.Pins(size)
	for i, n := range x.typ.Shape() {
		if dims[i] < 0 || dims[i] > n || dims[i] > 0 && (outside(from[i], n) || outside(from[i]+(dims[i]-1)*step[i], n)) {
			t.Fail(abi.FaultMalformed, "a slice of %d from %d in steps of %d leaves a dim of %d", dims[i], from[i], step[i], n)
		}
	}
	return t.pick(x, dims, func(at []int64) {
		for i := range at {
			at[i] = from[i] + at[i]*step[i]
		}
	})
}

func outside(i, n int64) bool { return i < 0 || i >= n }

// pick makes a value of dims whose element at some index is that of x at the
// index that move makes of it.
func (t *Tracer) pick(x *Value, dims []int64, move func(at []int64)) *Value {
	typ := tensor.Of(x.typ.DType, dims...)
	if typ.Check() != nil || typ.Elems() > maxFold {
		t.Fail(abi.FaultUnsupported, "%v is too large to work out from shapes", typ)
	}
	data := make([]Int, typ.Elems())
	for k := range data {
		at := make([]int64, len(dims), tensor.MaxRank)
		for i, rest := len(dims)-1, int64(k); i >= 0; i-- {
			at[i], rest = rest%dims[i], rest/dims[i]
		}
		move(at)
		at = at[:x.Rank()]
		n := int64(0)
		for i, d := range x.typ.Shape() {
			n = n*d + at[i]
		}
		data[k] = x.known[n]
	}
	return t.hold(typ, data)
}

// Concat joins xs along axis.
func (t *Tracer) Concat(axis int, xs ...*Value) *Value {
	t.present(xs...)
	if len(xs) == 1 {
		return xs[0]
	}
	if v := t.concat(axis, xs); v != nil {
		return v
	}
	if v := t.interleaved(axis, xs); v != nil {
		return v
	}
	return t.One(abi.OpConcat, &abi.Concat{Axis: int64(axis)}, xs...)
}

// concat joins known vectors; nil, if they are not.
func (t *Tracer) concat(axis int, xs []*Value) *Value {
	var data []Int
	for _, x := range xs {
		if axis != 0 || x.known == nil || x.Rank() != 1 || x.dims != nil || x.typ.DType != xs[0].typ.DType || len(data)+len(x.known) > maxFold {
			return nil
		}
		data = append(data, x.known...)
	}
	if data == nil {
		return nil
	}
	return t.hold(tensor.Of(xs[0].typ.DType, int64(len(data))), data)
}

// Broadcast expands x to dims, as numpy does.
func (t *Tracer) Broadcast(x *Value, dims []Int) *Value {
	t.present(x)
	if sameDims(x.Dims(), dims) {
		return x
	}
	if x.splat && x.typ.Elems() == 1 && x.known == nil && x.Rank() <= len(dims) {
		return t.splat(x.typ.DType, x.bits, dims)
	}
	if shape, ok := filled(dims, tensor.Product(numbers(dims))); ok && x.known != nil && x.dims == nil && tensor.Product(shape) <= maxFold {
		if full, ok := broadcast(x.typ.Shape(), shape); ok && len(full) == len(shape) {
			data := make([]Int, tensor.Product(full))
			for k := range data {
				data[k] = x.known[offset(int64(k), full, x.typ.Shape())]
			}
			return t.hold(tensor.Of(x.typ.DType, full...), data)
		}
	}
	return t.One(abi.OpBroadcast, &abi.Broadcast{Dims: t.Words(dims)}, x)
}

func numbers(xs []Int) []int64 {
	ns := make([]int64, len(xs))
	for i, x := range xs {
		ns[i] = x.N
	}
	return ns
}

// Gather takes slices of x along axis at the indices i, negative from the end.
func (t *Tracer) Gather(x, i *Value, axis int) *Value {
	t.present(x, i)
	if axis < 0 || axis >= x.Rank() {
		t.Fail(abi.FaultMalformed, "gather along axis %d", axis)
	}
	t.part(x, turnOf(i.known))
	if x.known == nil || !i.IsKnown() || x.dims != nil || i.dims != nil || i.Turning() {
		return t.One(abi.OpGather, &abi.Gather{Axis: int64(axis)}, x, i)
	}
	n := x.typ.Dims[axis]
	index := t.Pins(i.known)
	for k, at := range index {
		if at < 0 {
			at += n
		}
		if outside(at, n) {
			t.Fail(abi.FaultMalformed, "index %d of a dim of %d", index[k], n)
		}
		index[k] = at
	}
	inner := i.typ.Shape()
	dims := append(append([]int64(nil), x.typ.Shape()[:axis]...), inner...)
	dims = append(dims, x.typ.Shape()[axis+1:]...)
	return t.pick(x, dims, func(at []int64) {
		k := int64(0)
		for j, d := range inner {
			k = k*d + at[axis+j]
		}
		rest := append([]int64(nil), at[axis+len(inner):]...)
		copy(at[:x.Rank()][axis+1:], rest)
		at[:axis+1][axis] = index[k]
	})
}

// Scalar is a constant without dims.
func (t *Tracer) Scalar(d tensor.DType, v float64) *Value { return t.splat(d, pattern(d, v), nil) }

// Fill is a tensor of one value, given as for Scalar.
func (t *Tracer) Fill(d tensor.DType, v float64, dims []Int) *Value {
	return t.splat(d, pattern(d, v), dims)
}

// splat is a tensor of dims whose elements all have one bit pattern.
func (t *Tracer) splat(d tensor.DType, bits uint64, dims []Int) *Value {
	typ := tensor.Of(d, numbers(dims)...)
	if typ.Check() != nil {
		t.Fail(abi.FaultMalformed, "a tensor of %v", typ)
	}
	v := &Value{typ: typ, dims: keepSymbols(dims), bits: bits, splat: true, con: keepSymbols(dims) == nil}
	if n := typ.Elems(); !d.IsFloat() && v.con && n <= maxKnown {
		v.known = make([]Int, n)
		for i := range v.known {
			v.known[i] = Const(whole(d, bits))
		}
	}
	return v
}

// Elems is the number of elements of x. Where that is no affine function of
// one dim, it is the dim of a flat view.
func (t *Tracer) Elems(x *Value) Int {
	t.present(x)
	n := Const(1)
	for _, d := range x.Dims() {
		if n.sym != nil && d.sym != nil {
			return t.Reshape(x, Consts(-1)).Dim(0)
		}
		if n.sym == nil {
			n, d = d, n
		}
		m, ok := scaled(n, d.N)
		if !ok {
			return t.Reshape(x, Consts(-1)).Dim(0)
		}
		n = m
	}
	return n
}
