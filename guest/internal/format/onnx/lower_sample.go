package onnx

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// tap is one neighbour of a place along one dim: its index, and its weight or
// nil for 1.
type tap struct{ at, weight *trace.Value }

var sampleModes = map[string]int64{
	"nearest": abi.ResizeNearest, "linear": abi.ResizeLinear, "cubic": abi.ResizeCubic,
	"bilinear": abi.ResizeLinear, "bicubic": abi.ResizeCubic,
}

// sampler says what gridSample does along each dim.
type sampler struct {
	mode    int64
	padding string
	corners bool
}

// gridSample reads x (n, c, sp…) at the places of grid (n, out…, dims), whose
// last dim names the dims of x from the last to the first, each from -1 to 1.
func gridSample(l *walker, n *node, in []*trace.Value) *trace.Value {
	x, grid := in[0], in[1]
	dims := x.Rank() - 2
	if dims < 1 || grid.Rank() != x.Rank() || l.Pin(grid.Dim(grid.Rank()-1)) != int64(dims) {
		l.Fail(abi.FaultMalformed, "a grid %d for %d", grid.Shape(), x.Shape())
	}
	s := sampler{mode: l.named(n, "mode", "linear", sampleModes), corners: n.flag("align_corners", false)}
	s.padding = n.str("padding_mode", "zeros")
	if s.padding != "zeros" && s.padding != "border" && s.padding != "reflection" {
		l.Fail(abi.FaultMalformed, "padding_mode %q", s.padding)
	}
	out := grid.Dims()[1 : dims+1]
	taps := make([][]tap, dims)
	sizes := l.Pins(x.Dims()[2:])
	for i, size := range sizes {
		at := l.along(grid, grid.Rank()-1, trace.Const(int64(dims-1-i)), trace.Const(1))
		at = l.Reshape(at, []trace.Int{grid.Dim(0), trace.Const(-1)})
		taps[i] = l.taps(s, l.Cast(at, tensor.Float32), size)
	}
	x = l.Permute(x, channelsLast(x.Rank())...)
	flat := l.Reshape(x, []trace.Int{x.Dim(0), l.product(trace.Consts(sizes...)), x.Dim(dims + 1)})
	y := l.sampled(flat, taps, sizes, tap{l.Scalar(tensor.Int64, 0), nil})
	y = l.Reshape(y, append(append([]trace.Int{x.Dim(0)}, out...), x.Dim(dims+1)))
	return l.Permute(y, channelsFirst(dims+2)...)
}

// sampled sums over all combinations of the taps of the dims.
func (l *walker) sampled(x *trace.Value, taps [][]tap, sizes []int64, place tap) *trace.Value {
	if len(taps) == 0 {
		y := l.One(abi.OpGather, &abi.Gather{Axis: 1, Batch: 1}, x, place.at)
		if place.weight != nil {
			y = l.mul(y, l.Cast(l.unsqueeze(place.weight, 2), x.DType()))
		}
		return y
	}
	var sum *trace.Value
	for _, t := range taps[0] {
		at := l.add(l.mul(place.at, l.like(place.at, float64(sizes[0]))), t.at)
		weight := t.weight
		if place.weight != nil && weight != nil {
			weight = l.mul(place.weight, weight)
		} else if weight == nil {
			weight = place.weight
		}
		y := l.sampled(x, taps[1:], sizes[1:], tap{at, weight})
		if sum != nil {
			y = l.add(sum, y)
		}
		sum = y
	}
	return sum
}

// taps are the neighbours of places from -1 to 1 along a dim of size elements.
func (l *walker) taps(s sampler, at *trace.Value, size int64) []tap {
	one, n := l.like(at, 1), float64(size)
	at = l.add(at, one)
	low, high := -0.5, n-0.5
	if s.corners {
		low, high = 0, n-1
		at = l.mul(at, l.like(at, (n-1)/2))
	} else {
		at = l.div(l.sub(l.mul(at, l.like(at, n)), one), l.like(at, 2))
	}
	if s.mode == abi.ResizeNearest {
		at = l.Map1(abi.FnRint, 0, at)
	}
	at = l.inside(s, at, low, high, n)
	if s.mode == abi.ResizeNearest {
		return []tap{l.tap(s, at, nil, low, high, n)}
	}
	first := l.Map1(abi.FnFloor, 0, at)
	f := l.sub(at, first)
	near := func(offset float64, weight *trace.Value) tap {
		return l.tap(s, l.add(first, l.like(first, offset)), weight, low, high, n)
	}
	if s.mode == abi.ResizeLinear {
		return []tap{near(0, l.sub(one, f)), near(1, f)}
	}
	var taps []tap
	for i := range 4 {
		distance := l.Map1(abi.FnAbs, 0, l.sub(f, l.like(f, float64(i-1))))
		taps = append(taps, near(float64(i-1), l.cubic(distance, i == 1 || i == 2)))
	}
	return taps
}

// cubic weighs a neighbour at distance t, at most 1 if near and at most 2 if
// not, with Keys's kernel for a = -3/4.
func (l *walker) cubic(t *trace.Value, near bool) *trace.Value {
	const a = -0.75
	c := [4]float64{a, -5 * a, 8 * a, -4 * a}
	if near {
		c = [4]float64{a + 2, -(a + 3), 0, 1}
	}
	y := l.like(t, c[0])
	for _, k := range c[1:] {
		y = l.add(l.mul(y, t), l.like(t, k))
	}
	return y
}

// inside moves places outside of low to high as the padding says.
func (l *walker) inside(s sampler, at *trace.Value, low, high, n float64) *trace.Value {
	var moved *trace.Value
	switch s.padding {
	case "border":
		moved = l.clamped(at, 0, n-1)
	case "reflection":
		moved = l.reflected(at, low, high)
	default:
		return at
	}
	in := l.Map2(abi.FnAnd, l.Map2(abi.FnGe, at, l.like(at, low)), l.Map2(abi.FnLe, at, l.like(at, high)))
	return l.choose(in, at, moved)
}

func (l *walker) clamped(x *trace.Value, low, high float64) *trace.Value {
	return l.Map2(abi.FnMin, l.Map2(abi.FnMax, x, l.like(x, low)), l.like(x, high))
}

// reflected folds x at low and high until it lies between them.
func (l *walker) reflected(x *trace.Value, low, high float64) *trace.Value {
	size := l.like(x, high-low)
	t := l.Map2(abi.FnMod, l.sub(x, l.like(x, low)), l.like(x, 2*(high-low)))
	back := l.sub(l.like(x, 2*(high-low)), t)
	return l.add(l.choose(l.Map2(abi.FnLe, t, size), t, back), l.like(x, low))
}

// tap resolves a neighbour that may lie outside of the dim.
func (l *walker) tap(s sampler, at, weight *trace.Value, low, high, n float64) tap {
	switch s.padding {
	case "zeros":
		in := l.Map2(abi.FnAnd, l.Map2(abi.FnGe, at, l.like(at, 0)), l.Map2(abi.FnLt, at, l.like(at, n)))
		if weight == nil {
			weight = l.like(at, 1)
		}
		weight = l.choose(in, weight, l.like(at, 0))
	case "reflection":
		at = l.Map1(abi.FnTrunc, 0, l.reflected(at, low, high))
	}
	return tap{l.Cast(l.clamped(at, 0, n-1), tensor.Int64), weight}
}

// affineGrid gives the places that theta (n, dims, dims+1) moves those of an
// image of a size to, in the order that gridSample wants.
func affineGrid(l *walker, n *node, in []*trace.Value) *trace.Value {
	theta, size := in[0], l.Ints(in[1])
	dims := len(size) - 2
	if theta.Rank() != 3 || dims < 1 || dims > 3 {
		l.Fail(abi.FaultMalformed, "theta of rank %d for a size of %d dims", theta.Rank(), len(size))
	}
	size = size[2:]
	corners := n.flag("align_corners", false)
	shape := append(append([]trace.Int(nil), size...), trace.Const(1))
	var parts []*trace.Value
	for i := dims - 1; i >= 0; i-- {
		d := float64(l.Pin(size[i]))
		at := l.Cast(l.iotaAlong(size[i], i, dims+1), theta.DType())
		if corners {
			at = l.add(l.mul(at, l.like(at, 2/max(d-1, 1))), l.like(at, -1))
		} else {
			at = l.add(l.mul(at, l.like(at, 2/d)), l.like(at, 1/d-1))
		}
		parts = append(parts, l.Broadcast(at, shape))
	}
	parts = append(parts, l.Broadcast(l.like(theta, 1), shape))
	base := l.Reshape(l.Concat(dims, parts...), []trace.Int{l.product(size), trace.Const(int64(dims + 1))})
	grid := l.One(abi.OpMatMul, &abi.MatMul{TB: true}, base, theta)
	return l.Reshape(grid, append(append([]trace.Int{theta.Dim(0)}, size...), trace.Const(int64(dims))))
}

// roiAlign pools regions (count, 4) of x into planes of one size. Each cell of
// a plane folds a grid of samples between the elements of x.
func roiAlign(l *walker, n *node, in []*trace.Value) *trace.Value {
	x, rois, batch := in[0], in[1], in[2]
	l.ranked(x, 4)
	l.ranked(rois, 2)
	l.ranked(batch, 1)
	grid := n.int("sampling_ratio", 0)
	if grid < 1 || grid > 64 {
		l.Fail(abi.FaultUnsupported, "sampling_ratio %d: as many samples as the region asks for", grid)
	}
	scale, shift := float64(n.float("spatial_scale", 1)), 0.
	mode := "output_half_pixel"
	if n.version >= 16 {
		mode = n.str("coordinate_transformation_mode", "half_pixel")
	}
	if mode == "half_pixel" {
		shift = 0.5
	} else if mode != "output_half_pixel" {
		l.Fail(abi.FaultMalformed, "coordinate_transformation_mode %q", mode)
	}
	sizes := l.Pins(x.Dims()[2:])
	cells := []int64{n.int("output_height", 1), n.int("output_width", 1)}
	taps := make([][]tap, 2)
	for i, k := range cells {
		if k < 1 || k > 1<<16 {
			l.Fail(abi.FaultMalformed, "output size %d", k)
		}
		side := func(at int) *trace.Value {
			v := l.Cast(l.column(rois, at), tensor.Float32)
			return l.sub(l.mul(v, l.like(v, scale)), l.like(v, shift))
		}
		start := side(1 - i)
		size := l.sub(side(3-i), start)
		if mode != "half_pixel" {
			size = l.Map2(abi.FnMax, size, l.like(size, 1))
		}
		step := l.Cast(l.iota(trace.Const(k*grid)), tensor.Float32)
		step = l.div(l.add(step, l.like(step, 0.5)), l.like(step, float64(k*grid)))
		taps[i] = l.between(l.add(start, l.mul(size, step)), float64(sizes[i]))
		for j := range taps[i] {
			// Rows go along dim 1, columns along dim 2.
			t := &taps[i][j]
			t.at, t.weight = l.unsqueeze(t.at, int64(2-i)), l.unsqueeze(t.weight, int64(2-i))
		}
	}
	channels := x.Dim(1)
	flat := l.Reshape(l.Permute(x, 0, 2, 3, 1), []trace.Int{trace.Const(-1), channels})
	batch = l.unsqueeze(l.Cast(batch, tensor.Int64), 1, 2)
	fold := map[string]struct {
		join   abi.Fn
		reduce int64
	}{"avg": {abi.FnAdd, abi.ReduceMean}, "max": {abi.FnMax, abi.ReduceMax}}[n.str("mode", "avg")]
	if fold.reduce == 0 {
		l.Fail(abi.FaultMalformed, "mode")
	}
	var y *trace.Value
	for _, row := range taps[0] {
		for _, column := range taps[1] {
			at := l.add(l.mul(batch, l.like(batch, float64(sizes[0]))), row.at)
			at = l.add(l.mul(at, l.like(at, float64(sizes[1]))), column.at)
			v := l.Gather(flat, at, 0)
			v = l.mul(v, l.Cast(l.unsqueeze(l.mul(row.weight, column.weight), 3), x.DType()))
			if y != nil {
				v = l.Map2(fold.join, y, v)
			}
			y = v
		}
	}
	g := trace.Const(grid)
	y = l.Reshape(y, []trace.Int{rois.Dim(0), trace.Const(cells[0]), g, trace.Const(cells[1]), g, channels})
	return l.Permute(l.reduce(fold.reduce, 0, y, []int{2, 4}, false), 0, 3, 1, 2)
}

// between are the two neighbours of places along a dim of n elements. Places
// more than one element outside weigh nothing.
func (l *walker) between(at *trace.Value, n float64) []tap {
	in := l.Map2(abi.FnAnd, l.Map2(abi.FnGe, at, l.like(at, -1)), l.Map2(abi.FnLe, at, l.like(at, n)))
	at = l.clamped(at, 0, n-1)
	low := l.Map1(abi.FnFloor, 0, at)
	high := l.clamped(l.add(low, l.like(low, 1)), 0, n-1)
	f := l.sub(at, low)
	weigh := func(w *trace.Value) *trace.Value { return l.choose(in, w, l.like(w, 0)) }
	return []tap{
		{l.Cast(low, tensor.Int64), weigh(l.sub(l.like(f, 1), f))},
		{l.Cast(high, tensor.Int64), weigh(f)},
	}
}

// maxUnpool puts each element of x back to where maxPool found it.
func maxUnpool(l *walker, n *node, in []*trace.Value) *trace.Value {
	x, at := in[0], in[1]
	s := l.sliding(n, x, nil)
	dims := x.Dims()
	for i := range s.kernel {
		grown := l.Mul(l.Sub(dims[i+2], trace.Const(1)), trace.Const(s.stride[i]))
		dims[i+2] = l.Add(grown, trace.Const(s.kernel[i]-s.before[i]-s.after[i]))
	}
	flat := l.Broadcast(l.like(x, 0), []trace.Int{l.product(dims)})
	y := l.One(abi.OpScatterElements, &abi.ScatterElements{},
		flat, l.Reshape(at, trace.Consts(-1)), l.Reshape(x, trace.Consts(-1)))
	y = l.Reshape(y, dims)
	if in[2] == nil {
		return y
	}
	want := l.Ints(in[2])
	if len(want) != len(dims) {
		l.Fail(abi.FaultMalformed, "output_shape of %d dims", len(want))
	}
	after := make([]trace.Int, len(dims))
	for i := range dims {
		after[i] = l.Sub(want[i], dims[i])
	}
	return l.pad(y, trace.Consts(repeat(0, len(dims))...), after, abi.PadConstant, nil)
}

// col2Im adds up the blocks (n, c·k…, blocks) of an image: a transposed
// convolution whose weights take one element of a block each.
func col2Im(l *walker, n *node, in []*trace.Value) *trace.Value {
	x, image, block := in[0], l.fixed(in[1]), l.fixed(in[2])
	dims := len(image)
	if x.Rank() != 3 || dims < 1 || dims > 3 || len(block) != dims {
		l.Fail(abi.FaultMalformed, "rank %d, %d image dims, %d block dims", x.Rank(), dims, len(block))
	}
	list := func(name string, def []int64) []int64 {
		v := def
		if n.has(name) {
			v = n.ints(name)
		}
		if len(v) != len(def) {
			l.Fail(abi.FaultMalformed, "%s has %d numbers, not %d", name, len(v), len(def))
		}
		return v
	}
	pads := list("pads", repeat(0, 2*dims))
	a := &abi.ConvTranspose{
		Stride: list("strides", repeat(1, dims)), Dilation: list("dilations", repeat(1, dims)),
		Before: pads[:dims:dims], After: pads[dims:], OutPad: make([]int64, dims), Groups: 1,
	}
	size := int64(1)
	for _, k := range block {
		if k < 1 || k > 1<<20 || size > 1<<20 {
			l.Fail(abi.FaultMalformed, "a block of %d", block)
		}
		size *= k
	}
	blocks := make([]trace.Int, dims)
	for i, k := range block {
		if a.Stride[i] < 1 {
			l.Fail(abi.FaultMalformed, "stride %d", a.Stride[i])
		}
		room := image[i] + a.Before[i] + a.After[i] - a.Dilation[i]*(k-1) - 1
		blocks[i] = trace.Const(room/a.Stride[i] + 1)
		a.OutPad[i] = room % a.Stride[i]
	}
	k := trace.Const(size)
	channels := l.FloorDiv(x.Dim(1), k)
	x = l.Permute(l.Reshape(x, []trace.Int{x.Dim(0), channels, k, x.Dim(2)}), 0, 1, 3, 2)
	rows := l.Mul(x.Dim(0), channels)
	w := l.Cast(l.diagonal(abi.FnEq, []trace.Int{k, k}, trace.Const(0)), x.DType())
	w = l.Reshape(w, append(trace.Consts(block...), k, trace.Const(1)))
	y := l.One(abi.OpConvTranspose, a, l.Reshape(x, append(append([]trace.Int{rows}, blocks...), k)), w)
	return l.Reshape(y, append([]trace.Int{in[0].Dim(0), channels}, trace.Consts(image...)...))
}
