package onnx

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// batchNormalization is a multiplication and an addition for each channel; the
// tracer folds them into the convolution before them, if there is one.
func batchNormalization(l *walker, n *node, in []*trace.Value) []*trace.Value {
	x, scale, shift, mean, variance := in[0], in[1], in[2], in[3], in[4]
	n.has("momentum")
	n.has("is_test")
	if n.flag("training_mode", false) {
		l.Fail(abi.FaultUnsupported, "training mode")
	}
	for i := 1; i < len(n.outputs); i++ {
		if n.wants(i) {
			l.Fail(abi.FaultUnsupported, "training mode, whose output %d is used", i)
		}
	}
	spatial, channels := n.flag("spatial", true), trace.Const(1)
	if x.Rank() > 1 { // else there is one channel
		channels = x.Dim(1)
	}
	for _, v := range in[1:] {
		if spatial && (x.Rank() < 1 || v.Rank() != 1 || !l.Equal(v.Dim(0), channels)) {
			l.Fail(abi.FaultMalformed, "%v factors for the channels of %v", v.Shape(), x.Shape())
		}
	}
	eps := l.like(variance, float64(n.float("epsilon", 1e-5)))
	scale = l.div(scale, l.Map1(abi.FnSqrt, 0, l.add(variance, eps)))
	shift = l.sub(shift, l.mul(mean, scale))
	d := x.DType()
	affine := func(x *trace.Value) *trace.Value {
		y := l.add(l.mul(l.Cast(x, scale.DType()), scale), shift)
		return l.Cast(y, d)
	}
	if !spatial || x.Rank() == 1 {
		return []*trace.Value{affine(x)}
	}
	return []*trace.Value{l.onChannelsLast(x, affine)}
}

func instanceNormalization(l *walker, n *node, in []*trace.Value) *trace.Value {
	l.ranked(in[1], 1)
	a := &abi.GroupNorm{Groups: l.Pin(in[1].Dim(0)), Eps: n.float("epsilon", 1e-5)}
	return l.onChannelsLast(in[0], func(x *trace.Value) *trace.Value {
		return l.One(abi.OpGroupNorm, a, x, in[1], in[2])
	})
}

func groupNormalization(l *walker, n *node, in []*trace.Value) *trace.Value {
	x, scale, shift := in[0], in[1], in[2]
	if x.Rank() < 3 {
		l.Fail(abi.FaultMalformed, "rank %d", x.Rank())
	}
	n.has("stash_type") // the kernel sums in more than any of them
	groups, channels := n.int("num_groups", 0), x.Dim(1)
	if groups < 1 {
		l.Fail(abi.FaultMalformed, "%d groups", groups)
	}
	if n.version < 21 {
		// There was one factor for each group.
		each := l.FloorDiv(channels, trace.Const(groups))
		perChannel := func(v *trace.Value) *trace.Value {
			v = l.Broadcast(l.unsqueeze(v, 1), []trace.Int{trace.Const(groups), each})
			return l.Reshape(v, []trace.Int{channels})
		}
		scale, shift = perChannel(scale), perChannel(shift)
	}
	a := &abi.GroupNorm{Groups: groups, Eps: n.float("epsilon", 1e-5)}
	return l.onChannelsLast(x, func(x *trace.Value) *trace.Value {
		return l.One(abi.OpGroupNorm, a, x, scale, shift)
	})
}

func layerNormalization(l *walker, n *node, in []*trace.Value) []*trace.Value {
	x := in[0]
	axis, eps := l.axis(n.int("axis", -1), x.Rank()), n.float("epsilon", 1e-5)
	l.stash(n)
	y := l.layerNorm(x, in[1], in[2], &abi.LayerNorm{Axis: int64(axis), Eps: eps})
	if !n.wants(1) && !n.wants(2) {
		return []*trace.Value{y}
	}
	axes := axesFrom(axis, x.Rank())
	wide := l.Cast(x, tensor.Float32)
	mean := l.reduce(abi.ReduceMean, 0, wide, axes, true)
	variance := l.reduce(abi.ReduceMean, abi.FnMul, l.sub(wide, mean), axes, true)
	deviation := l.Map1(abi.FnSqrt, 0, l.add(variance, l.like(wide, float64(eps))))
	return []*trace.Value{y, mean, l.Map1(abi.FnRecip, 0, deviation)}
}

func rmsNormalization(l *walker, n *node, in []*trace.Value) *trace.Value {
	axis := l.axis(n.int("axis", -1), in[0].Rank())
	l.stash(n)
	return l.layerNorm(in[0], in[1], nil, &abi.LayerNorm{Axis: int64(axis), Eps: n.float("epsilon", 1e-5), RMS: true})
}

// stash reads the precision of the statistics; float32 is the one there is.
func (l *walker) stash(n *node) {
	if t := n.int("stash_type", 1); t != 1 {
		l.Fail(abi.FaultUnsupported, "stash_type %d", t)
	}
}

// layerNorm applies factors that have the normalised dims in the operation
// itself, and others, which broadcast, after it.
func (l *walker) layerNorm(x, scale, shift *trace.Value, a *abi.LayerNorm) *trace.Value {
	fits := func(v *trace.Value) bool {
		if v == nil {
			return true
		}
		if v.Rank() != x.Rank()-int(a.Axis) {
			return false
		}
		for i, d := range v.Dims() {
			if !l.Equal(d, x.Dim(int(a.Axis)+i)) {
				return false
			}
		}
		return true
	}
	if fits(scale) && fits(shift) {
		if shift == nil {
			return l.One(abi.OpLayerNorm, a, x, nil, scale)
		}
		return l.One(abi.OpLayerNorm, a, x, nil, scale, shift)
	}
	y := l.mul(l.One(abi.OpLayerNorm, a, x), l.onto(scale, x))
	if shift != nil {
		y = l.add(y, l.onto(shift, x))
	}
	return y
}

func lpNormalization(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := in[0]
	axis := l.axis(n.int("axis", -1), x.Rank())
	p := n.int("p", 2)
	if p != 1 && p != 2 {
		l.Fail(abi.FaultMalformed, "p = %d, neither 1 nor 2", p)
	}
	norm := l.lpNorm(x, p, []int{axis})
	zero := l.like(x, 0)
	return l.choose(l.Map2(abi.FnEq, norm, zero), zero, l.div(x, norm))
}

func meanVarianceNormalization(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := in[0]
	list := []int64{0, 2, 3}
	if n.has("axes") {
		list = n.ints("axes")
	}
	axes := l.axes(list, x.Rank())
	x = l.sub(x, l.reduce(abi.ReduceMean, 0, x, axes, true))
	deviation := l.Map1(abi.FnSqrt, 0, l.reduce(abi.ReduceMean, abi.FnMul, x, axes, true))
	return l.div(x, l.add(deviation, l.like(x, 1e-9)))
}

func lrn(l *walker, n *node, in []*trace.Value) *trace.Value {
	if !n.has("size") {
		l.Fail(abi.FaultMalformed, "no size")
	}
	a := &abi.LRN{Size: n.int("size", 0), A: n.float("alpha", 1e-4), B: n.float("beta", 0.75), K: n.float("bias", 1)}
	return l.onChannelsLast(in[0], func(x *trace.Value) *trace.Value { return l.One(abi.OpLRN, a, x) })
}

func softmax(log bool) single {
	return func(l *walker, n *node, in []*trace.Value) *trace.Value {
		return l.flattened(n, in[0], func(x *trace.Value, axis int) *trace.Value {
			return l.One(abi.OpSoftmax, &abi.Softmax{Axis: int64(axis), Log: log}, x)
		})
	}
}

// flattened applies f along an axis. Before version 13 that meant all dims
// from the axis on.
func (l *walker) flattened(n *node, x *trace.Value, f func(x *trace.Value, axis int) *trace.Value) *trace.Value {
	if n.version >= 13 {
		return f(x, l.axis(n.int("axis", -1), x.Rank()))
	}
	axis := l.axis(n.int("axis", 1), x.Rank())
	if axis == x.Rank()-1 {
		return f(x, axis)
	}
	return l.Reshape(f(l.matrix(x, axis), 1), x.Dims())
}
