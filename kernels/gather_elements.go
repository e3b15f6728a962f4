package kernels

import (
	"fmt"
	"sync/atomic"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// GatherElements takes one element of x for each index.
//
//	y[… k …] = x[… i[… k …] …], with i's value in place of k along Axis
//
//	x      any [..., n, ...]
//	i      int32 or int64, of the same rank and no larger than x but along
//	       Axis; -n ≤ i < n, negative from the end
//	attrs  Axis
//	y      any, dims of i
var GatherElements = Op{
	name: "gather_elements", plan: planner(planGatherElements),
	run: bySize(runGatherElements[uint8], runGatherElements[uint16], runGatherElements[uint32], runGatherElements[uint64]),
}

// GatherElementsAttrs are the attributes of GatherElements.
type GatherElementsAttrs struct{ Axis int64 }

func planGatherElements(in []tensor.Type, a GatherElementsAttrs) (Plan, error) {
	if err := required(in, 2); err != nil {
		return Plan{}, err
	}
	x, i := in[0], in[1]
	if err := alongAxis(&x, &i, a.Axis); err != nil {
		return Plan{}, err
	}
	y, err := sized(x.DType, i.Shape())
	if err != nil {
		return Plan{}, err
	}
	p := moving(y, a.Axis)
	p.Bytes += i.Bytes()
	return p, nil
}

// alongAxis refuses indices i that do not pick elements of x along an axis.
func alongAxis(x, i *tensor.Type, axis int64) error {
	if !isIndex(i) {
		return fmt.Errorf("%w: index %v", ErrDType, i)
	}
	if i.Rank != x.Rank {
		return fmt.Errorf("%w: index %v for %v", ErrRank, i, x)
	}
	if err := onAxis(x, axis); err != nil {
		return err
	}
	for k, n := range i.Shape() {
		if k != int(axis) && n > x.Dims[k] {
			return fmt.Errorf("%w: index %v for %v", ErrShape, i, x)
		}
	}
	return nil
}

func runGatherElements[T word](c *Call) error {
	x, y, index := tensor.View[T](c.In[0].Data), tensor.View[T](c.Out[0].Data), indicesOf(c.In[1])
	axis, dims := c.Plan.step.(int64), c.Out[0].Shape()
	last := len(dims) - 1
	n, stride := c.In[0].Dims[axis], strides(&c.In[0].Type)
	beside := int64(1) // the distance in x of neighbours in a row of y
	if int(axis) == last {
		beside = 0
	}
	var outside atomic.Bool
	run := dims[last]
	err := c.runs(tensor.Product(dims[:last]), run, c.Out[0].DType.Size(), func(lo, hi, from, to int64) {
		for r := lo; r < hi; r++ {
			base, rest := int64(0), r
			for k := last - 1; k >= 0; k-- {
				if k != int(axis) {
					base += rest % dims[k] * stride[k]
				}
				rest /= dims[k]
			}
			for j := from; j < to; j++ {
				k, ok := index.at(r*run+j, n)
				if !ok {
					outside.Store(true)
					return
				}
				y[r*run+j] = x[base+k*stride[axis]+j*beside]
			}
		}
	})
	return inside(err, &outside)
}
