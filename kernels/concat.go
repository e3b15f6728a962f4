package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Concat joins its inputs along one axis.
//
//	y[…, n0 + … + n(k-1) + i, …] = xk[…, i, …]
//
//	x…     any [..., nk, ...], one or more, equal but for the axis
//	attrs  Axis
//	y      any [..., n0 + n1 + …, ...]
var Concat = Op{name: "concat", plan: planner(planConcat), run: runConcat}

// ConcatAttrs are the attributes of Concat.
type ConcatAttrs struct{ Axis int64 }

func planConcat(in []tensor.Type, a ConcatAttrs) (Plan, error) {
	if err := required(in, max(len(in), 1)); err != nil {
		return Plan{}, err
	}
	y := in[0]
	for i, x := range in {
		if x.DType != y.DType {
			return Plan{}, fmt.Errorf("%w: input %d is %v, not %v", ErrDType, i, x.DType, y.DType)
		}
	}
	if err := onAxis(&y, a.Axis); err != nil {
		return Plan{}, err
	}
	y.Dims[a.Axis] = 0
	total := int64(0)
	for i, x := range in {
		total = tensor.AddSat(total, x.Dims[a.Axis])
		x.Dims[a.Axis] = 0
		if x != y {
			return Plan{}, fmt.Errorf("%w: input %d: %v beside %v", ErrShape, i, in[i], in[0])
		}
	}
	y.Dims[a.Axis] = total
	y, err := sized(y.DType, y.Shape())
	if err != nil {
		return Plan{}, err
	}
	return moving(y, concatStep{a.Axis, tensor.Product(y.Dims[:a.Axis]), tensor.Product(y.Dims[a.Axis:y.Rank])}), nil
}

// concatStep sees y as rows of row elements.
type concatStep struct{ axis, rows, row int64 }

var concatStrips = [...]func(c *Call, lo, hi, from, to int64){
	1: concatStrip[uint8], 2: concatStrip[uint16], 4: concatStrip[uint32], 8: concatStrip[uint64],
}

func runConcat(c *Call) error {
	s, size := c.Plan.step.(concatStep), c.Out[0].DType.Size()
	return c.strips(s.rows, s.row, size, concatStrips[size])
}

func concatStrip[T word](c *Call, lo, hi, from, to int64) {
	s, y, at := c.Plan.step.(concatStep), tensor.View[T](c.Out[0].Data), int64(0)
	for i := range c.In {
		in := &c.In[i]
		run := tensor.Product(in.Dims[s.axis:in.Rank])
		// The part of each row of this input that is in from … to.
		first, last := max(from-at, 0), min(to-at, run)
		if first < last {
			x := tensor.View[T](in.Data)
			for r := lo; r < hi; r++ {
				copyRun(y[r*s.row+at+first:r*s.row+at+last], x[r*run+first:r*run+last])
			}
		}
		at += run
	}
}
