package simd

// Silu32 is x·sigmoid(x), within 4 ulp or 2⁻¹⁴²·|x|.
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
	u := float32(x * (a + float32(b*float32(x*x))))
	return float32(x * Sigmoid32(u))
}

// Each of the following is its scalar function for every element of x. dst is
// as long as x, and may be x.

// Exp is Exp32 for each element.
func Exp(dst, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = Exp32(v)
	}
}

// Sigmoid is Sigmoid32 for each element.
func Sigmoid(dst, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = Sigmoid32(v)
	}
}

// Silu is Silu32 for each element.
func Silu(dst, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = Silu32(v)
	}
}

// Tanh is Tanh32 for each element.
func Tanh(dst, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = Tanh32(v)
	}
}

// Erf is Erf32 for each element.
func Erf(dst, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = Erf32(v)
	}
}

// Gelu is Gelu32 for each element.
func Gelu(dst, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = Gelu32(v)
	}
}

// GeluTanh is GeluTanh32 for each element.
func GeluTanh(dst, x []float32) {
	dst = dst[:len(x)]
	for i, v := range x {
		dst[i] = GeluTanh32(v)
	}
}
