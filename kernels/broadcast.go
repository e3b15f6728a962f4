package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Broadcast repeats x along new leading dims and along its dims of size 1.
//
//	y[…, i, j] = x[i, 0] for x of dims [n, 1]
//
//	x      any [...]; each dim is 1 or that of Dims, counted from the last
//	attrs  Dims
//	y      any Dims
var Broadcast = Op{name: "broadcast", plan: planner(planBroadcast), run: runGrid}

// BroadcastAttrs are the attributes of Broadcast.
type BroadcastAttrs struct{ Dims []int64 }

func planBroadcast(in []tensor.Type, a BroadcastAttrs) (Plan, error) {
	if err := required(in, 1); err != nil {
		return Plan{}, err
	}
	x := in[0]
	y, err := sized(x.DType, a.Dims)
	if err != nil {
		return Plan{}, err
	}
	lead := int(y.Rank) - int(x.Rank)
	if lead < 0 {
		return Plan{}, fmt.Errorf("%w: %v to %v", ErrShape, x, a.Dims)
	}
	from, to := strides(&x), strides(&y)
	g := &grid{}
	for k, n := range y.Shape() {
		src := int64(0)
		if k >= lead && x.Dims[k-lead] == n {
			src = from[k-lead]
		} else if k >= lead && x.Dims[k-lead] != 1 {
			return Plan{}, fmt.Errorf("%w: %v to %v", ErrShape, x, a.Dims)
		}
		g.add(n, to[k], src)
	}
	g.seal(x.DType.Size())
	return moving(y, g), nil
}
