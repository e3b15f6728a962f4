package simd

import (
	"math"
	"math/bits"
)

// Pow is xʸ, within 0.51 ulp, with the special cases of C: x⁰ and 1ʸ are 1 even
// for NaN, and a negative x has a power only for whole y.
func Pow(x, y float32) float32 {
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

// Fmod is the exact remainder of x/y with the sign of x; NaN where y is zero.
func Fmod(x, y float32) float32 {
	a, b := abs(x), abs(y)
	switch {
	case x != x || y != y || b == 0 || a > math.MaxFloat32:
		return float32(math.NaN())
	case a < b:
		return x
	}
	ma, ea := parts(a)
	mb, eb := parts(b)
	// ma·2^(ea-eb) mod mb, forty bits of the power at a time.
	r := ma % mb
	for d := ea - eb; d > 0 && r != 0; d -= 40 {
		r = r << uint(min(d, 40)) % mb
	}
	return copysign(float32(math.Ldexp(float64(r), eb)), x)
}

// parts gives m and e with a = m·2ᵉ for a positive, finite a; m is below 2²⁴
// and e as small as that of any smaller a.
func parts(a float32) (m uint64, e int) {
	b := math.Float32bits(a)
	if b < 1<<23 {
		return uint64(b), -149
	}
	return uint64(b&(1<<23-1) | 1<<23), int(b>>23) - 150
}

// Mod is the remainder of x/y with the sign of y, as in Python; NaN where y is
// zero.
func Mod(x, y float32) float32 {
	r := Fmod(x, y)
	switch {
	case r == 0:
		return copysign(0, y)
	case (r < 0) != (y < 0):
		return r + y
	}
	return r
}

// OddFloat32 is v rounded to float32 so that a second rounding, to a type with
// at most 22 bits of precision, gives what one rounding of v would: v itself
// where that is a float32, the neighbour whose last bit is 1 elsewhere.
func OddFloat32(v float64) float32 {
	f := float32(v)
	b := math.Float32bits(f)
	if w := float64(f); w == v || v != v || b&1 == 1 {
		return f
	} else if math.Abs(w) > math.Abs(v) {
		return math.Float32frombits(b - 1)
	}
	return math.Float32frombits(b + 1)
}

// OddUint64 is OddFloat32 for an integer.
func OddUint64(v uint64) float32 {
	n := bits.Len64(v)
	if n <= 24 {
		return float32(v)
	}
	shift := uint(n - 24)
	m := v >> shift
	if m<<shift != v {
		m |= 1
	}
	return float32(m) * math.Float32frombits(uint32(shift+127)<<23)
}
