package kernels

import (
	"fmt"
	"math"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// PoolWindow folds windows of x, channels last.
//
//	max  y[n, o…, c] = max x[n, o·Stride + t·Dilation - Before, c]
//	avg  the mean of these elements
//	lp   (Σ|x|^P)^(1/P)
//
// The elements of a window are folded in order, those outside of x are left
// out. CountPad divides an average by the elements within the padding too. A
// window with nothing to count gives the lowest value, or 0. A NaN makes its
// windows NaN.
//
//	x      float, for max also integer [n, sp…, c]
//	attrs  Kind; Window, Stride, Dilation, Before, After, one for each spatial
//	       dim; Ceil rounds sizes up, but no window starts in the padding
//	       behind; CountPad; P
//	y      like x [n, out…, c]
var PoolWindow = Op{name: "pool", plan: planner(planPool), run: runPool}

// PoolAttrs are the attributes of PoolWindow.
type PoolAttrs struct {
	Kind                                    int64
	Window, Stride, Dilation, Before, After []int64
	Ceil, CountPad                          bool
	P                                       int64
}

// The kinds of PoolWindow.
const (
	PoolMax = 1
	PoolAvg = 2
	PoolLp  = 3
)

// poolStep cuts the work as a product of (places, taps) by (taps, channels).
type poolStep struct {
	gemm
	window
	kind, p  int64
	countPad bool
	// The largest of a wide window is the largest of its columns of what is the
	// largest along each line; nil where that is no less work.
	along, across *poolStep
}

// maxTaps is how many taps of a window are folded at once.
const maxTaps = 1 << 10

func planPool(in []tensor.Type, a PoolAttrs) (Plan, error) {
	if err := required(in, 1); err != nil {
		return Plan{}, err
	}
	x := in[0]
	if !x.DType.IsFloat() && (a.Kind != PoolMax || !x.DType.IsInt()) {
		return Plan{}, fmt.Errorf("%w: %v", ErrDType, x)
	}
	if a.Kind < PoolMax || a.Kind > PoolLp {
		return Plan{}, fmt.Errorf("%w: kind %d", ErrAttr, a.Kind)
	}
	if a.Kind == PoolLp && (a.P < 1 || a.P > 1<<20) {
		return Plan{}, fmt.Errorf("%w: norm %d", ErrAttr, a.P)
	}
	w, err := planWindow(&x, sliding{a.Window, a.Stride, a.Dilation, a.Before, a.After})
	if err != nil {
		return Plan{}, err
	}
	if err := w.slide(); err != nil {
		return Plan{}, err
	}
	if a.Ceil {
		w.slideUp()
	}
	y, err := w.result(&x, x.Dims[x.Rank-1])
	if err != nil {
		return Plan{}, err
	}
	taps := tensor.MulSat(int64(w.kernel[0]), tensor.MulSat(int64(w.kernel[1]), int64(w.kernel[2])))
	work := tensor.MulSat(y.Elems(), taps)
	places := tensor.Product(y.Dims[:y.Rank-1])
	s := &poolStep{window: w, kind: a.Kind, p: a.P, countPad: a.CountPad}
	s.gemm = newDepthwise(int(places), int(y.Dims[y.Rank-1]), int(taps), w.out[2])
	p := Plan{Out: []tensor.Type{y}, Flops: tensor.AddSat(work, 2*y.Elems()), Bytes: bytesOf(in, y), step: s}
	if a.Kind == PoolLp {
		// A power costs some fifty times as much as an addition.
		p.Flops = tensor.MulSat(p.Flops, 50)
	}
	if isFloat32(x.DType) {
		p.Scratch = tensor.AddSat(float32Scratch(x, y), s.halve(x))
	}
	return p, nil
}

// halve lets a pool that takes the largest of wide windows go along the lines of
// the planes that it takes first. It returns the scratch for what is between.
func (s *poolStep) halve(x tensor.Type) int64 {
	k, stride := s.kernel, s.stride[1]
	if s.kind != PoolMax || k[0] > 1 || s.k > maxTaps || s.m == 0 || k[1]*k[2] <= 2*(k[2]*stride+k[1]) {
		return 0
	}
	along, across := s.window, s.window
	along.kernel[1], along.stride[1], along.dilation[1], along.before[1], along.out[1] = 1, 1, 1, 0, s.in[1]
	for _, d := range []int{0, 2} {
		across.kernel[d], across.stride[d], across.dilation[d], across.before[d], across.in[d] = 1, 1, 1, 0, s.out[d]
	}
	lines := int(x.Dims[0]) * s.out[0] * s.in[1]
	s.along = &poolStep{gemm: newDepthwise(lines*s.out[2], s.n, k[2], s.out[2]), window: along, kind: PoolMax}
	s.across = &poolStep{gemm: newDepthwise(s.m, s.n, k[1], s.out[2]), window: across, kind: PoolMax}
	return tensor.MulSat(4*int64(lines), tensor.MulSat(int64(s.out[2]), int64(s.n)))
}

// poolings of integers take the largest; Plan allows nothing else.
var poolings = perType{
	tensor.Float32: poolFloat32, tensor.Float16: poolFloat32, tensor.BFloat16: poolFloat32, tensor.Float64: poolFloat64,
	tensor.Int8: poolMax[int8], tensor.Int16: poolMax[int16], tensor.Int32: poolMax[int32], tensor.Int64: poolMax[int64],
	tensor.Uint8: poolMax[uint8], tensor.Uint16: poolMax[uint16], tensor.Uint32: poolMax[uint32], tensor.Uint64: poolMax[uint64],
}

func runPool(c *Call) error {
	if c.Out[0].Elems() == 0 {
		return nil
	}
	return poolings[c.Out[0].DType](c)
}

func poolFloat32(c *Call) error {
	if s := c.Plan.step.(*poolStep); s.kind != PoolLp && s.k <= maxTaps {
		return s.over(c)
	}
	return poolFloat(c, simd.Pow32)
}

func poolFloat64(c *Call) error { return poolFloat(c, math.Pow) }

func poolFloat[T real](c *Call, pow func(x, y T) T) error {
	switch s := c.Plan.step.(*poolStep); s.kind {
	case PoolMax:
		return poolMax[T](c)
	case PoolAvg:
		return pool(c, 0, joinSum[T], func(row []T, corner [3]int) {
			if n := s.count(corner); n > 0 {
				for i := range row {
					row[i] = quotient(row[i], T(n))
				}
			}
		})
	default:
		return poolNorm(c, s.p, pow)
	}
}

func poolMax[T tensor.Element](c *Call) error {
	start, join := joining[T](ReduceMax)
	return pool(c, start, join, func([]T, [3]int) {})
}

func poolNorm[T real](c *Call, p int64, pow func(x, y T) T) error {
	power := func(v T) T { return pow(v, T(p)) }
	root := func(v T) T { return pow(v, 1/T(p)) }
	switch p {
	case 1:
		power = func(v T) T { return v }
		root = power
	case 2:
		power = func(v T) T { return product(v, v) }
		root = func(v T) T { return T(math.Sqrt(float64(v))) }
	}
	add := func(acc, x []T) {
		x = x[:len(acc)]
		for i, v := range x {
			acc[i] += T(power(max(v, -v)))
		}
	}
	return pool(c, 0, add, func(row []T, _ [3]int) {
		for i, v := range row {
			row[i] = root(v)
		}
	})
}

// pool joins rows of channels from start on; finish gets each piece of a row
// of y that is complete and its window's corner.
func pool[T tensor.Element](c *Call, start T, join joiner[T], finish func(row []T, corner [3]int)) error {
	s, out := c.Plan.step.(*poolStep), c.Out[0]
	rest := scratchOf(c)
	x, err := operand[T](c, c.In[0], &rest)
	if err != nil {
		return err
	}
	y := output[T](out, &rest)
	return s.gemm.run(c, 1, func(_ *Call, p patch) {
		for i := p.row0; i < p.row1; i++ {
			at := i*s.n + p.col0
			row := y[at : i*s.n+p.col1]
			if p.k0 == 0 {
				for j := range row {
					row[j] = start
				}
			}
			corner, image := s.corner(i)
			tap := s.tap(p.k0)
			for k := p.k0; k < p.k1; k++ {
				if place, ok := s.place(corner, tap); ok {
					join(row, x[(image+place)*s.n+p.col0:])
				}
				s.next(&tap)
			}
			if p.k1 == s.k {
				finish(row, corner)
				store(out, y, at, at+len(row))
			}
		}
	})
}

// count is by how many elements the sum of a window is divided.
func (s *poolStep) count(corner [3]int) int {
	n := 1
	for d := range corner {
		low, high := 0, s.in[d]
		if s.countPad {
			low, high = -s.before[d], high+s.after[d]
		}
		first, last := s.inside(corner, d, low, high)
		n *= max(0, last-first)
	}
	return n
}

// inside are the taps along dim d whose elements are low … high.
func (w *window) inside(corner [3]int, d, low, high int) (first, last int) {
	step := w.dilation[d]
	if step == 1 {
		return max(0, low-corner[d]), min(w.kernel[d], high-corner[d])
	}
	first = max(0, (low-corner[d]+step-1)/step)
	last = min(w.kernel[d], (high-corner[d]+step-1)/step)
	return first, last
}

// over is pool for windows of float32 that are folded at once.
func (s *poolStep) over(c *Call) error {
	rest := scratchOf(c)
	x, err := operand[float32](c, c.In[0], &rest)
	if err != nil {
		return err
	}
	r := kept(c, func() *poolRun { return new(poolRun) })
	y := output[float32](c.Out[0], &rest)
	if s.along != nil {
		between := rest.cut(int64(s.along.m) * int64(s.n))
		*r = poolRun{s.along, x, between, false}
		if err := s.along.gemm.run(c, 1, poolTile); err != nil {
			return err
		}
		s, x = s.across, between
	}
	*r = poolRun{s, x, y, true}
	return s.gemm.run(c, 1, poolTile)
}

// poolRun is what a pool works on.
type poolRun struct {
	step *poolStep
	x, y []float32
	last bool // y is the result
}

func poolTile(c *Call, p patch) {
	r, w := c.kept.(*poolRun), sweeps.Get().(*sweep)
	s, channels := r.step, p.col1-p.col0
	for w.start(&s.window, s.n, s.n, p, r.y); w.next(); {
		// Windows of a pool are not cut, so their taps are in one group.
		if taps := &w.taps[0]; s.kind == PoolMax {
			simd.HighestOfTaps(w.y, r.x, &w.at, taps, channels)
		} else {
			simd.MeanOfTaps(w.y, r.x, &w.at, taps, channels, float32(max(1, s.count(w.corner))))
		}
	}
	sweeps.Put(w)
	if r.last {
		finish(&s.gemm, c, p, 0, r.y, 1, nil, nil)
	}
}
