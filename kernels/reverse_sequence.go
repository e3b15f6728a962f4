package kernels

import (
	"fmt"
	"sync/atomic"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// ReverseSequence turns round the beginning of each sequence of a batch.
//
//	y[… b … t …] = x[… b … len[b]-1-t …] where t < len[b]
//	y[… b … t …] = x[… b … t …]          elsewhere
//
//	x      any [...]
//	len    int64 [n], n the size of dim Batch; 0 ≤ len ≤ the size of dim Time
//	attrs  Time, Batch, two different dims
//	y      like x
var ReverseSequence = Op{
	name: "reverse_sequence", plan: planner(planReverseSequence),
	run: bySize(runReverseSequence[uint8], runReverseSequence[uint16], runReverseSequence[uint32], runReverseSequence[uint64]),
}

// ReverseSequenceAttrs are the attributes of ReverseSequence.
type ReverseSequenceAttrs struct{ Time, Batch int64 }

func planReverseSequence(in []tensor.Type, a ReverseSequenceAttrs) (Plan, error) {
	if err := required(in, 2); err != nil {
		return Plan{}, err
	}
	x, length := in[0], in[1]
	if length.DType != tensor.Int64 {
		return Plan{}, fmt.Errorf("%w: lengths %v", ErrDType, length)
	}
	if length.Rank != 1 {
		return Plan{}, fmt.Errorf("%w: lengths %v", ErrRank, length)
	}
	if err := onAxis(&x, a.Time); err != nil {
		return Plan{}, err
	}
	if err := onAxis(&x, a.Batch); err != nil {
		return Plan{}, err
	}
	if a.Time == a.Batch {
		return Plan{}, fmt.Errorf("%w: one axis for time and batch", ErrAttr)
	}
	if length.Dims[0] != x.Dims[a.Batch] {
		return Plan{}, fmt.Errorf("%w: %v for %v", ErrShape, length, x)
	}
	return moving(x, a), nil
}

func runReverseSequence[T word](c *Call) error {
	x, y := tensor.View[T](c.In[0].Data), tensor.View[T](c.Out[0].Data)
	length, dims := tensor.View[int64](c.In[1].Data), c.In[0].Shape()
	a := c.Plan.step.(ReverseSequenceAttrs)
	last := max(a.Time, a.Batch)
	rows, run := tensor.Product(dims[:last+1]), tensor.Product(dims[last+1:])
	times, timeStep := dims[a.Time], tensor.Product(dims[a.Time+1:last+1])
	batches, batchStep := dims[a.Batch], tensor.Product(dims[a.Batch+1:last+1])
	var outside atomic.Bool
	err := c.runs(rows, run, c.Out[0].DType.Size(), func(lo, hi, from, to int64) {
		for r := lo; r < hi; r++ {
			t, n := r/timeStep%times, length[r/batchStep%batches]
			if n < 0 || n > times {
				outside.Store(true)
				return
			}
			src := r
			if t < n {
				src += (n - 1 - 2*t) * timeStep
			}
			copyRun(y[r*run+from:r*run+to], x[src*run+from:src*run+to])
		}
	})
	return inside(err, &outside)
}
