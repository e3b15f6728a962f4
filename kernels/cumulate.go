package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Cumulate is the running Fn of x along one axis, in one accumulator.
//
//	y[i] = Fn(y[i-1], x[i])
//
// Reverse runs from the end. Exclusive leaves out x[i] itself: y begins with
// what Fn starts from, see Reduce. Float16 and bfloat16 run in float32 and each
// element is rounded once.
//
//	x      number [..., n, ...]
//	attrs  Axis; Fn: sum, prod, min or max; Exclusive; Reverse
//	y      like x
var Cumulate = Op{name: "cumulate", plan: planner(planCumulate), run: runCumulate}

// CumulateAttrs are the attributes of Cumulate.
type CumulateAttrs struct {
	Axis, Fn           int64
	Exclusive, Reverse bool
}

// cumulateStep sees x as (outer, n, inner).
type cumulateStep struct {
	outer, n, inner    int
	width, depth       int // of a tile
	fn                 int64
	exclusive, reverse bool
}

func planCumulate(in []tensor.Type, a CumulateAttrs) (Plan, error) {
	if err := required(in, 1); err != nil {
		return Plan{}, err
	}
	x := in[0]
	if x.DType == tensor.Bool {
		return Plan{}, fmt.Errorf("%w: %v", ErrDType, x)
	}
	if err := onAxis(&x, a.Axis); err != nil {
		return Plan{}, err
	}
	switch a.Fn {
	case ReduceSum, ReduceProd, ReduceMin, ReduceMax:
	default:
		return Plan{}, fmt.Errorf("%w: function %d", ErrAttr, a.Fn)
	}
	s := &cumulateStep{fn: a.Fn, exclusive: a.Exclusive, reverse: a.Reverse}
	p := Plan{Out: []tensor.Type{x}, Flops: 2 * x.Elems(), Bytes: bytesOf(in, x), Scratch: float32Scratch(x, x), step: s}
	if x.Elems() == 0 {
		return p, nil
	}
	s.outer, s.n = int(tensor.Product(x.Dims[:a.Axis])), int(x.Dims[a.Axis])
	s.inner = int(tensor.Product(x.Dims[a.Axis+1 : x.Rank]))
	s.depth = min(s.n, tileWork/16)
	s.width = min(s.inner, tileWork/16/s.depth)
	return p, nil
}

var cumulates = perType{
	tensor.Float32: cumulate[float32], tensor.Float16: cumulate[float32], tensor.BFloat16: cumulate[float32], tensor.Float64: cumulate[float64],
	tensor.Int8: cumulate[int8], tensor.Int16: cumulate[int16], tensor.Int32: cumulate[int32], tensor.Int64: cumulate[int64],
	tensor.Uint8: cumulate[uint8], tensor.Uint16: cumulate[uint16], tensor.Uint32: cumulate[uint32], tensor.Uint64: cumulate[uint64],
}

func runCumulate(c *Call) error { return cumulates[c.Out[0].DType](c) }

func cumulate[T tensor.Element](c *Call) error {
	s, out := c.Plan.step.(*cumulateStep), c.Out[0]
	if out.Elems() == 0 {
		return nil
	}
	rest := scratchOf(c)
	x, err := operand[T](c, c.In[0], &rest)
	if err != nil {
		return err
	}
	y := output[T](out, &rest)
	start, join := joining[T](s.fn)
	strips := (s.inner + s.width - 1) / s.width
	for lo := 0; lo < s.n; lo += s.depth {
		err := c.Tiles(s.outer*strips, func(tile int) {
			col := tile % strips * s.width
			width := min(s.width, s.inner-col)
			row := func(k int) int {
				if s.reverse {
					k = s.n - 1 - k
				}
				return (tile/strips*s.n+k)*s.inner + col
			}
			for k := lo; k < min(lo+s.depth, s.n); k++ {
				at := y[row(k):][:width]
				switch from := k - 1; {
				case k > 0:
					copy(at, y[row(from):])
					if !s.exclusive {
						from = k
					}
					join(at, x[row(from):])
				case s.exclusive:
					for i := range at {
						at[i] = start
					}
				default:
					copy(at, x[row(k):])
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return c.split(out.Elems(), 4, func(lo, hi int64) { store(out, y, int(lo), int(hi)) })
}
