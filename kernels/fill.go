package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Fill is a tensor of one value.
//
//	y[…] = v
//
//	attrs  Dims, Value (its low bytes are the bits of v), DType
//	y      DType Dims
var Fill = Op{name: "fill", plan: planner(planFill), run: bySize(runFill[uint8], runFill[uint16], runFill[uint32], runFill[uint64])}

// FillAttrs are the attributes of Fill.
type FillAttrs struct {
	Dims  []int64
	Value int64
	DType int64
}

func planFill(in []tensor.Type, a FillAttrs) (Plan, error) {
	if err := required(in, 0); err != nil {
		return Plan{}, err
	}
	d, err := element(a.DType)
	if err != nil {
		return Plan{}, err
	}
	if d == tensor.Bool && uint8(a.Value) > 1 {
		return Plan{}, fmt.Errorf("%w: bool %d", ErrAttr, uint8(a.Value))
	}
	y, err := sized(d, a.Dims)
	if err != nil {
		return Plan{}, err
	}
	p := moving(y, a.Value)
	p.Bytes = y.Bytes()
	return p, nil
}

func runFill[T word](c *Call) error {
	y := tensor.View[T](c.Out[0].Data)
	v := T(c.Plan.step.(int64))
	return c.split(int64(len(y)), int64(c.Out[0].DType.Size()), func(lo, hi int64) { fillWords(y[lo:hi], v) })
}

// element is the element type that an attribute names.
func element(d int64) (tensor.DType, error) {
	if d < 0 || d > 255 || !tensor.DType(d).Valid() {
		return 0, fmt.Errorf("%w: %d", ErrDType, d)
	}
	return tensor.DType(d), nil
}
