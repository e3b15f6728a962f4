package layer

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// walk traces a tree of layers.
type walk struct {
	*trace.Tracer
	layer *Layer // being lowered
}

// Trace appends to t what l makes of x, and gives its results. The tree was
// checked and its weights are placed.
func Trace(t *trace.Tracer, l *Layer, x ...*trace.Value) []*trace.Value {
	w := &walk{Tracer: t}
	var y []*trace.Value
	if f := scan.Catch(func() { y = w.all(l, x) }); f != nil {
		if at := w.layer; at != nil && f.Node == "" {
			f.Node, f.Op = at.Path, string(at.Kind)
			if f.Offset < 0 {
				f.Blob, f.Offset = at.Blob, at.Offset
			}
		}
		scan.Refuse(*f)
	}
	return y
}

// lowerings turn the layers that take and give one value into ops.
var lowerings = map[Kind]func(w *walk, l *Layer, x *trace.Value) *trace.Value{
	Identity:    func(_ *walk, _ *Layer, x *trace.Value) *trace.Value { return x },
	Dropout:     func(_ *walk, _ *Layer, x *trace.Value) *trace.Value { return x },
	Elementwise: func(w *walk, l *Layer, x *trace.Value) *trace.Value { return w.apply(l.Function, x) },
	Flatten:     flatten,
	Softmax:     softmax,
	LogSoftmax:  softmax,
	Dense:       dense,
	Scale:       scale,
	Embedding:   embedding,

	Conv:             conv,
	ConvTranspose:    convTranspose,
	MaxPool:          pool,
	MeanPool:         pool,
	GlobalMaxPool:    globalPool,
	GlobalMeanPool:   globalPool,
	AdaptiveMaxPool:  adaptivePool,
	AdaptiveMeanPool: adaptivePool,
	Upsample:         upsample,
	Resize:           resize,
	PixelShuffle:     pixelShuffle,

	BatchNorm:    batchNorm,
	InstanceNorm: instanceNorm,
	GroupNorm:    groupNorm,
	LayerNorm:    layerNorm,

	RNN:  rnn,
	LSTM: lstm,
	GRU:  gru,
}

// all lowers a layer that may take and give several values.
func (w *walk) all(l *Layer, x []*trace.Value) []*trace.Value {
	outer := w.layer
	w.layer = l
	y := w.lower(l, x)
	w.layer = outer
	return y
}

func (w *walk) lower(l *Layer, x []*trace.Value) []*trace.Value {
	switch l.Kind {
	case Chain:
		for _, inner := range l.Layers {
			x = w.all(inner, x)
		}
		return x
	case SkipConnection:
		return w.join(l, append(w.all(l.Layers[0], x), x...))
	case Parallel:
		return w.join(l, w.branches(l, x))
	case PairwiseFusion:
		return w.fusion(l, x)
	case MultiHeadAttention:
		return w.attention(l, x)
	case Maxout:
		ys := w.branches(l, x)
		return []*trace.Value{w.fold(abi.FnMax, ys)}
	case Bilinear:
		if len(x) == 1 {
			x = append(x, x[0])
		}
		if len(x) != 2 {
			w.Fail(abi.FaultInput, "%d inputs, not 2", len(x))
		}
		return []*trace.Value{bilinear(w, l, x[0], x[1])}
	}
	if len(x) != 1 {
		w.Fail(abi.FaultUnsupported, "%d inputs, not one", len(x))
	}
	return []*trace.Value{lowerings[l.Kind](w, l, x[0])}
}

// branches gives x to each layer; several inputs go one to each.
func (w *walk) branches(l *Layer, x []*trace.Value) []*trace.Value {
	if len(x) != 1 && len(x) != len(l.Layers) {
		w.Fail(abi.FaultInput, "%d inputs for %d layers", len(x), len(l.Layers))
	}
	var ys []*trace.Value
	for i, inner := range l.Layers {
		ys = append(ys, w.all(inner, x[min(i, len(x)-1):][:1])...)
	}
	return ys
}

// fusion gives the results of all layers: each takes the join of x, or of its
// part of x, and of the result before.
func (w *walk) fusion(l *Layer, x []*trace.Value) (ys []*trace.Value) {
	if len(x) != 1 && len(x) != len(l.Layers) {
		w.Fail(abi.FaultInput, "%d inputs for %d layers", len(x), len(l.Layers))
	}
	var y []*trace.Value
	for i, inner := range l.Layers {
		in := x[min(i, len(x)-1):][:1]
		if i > 0 {
			in = w.join(l, append(in[:1:1], y...))
		}
		y = w.all(inner, in)
		ys = append(ys, y...)
	}
	return ys
}

// joinFns are the ways to join that are a function of two elements.
var joinFns = map[Join]abi.Fn{JoinAdd: abi.FnAdd, JoinSub: abi.FnSub, JoinMul: abi.FnMul, JoinMax: abi.FnMax}

func (w *walk) join(l *Layer, ys []*trace.Value) []*trace.Value {
	switch l.Join {
	case JoinTuple:
		return ys
	case JoinLayer:
		return w.all(l.Joiner, ys)
	case JoinConcat:
		return []*trace.Value{w.Concat(w.axis(l.Axis, ys[0]), ys...)}
	case JoinSub:
		if len(ys) != 2 {
			w.Fail(abi.FaultUnsupported, "the difference of %d values", len(ys))
		}
	}
	return []*trace.Value{w.fold(joinFns[l.Join], ys)}
}

func (w *walk) fold(fn abi.Fn, ys []*trace.Value) *trace.Value {
	y := ys[0]
	for _, v := range ys[1:] {
		y = w.Map2(fn, y, v)
	}
	return y
}

// weight is a weight of l as an array of d, or nil.
func (w *walk) weight(l *Layer, r Role, d tensor.DType) *trace.Value {
	if l.Weights[r] == nil {
		return nil
	}
	return l.Weights[r].value(w.Tracer, d)
}

func (w *walk) axis(axis int64, x *trace.Value) int {
	if axis < 0 {
		axis += int64(x.Rank())
	}
	if axis < 0 || axis >= int64(x.Rank()) {
		w.Fail(abi.FaultInput, "axis %d of an array of rank %d", axis, x.Rank())
	}
	return int(axis)
}

// real makes floats of the integers that may be given for them.
func (w *walk) real(l *Layer, x *trace.Value) *trace.Value {
	if x.DType().IsFloat() {
		return x
	}
	d := tensor.Float32
	if m := l.Weights[Main]; m != nil {
		d = m.Type.DType
	}
	return w.Cast(x, d)
}

// finish adds the bias and applies the function of l.
func (w *walk) finish(l *Layer, y *trace.Value) *trace.Value {
	if b := w.weight(l, Bias, y.DType()); b != nil {
		y = w.Map2(abi.FnAdd, y, b)
	}
	return w.apply(l.Function, y)
}

func flatten(w *walk, l *Layer, x *trace.Value) *trace.Value {
	if l.Whole {
		return w.Reshape(x, trace.Consts(-1))
	}
	if x.Rank() < 1 {
		w.Fail(abi.FaultInput, "a single number has no dims")
	}
	if x.Rank() == 1 {
		return w.Reshape(x, []trace.Int{x.Dim(0), trace.Const(1)})
	}
	return w.Reshape(x, []trace.Int{x.Dim(0), trace.Const(-1)})
}

func softmax(w *walk, l *Layer, x *trace.Value) *trace.Value {
	a := &abi.Softmax{Axis: int64(w.axis(l.Axis, x)), Log: l.Kind == LogSoftmax}
	return w.One(abi.OpSoftmax, a, w.real(l, x))
}

func dense(w *walk, l *Layer, x *trace.Value) *trace.Value {
	x = w.real(l, x)
	if x.Rank() < 1 || !w.Equal(x.Dim(x.Rank()-1), trace.Const(l.In)) {
		w.Fail(abi.FaultInput, "features %d, not %d", x.Shape(), l.In)
	}
	weight := w.weight(l, Main, x.DType())
	rows := x
	if x.Rank() == 1 {
		rows = w.Reshape(x, []trace.Int{trace.Const(1), x.Dim(0)})
	}
	y := w.One(abi.OpMatMul, &abi.MatMul{TB: true}, rows, weight)
	if x.Rank() == 1 {
		y = w.Reshape(y, []trace.Int{trace.Const(l.Out)})
	}
	return w.finish(l, y)
}

// bilinear is f(Σᵢⱼ x[n, i]·weight[o, i, j]·y[n, j] + bias[o]).
func bilinear(w *walk, l *Layer, x, y *trace.Value) *trace.Value {
	x, y = w.real(l, x), w.real(l, y)
	if x.Rank() != 2 || y.Rank() != 2 || !w.Equal(x.Dim(1), trace.Const(l.In)) || !w.Equal(y.Dim(1), trace.Const(l.In2)) {
		w.Fail(abi.FaultInput, "inputs %d and %d for %d and %d features", x.Shape(), y.Shape(), l.In, l.In2)
	}
	// (n, in2) by (out·in, in2)ᵀ gives (n, out, in), which meets x (n, in, 1).
	flat := w.Reshape(w.weight(l, Main, x.DType()), trace.Consts(l.Out*l.In, l.In2))
	each := w.One(abi.OpMatMul, &abi.MatMul{TB: true}, y, flat)
	each = w.Reshape(each, []trace.Int{y.Dim(0), trace.Const(l.Out), trace.Const(l.In)})
	z := w.One(abi.OpMatMul, &abi.MatMul{}, each, w.Reshape(x, []trace.Int{x.Dim(0), x.Dim(1), trace.Const(1)}))
	return w.finish(l, w.Reshape(z, []trace.Int{y.Dim(0), trace.Const(l.Out)}))
}

func scale(w *walk, l *Layer, x *trace.Value) *trace.Value {
	x = w.real(l, x)
	return w.finish(l, w.Map2(abi.FnMul, x, w.weight(l, Main, x.DType())))
}

// embedding refuses an index below First by making it one that no table has:
// the host counts negative ones from the end.
func embedding(w *walk, l *Layer, x *trace.Value) *trace.Value {
	x = w.Cast(x, tensor.Int64)
	at := func(n int64) *trace.Value { return w.Known(tensor.Int64, nil, trace.Consts(n)) }
	below := w.Map2(abi.FnLt, x, at(l.First))
	x = w.Map3(abi.FnSelect, below, at(l.In), w.Map2(abi.FnSub, x, at(l.First)))
	return w.Gather(w.weight(l, Main, l.Weights[Main].Type.DType), x, 0)
}
