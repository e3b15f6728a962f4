package export

import (
	"slices"

	"github.com/glovebox-ml/glovebox/guest/internal/layer"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// maxWindows bounds the nodes that one axis of an adaptive pool becomes.
const maxWindows = 1024

// spatial gives x, which has images of n dims, and its dims from then on.
func (g *graph) spatial(l *layer.Layer, x value, n int) value {
	x = g.real(l, x)
	if x.ranked && len(x.dims) != n+2 {
		g.lacks("rank %d, not %d", len(x.dims), n+2)
	}
	if !x.ranked {
		x = x.with(slices.Repeat([]int64{free}, n+2)...)
	}
	return x
}

// pads are the paddings in front of all dims and then those behind.
func pads(l *layer.Layer) attr { return attr{"pads", slices.Concat(l.Before, l.After)} }

// sizes works out the spatial dims of a result from those of x.
func sizes(x value, channels int64, f func(i int, n int64) int64) []int64 {
	dims := []int64{x.dims[0], channels}
	for i, n := range x.dims[2:] {
		if n != free {
			n = max(f(i, n), 0)
		}
		dims = append(dims, n)
	}
	return dims
}

func conv(g *graph, l *layer.Layer, x value) value {
	x = g.spatial(l, x, len(l.Kernel))
	in := []value{x, g.weight(l, layer.Main, x.dtype), g.weight(l, layer.Bias, x.dtype)}
	y := g.op("Conv", in, attr{"kernel_shape", l.Kernel}, attr{"strides", l.Stride}, attr{"dilations", l.Dilation}, pads(l), attr{"group", l.Groups})
	return g.apply(l.Function, y.with(sizes(x, l.Out, func(i int, n int64) int64 {
		return (n+l.Before[i]+l.After[i]-l.Dilation[i]*(l.Kernel[i]-1)-1)/l.Stride[i] + 1
	})...))
}

func convTranspose(g *graph, l *layer.Layer, x value) value {
	x = g.spatial(l, x, len(l.Kernel))
	in := []value{x, g.weight(l, layer.Main, x.dtype), g.weight(l, layer.Bias, x.dtype)}
	y := g.op("ConvTranspose", in, attr{"kernel_shape", l.Kernel}, attr{"strides", l.Stride}, attr{"dilations", l.Dilation}, pads(l),
		attr{"output_padding", l.OutPad}, attr{"group", l.Groups})
	return g.apply(l.Function, y.with(sizes(x, l.Out, func(i int, n int64) int64 {
		return (n-1)*l.Stride[i] + l.Dilation[i]*(l.Kernel[i]-1) + 1 + l.OutPad[i] - l.Before[i] - l.After[i]
	})...))
}

func pool(g *graph, l *layer.Layer, x value) value {
	x = g.spatial(l, x, len(l.Kernel))
	attrs := []attr{{"kernel_shape", l.Kernel}, {"strides", l.Stride}, pads(l)}
	op := "MaxPool"
	if l.Kind == layer.MeanPool {
		op, attrs = "AveragePool", append(attrs, attr{"count_include_pad", int64(1)})
	}
	return g.op(op, []value{x}, attrs...).with(sizes(x, x.dims[1], func(i int, n int64) int64 {
		return (n+l.Before[i]+l.After[i]-l.Kernel[i])/l.Stride[i] + 1
	})...)
}

func globalPool(g *graph, l *layer.Layer, x value) value {
	op := "GlobalAveragePool"
	if l.Kind == layer.GlobalMaxPool {
		op = "GlobalMaxPool"
	}
	x = g.real(l, x)
	y := g.one(op, []value{x})
	y.dims = slices.Clone(y.dims)
	for i := 2; i < len(y.dims); i++ {
		y.dims[i] = 1
	}
	return y
}

// adaptivePool is the one pool whose steps give Size results, which depends on
// the size of x.
func adaptivePool(g *graph, l *layer.Layer, x value) value {
	x = g.spatial(l, x, len(l.Size))
	p := &layer.Layer{Kind: layer.MaxPool, Before: make([]int64, len(l.Size)), After: make([]int64, len(l.Size))}
	if l.Kind == layer.AdaptiveMeanPool {
		p.Kind = layer.MeanPool
	}
	one := true
	for i, n := range l.Size {
		one = one && n == 1
		p.Stride = append(p.Stride, x.dims[2+i]/n)
		p.Kernel = append(p.Kernel, x.dims[2+i]-(n-1)*p.Stride[i])
		if x.dims[2+i] != free && p.Stride[i] < 1 {
			g.lacks("%d results of a dim of %d", n, x.dims[2+i])
		}
	}
	switch {
	case !slices.Contains(x.dims[2:], free):
		return pool(g, p, x)
	case one:
		p.Kind = map[layer.Kind]layer.Kind{layer.MaxPool: layer.GlobalMaxPool, layer.MeanPool: layer.GlobalMeanPool}[p.Kind]
		return globalPool(g, p, x)
	}
	return g.windows(l, x)
}

// windows is an adaptive pool of images whose size is known as the graph runs:
// along each axis in turn, what is under each window becomes one element.
func (g *graph) windows(l *layer.Layer, x value) value {
	op := "ReduceMax"
	if l.Kind == layer.AdaptiveMeanPool {
		op = "ReduceMean"
	}
	y := x
	for i, n := range l.Size {
		if n > maxWindows {
			g.lacks("%d results of an image whose size is not known; give the shape of the input", l.Size)
		}
		axis := g.vector(int64(2 + i))
		length := g.op("Shape", []value{y}, attr{"start", int64(2 + i)}, attr{"end", int64(3 + i)})
		length.dtype = tensor.Int64
		step := g.one("Div", []value{length, g.vector(n)})
		size := g.one("Sub", []value{length, g.one("Mul", []value{step, g.vector(n - 1)})})
		var each []value
		for k := range n {
			start := g.one("Mul", []value{step, g.vector(k)})
			part := g.op("Slice", []value{y, start, g.one("Add", []value{start, size}), axis})
			each = append(each, g.op(op, []value{part, axis}, attr{"keepdims", int64(1)}))
		}
		y = g.op("Concat", each, attr{"axis", int64(2 + i)})
	}
	return y.with(append([]int64{x.dims[0], x.dims[1]}, l.Size...)...)
}

// upsample needs the rank, which says how many factors there are.
func upsample(g *graph, l *layer.Layer, x value) value {
	x = g.real(l, x)
	if !x.ranked || len(x.dims) < 3 || len(l.Scale) != 1 && len(l.Scale) != len(x.dims)-2 {
		g.lacks("an image whose rank is not known, or not that of %d scales; give the shape of the input", len(l.Scale))
	}
	scales := []float64{1, 1}
	for i := range x.dims[2:] {
		scales = append(scales, float64(l.Scale[min(i, len(l.Scale)-1)]))
	}
	return g.resample(l, []value{x, {}, g.floats(scales)}, sizes(x, x.dims[1], func(i int, n int64) int64 {
		return tensor.MulSat(n, int64(scales[2+i]))
	}))
}

// resize keeps the batch and the channels, which may be free.
func resize(g *graph, l *layer.Layer, x value) value {
	x = g.spatial(l, x, len(l.Size))
	head := g.op("Shape", []value{x}, attr{"end", int64(2)})
	head.dtype = tensor.Int64
	all := g.op("Concat", []value{head, g.vector(l.Size...)}, attr{"axis", int64(0)})
	return g.resample(l, []value{x, {}, {}, all}, append(slices.Clone(x.dims[:2]), l.Size...))
}

func (g *graph) resample(l *layer.Layer, in []value, dims []int64) value {
	mode, coord := "nearest", "asymmetric"
	if l.Linear {
		mode, coord = "linear", "align_corners"
	}
	return g.op("Resize", in, attr{"mode", mode}, attr{"coordinate_transformation_mode", coord}, attr{"nearest_mode", "floor"}).with(dims...)
}

// pixelShuffle is the operator DepthToSpace of images, and reshapes of others.
func pixelShuffle(g *graph, l *layer.Layer, x value) value {
	n, r := len(x.dims)-2, l.Scale[0]
	if !x.ranked || n < 1 || n > 3 {
		g.lacks("a pixel shuffle of an array whose rank is not known, or not 3 to 5; give the shape of the input")
	}
	channels := x.dims[1]
	for range n {
		if channels != free {
			channels /= r
		}
	}
	dims := sizes(x, channels, func(_ int, n int64) int64 { return tensor.MulSat(n, r) })
	if n == 2 {
		return g.op("DepthToSpace", []value{x}, attr{"blocksize", r}, attr{"mode", "CRD"}).with(dims...)
	}
	size := g.op("Shape", []value{x}, attr{"start", int64(2)})
	size.dtype = tensor.Int64
	split, perm := []int64{0, channels}, []int64{0, 1}
	for i := range n {
		split, perm = append(split, r), append(perm, int64(2+n+i), int64(2+i))
	}
	along := attr{"axis", int64(0)}
	y := g.op("Reshape", []value{x, g.op("Concat", []value{g.vector(split...), size}, along)})
	y = g.op("Transpose", []value{y}, attr{"perm", perm})
	all := g.op("Concat", []value{g.vector(0, 0), g.op("Mul", []value{size, g.vector(r)})}, along)
	return g.op("Reshape", []value{y, all}).with(dims...)
}

// filled is a vector of n equal numbers.
func (g *graph) filled(x float64, n int64, d tensor.DType) value {
	return g.op("Expand", []value{g.scalar(x, d), g.vector(n)}).with(n)
}

// channelWise are the factor and the shift of each of n channels: the weights
// of l, or what changes nothing.
func (g *graph) channelWise(l *layer.Layer, n int64, d tensor.DType) (factor, shift value) {
	if factor = g.weight(l, layer.Main, d); factor.name == "" {
		factor = g.filled(1, n, d)
	}
	if shift = g.weight(l, layer.Bias, d); shift.name == "" {
		shift = g.filled(0, n, d)
	}
	return factor, shift
}

func batchNorm(g *graph, l *layer.Layer, x value) value {
	x = g.real(l, x)
	mean, variance := g.weight(l, layer.Mean, x.dtype), g.weight(l, layer.Variance, x.dtype)
	if mean.name == "" || variance.name == "" {
		mean, variance = g.statistics(x)
	}
	return g.normalise(l, x, mean, variance)
}

// statistics are the mean and the variance of each channel of x.
func (g *graph) statistics(x value) (mean, variance value) {
	if !x.ranked || len(x.dims) < 2 {
		g.lacks("the statistics of an array whose rank is not known, or leaves no channels; give the shape of the input")
	}
	axes := []int64{0}
	for i := 2; i < len(x.dims); i++ {
		axes = append(axes, int64(i))
	}
	mean = g.op("ReduceMean", []value{x, g.vector(axes...)}, attr{"keepdims", int64(1)})
	apart := g.one("Sub", []value{x, mean})
	square := g.one("Mul", []value{apart, apart})
	flat := g.vector(-1)
	variance = g.op("ReduceMean", []value{square, g.vector(axes...)}, attr{"keepdims", int64(0)})
	return g.op("Reshape", []value{mean, flat}), variance
}

// normalise is f((x-mean)/√(variance+eps)·weight + bias) for each channel.
func (g *graph) normalise(l *layer.Layer, x, mean, variance value) value {
	eps := l.Eps
	if l.Deviation {
		eps, variance = 0, g.one("Mul", []value{variance, variance})
	}
	factor, shift := g.channelWise(l, l.In, x.dtype)
	return g.apply(l.Function, g.one("BatchNormalization", []value{x, factor, shift, mean, variance}, attr{"epsilon", eps}))
}

func instanceNorm(g *graph, l *layer.Layer, x value) value {
	if l.Weights[layer.Mean] != nil && l.Weights[layer.Variance] != nil {
		return batchNorm(g, l, x)
	}
	x = g.real(l, x)
	factor, shift := g.channelWise(l, l.In, x.dtype)
	return g.apply(l.Function, g.one("InstanceNormalization", []value{x, factor, shift}, attr{"epsilon", l.Eps}))
}

func groupNorm(g *graph, l *layer.Layer, x value) value {
	x = g.real(l, x)
	mean, variance := g.weight(l, layer.Mean, x.dtype), g.weight(l, layer.Variance, x.dtype)
	if mean.name == "" || variance.name == "" {
		factor, shift := g.channelWise(l, l.In, x.dtype)
		y := g.one("GroupNormalization", []value{x, factor, shift}, attr{"epsilon", l.Eps}, attr{"num_groups", l.Groups})
		return g.apply(l.Function, y)
	}
	// The statistics of a group are those of each of its channels.
	each := func(v value) value {
		v = g.op("Reshape", []value{v, g.vector(l.Groups, 1)})
		v = g.op("Expand", []value{v, g.vector(l.Groups, l.In/l.Groups)})
		return g.op("Reshape", []value{v, g.vector(l.In)})
	}
	return g.normalise(l, x, each(mean), each(variance))
}

func layerNorm(g *graph, l *layer.Layer, x value) value {
	x = g.real(l, x)
	factor := g.weight(l, layer.Main, x.dtype)
	if factor.name == "" {
		factor = g.op("Expand", []value{g.scalar(1, x.dtype), g.vector(l.Size...)})
	}
	if l.Deviation {
		return g.overDeviation(l, x, factor)
	}
	in := []value{x, factor, g.weight(l, layer.Bias, x.dtype)}
	y := g.one("LayerNormalization", in, attr{"axis", -int64(len(l.Size))}, attr{"epsilon", l.Eps})
	return g.apply(l.Function, y)
}

// overDeviation divides by the standard deviation with eps added to it.
func (g *graph) overDeviation(l *layer.Layer, x, factor value) value {
	var axes []int64
	for i := range l.Size {
		axes = append(axes, int64(i-len(l.Size)))
	}
	mean := func(x value) value {
		return g.one("ReduceMean", []value{x, g.vector(axes...)}, attr{"keepdims", int64(1)})
	}
	apart := g.one("Sub", []value{x, mean(x)})
	deviation := g.one("Sqrt", []value{mean(g.one("Mul", []value{apart, apart}))})
	y := g.one("Div", []value{apart, g.one("Add", []value{deviation, g.scalar(l.Eps, x.dtype)})})
	return g.finish(l, g.one("Mul", []value{y, factor}))
}
