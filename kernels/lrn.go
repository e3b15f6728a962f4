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
// by fused multiply-adds into one accumulator.
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
	y, run := c.Out[0], lrnFloat32
	switch {
	case y.Elems() == 0:
		return nil
	case y.DType == tensor.Float64:
		run = lrnFloat64
	}
	if err := run(c); err != nil {
		return err
	}
	// A sum that ran into the deadline is not complete.
	return c.Ctx.Err()
}

func lrnFloat64(c *Call) error {
	s, x, y := c.Plan.step.(*lrnStep), tensor.View[float64](c.In[0].Data), tensor.View[float64](c.Out[0].Data)
	a, b, k := s.parameters()
	return c.split(int64(len(x)), 200+4*(s.before+s.after), func(lo, hi int64) {
		for i := lo; i < hi; i++ {
			row, at := x[i/s.c*s.c:][:s.c], i%s.c
			sum := 0.0
			for n, v := range row[max(0, at-s.before):min(s.c, at+s.after+1)] {
				if c.expired(int64(n) + 1) {
					return
				}
				sum = math.FMA(v, v, sum)
			}
			y[i] = row[at] / math.Pow(math.FMA(a, sum, k), b)
		}
	})
}

// lrnAtOnce is how many channels go through each step together.
const lrnAtOnce = 256

func lrnFloat32(c *Call) error {
	s, y := c.Plan.step.(*lrnStep), c.Out[0]
	rest := scratchOf(c)
	x, err := operand[float32](c, c.In[0], &rest)
	if err != nil {
		return err
	}
	out := output[float32](y, &rest)
	var a, b, k [lrnAtOnce]float32
	p, q, r := s.parameters()
	for i := range a {
		a[i], b[i], k[i] = float32(p), float32(q), float32(r)
	}
	return c.runs(y.Elems()/s.c, s.c, int(min(20+s.before+s.after, 1<<20)), func(lo, hi, from, to int64) {
		for r := lo; r < hi; r++ {
			row, sums := x[r*s.c:][:s.c], out[r*s.c:][:s.c]
			for j := from; j < to; j += lrnAtOnce {
				end := min(to, j+lrnAtOnce)
				clear(sums[j:end])
				for d := -s.before; d <= s.after; d++ {
					if c.expired(d + s.before + 1) {
						return
					}
					if first, last := max(j, -d), min(end, s.c-d); first < last {
						near := row[first+d : last+d]
						simd.MulAdd(sums[first:last], near, near, sums[first:last])
					}
				}
				sums, n := sums[j:end], end-j
				simd.MulAdd(sums, sums, a[:n], k[:n])
				simd.Pow.Map(sums, sums, b[:n])
				simd.Div.Map(sums, row[j:end], sums)
			}
		}
		store(y, out, int(lo*s.c+from), int((hi-1)*s.c+to))
	})
}

func (s *lrnStep) parameters() (a, b, k float64) {
	return float64(s.attrs.A) / float64(s.attrs.Size), float64(s.attrs.B), float64(s.attrs.K)
}
