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
	return softmax(c, simd.Exponents, simd.Log)
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

func softmax[T real](c *Call, exponents func(dst, z []T, peak T) T, log func(T) T) error {
	s, y := c.Plan.step.(*softmaxStep), c.Out[0]
	if y.Elems() == 0 {
		return nil
	}
	rest := scratchOf(c)
	x, err := operand[T](c, c.In[0], &rest)
	if err != nil {
		return err
	}
	var mask []T
	if len(c.In) > 1 {
		if mask, err = operand[T](c, c.In[1], &rest); err != nil {
			return err
		}
	}
	out := output[T](y, &rest)
	peaks := cutReals[T](&rest, s.count*s.blocks)
	sums := cutReals[T](&rest, s.count*s.blocks)
	z := out
	if s.inner > 1 {
		z = cutReals[T](&rest, len(x))
		if err := transposeAll(c, z, x, s.outer, s.inner, s.n); err != nil {
			return err
		}
		x = z
	}
	low := T(math.Inf(-1))
	passes := []rowPass{{
		block: func(row, b, lo, hi int) {
			z, x := z[row*s.n+lo:row*s.n+hi], x[row*s.n+lo:row*s.n+hi]
			peaks[s.stat(row, b)] = logits(s, z, x, mask, row, lo)
		},
		row: func(row int) {
			peaks[s.stat(row, 0)] = simd.Highest(peaks[s.stat(row, 0):s.stat(row+1, 0)], low)
		},
	}, {
		block: func(row, b, lo, hi int) {
			z := z[row*s.n+lo : row*s.n+hi]
			e := z
			if s.log {
				e = nil
			}
			sums[s.stat(row, b)] = exponents(e, z, peaks[s.stat(row, 0)])
		},
		row: func(row int) {
			sum := total(&s.rows, sums, row)
			if s.log {
				sum = log(sum)
			}
			sums[s.stat(row, 0)] = sum
		},
	}, {
		block: func(row, b, lo, hi int) {
			z, peak, sum := z[row*s.n+lo:row*s.n+hi], peaks[s.stat(row, 0)], sums[s.stat(row, 0)]
			if !s.log {
				simd.Divide(z, sum)
				return
			}
			for i, v := range z {
				z[i] = (v - peak) - sum
			}
		},
	}}
	if s.blocks == 1 && !s.log {
		// Each row at once, without a note of what was learnt of it.
		passes = []rowPass{{block: func(row, _, _, _ int) {
			z, x := z[row*s.n:][:s.n], x[row*s.n:][:s.n]
			peak := logits(s, z, x, mask, row, 0)
			simd.Divide(z, exponents(z, z, peak))
		}}}
	}
	if err := s.run(c, passes...); err != nil {
		return err
	}
	if s.inner > 1 {
		if err := transposeAll(c, out, z, s.outer, s.n, s.inner); err != nil {
			return err
		}
	}
	return c.split(int64(len(out)), 4, func(lo, hi int64) { store(y, out, int(lo), int(hi)) })
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
