//go:build !purego

package simd

// The functions that are in assembly.
var (
	unaryForms = [len(unary)]func(dst, a *float32, n int){
		Neg: negNeon, Abs: absNeon, Sqrt: sqrtNeon, Recip: recipNeon,
		Floor: floorNeon, Ceil: ceilNeon, Rint: rintNeon, Trunc: truncNeon,
		Exp: expNeon, Tanh: tanhNeon, Erf: erfNeon, Relu: reluNeon, Sigmoid: sigmoidNeon,
		Silu: siluNeon, Gelu: geluNeon, GeluTanh: geluTanhNeon, HardSwish: hardSwishNeon,
	}
	binaryForms = [len(binary)]func(dst, a, b *float32, n int){
		Add: addNeon, Sub: subNeon, Mul: mulNeon, Div: divNeon, Min: minNeon, Max: maxNeon,
	}
	tunedForms = [len(tuned)]func(dst, a *float32, n int, alpha, beta float32){
		Leaky: leakyNeon, QuickGelu: quickGeluNeon, HardSigmoid: hardSigmoidNeon,
	}
)

// vector computes f in assembly, for at least one element, unless it reports
// that this is not to be.
func (f Unary) vector(dst, x []float32) bool {
	if active == portable || unaryForms[f] == nil {
		return false
	}
	unaryForms[f](&dst[0], &x[0], len(x))
	return true
}

func (f Binary) vector(dst, a, b []float32) bool {
	if active == portable || binaryForms[f] == nil {
		return false
	}
	binaryForms[f](&dst[0], &a[0], &b[0], len(dst))
	return true
}

func (f Tuned) vector(dst, x []float32, alpha, beta float32) bool {
	if active == portable || tunedForms[f] == nil {
		return false
	}
	tunedForms[f](&dst[0], &x[0], len(x), alpha, beta)
	return true
}

func mulAdd(dst, a, b, c []float32) bool {
	if active == portable {
		return false
	}
	fmaNeon(&dst[0], &a[0], &b[0], &c[0], len(dst))
	return true
}
