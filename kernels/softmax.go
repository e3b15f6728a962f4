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
	switch c.Out[0].DType {
	case tensor.Float64:
		return softmax(c, func(dst, x []float64) {
			for i, v := range x {
				dst[i] = math.Exp(v)
			}
		}, math.Log)
	default:
		return softmax(c, simd.Exp.Map, simd.Log)
	}
}

func softmax[T real](c *Call, exp func(dst, x []T), log func(T) T) error {
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
	err = s.run(c, rowPass{
		block: func(row, b, lo, hi int) {
			z, x := z[row*s.n+lo:row*s.n+hi], x[row*s.n+lo:row*s.n+hi]
			for i, v := range x {
				z[i] = T(s.scale) * v
			}
			if mask != nil {
				m, at := mask[s.mask.at(row):], lo*s.maskStride
				for i := range z {
					z[i] += m[at]
					at += s.maskStride
				}
			}
			peaks[s.stat(row, b)] = simd.Highest(z, low)
		},
		row: func(row int) {
			peaks[s.stat(row, 0)] = simd.Highest(peaks[s.stat(row, 0):s.stat(row+1, 0)], low)
		},
	}, rowPass{
		block: func(row, b, lo, hi int) {
			z, e := z[row*s.n+lo:row*s.n+hi], z[row*s.n+lo:row*s.n+hi]
			peak := peaks[s.stat(row, 0)]
			for i := range z {
				z[i] -= peak
			}
			if s.log {
				e = make([]T, len(z))
			}
			exp(e, z)
			sums[s.stat(row, b)] = simd.Sum(e)
		},
		row: func(row int) {
			sum := total(&s.rows, sums, row)
			if s.log {
				sum = log(sum)
			}
			sums[s.stat(row, 0)] = sum
		},
	}, rowPass{
		block: func(row, b, lo, hi int) {
			z, sum := z[row*s.n+lo:row*s.n+hi], sums[s.stat(row, 0)]
			for i := range z {
				if s.log {
					z[i] -= sum
				} else {
					z[i] /= sum
				}
			}
		},
	})
	if err != nil {
		return err
	}
	if s.inner > 1 {
		if err := transposeAll(c, out, z, s.outer, s.n, s.inner); err != nil {
			return err
		}
	}
	return c.split(int64(len(out)), 4, func(lo, hi int64) { store(y, out, int(lo), int(hi)) })
}
