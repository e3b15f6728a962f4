package kernels

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// ScatterND writes slices into a copy of x at tuples of indices.
//
//	y = x, and then for each j in row-major order:
//	y[i[j…, 0], …, i[j…, k-1], s…] = y[i[j…, 0], …, i[j…, k-1], s…] ⊕ u[j…, s…]
//
// ⊕ is Reduce: a sum, product, smaller or larger; 0 takes u, so that the last
// write wins.
//
//	x      any [n0, …, n(k-1), s...]; not Bool where Reduce is not 0
//	i      int32 or int64 [j..., k], k ≥ 1; negative from the end
//	u      like x [j..., s...]
//	attrs  Reduce
//	y      like x
//
// A tile takes a part of every slice, so each element's updates keep their
// order.
var ScatterND = Op{name: "scatter_nd", plan: planner(planScatterND), run: runScatterND}

// ScatterNDAttrs are the attributes of ScatterND.
type ScatterNDAttrs struct{ Reduce int64 }

func planScatterND(in []tensor.Type, a ScatterNDAttrs) (Plan, error) {
	if err := required(in, 3); err != nil {
		return Plan{}, err
	}
	x, i, u := in[0], in[1], in[2]
	if err := scatterable(&x, &u, a.Reduce); err != nil {
		return Plan{}, err
	}
	tuple, err := tuples(&x, &i, 0)
	if err != nil {
		return Plan{}, err
	}
	lead := i.Shape()[:i.Rank-1]
	if !slices.Equal(u.Shape(), slices.Concat(lead, x.Shape()[tuple:])) {
		return Plan{}, fmt.Errorf("%w: updates %v of %v at %v", ErrShape, u, x, i)
	}
	return scattering(in, a), nil
}

func runScatterND(c *Call) error {
	put, err := c.merger(c.Plan.step.(ScatterNDAttrs).Reduce)
	if err != nil {
		return err
	}
	index, x, id := indicesOf(c.In[1]), &c.In[0].Type, c.In[1].Shape()
	tuple, stride := id[len(id)-1], strides(x)
	rows, run := tensor.Product(id[:len(id)-1]), tensor.Product(x.Dims[tuple:x.Rank])
	// Reading the indices again for each part of a slice is worth it only for
	// parts of some length.
	unit := min(max(rows, 1), tileBytes/8/256) * int64(x.DType.Size())
	var outside atomic.Bool
	err = c.runs(1, run, int(unit), func(_, _, from, to int64) {
		for r := range rows {
			if c.expired(r) {
				return
			}
			at, ok := index.tuple(r, x.Dims[:tuple], stride[:tuple])
			if !ok {
				outside.Store(true)
				return
			}
			put(at+from, r*run+from, to-from)
		}
	})
	if err == nil {
		err = c.Ctx.Err()
	}
	return inside(err, &outside)
}
