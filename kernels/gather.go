package kernels

import (
	"fmt"
	"sync/atomic"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Gather takes slices of x along one axis.
//
//	y[b…, o…, j…, s…] = x[b…, o…, i[b…, j…], s…]
//
//	x      any [b..., o..., n, s...]
//	i      int32 or int64 [b..., j...]; -n ≤ i < n, negative from the end
//	attrs  Axis of n; Batch, the number of dims b
//	y      any [b..., o..., j..., s...]
var Gather = Op{name: "gather", plan: planner(planGather), run: runGather}

// GatherAttrs are the attributes of Gather.
type GatherAttrs struct{ Axis, Batch int64 }

// gatherStep is the sizes that the letters of Gather's doc stand for.
type gatherStep struct{ b, o, n, j, s int64 }

func planGather(in []tensor.Type, a GatherAttrs) (Plan, error) {
	if err := required(in, 2); err != nil {
		return Plan{}, err
	}
	x, i := in[0], in[1]
	if !isIndex(&i) {
		return Plan{}, fmt.Errorf("%w: index %v", ErrDType, i)
	}
	if err := onAxis(&x, a.Axis); err != nil {
		return Plan{}, err
	}
	if a.Batch < 0 || a.Batch > a.Axis || a.Batch > int64(i.Rank) {
		return Plan{}, fmt.Errorf("%w: %d batch dims", ErrAttr, a.Batch)
	}
	xd, id := x.Shape(), i.Shape()
	for k := range a.Batch {
		if xd[k] != id[k] {
			return Plan{}, fmt.Errorf("%w: %v at %v", ErrShape, x, i)
		}
	}
	dims := make([]int64, 0, 2*tensor.MaxRank)
	dims = append(dims, xd[:a.Axis]...)
	dims = append(dims, id[a.Batch:]...)
	dims = append(dims, xd[a.Axis+1:]...)
	y, err := sized(x.DType, dims)
	if err != nil {
		return Plan{}, err
	}
	if y.Elems() > 0 && xd[a.Axis] == 0 {
		return Plan{}, fmt.Errorf("%w: no index is in %v", ErrShape, x)
	}
	p := moving(y, gatherStep{
		b: tensor.Product(xd[:a.Batch]),
		o: tensor.Product(xd[a.Batch:a.Axis]),
		n: xd[a.Axis],
		j: tensor.Product(id[a.Batch:]),
		s: tensor.Product(xd[a.Axis+1:]),
	})
	p.Bytes += i.Bytes()
	return p, nil
}

var gatherStrips = [...]func(c *Call, lo, hi, from, to int64){
	1: gatherStrip[uint8], 2: gatherStrip[uint16], 4: gatherStrip[uint32], 8: gatherStrip[uint64],
}

func runGather(c *Call) error {
	p, size := c.Plan.step.(gatherStep), c.Out[0].DType.Size()
	c.outside.Store(false)
	return inside(c.strips(p.b*p.o*p.j, p.s, size, gatherStrips[size]), &c.outside)
}

func gatherStrip[T word](c *Call, lo, hi, from, to int64) {
	x, y, index := tensor.View[T](c.In[0].Data), tensor.View[T](c.Out[0].Data), indicesOf(c.In[1])
	p := c.Plan.step.(gatherStep)
	slice, j := lo/p.j, lo%p.j
	for r := lo; r < hi; r++ {
		k, ok := index.at(slice/p.o*p.j+j, p.n)
		if !ok {
			c.outside.Store(true)
			return
		}
		src := (slice*p.n + k) * p.s
		copyRun(y[r*p.s+from:r*p.s+to], x[src+from:src+to])
		if j++; j == p.j {
			slice, j = slice+1, 0
		}
	}
}

// inside is err, or ErrValue where a tile met an index outside its dim.
func inside(err error, outside *atomic.Bool) error {
	if err == nil && outside.Load() {
		return fmt.Errorf("%w: index outside its dim", ErrValue)
	}
	return err
}
