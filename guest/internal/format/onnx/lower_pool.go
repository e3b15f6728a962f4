package onnx

import (
	"math"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// maxTaps is how large a window may be whose largest element is located.
const maxTaps = 1024

func (l *walker) pool(n *node, x *trace.Value, a *abi.Pool) (*trace.Value, sliding) {
	s := l.sliding(n, x, nil)
	l.sameOutput(n, x, &s)
	a.Window, a.Stride, a.Dilation, a.Before, a.After = s.kernel, s.stride, s.dilation, s.before, s.after
	a.Ceil = n.flag("ceil_mode", false)
	return l.onChannelsLast(x, func(x *trace.Value) *trace.Value { return l.One(abi.OpPool, a, x) }), s
}

func maxPool(l *walker, n *node, in []*trace.Value) []*trace.Value {
	y, s := l.pool(n, in[0], &abi.Pool{Kind: abi.PoolMax})
	columns := n.flag("storage_order", false)
	if !n.wants(1) {
		return []*trace.Value{y}
	}
	return []*trace.Value{y, l.located(in[0], y, s, columns)}
}

// located gives the places in x of the largest elements of its windows, counted
// through all of x; columns counts through the planes of x by columns.
func (l *walker) located(x, y *trace.Value, s sliding, columns bool) *trace.Value {
	rank, dims := x.Rank(), len(s.kernel)
	in, out := l.Pins(x.Dims()[2:]), l.Pins(y.Dims()[2:])
	taps := tensor.Product(s.kernel)
	lowest := math.Inf(-1)
	if x.DType().IsInt() {
		lowest = quantRange[x.DType()][0]
	}
	if taps > maxTaps || x.DType().IsInt() && x.DType().Size() > 1 {
		l.Fail(abi.FaultUnsupported, "places of the largest of %d elements of %v", taps, x.DType())
	}
	before, after := trace.Consts(repeat(0, rank)...), trace.Consts(repeat(0, rank)...)
	for i, k := range s.kernel {
		before[i+2] = trace.Const(s.before[i])
		after[i+2] = trace.Const((out[i]-1)*s.stride[i] + (k-1)*s.dilation[i] + 1 - s.before[i] - in[i])
	}
	wide := l.pad(x, before, after, abi.PadConstant, l.like(x, lowest))

	// Each tap is a slice of x; offsets holds where it stands in each dim.
	parts := make([]*trace.Value, taps)
	offsets := make([][]int64, dims)
	for t := range taps {
		r := region{trace.Consts(repeat(0, rank)...), y.Dims(), repeat(1, rank)}
		for i, rest := dims-1, t; i >= 0; i-- {
			at := rest % s.kernel[i] * s.dilation[i]
			rest /= s.kernel[i]
			r.start[i+2], r.step[i+2] = trace.Const(at), s.stride[i]
			offsets[i] = append(offsets[i], at-s.before[i])
		}
		parts[t] = l.unsqueeze(l.take(wide, r), int64(rank))
	}
	best := l.One(abi.OpArg, &abi.Arg{Axis: int64(rank)}, l.Concat(rank, parts...))

	planes := l.iota(l.Mul(x.Dim(0), x.Dim(1)))
	flat := l.mul(planes, l.like(planes, float64(tensor.Product(in))))
	flat = l.Reshape(flat, append(x.Dims()[:2], trace.Consts(repeat(1, dims)...)...))
	weight := int64(1)
	for k := range dims {
		i := dims - 1 - k
		if columns {
			i = k
		}
		table := l.Known(tensor.Int64, []int64{taps}, trace.Consts(offsets[i]...))
		start := l.iotaAlong(trace.Const(out[i]), i+2, rank)
		place := l.add(l.Gather(table, best, 0), l.mul(start, l.like(start, float64(s.stride[i]))))
		flat = l.add(flat, l.mul(place, l.like(place, float64(weight))))
		weight *= in[i]
	}
	return flat
}

func averagePool(l *walker, n *node, in []*trace.Value) *trace.Value {
	y, _ := l.pool(n, in[0], &abi.Pool{Kind: abi.PoolAvg, CountPad: n.flag("count_include_pad", false)})
	return y
}

// norm reads p, which was a float in the first version.
func (l *walker) norm(n *node) int64 {
	if n.version >= 2 {
		return n.int("p", 2)
	}
	p := n.float("p", 2)
	if !(p >= 1 && p < 1<<20) || p != float32(int64(p)) {
		l.Fail(abi.FaultUnsupported, "p = %g", p)
	}
	return int64(p)
}

func lpPool(l *walker, n *node, in []*trace.Value) *trace.Value {
	y, _ := l.pool(n, in[0], &abi.Pool{Kind: abi.PoolLp, P: l.norm(n)})
	return y
}

func globalPool(fold int64) single {
	return func(l *walker, n *node, in []*trace.Value) *trace.Value {
		return l.reduce(fold, 0, in[0], axesFrom(2, in[0].Rank()), true)
	}
}

func globalLpPool(l *walker, n *node, in []*trace.Value) *trace.Value {
	return l.lpNorm(in[0], l.norm(n), axesFrom(2, in[0].Rank()))
}

// lpNorm is (Σ|x|ᵖ)^(1/p) over axes, which are kept.
func (l *walker) lpNorm(x *trace.Value, p int64, axes []int) *trace.Value {
	switch {
	case p == 1:
		return l.reduce(abi.ReduceSum, abi.FnAbs, x, axes, true)
	case p == 2:
		return l.Map1(abi.FnSqrt, 0, l.reduce(abi.ReduceSum, abi.FnMul, x, axes, true))
	case p < 1:
		l.Fail(abi.FaultMalformed, "p = %d", p)
	}
	power := l.Map2(abi.FnPow, l.Map1(abi.FnAbs, 0, x), l.like(x, float64(p)))
	return l.Map2(abi.FnPow, l.reduce(abi.ReduceSum, 0, power, axes, true), l.like(x, 1/float64(p)))
}
