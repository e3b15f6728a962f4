package export

import (
	"fmt"
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/layer"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// lacks refuses what a graph cannot say of the layer that is written.
func (g *graph) lacks(format string, args ...any) {
	scan.Refuse(abi.Fault{
		Kind: abi.FaultUnsupported, Blob: g.at.Blob, Offset: g.at.Offset, Node: g.at.Path, Op: string(g.at.Kind),
		Text: "as ONNX: " + fmt.Sprintf(format, args...),
	})
}

// writers are the nodes that layers become which take and give one value.
var writers = map[layer.Kind]func(g *graph, l *layer.Layer, x value) value{
	layer.Identity:    func(_ *graph, _ *layer.Layer, x value) value { return x },
	layer.Dropout:     func(_ *graph, _ *layer.Layer, x value) value { return x },
	layer.Elementwise: func(g *graph, l *layer.Layer, x value) value { return g.apply(l.Function, x) },
	layer.Flatten:     flatten,
	layer.Softmax:     softmax,
	layer.LogSoftmax:  softmax,
	layer.Dense:       dense,
	layer.Scale:       scale,
	layer.Embedding:   embedding,

	layer.Conv:             conv,
	layer.ConvTranspose:    convTranspose,
	layer.MaxPool:          pool,
	layer.MeanPool:         pool,
	layer.GlobalMaxPool:    globalPool,
	layer.GlobalMeanPool:   globalPool,
	layer.AdaptiveMaxPool:  adaptivePool,
	layer.AdaptiveMeanPool: adaptivePool,
	layer.Upsample:         upsample,
	layer.Resize:           resize,
	layer.PixelShuffle:     pixelShuffle,

	layer.BatchNorm:    batchNorm,
	layer.InstanceNorm: instanceNorm,
	layer.GroupNorm:    groupNorm,
	layer.LayerNorm:    layerNorm,

	layer.RNN:  recurrent,
	layer.LSTM: recurrent,
	layer.GRU:  recurrent,
}

// all writes a layer that may take and give several values.
func (g *graph) all(l *layer.Layer, x []value) []value {
	outer := g.at
	g.at = l
	defer func() { g.at = outer }()
	switch l.Kind {
	case layer.Chain:
		for _, inner := range l.Layers {
			x = g.all(inner, x)
		}
		return x
	case layer.SkipConnection:
		return g.join(l, append(g.all(l.Layers[0], x), x...))
	case layer.Parallel:
		return g.join(l, g.branches(l, x))
	case layer.PairwiseFusion:
		return g.fusion(l, x)
	case layer.MultiHeadAttention:
		return g.attention(l, x)
	case layer.Maxout:
		return []value{g.fold("Max", g.branches(l, x))}
	case layer.Bilinear:
		return []value{g.bilinear(l, x)}
	}
	if len(x) != 1 {
		g.lacks("%d inputs, not one", len(x))
	}
	return []value{writers[l.Kind](g, l, x[0])}
}

// branches gives x to each layer; several inputs go one to each.
func (g *graph) branches(l *layer.Layer, x []value) []value {
	if len(x) != 1 && len(x) != len(l.Layers) {
		g.lacks("%d inputs for %d layers", len(x), len(l.Layers))
	}
	var ys []value
	for i, inner := range l.Layers {
		ys = append(ys, g.all(inner, x[min(i, len(x)-1):][:1])...)
	}
	return ys
}

// fusion gives the results of all layers, each of the join of x and of the
// result before.
func (g *graph) fusion(l *layer.Layer, x []value) (ys []value) {
	if len(x) != 1 && len(x) != len(l.Layers) {
		g.lacks("%d inputs for %d layers", len(x), len(l.Layers))
	}
	var y []value
	for i, inner := range l.Layers {
		in := x[min(i, len(x)-1):][:1]
		if i > 0 {
			in = g.join(l, append(in[:1:1], y...))
		}
		y = g.all(inner, in)
		ys = append(ys, y...)
	}
	return ys
}

var joins = map[layer.Join]string{layer.JoinAdd: "Add", layer.JoinSub: "Sub", layer.JoinMul: "Mul", layer.JoinMax: "Max"}

func (g *graph) join(l *layer.Layer, ys []value) []value {
	switch l.Join {
	case layer.JoinTuple:
		return ys
	case layer.JoinLayer:
		return g.all(l.Joiner, ys)
	case layer.JoinConcat:
		y := g.like(g.op("Concat", ys, attr{"axis", l.Axis}), ys...)
		axis := l.Axis
		if axis < 0 {
			axis += int64(len(y.dims))
		}
		if axis >= 0 && axis < int64(len(y.dims)) {
			y.dims[axis] = free
		}
		return []value{y}
	case layer.JoinSub:
		if len(ys) != 2 {
			g.lacks("the difference of %d values", len(ys))
		}
	}
	return []value{g.fold(joins[l.Join], ys)}
}

// fold joins values two by two.
func (g *graph) fold(op string, ys []value) value {
	y := ys[0]
	for _, v := range ys[1:] {
		y = g.binary(op, y, v)
	}
	return y
}

// binary is an elementwise op of two values that are broadcast.
func (g *graph) binary(op string, x, y value) value {
	return g.like(g.op(op, []value{x, y}), x, y)
}

// like says of v that it has the dims which all of xs agree about, counted from
// the last, and as many as the longest.
func (g *graph) like(v value, xs ...value) value {
	v.ranked, v.dims = true, nil
	for _, x := range xs {
		if !x.ranked {
			return value{name: v.name, dtype: v.dtype}
		}
		if len(x.dims) > len(v.dims) {
			v.dims = slices.Clone(x.dims)
		}
	}
	for _, x := range xs {
		skip := len(v.dims) - len(x.dims)
		for i, d := range x.dims {
			if d != v.dims[skip+i] {
				v.dims[skip+i] = free
			}
		}
	}
	return v
}

// real makes floats of the integers that may be given for them.
func (g *graph) real(l *layer.Layer, x value) value {
	if x.dtype.IsFloat() {
		return x
	}
	d := tensor.Float32
	if w := l.Weights[layer.Main]; w != nil {
		d = w.Type.DType
	}
	return g.cast(x, d)
}

// finish adds the bias and applies the function of l.
func (g *graph) finish(l *layer.Layer, y value) value {
	if b := g.weight(l, layer.Bias, y.dtype); b.name != "" {
		y = g.one("Add", []value{y, b})
	}
	return g.apply(l.Function, y)
}

// with is v with dims that are known now.
func (v value) with(dims ...int64) value {
	v.ranked, v.dims = true, dims
	return v
}

// dim is a dim of v, free where it is not known.
func (v value) dim(i int) int64 {
	if !v.ranked || i >= len(v.dims) {
		return free
	}
	return v.dims[i]
}

func flatten(g *graph, l *layer.Layer, x value) value {
	if l.Whole {
		return g.op("Reshape", []value{x, g.vector(-1)}).with(free)
	}
	rest := int64(1)
	for i := 1; i < len(x.dims) && rest != free; i++ {
		if rest = tensor.MulSat(rest, x.dims[i]); x.dims[i] == free {
			rest = free
		}
	}
	if !x.ranked {
		rest = free
	}
	return g.op("Flatten", []value{x}, attr{"axis", int64(1)}).with(x.dim(0), rest)
}

func softmax(g *graph, l *layer.Layer, x value) value {
	return g.one(string(l.Kind), []value{g.real(l, x)}, attr{"axis", l.Axis})
}

func dense(g *graph, l *layer.Layer, x value) value {
	x = g.real(l, x)
	w := g.weight(l, layer.Main, x.dtype)
	if x.ranked && len(x.dims) == 2 {
		in := []value{x, w, g.weight(l, layer.Bias, x.dtype)}
		y := g.op("Gemm", in, attr{"transB", int64(1)}).with(x.dims[0], l.Out)
		return g.apply(l.Function, y)
	}
	y := g.op("MatMul", []value{x, g.one("Transpose", []value{w}, attr{"perm", []int64{1, 0}})})
	if x.ranked && len(x.dims) > 0 {
		y = y.with(append(slices.Clone(x.dims[:len(x.dims)-1]), l.Out)...)
	}
	return g.finish(l, y)
}

func (g *graph) bilinear(l *layer.Layer, x []value) value {
	if len(x) == 1 {
		x = append(x, x[0])
	}
	if len(x) != 2 {
		g.lacks("%d inputs, not 2", len(x))
	}
	a, b := g.real(l, x[0]), g.real(l, x[1])
	w := g.weight(l, layer.Main, a.dtype)
	y := g.op("Einsum", []value{a, w, b}, attr{"equation", "ni,oij,nj->no"}).with(a.dim(0), l.Out)
	return g.finish(l, y)
}

func scale(g *graph, l *layer.Layer, x value) value {
	x = g.real(l, x)
	return g.finish(l, g.binary("Mul", x, g.weight(l, layer.Main, x.dtype)))
}

// embedding makes an index below First one that no table has: ONNX counts
// negative ones from the end.
func embedding(g *graph, l *layer.Layer, x value) value {
	x = g.cast(x, tensor.Int64)
	first := g.ints(nil, l.First)
	below := g.one("Less", []value{x, first})
	below.dtype = tensor.Bool
	at := g.one("Sub", []value{x, first})
	index := g.one("Where", []value{below, g.ints(nil, l.In), at})
	w := g.weight(l, layer.Main, l.Weights[layer.Main].Type.DType)
	y := g.op("Gather", []value{w, index}, attr{"axis", int64(0)})
	if x.ranked {
		y = y.with(append(slices.Clone(x.dims), l.Out)...)
	}
	return y
}
