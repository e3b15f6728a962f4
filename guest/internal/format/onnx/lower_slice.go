package onnx

import (
	"math"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// region is what a slice takes of each dim.
type region struct {
	start, size []trace.Int
	step        []int64
}

// whole is the region that is all of x.
func whole(x *trace.Value) region {
	return region{trace.Consts(repeat(0, x.Rank())...), x.Dims(), repeat(1, x.Rank())}
}

func (l *walker) take(x *trace.Value, r region) *trace.Value {
	return l.Slice(x, r.start, r.size, r.step)
}

// along takes size elements of x from start on along one axis.
func (l *walker) along(x *trace.Value, axis int, start, size trace.Int) *trace.Value {
	r := whole(x)
	r.start[axis], r.size[axis] = start, size
	return l.take(x, r)
}

func slice(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := in[0]
	var starts, ends []trace.Int
	if n.version < 10 {
		starts, ends = trace.Consts(n.ints("starts")...), trace.Consts(n.ints("ends")...)
	} else {
		l.demand(n, in[:3])
		if y := l.sliceAt(n, in); y != nil {
			return y
		}
		starts, ends = l.Ints(in[1]), l.Ints(in[2])
	}
	list, given := l.listOf(n, "axes", in[3])
	if !given {
		for i := range starts {
			list = append(list, int64(i))
		}
	}
	steps := repeat(1, len(starts))
	if in[4] != nil {
		steps = l.fixed(in[4])
	}
	if len(ends) != len(starts) || len(list) != len(starts) || len(steps) != len(starts) {
		l.Fail(abi.FaultMalformed, "%d starts, %d ends, %d axes, %d steps", len(starts), len(ends), len(list), len(steps))
	}
	r := whole(x)
	for i, axis := range l.axes(list, x.Rank()) {
		r.start[axis], r.size[axis] = l.span(starts[i], ends[i], steps[i], x.Dim(axis))
		r.step[axis] = steps[i]
	}
	return l.take(x, r)
}

// sliceAt is a slice along one axis that begins where the inputs say, and whose
// size is known all the same; nil, if it is another one.
func (l *walker) sliceAt(n *node, in []*trace.Value) *trace.Value {
	x, start := in[0], in[1]
	size, ok := l.Gap(start, in[2])
	if !ok || start.IsKnown() || size < 1 || start.Rank() != 1 || start.Dim(0) != trace.Const(1) || in[4] != nil && !l.isOne(in[4]) {
		return nil
	}
	list := []int64{0}
	if in[3] != nil {
		list = l.fixed(in[3])
	}
	if len(list) != 1 {
		return nil
	}
	axis := l.axes(list, x.Rank())[0]
	dims := x.Dims()
	dims[axis] = trace.Const(size)
	return l.SliceAt(x, l.fromEnd(l.Cast(start, tensor.Int64), x.Dim(axis), size), []int64{int64(axis)}, dims)
}

// isOne reports whether v is known to be 1.
func (l *walker) isOne(v *trace.Value) bool {
	return v.IsKnown() && v.Elems() == 1 && l.Ints(v)[0] == trace.Const(1)
}

// fromEnd counts a start that is negative from the end of a dim, as ONNX does:
// unless all size elements do, they are none, and so the start is one that no
// slice has.
func (l *walker) fromEnd(start *trace.Value, dim trace.Int, size int64) *trace.Value {
	zero, ahead := l.like(start, 0), l.add(start, l.Known(tensor.Int64, nil, []trace.Int{dim}))
	ahead = l.Map3(abi.FnSelect, l.Map2(abi.FnLt, start, l.like(start, float64(-size))), ahead, l.like(start, -1))
	return l.Map3(abi.FnSelect, l.Map2(abi.FnLt, start, zero), ahead, start)
}

// span gives the first element and the number of those between start and end.
func (l *walker) span(start, end trace.Int, step int64, dim trace.Int) (first, count trace.Int) {
	zero, one := trace.Const(0), trace.Const(1)
	switch {
	case step > 0:
		first = l.within(start, dim, zero, dim)
		gap := l.Sub(l.within(end, dim, zero, dim), first)
		count = l.Div(l.Add(gap, trace.Const(step-1)), trace.Const(step))
	case step < 0 && step > math.MinInt64:
		last := l.Sub(dim, one)
		first = l.within(start, dim, zero, last)
		gap := l.Sub(first, l.within(end, dim, trace.Const(-1), last))
		count = l.Div(l.Add(gap, trace.Const(-step-1)), trace.Const(-step))
	default:
		l.Fail(abi.FaultMalformed, "step %d", step)
	}
	return first, l.Max(count, zero)
}

// within resolves an end of a slice: it counts from the end of the dim if it
// is negative, and is moved to the nearest of low and high.
func (l *walker) within(at, dim, low, high trace.Int) trace.Int {
	if l.Less(at, trace.Const(0)) {
		return l.Max(l.Add(at, dim), low)
	}
	return l.Min(at, high)
}

func split(l *walker, n *node, in []*trace.Value) []*trace.Value {
	x := in[0]
	axis := l.axis(n.int("axis", 0), x.Rank())
	parts := int64(len(n.outputs))
	if count := n.int("num_outputs", parts); count != parts || parts == 0 {
		l.Fail(abi.FaultMalformed, "%d outputs, but num_outputs is %d", parts, count)
	}
	var sizes []trace.Int
	if in[1] != nil {
		sizes = l.Ints(in[1])
	} else if list := n.ints("split"); list != nil {
		sizes = trace.Consts(list...)
	} else {
		dim := l.Pin(x.Dim(axis))
		each := (dim + parts - 1) / parts
		if n.version < 18 && dim%parts != 0 {
			l.Fail(abi.FaultMalformed, "%d elements in %d equal parts", dim, parts)
		}
		for left := dim; int64(len(sizes)) < parts; left -= each {
			sizes = append(sizes, trace.Const(min(each, max(left, 0))))
		}
	}
	if int64(len(sizes)) != parts {
		l.Fail(abi.FaultMalformed, "%d sizes for %d outputs", len(sizes), parts)
	}
	out := make([]*trace.Value, parts)
	at := trace.Const(0)
	for i, size := range sizes {
		out[i] = l.along(x, axis, at, size)
		at = l.Add(at, size)
	}
	if !l.Equal(at, x.Dim(axis)) {
		l.Fail(abi.FaultMalformed, "the parts have %d of %d elements", at.N, x.Dim(axis).N)
	}
	return out
}

var padModes = map[string]int64{
	"constant": abi.PadConstant, "reflect": abi.PadReflect, "edge": abi.PadEdge, "wrap": abi.PadWrap,
}

func pad(l *walker, n *node, in []*trace.Value) *trace.Value {
	x, value := in[0], in[2]
	var pads []trace.Int
	switch {
	case n.version < 2:
		pads = trace.Consts(n.ints("paddings")...)
	case n.version < 11:
		pads = trace.Consts(n.ints("pads")...)
	default:
		l.demand(n, in[:2])
		pads = l.Ints(in[1])
	}
	if n.version < 11 {
		value = l.like(x, float64(n.float("value", 0)))
	}
	var list []int64
	if in[3] != nil {
		list = l.fixed(in[3])
	} else {
		for i := range x.Rank() {
			list = append(list, int64(i))
		}
	}
	mode := n.str("mode", "constant")
	if padModes[mode] == 0 {
		l.Fail(abi.FaultMalformed, "mode %q", mode)
	}
	if len(pads) != 2*len(list) {
		l.Fail(abi.FaultMalformed, "%d pads for %d axes", len(pads), len(list))
	}
	before, after := trace.Consts(repeat(0, x.Rank())...), trace.Consts(repeat(0, x.Rank())...)
	for i, axis := range l.axes(list, x.Rank()) {
		before[axis], after[axis] = pads[i], pads[len(list)+i]
	}
	return l.pad(x, before, after, padModes[mode], value)
}

// pad adds to each dim, or takes away where a number is negative.
func (l *walker) pad(x *trace.Value, before, after []trace.Int, mode int64, value *trace.Value) *trace.Value {
	zero := trace.Const(0)
	cut := whole(x)
	crop := false
	for i := range before {
		if l.Less(before[i], zero) {
			cut.start[i] = l.Sub(zero, before[i])
			cut.size[i] = l.Add(cut.size[i], before[i])
			before[i], crop = zero, true
		}
		if l.Less(after[i], zero) {
			cut.size[i] = l.Add(cut.size[i], after[i])
			after[i], crop = zero, true
		}
	}
	if crop {
		x = l.take(x, cut)
	}
	a := &abi.Pad{Before: l.Words(before), After: l.Words(after), Mode: mode}
	if mode != abi.PadConstant || value == nil || l.isZero(value) {
		return l.One(abi.OpPad, a, x)
	}
	return l.One(abi.OpPad, a, x, l.Reshape(value, nil))
}

// isZero reports whether v is a constant that is known to be 0.
func (l *walker) isZero(v *trace.Value) bool {
	if !v.IsConst() || v.Elems() != 1 {
		return false
	}
	if v.DType().IsFloat() {
		return l.Floats(v)[0] == 0
	}
	return v.IsKnown() && l.Ints(v)[0].N == 0
}

// centerCropPad cuts or pads each axis to a size, the same on both sides.
func centerCropPad(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := in[0]
	list := n.ints("axes")
	if list == nil {
		for i := range x.Rank() {
			list = append(list, int64(i))
		}
	}
	sizes := l.fixed(in[1])
	if len(sizes) != len(list) {
		l.Fail(abi.FaultMalformed, "%d sizes for %d axes", len(sizes), len(list))
	}
	before, after := repeat(0, x.Rank()), repeat(0, x.Rank())
	for i, axis := range l.axes(list, x.Rank()) {
		// An odd difference leaves the larger half behind the middle.
		more := sizes[i] - l.Pin(x.Dim(axis))
		before[axis] = more / 2
		after[axis] = more - more/2
	}
	return l.pad(x, trace.Consts(before...), trace.Consts(after...), abi.PadConstant, nil)
}
