package simd

import (
	"math"
	"math/bits"
)

// Pow32 is xʸ, within 0.51 ulp, with the special cases of C: x⁰ and 1ʸ are 1 even
// for NaN, and a negative x has a power only for whole y.
func Pow32(x, y float32) float32 {
	switch {
	case y == 0 || x == 1:
		return 1
	case x != x || y != y:
		return x + y
	case x == -1 && abs(y) > math.MaxFloat32:
		return 1
	}
	// From 2²⁴ on every float32 is even, and so is an infinity.
	a := float64(abs(y))
	whole, odd := a >= 1<<24, false
	if !whole {
		n := int32(a)
		whole, odd = float64(n) == a, n&1 == 1
	}
	negative := math.Signbit(float64(x))
	if negative && !whole && x != 0 && x >= -math.MaxFloat32 {
		return float32(math.NaN())
	}
	p := float32(wideExp(float64(float64(y) * wideLog(float64(abs(x))))))
	if negative && whole && odd {
		return -p
	}
	return p
}

// OddFloat32 is v rounded to float32 so that a second rounding, to a type with
// at most 22 bits of precision, gives what one rounding of v would: v itself
// where that is a float32, the neighbour whose last bit is 1 elsewhere.
func OddFloat32(v float64) float32 {
	f := float32(v)
	if v != v {
		return f
	}
	b := math.Float32bits(f)
	was, is := math.Float64bits(math.Abs(v)), math.Float64bits(math.Abs(float64(f)))
	// Toward zero, and to an odd one from there where f was not v itself. Numbers
	// compare as their bits do, but by no branch.
	if is > was {
		b--
	}
	if is != was {
		b |= 1
	}
	return math.Float32frombits(b)
}

// OddUint64 is OddFloat32 for an integer.
func OddUint64(v uint64) float32 {
	shift := max(bits.Len64(v), 24) - 24
	m := v >> shift
	if m<<shift != v {
		m |= 1
	}
	return float32(int64(m)) * math.Float32frombits(uint32(shift+127)<<23)
}
