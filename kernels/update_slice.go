package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// UpdateSlice writes u over a part of x.
//
//	y = x, and then y[Start[0] + i0, Start[1] + i1, …] = u[i0, i1, …]
//
//	x      any [...]
//	u      like x, no dim larger
//	start  int32 or int64, one for each of Axes, in place of their Start, which
//	       is 0; only with Axes
//	attrs  Start, one for each dim; Axes
//	y      like x; may be the memory of x, which then is not copied
//
// All of u must fit in: nothing is clamped, and no start counts from the end.
var UpdateSlice = Op{name: "update_slice", plan: planner(planUpdateSlice), run: runUpdateSlice}

// UpdateSliceAttrs are the attributes of UpdateSlice.
type UpdateSliceAttrs struct{ Start, Axes []int64 }

func planUpdateSlice(in []tensor.Type, a UpdateSliceAttrs) (Plan, error) {
	if err := startable(in, 2, a.Axes); err != nil {
		return Plan{}, err
	}
	x, u := in[0], in[1]
	if u.DType != x.DType {
		return Plan{}, fmt.Errorf("%w: %v over %v", ErrDType, u, x)
	}
	if u.Rank != x.Rank || len(a.Start) != int(x.Rank) {
		return Plan{}, fmt.Errorf("%w: %v over %v at %d dims", ErrShape, u, x, len(a.Start))
	}
	from, to := strides(&u), strides(&x)
	s := &sliceStep{}
	for k, n := range u.Shape() {
		if n > x.Dims[k] {
			return Plan{}, fmt.Errorf("%w: %v over %v", ErrShape, u, x)
		}
		if err := inDim(x.Dims[k], a.Start[k], n, 1); err != nil {
			return Plan{}, fmt.Errorf("dim %d: %w", k, err)
		}
		s.grid.dst0 += a.Start[k] * to[k]
		s.grid.add(n, to[k], from[k])
	}
	for _, k := range a.Axes {
		if a.Start[k] != 0 {
			return Plan{}, fmt.Errorf("%w: start %d of a start at run time", ErrAttr, a.Start[k])
		}
		s.moved.add(to[k], x.Dims[k]-u.Dims[k])
	}
	s.grid.seal(x.DType.Size())
	p := moving(x, s)
	p.Flops = tensor.AddSat(p.Flops, u.Elems())
	p.Bytes = tensor.AddSat(p.Bytes, 2*u.Bytes())
	return p, nil
}

func runUpdateSlice(c *Call) error {
	s, x, y := c.Plan.step.(*sliceStep), c.In[0].Data, c.Out[0].Data
	at, err := s.moved.at(c, 2)
	if err != nil {
		return err
	}
	if len(y) > 0 && &x[0] != &y[0] {
		if err := c.spans(int64(len(y)), 1, copySpan); err != nil {
			return err
		}
	}
	if c.In[1].Elems() == 0 {
		return nil
	}
	return c.move(&s.grid, y[at*int64(c.Out[0].DType.Size()):], c.In[1].Data)
}
