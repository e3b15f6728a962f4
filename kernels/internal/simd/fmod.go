package simd

import (
	"math"
	"math/bits"
)

// Fmod is the exact remainder of x/y with the sign of x; NaN where y is zero.
func Fmod(x, y float32) float32 { return float32(Fmod64(float64(x), float64(y))) }

// Mod is the remainder of x/y with the sign of y, as in Python; NaN where y is
// zero.
func Mod(x, y float32) float32 { return signed(Fmod(x, y), y) }

// Fmod64 is Fmod for float64. Its time is bounded: math.Mod takes up to 2,000
// steps for operands of very different size, this one 33.
func Fmod64(x, y float64) float64 {
	a, b := math.Abs(x), math.Abs(y)
	switch {
	case x != x || y != y || b == 0 || a > math.MaxFloat64:
		return math.NaN()
	case a < b:
		return x
	}
	ma, ea := parts(a)
	mb, eb := parts(b)
	// ma·2^(ea-eb) mod mb, 64 bits of the power at a time.
	r := ma % mb
	for d := ea - eb; d > 0 && r != 0; d -= 64 {
		n := uint(min(d, 64))
		_, r = bits.Div64(r>>(64-n), r<<n, mb)
	}
	return math.Copysign(math.Ldexp(float64(r), eb), x)
}

// Mod64 is Mod for float64.
func Mod64(x, y float64) float64 { return signed(Fmod64(x, y), y) }

// signed gives a remainder of y the sign of y.
func signed[T float32 | float64](r, y T) T {
	switch {
	case r == 0:
		return T(math.Copysign(0, float64(y)))
	case (r < 0) != (y < 0):
		return r + y
	}
	return r
}

// parts gives m and e with a = m·2ᵉ for a positive, finite a; m is below 2⁵³
// and e as small as that of any smaller a.
func parts(a float64) (m uint64, e int) {
	b := math.Float64bits(a)
	if b < 1<<52 {
		return b, -1074
	}
	return b&(1<<52-1) | 1<<52, int(b>>52) - 1075
}
