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
	if held(to) == tensor.Float32 && (held(from) == tensor.Float32 || from.Size() <= 2) {
		to = tensor.Float32 // which has each of these
	}
	if to == tensor.Float32 && int(from) < len(toFloat32) && toFloat32[from] != nil {
		return toFloat32[from]
	}
	if held(from) == tensor.Float32 && int(to) < len(fromFloat32) && fromFloat32[to] != nil {
		return fromFloat32[to]
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

// toFloat32 and fromFloat32 are the casts that need no loop of Go.
var toFloat32 = [...]loop{
	tensor.Float32:  with1(copied),
	tensor.Float16:  with1(copied),
	tensor.BFloat16: with1(copied),

	tensor.Int8:  with1(simd.FromInt8),
	tensor.Uint8: with1(simd.FromUint8),
	tensor.Int32: with1(simd.FromInt32),
	tensor.Bool:  with1(simd.FromBool),
}

var fromFloat32 = [...]loop{
	tensor.Int8:  with1(simd.ToInt8),
	tensor.Uint8: with1(simd.ToUint8),
	tensor.Int32: with1(simd.ToInt32),
}

func copied(dst, a []float32) { copy(dst, a) }

func castFloat[A float32 | float64](to tensor.DType) loop {
	switch to {
	case tensor.Float16, tensor.BFloat16:
		return with1(func(dst []float32, a []A) {
			a = a[:len(dst)]
			for i := range dst {
				dst[i] = simd.OddFloat32(float64(a[i]))
			}
		})
	case tensor.Float32:
		return with1(plain[float32, A])
	case tensor.Float64:
		return with1(plain[float64, A])
	case tensor.Int8:
		return saturate[int8, A](math.MinInt8, math.MaxInt8)
	case tensor.Int16:
		return saturate[int16, A](math.MinInt16, math.MaxInt16)
	case tensor.Int32:
		return saturate[int32, A](math.MinInt32, math.MaxInt32)
	case tensor.Int64:
		return saturate[int64, A](math.MinInt64, math.MaxInt64)
	case tensor.Uint8:
		return saturate[uint8, A](0, math.MaxUint8)
	case tensor.Uint16:
		return saturate[uint16, A](0, math.MaxUint16)
	case tensor.Uint32:
		return saturate[uint32, A](0, math.MaxUint32)
	case tensor.Uint64:
		return saturate[uint64, A](0, math.MaxUint64)
	default:
		return with1(nonzero[A])
	}
}

// plain is the cast that Go defines.
func plain[D, A number](dst []D, a []A) {
	a = a[:len(dst)]
	for i := range dst {
		dst[i] = D(a[i])
	}
}

func nonzero[A number](dst []uint8, a []A) {
	a = a[:len(dst)]
	for i := range dst {
		dst[i] = bit(a[i] != 0)
	}
}

// saturate is the cast from a float to an integer of the range low … high. Go
// leaves what is outside of it, and NaN, to the processor.
func saturate[D integer, A float32 | float64](low, high D) loop {
	// The largest integers of 64 bits are no float64, and go up to one beyond.
	bottom, top := float64(low), float64(high)
	return with1(func(dst []D, a []A) {
		a = a[:len(dst)]
		for i := range dst {
			v := float64(a[i])
			within := min(max(v, bottom), top)
			switch {
			case within < top:
				dst[i] = D(within)
			case within == top:
				dst[i] = high
			default:
				dst[i] = 0
			}
		}
	})
}

func castInt[A integer](to tensor.DType) loop {
	switch to {
	case tensor.Float16, tensor.BFloat16:
		return with1(func(dst []float32, a []A) {
			a = a[:len(dst)]
			for i, v := range a {
				dst[i] = oddFloat32(uint64(v), -uint64(bit(v < 0)))
			}
		})
	case tensor.Float32:
		return with1(plain[float32, A])
	case tensor.Float64:
		return with1(plain[float64, A])
	case tensor.Bool:
		return with1(nonzero[A])
	}
	// Whether the result has a sign makes no difference to its bits.
	return [...]loop{
		1: with1(plain[uint8, A]), 2: with1(plain[uint16, A]), 4: with1(plain[uint32, A]), 8: with1(plain[uint64, A]),
	}[to.Size()]
}

// oddFloat32 is the float32 of which a half is rounded as the integer v is. All
// bits of sign are those of a negative v's sign.
func oddFloat32(v, sign uint64) float32 {
	size := simd.OddUint64((v ^ sign) - sign)
	return math.Float32frombits(math.Float32bits(size) | uint32(sign)<<31)
}

func castBool(to tensor.DType) loop {
	if to == tensor.Float64 {
		return with1(truth[float64])
	}
	return [...]loop{
		1: with1(truth[uint8]), 2: with1(truth[uint16]), 4: with1(truth[uint32]), 8: with1(truth[uint64]),
	}[to.Size()]
}

func truth[T number](dst []T, a []uint8) {
	a = a[:len(dst)]
	for i := range dst {
		dst[i] = T(bit(a[i] != 0))
	}
}
