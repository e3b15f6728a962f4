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
}

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
	if work == math.MaxInt64 {
		return Plan{}, fmt.Errorf("%w: %d taps", ErrSize, taps)
	}
	places := tensor.Product(y.Dims[:y.Rank-1])
	s := &poolStep{gemm: newGemm(int(places), int(y.Dims[y.Rank-1]), int(taps)), window: w, kind: a.Kind, p: a.P, countPad: a.CountPad}
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

func runPool(c *Call) error {
	x, y := c.In[0], c.Out[0]
	if y.Elems() == 0 {
		return nil
	}
	switch y.DType {
	case tensor.Float64:
		return poolFloat(c, tensor.View[float64](x.Data), tensor.View[float64](y.Data), math.Pow)
	case tensor.Int8:
		return poolMax[int8](c, math.MinInt8)
	case tensor.Int16:
		return poolMax[int16](c, math.MinInt16)
	case tensor.Int32:
		return poolMax[int32](c, math.MinInt32)
	case tensor.Int64:
		return poolMax[int64](c, math.MinInt64)
	case tensor.Uint8:
		return poolMax[uint8](c, 0)
	case tensor.Uint16:
		return poolMax[uint16](c, 0)
	case tensor.Uint32:
		return poolMax[uint32](c, 0)
	case tensor.Uint64:
		return poolMax[uint64](c, 0)
	}
	rest := scratchOf(c)
	xf, err := c.asFloat32(x, &rest)
	if err != nil {
		return err
	}
	return poolFloat(c, xf, rest.result(y), simd.Pow)
}

func poolMax[T tensor.Element](c *Call, lowest T) error {
	x, y := tensor.View[T](c.In[0].Data), tensor.View[T](c.Out[0].Data)
	return pool(c, x, y, lowest, foldMax[T], func([]T, [3]int, int) {})
}

func foldMax[T tensor.Element](y, x []T) {
	x = x[:len(y)]
	for i, v := range y {
		y[i] = max(v, x[i])
	}
}

func poolFloat[T float32 | float64](c *Call, x, y []T, pow func(x, y T) T) error {
	s, out := c.Plan.step.(*poolStep), c.Out[0]
	narrowed := func(row []T, at int) {
		if f, ok := any(row).([]float32); ok && out.DType != tensor.Float32 {
			writeFloat32(out, at, f)
		}
	}
	switch {
	case s.kind == PoolMax:
		return pool(c, x, y, T(math.Inf(-1)), foldMax[T], func(row []T, _ [3]int, at int) { narrowed(row, at) })
	case s.kind == PoolAvg:
		add := func(y, x []T) {
			x = x[:len(y)]
			for i, v := range x {
				y[i] += v
			}
		}
		return pool(c, x, y, 0, add, func(row []T, corner [3]int, at int) {
			if n := s.count(corner); n > 0 {
				for i := range row {
					row[i] /= T(n)
				}
			}
			narrowed(row, at)
		})
	}
	power := func(v T) T { return pow(v, T(s.p)) }
	root := func(v T) T { return pow(v, 1/T(s.p)) }
	switch s.p {
	case 1:
		power = func(v T) T { return v }
		root = power
	case 2:
		power = func(v T) T { return v * v }
		root = func(v T) T { return T(math.Sqrt(float64(v))) }
	}
	add := func(y, x []T) {
		x = x[:len(y)]
		for i, v := range x {
			y[i] += T(power(max(v, -v)))
		}
	}
	return pool(c, x, y, 0, add, func(row []T, _ [3]int, at int) {
		for i, v := range row {
			row[i] = root(v)
		}
		narrowed(row, at)
	})
}

// pool folds rows of channels from start on; finish gets each piece of a row
// of y that is complete, its window's corner and where it lies.
func pool[T tensor.Element](c *Call, x, y []T, start T, fold func(y, x []T), finish func(row []T, corner [3]int, at int)) error {
	s := c.Plan.step.(*poolStep)
	return s.gemm.run(c, 1, func(p patch) {
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
					fold(row, x[(image+place)*s.n+p.col0:])
				}
				s.next(&tap)
			}
			if p.k1 == s.k {
				finish(row, corner, at)
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
		first := max(0, (low-corner[d]+s.dilation[d]-1)/s.dilation[d])
		last := min(s.kernel[d], (high-corner[d]+s.dilation[d]-1)/s.dilation[d])
		n *= max(0, last-first)
	}
	return n
}
