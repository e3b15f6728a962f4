package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Bitcast reads the bits of x as elements of another type.
//
//	y[k] = the bits of x[k]
//
//	x      any [...]
//	attrs  DType, of the same size and not Bool, whose elements are 0 or 1
//	y      DType, dims of x
//
// The bytes of x and y are equal, so a caller may let y be x instead.
var Bitcast = Op{name: "bitcast", plan: planner(planBitcast), run: runView}

// BitcastAttrs are the attributes of Bitcast.
type BitcastAttrs struct{ DType int64 }

func planBitcast(in []tensor.Type, a BitcastAttrs) (Plan, error) {
	if err := required(in, 1); err != nil {
		return Plan{}, err
	}
	d, err := element(a.DType)
	if err != nil {
		return Plan{}, err
	}
	y := in[0]
	if d.Size() != y.DType.Size() || d == tensor.Bool && y.DType != tensor.Bool {
		return Plan{}, fmt.Errorf("%w: %v as %v", ErrDType, y, d)
	}
	y.DType = d
	return moving(y, nil), nil
}
