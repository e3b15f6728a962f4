package layer

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// onChannelsLast applies f to x (n, c, sp…) as (n, sp…, c), and permutes its
// result back. The tracer lets permutes between two layers cancel.
func (w *walk) onChannelsLast(x *trace.Value, f func(x *trace.Value) *trace.Value) *trace.Value {
	rank := x.Rank()
	if rank < 2 {
		w.Fail(abi.FaultInput, "rank %d leaves no channels", rank)
	}
	last, back := []int64{0}, []int64{0, int64(rank - 1)}
	for i := range rank - 2 {
		last, back = append(last, int64(i+2)), append(back, int64(i+1))
	}
	return w.Permute(f(w.Permute(x, append(last, 1)...)), back...)
}

// image refuses x unless it is (n, c, sp…) with as many spatial dims as l has.
func (w *walk) image(l *Layer, x *trace.Value, spatial int) *trace.Value {
	x = w.real(l, x)
	if x.Rank() != spatial+2 {
		w.Fail(abi.FaultInput, "rank %d, not %d", x.Rank(), spatial+2)
	}
	if l.In != 0 && !w.Equal(x.Dim(1), trace.Const(l.In)) {
		w.Fail(abi.FaultInput, "%d channels, not %d", x.Shape()[1], l.In)
	}
	return x
}

func conv(w *walk, l *Layer, x *trace.Value) *trace.Value {
	x = w.image(l, x, len(l.Kernel))
	// Weights (m, c/groups, k…) become (k…, c/groups, m).
	perm := spatialPerm(len(l.Kernel), 1, 0)
	a := &abi.Conv{Stride: l.Stride, Dilation: l.Dilation, Before: l.Before, After: l.After, Groups: l.Groups}
	return w.onChannelsLast(x, func(x *trace.Value) *trace.Value {
		return w.finish(l, w.One(abi.OpConv, a, x, w.Permute(w.weight(l, Main, x.DType()), perm...)))
	})
}

func convTranspose(w *walk, l *Layer, x *trace.Value) *trace.Value {
	x = w.image(l, x, len(l.Kernel))
	// Weights (c, m/groups, k…) become (k…, c, m/groups).
	perm := spatialPerm(len(l.Kernel), 0, 1)
	a := &abi.ConvTranspose{Stride: l.Stride, Dilation: l.Dilation, Before: l.Before, After: l.After, OutPad: l.OutPad, Groups: l.Groups}
	return w.onChannelsLast(x, func(x *trace.Value) *trace.Value {
		return w.finish(l, w.One(abi.OpConvTranspose, a, x, w.Permute(w.weight(l, Main, x.DType()), perm...)))
	})
}

// spatialPerm moves the dims behind the first two to the front, before a and b.
func spatialPerm(spatial int, a, b int64) []int64 {
	var perm []int64
	for i := range spatial {
		perm = append(perm, int64(i+2))
	}
	return append(perm, a, b)
}

func pool(w *walk, l *Layer, x *trace.Value) *trace.Value {
	x = w.image(l, x, len(l.Kernel))
	return w.pool(x, &abi.Pool{Window: l.Kernel, Stride: l.Stride, Before: l.Before, After: l.After}, l.Kind == MaxPool)
}

// pool fills in what all pools have in common.
func (w *walk) pool(x *trace.Value, a *abi.Pool, largest bool) *trace.Value {
	a.Kind, a.CountPad = abi.PoolAvg, true
	if largest {
		a.Kind, a.CountPad = abi.PoolMax, false
	}
	for range a.Window {
		a.Dilation = append(a.Dilation, 1)
	}
	return w.onChannelsLast(x, func(x *trace.Value) *trace.Value { return w.One(abi.OpPool, a, x) })
}

// adaptivePool chooses the one window whose steps give Size results.
func adaptivePool(w *walk, l *Layer, x *trace.Value) *trace.Value {
	x = w.image(l, x, len(l.Size))
	none := make([]int64, len(l.Size))
	a := &abi.Pool{Before: none, After: none}
	for i, n := range l.Size {
		have := w.Pin(x.Dim(i + 2))
		stride := have / n
		if stride < 1 {
			w.Fail(abi.FaultInput, "%d results of a dim of %d", n, have)
		}
		a.Stride = append(a.Stride, stride)
		a.Window = append(a.Window, have-(n-1)*stride)
	}
	return w.pool(x, a, l.Kind == AdaptiveMaxPool)
}

// upsample makes each spatial dim longer.
func upsample(w *walk, l *Layer, x *trace.Value) *trace.Value {
	x = w.real(l, x)
	if n := x.Rank() - 2; n < 1 || len(l.Scale) != 1 && len(l.Scale) != n {
		w.Fail(abi.FaultInput, "rank %d for %d scales", x.Rank(), len(l.Scale))
	}
	dims := x.Dims()
	for i := range dims[2:] {
		dims[i+2] = w.Mul(dims[i+2], trace.Const(l.Scale[min(i, len(l.Scale)-1)]))
	}
	return w.resample(l, x, dims)
}

func resize(w *walk, l *Layer, x *trace.Value) *trace.Value {
	x = w.image(l, x, len(l.Size))
	return w.resample(l, x, append(x.Dims()[:2:2], trace.Consts(l.Size...)...))
}

func (w *walk) resample(l *Layer, x *trace.Value, dims []trace.Int) *trace.Value {
	a := &abi.Resize{Dims: w.Words(dims), Mode: abi.ResizeNearest, Coord: abi.CoordAsymmetric, Round: abi.RoundFloor}
	if l.Linear {
		a.Mode, a.Coord = abi.ResizeLinear, abi.CoordAlignCorners
	}
	return w.One(abi.OpResize, a, x)
}

// pixelShuffle puts a number of channels between the places of each spatial
// dim: (n, c·r…, sp…) becomes (n, c, sp·r…).
func pixelShuffle(w *walk, l *Layer, x *trace.Value) *trace.Value {
	n, r := x.Rank()-2, l.Scale[0]
	if n < 1 || n > maxSpatial {
		w.Fail(abi.FaultInput, "rank %d has %d spatial dims", x.Rank(), n)
	}
	block := int64(1)
	for range n {
		block = tensor.MulSat(block, r)
	}
	channels := w.Pin(x.Dim(1))
	if channels%block != 0 {
		w.Fail(abi.FaultInput, "%d channels in blocks of %d", channels, block)
	}
	split, joined := []trace.Int{x.Dim(0), trace.Const(channels / block)}, []trace.Int{x.Dim(0), trace.Const(channels / block)}
	perm := []int64{0, 1}
	for i := range n {
		split, perm = append(split, trace.Const(r)), append(perm, int64(2+n+i), int64(2+i))
		joined = append(joined, w.Mul(x.Dim(2+i), trace.Const(r)))
	}
	x = w.Permute(w.Reshape(x, append(split, x.Dims()[2:]...)), perm...)
	return w.Reshape(x, joined)
}

func globalPool(w *walk, l *Layer, x *trace.Value) *trace.Value {
	x = w.real(l, x)
	if x.Rank() < 3 {
		w.Fail(abi.FaultInput, "rank %d has no spatial dims", x.Rank())
	}
	fn := int64(abi.ReduceMean)
	if l.Kind == GlobalMaxPool {
		fn = abi.ReduceMax
	}
	return w.One(abi.OpReduce, &abi.Reduce{Axes: axesFrom(2, x.Rank()), Fn: fn, Keep: true}, x)
}

func axesFrom(axis, rank int) []int64 {
	var axes []int64
	for ; axis < rank; axis++ {
		axes = append(axes, int64(axis))
	}
	return axes
}
