package kernels

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Literal is a small tensor given in full.
//
//	y[k] = Values[k], counted in row-major order
//
//	attrs  Dims; Values, integers as their value and floats as their bit
//	       pattern; DType
//	y      DType Dims
var Literal = Op{name: "literal", plan: planner(planLiteral), run: runLiteral}

// LiteralAttrs are the attributes of Literal.
type LiteralAttrs struct {
	Dims   []int64
	Values []int64
	DType  int64
}

func planLiteral(in []tensor.Type, a LiteralAttrs) (Plan, error) {
	if err := required(in, 0); err != nil {
		return Plan{}, err
	}
	d, err := element(a.DType)
	if err != nil {
		return Plan{}, err
	}
	y, err := sized(d, a.Dims)
	if err != nil {
		return Plan{}, err
	}
	if y.Elems() != int64(len(a.Values)) {
		return Plan{}, fmt.Errorf("%w: %d values for %v", ErrShape, len(a.Values), y)
	}
	lo, hi := literalRange(d)
	data := make([]byte, 0, y.Bytes())
	for _, v := range a.Values {
		if v < lo || v > hi {
			return Plan{}, fmt.Errorf("%w: %d as %v", ErrAttr, v, d)
		}
		switch d.Size() {
		case 1:
			data = append(data, byte(v))
		case 2:
			data = binary.NativeEndian.AppendUint16(data, uint16(v))
		case 4:
			data = binary.NativeEndian.AppendUint32(data, uint32(v))
		default:
			data = binary.NativeEndian.AppendUint64(data, uint64(v))
		}
	}
	return moving(y, data), nil
}

// literalRange bounds the words that stand for a value of d.
func literalRange(d tensor.DType) (lo, hi int64) {
	switch {
	case d == tensor.Bool:
		return 0, 1
	case d.Size() == 8:
		return math.MinInt64, math.MaxInt64
	case d.IsFloat():
		return 0, 1<<(8*d.Size()) - 1
	default:
		return integerRange(d)
	}
}

func runLiteral(c *Call) error {
	copy(c.Out[0].Data, c.Plan.step.([]byte))
	return nil
}
