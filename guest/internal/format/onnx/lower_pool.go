package onnx

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
)

func (l *walker) pool(n *node, x *trace.Value, a *abi.Pool) *trace.Value {
	s := l.sliding(n, x, nil)
	l.sameOutput(n, x, &s)
	a.Window, a.Stride, a.Dilation, a.Before, a.After = s.kernel, s.stride, s.dilation, s.before, s.after
	a.Ceil = n.int("ceil_mode", 0) != 0
	return l.onChannelsLast(x, func(x *trace.Value) *trace.Value { return l.One(abi.OpPool, a, x) })
}

func maxPool(l *walker, n *node, in []*trace.Value) []*trace.Value {
	n.has("storage_order") // the order of the indices
	if n.wants(1) {
		l.Fail(abi.FaultUnsupported, "indices of the largest elements")
	}
	return []*trace.Value{l.pool(n, in[0], &abi.Pool{Kind: abi.PoolMax})}
}

func averagePool(l *walker, n *node, in []*trace.Value) *trace.Value {
	return l.pool(n, in[0], &abi.Pool{Kind: abi.PoolAvg, CountPad: n.int("count_include_pad", 0) != 0})
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
	return l.pool(n, in[0], &abi.Pool{Kind: abi.PoolLp, P: l.norm(n)})
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
