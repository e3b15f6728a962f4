package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// View gives x other dims: the same elements in the same order.
//
//	y[k] = x[k], counted in row-major order
//
//	x      any [...]
//	attrs  Dims; one of them may be -1, which stands for what is left
//	y      any Dims
//
// The bytes of x and y are equal, so a caller may let y be x instead.
var View = Op{name: "view", plan: planner(planView), run: runView}

// ViewAttrs are the attributes of View.
type ViewAttrs struct{ Dims []int64 }

func planView(in []tensor.Type, a ViewAttrs) (Plan, error) {
	if err := required(in, 1); err != nil {
		return Plan{}, err
	}
	x := in[0]
	if len(a.Dims) > tensor.MaxRank {
		return Plan{}, fmt.Errorf("%w: result of rank %d", ErrRank, len(a.Dims))
	}
	y := tensor.Of(x.DType, a.Dims...)
	open := -1
	for i, n := range a.Dims {
		if n != -1 {
			continue
		}
		if open >= 0 {
			return Plan{}, fmt.Errorf("%w: two open dims", ErrAttr)
		}
		open = i
		y.Dims[i] = 1
	}
	if open >= 0 {
		known := y.Elems()
		if known <= 0 || x.Elems()%known != 0 {
			return Plan{}, fmt.Errorf("%w: %v as %v", ErrShape, x, a.Dims)
		}
		y.Dims[open] = x.Elems() / known
	}
	y, err := sized(x.DType, y.Shape())
	if err != nil {
		return Plan{}, err
	}
	if y.Elems() != x.Elems() {
		return Plan{}, fmt.Errorf("%w: %v as %v", ErrShape, x, a.Dims)
	}
	return moving(y, nil), nil
}

func runView(c *Call) error { return c.spans(int64(len(c.Out[0].Data)), 1, copySpan) }

// copySpan copies bytes of input 0.
func copySpan(c *Call, lo, hi int64) { copy(c.Out[0].Data[lo:hi], c.In[0].Data[lo:hi]) }
