package kernels

import (
	"fmt"
	"math"
	"sync"

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
	reach    sync.Pool // of *[maxTaps]int, where the taps of a window are
	inner    []int     // where they are in a window that lies in x, from its corner
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
	s := &poolStep{gemm: newGemm(int(places), int(y.Dims[y.Rank-1]), int(taps)), window: w, kind: a.Kind, p: a.P, countPad: a.CountPad}
	s.reach.New = func() any { return new([maxTaps]int) }
	if s.k <= maxTaps {
		for t := range s.k {
			tap := s.tap(t)
			s.inner = append(s.inner, ((tap[0]*s.dilation[0]*s.in[1]+tap[1]*s.dilation[1])*s.in[2]+tap[2]*s.dilation[2])*s.n)
		}
	}
	p := Plan{Out: []tensor.Type{y}, Flops: tensor.AddSat(work, 2*y.Elems()), Bytes: bytesOf(in, y), step: s}
	if a.Kind == PoolLp {
		// A power costs some fifty times as much as an addition.
		p.Flops = tensor.MulSat(p.Flops, 50)
	}
	if isFloat32(x.DType) {
		p.Scratch = float32Scratch(x, y)
	}
	return p, nil
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
	return poolFloat(c, simd.Pow)
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
					row[i] /= T(n)
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
		power = func(v T) T { return v * v }
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
	if !isHalf(c.Out[0].DType) {
		return c.strips(int64(s.m), int64(s.n), s.size(), poolStrip)
	}
	rest := scratchOf(c)
	x, err := operand[float32](c, c.In[0], &rest)
	if err != nil {
		return err
	}
	return s.overHalves(c, output[float32](c.Out[0], &rest), x)
}

func (s *poolStep) overHalves(c *Call, y, x []float32) error {
	return c.runs(int64(s.m), int64(s.n), s.size(), func(lo, hi, from, to int64) {
		s.windows(y, x, lo, hi, from, to)
		for i := lo; i < hi; i++ {
			store(c.Out[0], y, int(i)*s.n+int(from), int(i)*s.n+int(to))
		}
	})
}

// size is what an element of the result costs, as bytes that are moved. Each
// window costs as much again as 64 taps.
func (s *poolStep) size() int { return min(4*s.k+ceilDiv(4*64, s.n), tileBytes) }

func poolStrip(c *Call, lo, hi, from, to int64) {
	x, y := tensor.View[float32](c.In[0].Data), tensor.View[float32](c.Out[0].Data)
	c.Plan.step.(*poolStep).windows(y, x, lo, hi, from, to)
}

// windows folds the channels from … to of the windows lo … hi.
func (s *poolStep) windows(y, x []float32, lo, hi, from, to int64) {
	list := s.reach.Get().(*[maxTaps]int)
	for i := int(lo); i < int(hi); i++ {
		corner, image := s.corner(i)
		first := image*s.n + int(from)
		row := y[i*s.n+int(from) : i*s.n+int(to)]
		at, count := s.inner, s.k
		if s.isInner(corner) {
			first += ((corner[0]*s.in[1]+corner[1])*s.in[2] + corner[2]) * s.n
		} else {
			at = s.within(list, corner)
			count = max(1, s.count(corner))
		}
		if s.kind == PoolMax {
			simd.HighestOver(row, x[first:], at)
		} else {
			simd.MeanOver(row, x[first:], at, float32(count))
		}
	}
	s.reach.Put(list)
}

// isInner reports whether a window lies in x, all of it.
func (s *poolStep) isInner(corner [3]int) bool {
	for d, at := range corner {
		if at < 0 || at > s.in[d]-s.extent(d) {
			return false
		}
	}
	return true
}

// within lists where in an image those taps of a window are that lie in x.
func (s *poolStep) within(list *[maxTaps]int, corner [3]int) []int {
	var first, last [3]int
	for d := range corner {
		first[d], last[d] = s.inside(corner, d, 0, s.in[d])
	}
	n := 0
	for a := first[0]; a < last[0]; a++ {
		for b := first[1]; b < last[1]; b++ {
			at := (corner[0]+a*s.dilation[0])*s.in[1] + corner[1] + b*s.dilation[1]
			at = (at*s.in[2] + corner[2]) * s.n
			for c := first[2]; c < last[2]; c++ {
				list[n] = at + c*s.dilation[2]*s.n
				n++
			}
		}
	}
	return list[:n]
}
