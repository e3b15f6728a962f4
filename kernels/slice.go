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
//	attrs  Start, Size, Step, one for each dim; a Step may be negative, not 0
//	y      any Size
//
// Every element named must be in x: nothing is clamped.
var Slice = Op{name: "slice", plan: planner(planSlice), run: runGrid}

// SliceAttrs are the attributes of Slice.
type SliceAttrs struct {
	Start, Size []int64
	Step        []int64
}

func planSlice(in []tensor.Type, a SliceAttrs) (Plan, error) {
	if err := required(in, 1); err != nil {
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
	g := &grid{}
	for k, n := range a.Size {
		start, step := a.Start[k], a.Step[k]
		if err := inDim(x.Dims[k], start, n, step); err != nil {
			return Plan{}, fmt.Errorf("dim %d: %w", k, err)
		}
		g.src0 += start * from[k]
		g.add(n, to[k], step*from[k])
	}
	g.seal(x.DType.Size())
	return moving(y, g), nil
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
