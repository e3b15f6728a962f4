package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Slice takes a regular part of x.
//
//	y[i0, i1, …] = x[Start[0] + i0·Step[0], Start[1] + i1·Step[1], …]
//
//	x      any [...]
//	start  int32 or int64, one for each of Axes, in place of their Start, which
//	       is 0; only with Axes
//	attrs  Start, Size, Step, one for each dim; a Step may be negative, not 0.
//	       Axes, whose Step is positive
//	y      any Size
//
// Every element named must be in x: nothing is clamped, and no start counts
// from the end.
var Slice = Op{name: "slice", plan: planner(planSlice), run: runSlice}

// SliceAttrs are the attributes of Slice.
type SliceAttrs struct {
	Start, Size []int64
	Step        []int64
	Axes        []int64
}

type sliceStep struct {
	grid  grid
	moved moved
}

func planSlice(in []tensor.Type, a SliceAttrs) (Plan, error) {
	if err := startable(in, 1, a.Axes); err != nil {
		return Plan{}, err
	}
	x := in[0]
	if r := int(x.Rank); len(a.Start) != r || len(a.Size) != r || len(a.Step) != r {
		return Plan{}, fmt.Errorf("%w: lists do not match rank %d", ErrAttr, r)
	}
	y, err := sized(x.DType, a.Size)
	if err != nil {
		return Plan{}, err
	}
	from, to := strides(&x), strides(&y)
	s := &sliceStep{}
	for k, n := range a.Size {
		start, step := a.Start[k], a.Step[k]
		if err := inDim(x.Dims[k], start, n, step); err != nil {
			return Plan{}, fmt.Errorf("dim %d: %w", k, err)
		}
		s.grid.src0 += start * from[k]
		s.grid.add(n, to[k], step*from[k])
	}
	for _, k := range a.Axes {
		if a.Start[k] != 0 || a.Step[k] < 0 {
			return Plan{}, fmt.Errorf("%w: start %d and step %d of a start at run time", ErrAttr, a.Start[k], a.Step[k])
		}
		s.moved.add(from[k], x.Dims[k]-extent(a.Size[k], a.Step[k]))
	}
	s.grid.seal(x.DType.Size())
	return moving(y, s), nil
}

func runSlice(c *Call) error {
	s := c.Plan.step.(*sliceStep)
	at, err := s.moved.at(c, 1)
	if err != nil || c.Out[0].Elems() == 0 {
		return err
	}
	return c.move(&s.grid, c.Out[0].Data, c.In[0].Data[at*int64(c.Out[0].DType.Size()):])
}

// extent is how many elements n of them reach over in steps of step.
func extent(n, step int64) int64 {
	if n == 0 {
		return 0
	}
	return (n-1)*step + 1
}

// inDim proves that start + k·step is in a dim for every k < n. An empty range
// may start at the dim's end. Steps that pass can be multiplied by a stride.
func inDim(dim, start, n, step int64) error {
	if step == 0 {
		return fmt.Errorf("%w: step 0", ErrAttr)
	}
	if n == 0 && start == dim {
		return nil
	}
	if start < 0 || start >= dim {
		return fmt.Errorf("%w: start %d of %d", ErrAttr, start, dim)
	}
	room := (dim - 1 - start) / step
	if step < 0 {
		room = -(start / step)
	}
	if n-1 > room {
		return fmt.Errorf("%w: %d from %d by %d of %d", ErrAttr, n, start, step, dim)
	}
	return nil
}
