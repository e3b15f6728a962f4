package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Tile repeats x along each dim.
//
//	y[i0, i1, …] = x[i0 mod n0, i1 mod n1, …]
//
//	x      any [n0, n1, ...]
//	attrs  Reps, one for each dim
//	y      any [Reps[0]·n0, Reps[1]·n1, ...]
var Tile = Op{name: "tile", plan: planner(planTile), run: runGrid}

// TileAttrs are the attributes of Tile.
type TileAttrs struct{ Reps []int64 }

func planTile(in []tensor.Type, a TileAttrs) (Plan, error) {
	if err := required(in, 1); err != nil {
		return Plan{}, err
	}
	x := in[0]
	if len(a.Reps) != int(x.Rank) {
		return Plan{}, fmt.Errorf("%w: %d repetitions for rank %d", ErrAttr, len(a.Reps), x.Rank)
	}
	y := x
	for k, n := range a.Reps {
		if n < 0 {
			return Plan{}, fmt.Errorf("%w: %d repetitions", ErrAttr, n)
		}
		y.Dims[k] = tensor.MulSat(n, x.Dims[k])
	}
	y, err := sized(y.DType, y.Shape())
	if err != nil {
		return Plan{}, err
	}
	from, to := strides(&x), strides(&y)
	g := &grid{}
	if y.Elems() > 0 {
		for k, n := range a.Reps {
			g.add(n, x.Dims[k]*to[k], 0)
			g.add(x.Dims[k], to[k], from[k])
		}
	} else {
		g.add(0, 0, 0)
	}
	g.seal(x.DType.Size())
	return moving(y, g), nil
}
