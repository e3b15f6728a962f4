package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Permute reorders the dims of x.
//
//	y[i0, i1, …] = x[…], where index ik counts along dim Perm[k] of x
//
//	x      any [...]
//	attrs  Perm, each dim of x once
//	y      any, dim k as dim Perm[k] of x
var Permute = Op{name: "permute", plan: planner(planPermute), run: runGrid}

// PermuteAttrs are the attributes of Permute.
type PermuteAttrs struct{ Perm []int64 }

func planPermute(in []tensor.Type, a PermuteAttrs) (Plan, error) {
	if err := required(in, 1); err != nil {
		return Plan{}, err
	}
	x := in[0]
	if len(a.Perm) != int(x.Rank) {
		return Plan{}, fmt.Errorf("%w: %d axes for rank %d", ErrAttr, len(a.Perm), x.Rank)
	}
	y := x
	seen := [tensor.MaxRank]bool{}
	for k, p := range a.Perm {
		if err := onAxis(&x, p); err != nil {
			return Plan{}, err
		}
		if seen[p] {
			return Plan{}, fmt.Errorf("%w: axis %d twice", ErrAttr, p)
		}
		seen[p] = true
		y.Dims[k] = x.Dims[p]
	}
	from, to := strides(&x), strides(&y)
	g := &grid{}
	for k, p := range a.Perm {
		g.add(y.Dims[k], to[k], from[p])
	}
	g.seal(x.DType.Size())
	return moving(y, g), nil
}
