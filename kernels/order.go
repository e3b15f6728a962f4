package kernels

import "github.com/glovebox-ml/glovebox/kernels/tensor"

// orderOf maps the bits of an element of d to a number that is greater where
// the element is. NaN is above everything and all NaN are equal, as are -0
// and 0.
func orderOf(d tensor.DType) func(uint64) uint64 {
	sign := uint64(1) << (8*d.Size() - 1)
	switch {
	case d.IsSigned():
		return func(v uint64) uint64 { return v ^ sign }
	case !d.IsFloat():
		return func(v uint64) uint64 { return v }
	}
	infinity := map[tensor.DType]uint64{
		tensor.Float16: 0x7c00, tensor.BFloat16: 0x7f80, tensor.Float32: 0x7f800000, tensor.Float64: 0x7ff << 52,
	}[d]
	return func(v uint64) uint64 {
		switch {
		case v&^sign > infinity:
			return sign<<1 - 1
		case v > sign:
			return 2*sign - 1 - v
		default:
			return v | sign
		}
	}
}

// falling turns an order round.
func falling(order func(uint64) uint64) func(uint64) uint64 {
	return func(v uint64) uint64 { return ^order(v) }
}

// lanes is a tensor seen as lines along one axis: [outer, n, inner].
type lanes struct{ outer, n, inner int64 }

func lanesOf(t *tensor.Type, axis int64) lanes {
	return lanes{
		outer: tensor.Product(t.Dims[:axis]),
		n:     t.Dims[axis],
		inner: tensor.Product(t.Dims[axis+1 : t.Rank]),
	}
}
