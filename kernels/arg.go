package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Arg is where the largest or smallest element along one axis is. NaN is the
// largest value.
//
//	y[… …] = the first i, or the last, with x[… i …] = max x[… …]
//
//	x      any [..., n, ...], n ≥ 1
//	attrs  Axis; Min for the smallest; Keep leaves a dim of size 1; Last takes
//	       the last of equals
//	y      int64, without dim Axis or with 1 in its place
var Arg = Op{name: "arg", plan: planner(planArg), run: bySize(runArg[uint8], runArg[uint16], runArg[uint32], runArg[uint64])}

// ArgAttrs are the attributes of Arg.
type ArgAttrs struct {
	Axis            int64
	Min, Keep, Last bool
}

func planArg(in []tensor.Type, a ArgAttrs) (Plan, error) {
	if err := required(in, 1); err != nil {
		return Plan{}, err
	}
	x := in[0]
	if err := onAxis(&x, a.Axis); err != nil {
		return Plan{}, err
	}
	if x.Dims[a.Axis] == 0 {
		return Plan{}, fmt.Errorf("%w: nothing along axis %d of %v", ErrShape, a.Axis, x)
	}
	dims := append(make([]int64, 0, tensor.MaxRank), x.Shape()[:a.Axis]...)
	if a.Keep {
		dims = append(dims, 1)
	}
	y, err := sized(tensor.Int64, append(dims, x.Shape()[a.Axis+1:]...))
	if err != nil {
		return Plan{}, err
	}
	return Plan{Out: []tensor.Type{y}, Flops: x.Elems(), Bytes: x.Bytes() + y.Bytes(), step: a}, nil
}

// argWidth is how many neighbouring lines are searched together, which reads
// whole cache lines.
const argWidth = 256

func runArg[T word](c *Call) error {
	a, x, y := c.Plan.step.(ArgAttrs), tensor.View[T](c.In[0].Data), tensor.View[int64](c.Out[0].Data)
	order := orderOf(c.In[0].DType)
	if a.Min {
		order = falling(order)
	}
	l := lanesOf(&c.In[0].Type, a.Axis)
	pieces := (l.inner + argWidth - 1) / argWidth
	err := c.split(l.outer*pieces, 4*l.n*min(l.inner, argWidth), func(lo, hi int64) {
		var best [argWidth]uint64
		for p := lo; p < hi; p++ {
			o, from := p/pieces, p%pieces*argWidth
			width := min(argWidth, l.inner-from)
			at := y[o*l.inner+from:][:width]
			for i := range l.n {
				if c.expired(i) {
					return
				}
				for j, v := range x[(o*l.n+i)*l.inner+from:][:width] {
					k := order(uint64(v))
					if i == 0 || k > best[j] || a.Last && k == best[j] {
						best[j], at[j] = k, i
					}
				}
			}
		}
	})
	if err != nil {
		return err
	}
	return c.Ctx.Err()
}
