package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Compress keeps the slices of x whose condition is true.
//
//	y[…, j, …] = x[…, the j-th i with cond[i], …]
//
//	x      any [..., n, ...]
//	cond   Bool [m], m ≤ n
//	attrs  Axis
//	y      any [..., m, ...]; from count on it is 0
//	count  int64 []
var Compress = Op{
	name: "compress", plan: planner(planCompress),
	run: bySize(runCompress[uint8], runCompress[uint16], runCompress[uint32], runCompress[uint64]),
}

// CompressAttrs are the attributes of Compress.
type CompressAttrs struct{ Axis int64 }

func planCompress(in []tensor.Type, a CompressAttrs) (Plan, error) {
	if err := required(in, 2); err != nil {
		return Plan{}, err
	}
	x, cond := in[0], in[1]
	if cond.DType != tensor.Bool {
		return Plan{}, fmt.Errorf("%w: condition %v", ErrDType, cond)
	}
	if cond.Rank != 1 {
		return Plan{}, fmt.Errorf("%w: condition %v", ErrRank, cond)
	}
	if err := onAxis(&x, a.Axis); err != nil {
		return Plan{}, err
	}
	m := cond.Dims[0]
	if m > x.Dims[a.Axis] {
		return Plan{}, fmt.Errorf("%w: condition %v for axis %d of %v", ErrShape, cond, a.Axis, x)
	}
	y := x
	y.Dims[a.Axis] = m
	p := moving(y, a.Axis)
	p.Out = append(p.Out, tensor.Of(tensor.Int64))
	p.Scratch = tensor.MulSat(8, m)
	p.Flops = tensor.AddSat(p.Flops, m)
	return p, nil
}

func runCompress[T word](c *Call) error {
	x, y := tensor.View[T](c.In[0].Data), tensor.View[T](c.Out[0].Data)
	l := lanesOf(&c.In[0].Type, c.Plan.step.(int64))
	kept := tensor.View[int64](c.Scratch)[:0]
	for i, v := range c.In[1].Data {
		if c.expired(int64(i)) {
			return c.Ctx.Err()
		}
		if v != 0 {
			kept = append(kept, int64(i))
		}
	}
	count, m := int64(len(kept)), c.In[1].Dims[0]
	tensor.View[int64](c.Out[1].Data)[0] = count
	return c.runs(l.outer*m, l.inner, c.Out[0].DType.Size(), func(lo, hi, from, to int64) {
		for r := lo; r < hi; r++ {
			dst := y[r*l.inner+from : r*l.inner+to]
			if j := r % m; j < count {
				src := (r/m*l.n + kept[j]) * l.inner
				copyRun(dst, x[src+from:src+to])
			} else {
				clear(dst)
			}
		}
	})
}
