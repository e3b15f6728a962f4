package kernels

import (
	"fmt"
	"sync/atomic"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// GatherND takes slices of x at tuples of indices.
//
//	y[b…, j…, s…] = x[b…, i[b…, j…, 0], …, i[b…, j…, k-1], s…]
//
//	x      any [b..., n0, …, n(k-1), s...]
//	i      int32 or int64 [b..., j..., k], k ≥ 1; negative from the end
//	attrs  Batch, the number of dims b
//	y      any [b..., j..., s...]
var GatherND = Op{
	name: "gather_nd", plan: planner(planGatherND),
	run: bySize(runGatherND[uint8], runGatherND[uint16], runGatherND[uint32], runGatherND[uint64]),
}

// GatherNDAttrs are the attributes of GatherND.
type GatherNDAttrs struct{ Batch int64 }

func planGatherND(in []tensor.Type, a GatherNDAttrs) (Plan, error) {
	if err := required(in, 2); err != nil {
		return Plan{}, err
	}
	x, i := in[0], in[1]
	tuple, err := tuples(&x, &i, a.Batch)
	if err != nil {
		return Plan{}, err
	}
	xd, id := x.Shape(), i.Shape()
	for k := range a.Batch {
		if xd[k] != id[k] {
			return Plan{}, fmt.Errorf("%w: %v at %v", ErrShape, x, i)
		}
	}
	dims := make([]int64, 0, 2*tensor.MaxRank)
	dims = append(dims, id[:len(id)-1]...)
	dims = append(dims, xd[a.Batch+tuple:]...)
	y, err := sized(x.DType, dims)
	if err != nil {
		return Plan{}, err
	}
	p := moving(y, a.Batch)
	p.Bytes += i.Bytes()
	return p, nil
}

// tuples is the length of the tuples in i that index x behind its first dims.
func tuples(x, i *tensor.Type, batch int64) (int64, error) {
	if !isIndex(i) {
		return 0, fmt.Errorf("%w: index %v", ErrDType, i)
	}
	if i.Rank == 0 {
		return 0, fmt.Errorf("%w: index %v", ErrRank, i)
	}
	if batch < 0 || batch >= int64(i.Rank) || batch > int64(x.Rank) {
		return 0, fmt.Errorf("%w: %d batch dims", ErrAttr, batch)
	}
	n := i.Dims[i.Rank-1]
	if n < 1 || n > int64(x.Rank)-batch {
		return 0, fmt.Errorf("%w: index %v for %v", ErrShape, i, x)
	}
	return n, nil
}

// tuple is where in x, counted from the start of its batch, row r of the
// indices points to. dims and stride are those of the indexed dims.
func (x *indices) tuple(r int64, dims, stride []int64) (at int64, ok bool) {
	for t, n := range dims {
		k, ok := x.at(r*int64(len(dims))+int64(t), n)
		if !ok {
			return 0, false
		}
		at += k * stride[t]
	}
	return at, true
}

func runGatherND[T word](c *Call) error {
	x, y, index := tensor.View[T](c.In[0].Data), tensor.View[T](c.Out[0].Data), indicesOf(c.In[1])
	if len(y) == 0 {
		return nil
	}
	batch, xd, id := c.Plan.step.(int64), c.In[0].Shape(), c.In[1].Shape()
	end := batch + id[len(id)-1]
	dims, all := xd[batch:end], strides(&c.In[0].Type)
	stride := all[batch:end]
	run, whole := tensor.Product(xd[end:]), tensor.Product(xd[batch:])
	perBatch := tensor.Product(id[batch : len(id)-1])
	var outside atomic.Bool
	err := c.runs(tensor.Product(id[:len(id)-1]), run, c.Out[0].DType.Size(), func(lo, hi, from, to int64) {
		for r := lo; r < hi; r++ {
			at, ok := index.tuple(r, dims, stride)
			if !ok {
				outside.Store(true)
				return
			}
			at += r / perBatch * whole
			copyRun(y[r*run+from:r*run+to], x[at+from:at+to])
		}
	})
	return inside(err, &outside)
}
