// Package simd holds the arithmetic that kernels share: float32 functions that
// give the same bits on every processor, but where flush.go says otherwise of a
// number that rounds to the smallest normal one.
//
// Each function is a fixed sequence of add, multiply, divide, compare and
// integer operations. A product that is added to something is written
// float32(a*b) or float64(a*b), since Go may fuse the two otherwise, even
// across a call; for the same reason functions that end in a product convert
// it. A vector unit follows them step by step. The functions that models spend
// their time in (exp, tanh, erf and the activations made of them) work in
// float32; the others work in float64 and are rounded once at the end.
//
// A NaN argument gives a NaN; its sign and payload are not defined.
package simd

import "math"

const (
	log2e = 1.44269504088896340736
	ln2Hi = 0x1.62e43p-1 // the float32 nearest to log 2, and what it lacks
	ln2Lo = -0x1.05c61p-29
	// Adding shifter to a float32 under 2²² leaves its nearest integer, ties to
	// even, in the low bits of the sum.
	shifter     = 0x1.8p23
	shifterBits = 0x4B400000
	// expLow is where Exp32 begins to be more than 0. What is below would soon be
	// subnormal, with which a processor takes a hundred times as long.
	expLow = -87
)

// Exp32 is eˣ, within 1 ulp, and 0 where x is under -87.
func Exp32(x float32) float32 {
	if x < expLow {
		return 0
	}
	return exp(min(x, 89)) // at 89 it is infinite already
}

// exp is eˣ for expLow ≤ x ≤ 89.
func exp(x float32) float32 {
	t := FMA(x, log2e, shifter)
	n := int32(math.Float32bits(t)) - shifterBits
	k := t - shifter
	r := FMA(-k, ln2Lo, FMA(-k, ln2Hi, x))
	p := FMA(0x1.6a23cep-10, r, 0x1.123a2p-7)
	p = FMA(p, r, 0x1.5558f2p-5)
	p = FMA(p, r, 0x1.555492p-3)
	p = FMA(p, r, 0x1.fffffcp-2)
	y := FMA(FMA(p, r, 1), r, 1)
	// 2ⁿ in two factors, since 2¹²⁸ is none.
	half := n >> 1
	return float32(float32(y*pow2(half)) * pow2(n-half))
}

// pow2 is 2ⁿ for -127 < n < 128. Where x was NaN, n is garbage and any result
// will do.
func pow2(n int32) float32 { return math.Float32frombits(uint32(n+127) << 23) }

// Sigmoid32 is 1/(1+e⁻ˣ), within 3 ulp, and 0 where x is under -87.
func Sigmoid32(x float32) float32 {
	if x < expLow {
		return 0
	}
	return 1 / (1 + exp(-min(x, -expLow)))
}

// Tanh32 is the hyperbolic tangent, within 2 ulp.
func Tanh32(x float32) float32 {
	a := abs(x)
	if a < 0.625 {
		z := float32(x * x)
		p := FMA(-5.70498872745e-3, z, 2.06390887954e-2)
		p = FMA(p, z, -5.37397155531e-2)
		p = FMA(p, z, 1.33314422036e-1)
		p = FMA(p, z, -3.33332819422e-1)
		return copysign(FMA(float32(p*z), a, a), x)
	}
	// From 10 on the result is 1.
	return copysign(1-2/(exp(2*min(a, 10))+1), x)
}

// Erf32 is the error function, within 2 ulp or 2⁻¹²⁶.
func Erf32(x float32) float32 {
	a, s := abs(x), float32(x*x)
	if a > 0.927734375 {
		a = min(a, 4) // where the result is 1 already
		p := FMA(-1.72853470e-5, a, 3.83197126e-4)
		q := FMA(-3.88396438e-3, a, 2.42546219e-2)
		p = FMA(p, float32(a*a), q)
		p = FMA(p, a, -1.06777877e-1)
		p = FMA(p, a, -6.34846687e-1)
		p = FMA(p, a, -1.28717512e-1)
		return copysign(1-exp(FMA(p, a, -a)), x)
	}
	p := FMA(-5.96761703e-4, s, 4.99119423e-3)
	p = FMA(p, s, -2.67681349e-2)
	p = FMA(p, s, 1.12819925e-1)
	p = FMA(p, s, -3.76125336e-1)
	p = FMA(p, s, 1.28379166e-1)
	return FMANormal(p, x, x)
}

func abs(x float32) float32 { return math.Float32frombits(math.Float32bits(x) &^ (1 << 31)) }

func copysign(x, sign float32) float32 {
	return math.Float32frombits(math.Float32bits(x)&^(1<<31) | math.Float32bits(sign)&(1<<31))
}
