package onnx

import (
	"math"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// maxDFT is the longest transform that is written out as a product with a
// matrix of its waves, which has the square of its elements.
const maxDFT = 1 << 14

// window is a - b·cos(2πi/n) + c·cos(4πi/n) for i < size.
func window(a, b, c float64) lowering {
	return one(1, 1, func(l *walker, n *node, in []*trace.Value) *trace.Value {
		d := l.dtype(n, "output_datatype", 1)
		count := l.Pin(l.integer(in[0]))
		period := count
		if !n.flag("periodic", true) {
			period--
		}
		if period < 1 {
			l.Fail(abi.FaultUnsupported, "a window of %d elements", count)
		}
		i := l.Cast(l.iota(trace.Const(count)), tensor.Float32)
		wave := func(turns, by float64) *trace.Value {
			angle := l.mul(i, l.like(i, turns*2*math.Pi/float64(period)))
			return l.mul(l.Map1(abi.FnCos, 0, angle), l.like(i, by))
		}
		y := l.add(wave(1, -b), l.like(i, a))
		if c != 0 {
			y = l.add(y, wave(2, c))
		}
		return l.convert(y, d)
	})
}

func dft(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := in[0]
	axis := n.int("axis", 1)
	if n.version >= 20 {
		axis = -2
		if in[2] != nil {
			axis = l.Pin(l.integer(in[2]))
		}
	}
	at := l.axis(axis, x.Rank())
	inverse, onesided := n.flag("inverse", false), n.flag("onesided", false)
	var size int64
	switch {
	case in[1] != nil:
		size = l.Pin(l.integer(in[1]))
	case inverse && onesided:
		size = 2 * (l.Pin(x.Dim(at)) - 1)
	default:
		size = l.Pin(x.Dim(at))
	}
	return l.dft(x, at, size, inverse, onesided)
}

// dft transforms x (…, size, …, 1 or 2), whose last dim holds the real and the
// imaginary part, along axis. A one-sided inverse is real.
func (l *walker) dft(x *trace.Value, axis int, size int64, inverse, onesided bool) *trace.Value {
	last := x.Rank() - 1
	parts := l.Pin(x.Dim(last))
	if axis == last || parts != 1 && parts != 2 {
		l.Fail(abi.FaultMalformed, "axis %d of a signal with %d parts", axis, parts)
	}
	if size < 1 || size > maxDFT {
		l.Fail(abi.FaultUnsupported, "a transform of %d elements", size)
	}
	from, to := size, size
	if onesided && inverse {
		from = size/2 + 1
	} else if onesided {
		to = size/2 + 1
	}
	x = l.lengthened(x, axis, from)
	perm := make([]int64, 0, last)
	back := make([]int64, last)
	for i := range last {
		if i != axis {
			back[i] = int64(len(perm))
			perm = append(perm, int64(i))
		}
	}
	back[axis] = int64(last) - 1
	perm = append(perm, int64(axis))
	part := func(i int64) *trace.Value {
		v := l.along(x, last, trace.Const(i), trace.Const(1))
		v = l.Permute(l.Reshape(v, x.Dims()[:last]), perm...)
		if inverse && onesided {
			v = l.mul(v, l.Cast(l.vector(mirrored(size)), v.DType()))
		}
		return v
	}
	cos, sin := l.waves(from, to, size, x.DType())
	if inverse {
		sin = l.Map1(abi.FnNeg, 0, sin)
	}
	re := l.matMul(part(0), cos)
	im := l.Map1(abi.FnNeg, 0, l.matMul(part(0), sin))
	if parts == 2 {
		re = l.add(re, l.matMul(part(1), sin))
		im = l.add(im, l.matMul(part(1), cos))
	}
	finish := func(v *trace.Value) *trace.Value {
		if inverse {
			v = l.div(v, l.like(v, float64(size)))
		}
		return l.unsqueeze(l.Permute(v, back...), int64(last))
	}
	if inverse && onesided {
		return finish(re)
	}
	return l.Concat(last, finish(re), finish(im))
}

// lengthened cuts x along axis or fills it up with zeros.
func (l *walker) lengthened(x *trace.Value, axis int, size int64) *trace.Value {
	more := l.Sub(trace.Const(size), x.Dim(axis))
	if more.IsConst() && more.N == 0 {
		return x
	}
	before, after := trace.Consts(repeat(0, x.Rank())...), trace.Consts(repeat(0, x.Rank())...)
	after[axis] = more
	return l.pad(x, before, after, abi.PadConstant, nil)
}

// waves are cos and sin of 2πtk/n for t < rows and k < columns, and how often
// each frequency of a one-sided spectrum counts.
func (l *walker) waves(rows, columns, n int64, d tensor.DType) (cos, sin *trace.Value) {
	t, k := l.unsqueeze(l.iota(trace.Const(rows)), 1), l.iota(trace.Const(columns))
	turn := l.Map2(abi.FnMod, l.mul(t, k), l.like(k, float64(n)))
	angle := l.mul(l.Cast(turn, d), l.Scalar(d, 2*math.Pi/float64(n)))
	return l.Map1(abi.FnCos, 0, angle), l.Map1(abi.FnSin, 0, angle)
}

// mirrored is how often each frequency of half a spectrum stands in the whole.
func mirrored(n int64) []float32 {
	w := make([]float32, n/2+1)
	for i := range w {
		w[i] = 2
	}
	w[0] = 1
	if n%2 == 0 {
		w[n/2] = 1
	}
	return w
}

// stft transforms frames of x (batch, time, 1 or 2) that begin every step.
func stft(l *walker, n *node, in []*trace.Value) *trace.Value {
	x, shape := in[0], in[2]
	l.ranked(x, 3)
	l.ranked(shape, 1)
	step := l.integer(in[1])
	length := x.Dim(1)
	switch {
	case in[3] != nil:
		length = l.integer(in[3])
	case shape != nil:
		length = shape.Dim(0)
	}
	size := trace.Const(l.Pin(length))
	frames := l.Add(l.FloorDiv(l.Sub(x.Dim(1), size), step), trace.Const(1))
	at := l.mul(l.unsqueeze(l.iota(frames), 1), l.Known(tensor.Int64, nil, []trace.Int{step}))
	x = l.Gather(x, l.add(at, l.iota(size)), 1)
	if shape != nil {
		x = l.mul(x, l.unsqueeze(shape, 1))
	}
	return l.dft(x, 2, size.N, false, n.flag("onesided", true))
}

// melWeightMatrix is worked out here: its inputs are five numbers.
func melWeightMatrix(l *walker, n *node, in []*trace.Value) *trace.Value {
	bins, size := l.Pin(l.integer(in[0])), l.Pin(l.integer(in[1]))
	rate := float64(l.Pin(l.integer(in[2])))
	low, high := l.number32(in[3]), l.number32(in[4])
	rows := size/2 + 1
	if bins < 1 || size < 1 || bins > 1<<16 || size > 1<<20 || rows > maxForest/bins || !(rate > 0) {
		l.Fail(abi.FaultUnsupported, "%d bins of a transform of %d elements", bins, size)
	}
	mel := func(hertz float64) float64 { return 2595 * math.Log10(1+hertz/700) }
	step := (mel(high) - mel(low)) / float64(bins+2)
	edge := make([]int64, bins+2)
	for i := range edge {
		hertz := 700 * (math.Pow(10, (float64(i)*step+mel(low))/2595) - 1)
		at := math.Floor(float64(size+1) * hertz / rate)
		if !(at >= 0 && at < float64(rows)) {
			l.Fail(abi.FaultMalformed, "an edge at element %g of %d", at, rows)
		}
		edge[i] = int64(at)
	}
	table := make([]float32, rows*bins)
	for i := range bins {
		left, middle, right := edge[i], edge[i+1], edge[i+2]
		if left == middle {
			table[middle*bins+i] = 1
		}
		for j := left; j <= middle && left < middle; j++ {
			table[j*bins+i] = float32(j-left) / float32(middle-left)
		}
		for j := middle; j < right; j++ {
			table[j*bins+i] = float32(right-j) / float32(right-middle)
		}
	}
	return l.convert(l.Reshape(l.vector(table), trace.Consts(rows, bins)), l.dtype(n, "output_datatype", 1))
}

// number32 reads the only element of v.
func (l *walker) number32(v *trace.Value) float64 {
	f := l.Floats(v)
	if len(f) != 1 {
		l.Fail(abi.FaultMalformed, "%d numbers where one is expected", len(f))
	}
	return float64(f[0])
}
