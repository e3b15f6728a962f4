package kernels

import (
	"math"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// castLoop gives the cast from registers of type from to those of type to, as
// they are held. Casts to float16 and bfloat16 leave a float32 that narrowing
// rounds as the source would be rounded.
func castLoop(from, to tensor.DType) loop {
	if to == tensor.Float32 && int(from) < len(toFloat32) && toFloat32[from] != nil {
		return toFloat32[from]
	}
	switch held(from) {
	case tensor.Float32:
		return castFloat[float32](to)
	case tensor.Float64:
		return castFloat[float64](to)
	case tensor.Int8:
		return castInt[int8](to)
	case tensor.Int16:
		return castInt[int16](to)
	case tensor.Int32:
		return castInt[int32](to)
	case tensor.Int64:
		return castInt[int64](to)
	case tensor.Uint8:
		return castInt[uint8](to)
	case tensor.Uint16:
		return castInt[uint16](to)
	case tensor.Uint32:
		return castInt[uint32](to)
	case tensor.Uint64:
		return castInt[uint64](to)
	default:
		return castBool(to)
	}
}

// toFloat32 are the casts that have vector code.
var toFloat32 = [...]loop{
	tensor.Int8:  with1(simd.FromInt8),
	tensor.Uint8: with1(simd.FromUint8),
	tensor.Int32: with1(simd.FromInt32),
	tensor.Bool:  with1(simd.FromBool),
}

func castFloat[A float32 | float64](to tensor.DType) loop {
	switch to {
	case tensor.Float16, tensor.BFloat16:
		return convert(func(a A) float32 { return simd.OddFloat32(float64(a)) })
	case tensor.Float32:
		return convert(func(a A) float32 { return float32(a) })
	case tensor.Float64:
		return convert(func(a A) float64 { return float64(a) })
	case tensor.Int8:
		return convert(saturate[int8, A](math.MinInt8, math.MaxInt8))
	case tensor.Int16:
		return convert(saturate[int16, A](math.MinInt16, math.MaxInt16))
	case tensor.Int32:
		return convert(saturate[int32, A](math.MinInt32, math.MaxInt32))
	case tensor.Int64:
		return convert(saturate[int64, A](math.MinInt64, math.MaxInt64))
	case tensor.Uint8:
		return convert(saturate[uint8, A](0, math.MaxUint8))
	case tensor.Uint16:
		return convert(saturate[uint16, A](0, math.MaxUint16))
	case tensor.Uint32:
		return convert(saturate[uint32, A](0, math.MaxUint32))
	case tensor.Uint64:
		return convert(saturate[uint64, A](0, math.MaxUint64))
	default:
		return convert(func(a A) uint8 { return bit(a != 0) })
	}
}

// saturate is the cast from a float to an integer of the range lo … hi. Go
// leaves what is outside of it, and NaN, to the processor.
func saturate[D integer, A float32 | float64](lo, hi D) func(A) D {
	return func(a A) D {
		switch v := float64(a); {
		case v != v:
			return 0
		case v <= float64(lo):
			return lo
		case v >= float64(hi): // rounded up where the type has 64 bits
			return hi
		default:
			return D(v)
		}
	}
}

func castInt[A integer](to tensor.DType) loop {
	switch to {
	case tensor.Float16, tensor.BFloat16:
		return convert(func(a A) float32 {
			if a < 0 {
				return -simd.OddUint64(-uint64(a))
			}
			return simd.OddUint64(uint64(a))
		})
	case tensor.Float32:
		return convert(func(a A) float32 { return float32(a) })
	case tensor.Float64:
		return convert(func(a A) float64 { return float64(a) })
	case tensor.Int8:
		return convert(func(a A) int8 { return int8(a) })
	case tensor.Int16:
		return convert(func(a A) int16 { return int16(a) })
	case tensor.Int32:
		return convert(func(a A) int32 { return int32(a) })
	case tensor.Int64:
		return convert(func(a A) int64 { return int64(a) })
	case tensor.Uint8:
		return convert(func(a A) uint8 { return uint8(a) })
	case tensor.Uint16:
		return convert(func(a A) uint16 { return uint16(a) })
	case tensor.Uint32:
		return convert(func(a A) uint32 { return uint32(a) })
	case tensor.Uint64:
		return convert(func(a A) uint64 { return uint64(a) })
	default:
		return convert(func(a A) uint8 { return bit(a != 0) })
	}
}

func castBool(to tensor.DType) loop {
	switch held(to) {
	case tensor.Float32:
		return convert(truth[float32])
	case tensor.Float64:
		return convert(truth[float64])
	case tensor.Int16:
		return convert(truth[int16])
	case tensor.Int32:
		return convert(truth[int32])
	case tensor.Int64:
		return convert(truth[int64])
	case tensor.Uint16:
		return convert(truth[uint16])
	case tensor.Uint32:
		return convert(truth[uint32])
	case tensor.Uint64:
		return convert(truth[uint64])
	default:
		return convert(truth[uint8])
	}
}

func truth[T number](a uint8) T {
	if a != 0 {
		return 1
	}
	return 0
}

func convert[D, A tensor.Element](f func(A) D) loop {
	return with1(func(dst []D, a []A) {
		for i := range dst {
			dst[i] = f(a[i])
		}
	})
}
