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
	return moving(y, a), nil
}

func runConcat(c *Call) error {
	y := &c.Out[0]
	axis := c.Plan.step.(ConcatAttrs).Axis
	rows, row := tensor.Product(y.Dims[:axis]), tensor.Product(y.Dims[axis:y.Rank])
	at := int64(0)
	for _, x := range c.In {
		run := tensor.Product(x.Dims[axis:x.Rank])
		g := grid{dst0: at}
		g.add(rows, row, run)
		g.add(run, 1, 1)
		g.seal(y.DType.Size())
		if err := c.move(&g, y.DType.Size(), y.Data, x.Data); err != nil {
			return err
		}
		at += run
	}
	return nil
}
