package kernels

import (
	"fmt"
	"math"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// LRN divides x by a power of the squares of its neighbours along the last dim.
//
//	y[c] = x[c] / (K + A/Size · Σ x[i]²)^B
//
// with i from c - (Size-1)/2 to c + Size/2, as far as they exist, in order and
// in one accumulator.
//
//	x      float [..., c]
//	attrs  Size, A, B, K
//	y      like x
var LRN = Op{name: "lrn", plan: planner(planLRN), run: runLRN}

// LRNAttrs are the attributes of LRN.
type LRNAttrs struct {
	Size    int64
	A, B, K float32
}

type lrnStep struct {
	attrs         LRNAttrs
	c             int64
	before, after int64
}

func planLRN(in []tensor.Type, a LRNAttrs) (Plan, error) {
	if err := required(in, 1); err != nil {
		return Plan{}, err
	}
	x := in[0]
	if !x.DType.IsFloat() {
		return Plan{}, fmt.Errorf("%w: %v", ErrDType, x)
	}
	if x.Rank == 0 {
		return Plan{}, fmt.Errorf("%w: %v", ErrRank, x)
	}
	if a.Size < 1 {
		return Plan{}, fmt.Errorf("%w: size %d", ErrAttr, a.Size)
	}
	c := x.Dims[x.Rank-1]
	near := min(a.Size, c)
	return Plan{
		Out: []tensor.Type{x},
		// A power costs some fifty times as much as an addition.
		Flops:   tensor.MulSat(x.Elems(), 50+2*near),
		Bytes:   bytesOf(in, x),
		Scratch: float32Scratch(x, x),
		step:    &lrnStep{attrs: a, c: c, before: min((a.Size-1)/2, c), after: min(a.Size/2, c)},
	}, nil
}

func runLRN(c *Call) error {
	if c.Out[0].DType == tensor.Float64 {
		return lrn(c, math.Pow)
	}
	return lrn(c, simd.Pow32)
}

func lrn[T real](c *Call, pow func(x, y T) T) error {
	s, y := c.Plan.step.(*lrnStep), c.Out[0]
	if y.Elems() == 0 {
		return nil
	}
	rest := scratchOf(c)
	x, err := operand[T](c, c.In[0], &rest)
	if err != nil {
		return err
	}
	out := output[T](y, &rest)
	a := T(s.attrs.A) / T(s.attrs.Size)
	return c.split(int64(len(x)), 200+4*(s.before+s.after), func(lo, hi int64) {
		for i := lo; i < hi; i++ {
			row, at := x[i/s.c*s.c:][:s.c], i%s.c
			sum := T(0)
			for _, v := range row[max(0, at-s.before):min(s.c, at+s.after+1)] {
				sum += T(v * v)
			}
			out[i] = row[at] / pow(T(s.attrs.K)+T(a*sum), T(s.attrs.B))
		}
		store(y, out, int(lo), int(hi))
	})
}
