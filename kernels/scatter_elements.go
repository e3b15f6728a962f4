package kernels

import (
	"fmt"
	"sync/atomic"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// ScatterElements writes single elements into a copy of x.
//
//	y = x, and then for each k in row-major order:
//	y[… i[… k …] …] = y[… i[… k …] …] ⊕ u[… k …]
//
// with i's value in place of k along Axis. ⊕ is Reduce: a sum, product,
// smaller or larger; 0 takes u, so that the last write wins.
//
//	x      any [..., n, ...]; not Bool where Reduce is not 0
//	i      int32 or int64, of the same rank and no larger than x but along
//	       Axis; -n ≤ i < n, negative from the end
//	u      like x, dims of i
//	attrs  Axis, Reduce
//	y      like x
//
// Lines along Axis never write to one another's elements, so they are the
// tiles, and each element's updates keep their order.
var ScatterElements = Op{name: "scatter_elements", plan: planner(planScatterElements), run: runScatterElements}

// ScatterElementsAttrs are the attributes of ScatterElements.
type ScatterElementsAttrs struct{ Axis, Reduce int64 }

func planScatterElements(in []tensor.Type, a ScatterElementsAttrs) (Plan, error) {
	if err := required(in, 3); err != nil {
		return Plan{}, err
	}
	x, i, u := in[0], in[1], in[2]
	if err := scatterable(&x, &u, a.Reduce); err != nil {
		return Plan{}, err
	}
	if err := alongAxis(&x, &i, a.Axis); err != nil {
		return Plan{}, err
	}
	if i.Rank != u.Rank || i.Dims != u.Dims {
		return Plan{}, fmt.Errorf("%w: updates %v at %v", ErrShape, u, i)
	}
	return scattering(in, a), nil
}

func runScatterElements(c *Call) error {
	a, x, dims := c.Plan.step.(ScatterElementsAttrs), c.In[0].Type, c.In[1].Shape()
	put, err := c.merger(a.Reduce)
	if err != nil {
		return err
	}
	index, axis, last := indicesOf(c.In[1]), int(a.Axis), len(dims)-1
	from, to := strides(&c.In[1].Type), strides(&x)
	// A tile takes neighbouring lines, which are columns unless they lie along
	// the last dim.
	rows, columns := int64(1), int64(1)
	for k, n := range dims {
		switch k {
		case axis:
		case last:
			columns = n
		default:
			rows *= n
		}
	}
	size := c.Out[0].DType.Size()
	unit := size * int(min(max(dims[axis], 1), int64(tileBytes/size/64)))
	var outside atomic.Bool
	err = c.runs(rows, columns, unit, func(lo, hi, left, right int64) {
		for r := lo; r < hi; r++ {
			src, dst, rest := int64(0), int64(0), r
			for k := last - 1; k >= 0; k-- {
				if k != axis {
					src += rest % dims[k] * from[k]
					dst += rest % dims[k] * to[k]
					rest /= dims[k]
				}
			}
			for i := range dims[axis] {
				if c.expired(i) {
					return
				}
				for j := left; j < right; j++ {
					p := src + i*from[axis] + j
					k, ok := index.at(p, x.Dims[axis])
					if !ok {
						outside.Store(true)
						return
					}
					put(dst+k*to[axis]+j, p, 1)
				}
			}
		}
	})
	if err == nil {
		err = c.Ctx.Err()
	}
	return inside(err, &outside)
}
