package simd

// These and Erf32 know no subnormal numbers: see FMANormal.

// Silu32 is x·sigmoid(x), within 4 ulp or 2⁻¹²⁵·max(1, |x|).
func Silu32(x float32) float32 { return productOf(x, Sigmoid32(x)) }

// QuickGelu32 is x·sigmoid(αx).
func QuickGelu32(x, alpha float32) float32 {
	return productOf(x, Sigmoid32(productOf(alpha, x)))
}

// Gelu32 is x·(1+erf(x/√2))/2, within 2 ulp or 2⁻²³·|x|.
func Gelu32(x float32) float32 {
	const sqrtHalf = 0.70710678118654752440
	return productOf(x, FMA(Erf32(productOf(sqrtHalf, x)), 0.5, 0.5))
}

// GeluTanh32 is x·(1+tanh(√(2/π)·(x+0.044715·x³)))/2, within 2 ulp or 2⁻²³·|x|.
func GeluTanh32(x float32) float32 {
	// (1+tanh u)/2 is sigmoid(2u), which loses nothing where x is negative.
	const a, b = 1.59576912160573071176, 0.07135481282553641 // 2√(2/π), and times 0.044715
	return productOf(x, Sigmoid32(float32(x*FMA(b, float32(x*x), a))))
}
