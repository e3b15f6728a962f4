package kernels

import (
	"fmt"
	"math"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Softmax scales x along one axis so that it sums to one.
//
//	z = Scale·x + mask
//	y[i] = exp(z[i]-max(z)) / sum(exp(z-max(z)))
//
// With Log, y is z[i]-max(z) - log(sum(exp(z-max(z)))). The sum is in the
// order of fold. A row whose largest z is infinite is NaN, as IEEE has it.
//
//	x      float [..., n, ...]
//	mask   like x, broadcasts to it; optional
//	attrs  Axis; Scale, 0 means 1; Log
//	y      like x
var Softmax = Op{name: "softmax", plan: planner(planSoftmax), run: runSoftmax}

// SoftmaxAttrs are the attributes of Softmax.
type SoftmaxAttrs struct {
	Axis  int64
	Scale float32
	Log   bool
}

// softmaxStep sees x as (outer, n, inner) and its rows as (outer, inner).
type softmaxStep struct {
	rows
	outer, inner int
	scale        float32
	log          bool
	mask         axes // of the first element of a row's mask
	maskStride   int
}

func planSoftmax(in []tensor.Type, a SoftmaxAttrs) (Plan, error) {
	if len(in) == 2 && in[1] == (tensor.Type{}) {
		in = in[:1]
	}
	if err := required(in, max(1, min(len(in), 2))); err != nil {
		return Plan{}, err
	}
	x := in[0]
	if !x.DType.IsFloat() || len(in) == 2 && in[1].DType != x.DType {
		return Plan{}, fmt.Errorf("%w: %v", ErrDType, in)
	}
	if err := onAxis(&x, a.Axis); err != nil {
		return Plan{}, err
	}
	axis := int(a.Axis)
	outer, inner := tensor.Product(x.Dims[:axis]), tensor.Product(x.Dims[axis+1:x.Rank])
	s := &softmaxStep{outer: int(outer), inner: int(inner), scale: a.Scale, log: a.Log}
	if s.scale == 0 {
		s.scale = 1
	}
	if len(in) == 2 {
		if !broadcasts(&in[1], &x) {
			return Plan{}, fmt.Errorf("%w: mask %v for %v", ErrShape, in[1], x)
		}
		strides := broadcastStrides(in[1].Shape(), x.Shape())
		for k, n := range x.Shape() {
			if k != axis {
				s.mask.add(int(n), strides[k])
			}
		}
		s.maskStride = strides[axis]
	}
	p := Plan{Out: []tensor.Type{x}, Flops: tensor.MulSat(40, x.Elems()), Bytes: bytesOf(in, x), step: s}
	if x.Elems() == 0 {
		return p, nil
	}
	s.rows = newRows(outer*inner, x.Dims[axis])
	size := realSize(x.DType)
	p.Scratch = float32Scratch(in...) + float32Scratch(x) + 2*size*outer*inner*int64(s.blocks)
	if inner > 1 {
		p.Scratch += size * x.Elems()
	}
	return p, nil
}

func runSoftmax(c *Call) error {
	if c.Out[0].DType == tensor.Float64 {
		return softmax(c, exponents64, math.Log)
	}
	return softmax(c, simd.Exponents, simd.Log32)
}

// exponents64 is simd.Exponents for float64.
func exponents64(dst, z []float64, peak float64) float64 {
	var lanes [simd.Lanes]float64
	for i, v := range z {
		v = math.Exp(v - peak)
		if dst != nil {
			dst[i] = v
		}
		lanes[i%simd.Lanes] += v
	}
	return simd.Sum(lanes[:])
}

// softmaxRun is a run of Softmax: what it works on, and the passes over it.
type softmaxRun[T real] struct {
	*softmaxStep
	x, mask, z, out, peaks, sums []T
	passes                       []rowPass
	atOnce                       []rowPass // for rows that are short
}

func newSoftmaxRun[T real](exponents func(dst, z []T, peak T) T, log func(T) T) *softmaxRun[T] {
	s := &softmaxRun[T]{}
	s.passes = []rowPass{{
		block: func(row, b, lo, hi int) {
			z, x := s.z[row*s.n+lo:row*s.n+hi], s.x[row*s.n+lo:row*s.n+hi]
			s.peaks[s.stat(row, b)] = logits(s.softmaxStep, z, x, s.mask, row, lo)
		},
		row: func(row int) {
			s.peaks[s.stat(row, 0)] = simd.Highest(s.peaks[s.stat(row, 0):s.stat(row+1, 0)], T(math.Inf(-1)))
		},
	}, {
		block: func(row, b, lo, hi int) {
			z := s.z[row*s.n+lo : row*s.n+hi]
			e := z
			if s.log {
				e = nil
			}
			s.sums[s.stat(row, b)] = exponents(e, z, s.peaks[s.stat(row, 0)])
		},
		row: func(row int) {
			sum := total(&s.rows, s.sums, row)
			if s.log {
				sum = log(sum)
			}
			s.sums[s.stat(row, 0)] = sum
		},
	}, {
		block: func(row, b, lo, hi int) {
			z, peak, sum := s.z[row*s.n+lo:row*s.n+hi], s.peaks[s.stat(row, 0)], s.sums[s.stat(row, 0)]
			if !s.log {
				simd.Divide(z, sum)
				return
			}
			for i, v := range z {
				z[i] = (v - peak) - sum
			}
		},
	}}
	// Each row at once, without a note of what was learnt of it.
	s.atOnce = []rowPass{{block: func(row, _, _, _ int) {
		z, x := s.z[row*s.n:][:s.n], s.x[row*s.n:][:s.n]
		peak := logits(s.softmaxStep, z, x, s.mask, row, 0)
		simd.Divide(z, exponents(z, z, peak))
	}}}
	return s
}

func softmax[T real](c *Call, exponents func(dst, z []T, peak T) T, log func(T) T) error {
	if c.Out[0].Elems() == 0 {
		return nil
	}
	s := kept(c, func() *softmaxRun[T] { return newSoftmaxRun(exponents, log) })
	err := s.run(c)
	*s = softmaxRun[T]{passes: s.passes, atOnce: s.atOnce}
	return err
}

func (s *softmaxRun[T]) run(c *Call) (err error) {
	s.softmaxStep = c.Plan.step.(*softmaxStep)
	rest := scratchOf(c)
	if s.x, err = operand[T](c, c.In[0], &rest); err != nil {
		return err
	}
	if len(c.In) > 1 {
		if s.mask, err = operand[T](c, c.In[1], &rest); err != nil {
			return err
		}
	}
	s.out = output[T](c.Out[0], &rest)
	s.peaks = cutReals[T](&rest, s.count*s.blocks)
	s.sums = cutReals[T](&rest, s.count*s.blocks)
	s.z = s.out
	if s.inner > 1 {
		s.z = cutReals[T](&rest, len(s.x))
		if err := transposeAll(c, s.z, s.x, s.outer, s.inner, s.n); err != nil {
			return err
		}
		s.x = s.z
	}
	passes := s.passes
	if s.blocks == 1 && !s.log {
		passes = s.atOnce
	}
	if err := s.rows.run(c, passes...); err != nil {
		return err
	}
	if s.inner > 1 {
		if err := transposeAll(c, s.out, s.z, s.outer, s.n, s.inner); err != nil {
			return err
		}
	}
	return storeAll(c, c.Out[0], s.out)
}

// logits sets z to the scaled and masked elements from lo on of a row, x, and
// returns the largest.
func logits[T real](s *softmaxStep, z, x, mask []T, row, lo int) T {
	if mask == nil {
		return simd.Logits(z, x, nil, T(s.scale))
	}
	m := mask[s.mask.at(row)+lo*s.maskStride:]
	if s.maskStride == 1 {
		return simd.Logits(z, x, m, T(s.scale))
	}
	for i, v := range x {
		z[i] = T(T(s.scale)*v) + m[i*s.maskStride]
	}
	return simd.Highest(z, T(math.Inf(-1)))
}
