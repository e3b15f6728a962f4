// Package simd holds the arithmetic that kernels share: float32 functions that
// give the same bits on every processor.
//
// Each function is a fixed sequence of add, multiply, divide, compare and
// integer operations. A product that is added to something is written
// float32(a*b) or float64(a*b), since Go may fuse the two otherwise, even
// across a call; for the same reason functions that end in a product convert
// it. The functions
// that models spend their time in (exp, tanh, erf and the activations made of
// them) work in float32, so that a vector unit can follow them step by step;
// the others work in float64 and are rounded once at the end.
//
// A NaN argument gives a NaN; its sign and payload are not defined.
package simd

import "math"

const (
	log2e = 1.44269504088896340736
	// ln2Hi has few enough bits that its product with any exponent is exact.
	ln2Hi = 0.693359375
	ln2Lo = -2.12194440e-4
	// Adding shifter to a float32 under 2²² leaves its nearest integer, ties to
	// even, in the low bits of the sum.
	shifter     = 0x1.8p23
	shifterBits = 0x4B400000
)

// Exp32 is eˣ, within 1 ulp.
func Exp32(x float32) float32 {
	// Outside of these bounds the result is 0 or +Inf, as it is at them.
	x = min(max(x, -104), 89)
	t := float32(x*log2e) + shifter
	n := int32(math.Float32bits(t)) - shifterBits
	k := t - shifter
	r := x - float32(k*ln2Hi)
	r -= float32(k * ln2Lo)
	p := float32(1.9875691500e-4)
	p = float32(p*r) + 1.3981999507e-3
	p = float32(p*r) + 8.3334519073e-3
	p = float32(p*r) + 4.1665795894e-2
	p = float32(p*r) + 1.6666665459e-1
	p = float32(p*r) + 5.0000001201e-1
	y := 1 + (r + float32(p*float32(r*r)))
	// 2ⁿ in two factors: one alone overflows, or rounds a subnormal twice.
	half := n >> 1
	return float32(float32(y*pow2(half)) * pow2(n-half))
}

// pow2 is 2ⁿ for -127 < n < 128. Where x was NaN, n is garbage and any result
// will do.
func pow2(n int32) float32 { return math.Float32frombits(uint32(n+127) << 23) }

// Sigmoid32 is 1/(1+e⁻ˣ), within 3 ulp.
func Sigmoid32(x float32) float32 {
	// e^-|x| is at most 1, so nothing overflows and small results keep their bits.
	e := Exp32(-abs(x))
	// The numerator is e where x is negative, chosen without a branch.
	below := uint32(int32(math.Float32bits(x)) >> 31)
	n := math.Float32frombits(math.Float32bits(e)&below | math.Float32bits(1)&^below)
	return n / (1 + e)
}

// Tanh32 is the hyperbolic tangent, within 2 ulp.
func Tanh32(x float32) float32 {
	a := abs(x)
	if a < 0.625 {
		z := float32(x * x)
		p := float32(-5.70498872745e-3)
		p = float32(p*z) + 2.06390887954e-2
		p = float32(p*z) - 5.37397155531e-2
		p = float32(p*z) + 1.33314422036e-1
		p = float32(p*z) - 3.33332819422e-1
		return copysign(a+float32(float32(p*z)*a), x)
	}
	return copysign(1-2/(Exp32(2*a)+1), x)
}

// Erf32 is the error function, within 2 ulp.
func Erf32(x float32) float32 {
	a, s := abs(x), float32(x*x)
	if a > 0.927734375 {
		p := float32(-1.72853470e-5)
		p = float32(p*a) + 3.83197126e-4
		q := float32(float32(-3.88396438e-3)*a) + 2.42546219e-2
		p = float32(p*s) + q
		p = float32(p*a) - 1.06777877e-1
		p = float32(p*a) - 6.34846687e-1
		p = float32(p*a) - 1.28717512e-1
		// The exponent is past every bound from 4 on; clamping keeps x⁶ finite.
		return copysign(1-Exp32(max(float32(p*min(a, 16))-min(a, 16), -104)), x)
	}
	p := float32(-5.96761703e-4)
	p = float32(p*s) + 4.99119423e-3
	p = float32(p*s) - 2.67681349e-2
	p = float32(p*s) + 1.12819925e-1
	p = float32(p*s) - 3.76125336e-1
	p = float32(p*s) + 1.28379166e-1
	return x + float32(p*x)
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

func copysign(x, sign float32) float32 {
	return math.Float32frombits(math.Float32bits(x)&^(1<<31) | math.Float32bits(sign)&(1<<31))
}
