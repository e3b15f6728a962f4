package layer

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
)

// batchNorm is a multiplication and an addition for each channel; the tracer
// folds them into the convolution before them, if there is one.
func batchNorm(w *walk, l *Layer, x *trace.Value) *trace.Value {
	x = w.channels(l, x)
	mean, variance := w.weight(l, Mean, x.DType()), w.weight(l, Variance, x.DType())
	return w.onChannelsLast(x, func(x *trace.Value) *trace.Value {
		if mean == nil || variance == nil {
			axes := axesFrom(0, x.Rank()-1)
			mean = w.One(abi.OpReduce, &abi.Reduce{Axes: axes, Fn: abi.ReduceMean, Keep: true}, x)
			apart := w.Map2(abi.FnSub, x, mean)
			variance = w.One(abi.OpReduce, &abi.Reduce{Axes: axes, Fn: abi.ReduceMean, Keep: true}, w.Map2(abi.FnMul, apart, apart))
		}
		return w.normalise(l, x, mean, variance)
	})
}

// channels refuses x unless its dim 1 is the channels of l.
func (w *walk) channels(l *Layer, x *trace.Value) *trace.Value {
	x = w.real(l, x)
	if x.Rank() < 2 || !w.Equal(x.Dim(1), trace.Const(l.In)) {
		w.Fail(abi.FaultInput, "channels of %d, not %d", x.Shape(), l.In)
	}
	return x
}

// normalise is f((x-mean)/√(variance+eps)·weight + bias) over the last dim.
func (w *walk) normalise(l *Layer, x, mean, variance *trace.Value) *trace.Value {
	d := x.DType()
	if !l.Deviation {
		variance = w.Map1(abi.FnSqrt, 0, w.Map2(abi.FnAdd, variance, w.Scalar(d, l.Eps)))
	}
	factor := w.Map1(abi.FnRecip, 0, variance)
	if m := w.weight(l, Main, d); m != nil {
		factor = w.Map2(abi.FnDiv, m, variance)
	}
	shift := w.Map1(abi.FnNeg, 0, w.Map2(abi.FnMul, mean, factor))
	if b := w.weight(l, Bias, d); b != nil {
		shift = w.Map2(abi.FnAdd, shift, b)
	}
	return w.apply(l.Function, w.Map2(abi.FnAdd, w.Map2(abi.FnMul, x, factor), shift))
}

func instanceNorm(w *walk, l *Layer, x *trace.Value) *trace.Value {
	if l.Weights[Mean] != nil && l.Weights[Variance] != nil {
		return batchNorm(w, l, x)
	}
	return w.grouped(l, x, l.In)
}

func groupNorm(w *walk, l *Layer, x *trace.Value) *trace.Value {
	if l.Weights[Mean] == nil || l.Weights[Variance] == nil {
		return w.grouped(l, x, l.Groups)
	}
	x = w.channels(l, x)
	each := func(r Role) *trace.Value {
		v := w.Reshape(w.weight(l, r, x.DType()), trace.Consts(-1, 1))
		v = w.Broadcast(v, trace.Consts(l.Groups, l.In/l.Groups))
		return w.Reshape(v, trace.Consts(l.In))
	}
	mean, variance := each(Mean), each(Variance)
	return w.onChannelsLast(x, func(x *trace.Value) *trace.Value { return w.normalise(l, x, mean, variance) })
}

// grouped normalises with the statistics of x itself.
func (w *walk) grouped(l *Layer, x *trace.Value, groups int64) *trace.Value {
	x = w.channels(l, x)
	if x.Rank() < 3 {
		w.Fail(abi.FaultInput, "rank %d has no spatial dims", x.Rank())
	}
	a := &abi.GroupNorm{Groups: groups, Eps: float32(l.Eps)}
	return w.onChannelsLast(x, func(x *trace.Value) *trace.Value {
		y := w.One(abi.OpGroupNorm, a, x, w.weight(l, Main, x.DType()), w.weight(l, Bias, x.DType()))
		return w.apply(l.Function, y)
	})
}

func layerNorm(w *walk, l *Layer, x *trace.Value) *trace.Value {
	x = w.real(l, x)
	at := x.Rank() - len(l.Size)
	for i, n := range l.Size {
		if at < 0 || !w.Equal(x.Dim(at+i), trace.Const(n)) {
			w.Fail(abi.FaultInput, "%d does not end with %d", x.Shape(), l.Size)
		}
	}
	d := x.DType()
	if l.Deviation {
		return w.overDeviation(l, x, axesFrom(at, x.Rank()))
	}
	a := &abi.LayerNorm{Axis: int64(at), Eps: float32(l.Eps)}
	y := w.One(abi.OpLayerNorm, a, x, nil, w.weight(l, Main, d), w.weight(l, Bias, d))
	return w.apply(l.Function, y)
}

// overDeviation divides by the standard deviation with eps added to it.
func (w *walk) overDeviation(l *Layer, x *trace.Value, axes []int64) *trace.Value {
	mean := func(x *trace.Value) *trace.Value {
		return w.One(abi.OpReduce, &abi.Reduce{Axes: axes, Fn: abi.ReduceMean, Keep: true}, x)
	}
	d := x.DType()
	apart := w.Map2(abi.FnSub, x, mean(x))
	deviation := w.Map1(abi.FnSqrt, 0, mean(w.Map2(abi.FnMul, apart, apart)))
	y := w.Map2(abi.FnDiv, apart, w.Map2(abi.FnAdd, deviation, w.Scalar(d, l.Eps)))
	if m := w.weight(l, Main, d); m != nil {
		y = w.Map2(abi.FnMul, y, m)
	}
	return w.finish(l, y)
}
