package simd

// Silu32 is x·sigmoid(x), within 4 ulp or 2⁻¹²⁵·|x|.
func Silu32(x float32) float32 { return float32(x * Sigmoid32(x)) }

// QuickGelu32 is x·sigmoid(αx).
func QuickGelu32(x, alpha float32) float32 {
	return float32(x * Sigmoid32(float32(alpha*x)))
}

// Gelu32 is x·(1+erf(x/√2))/2, within 2 ulp or 2⁻²³·|x|.
func Gelu32(x float32) float32 {
	const sqrtHalf = 0.70710678118654752440
	return float32(float32(0.5*x) * (1 + Erf32(float32(sqrtHalf*x))))
}

// GeluTanh32 is x·(1+tanh(√(2/π)·(x+0.044715·x³)))/2, within 2 ulp or 2⁻²³·|x|.
func GeluTanh32(x float32) float32 {
	// (1+tanh u)/2 is sigmoid(2u), which loses nothing where x is negative.
	const a, b = 1.59576912160573071176, 0.07135481282553641 // 2√(2/π), and times 0.044715
	return float32(x * Sigmoid32(float32(x*FMA(b, float32(x*x), a))))
}
