//go:build !purego

package simd

// The functions that are in assembly.
var (
	unaryForms = [len(unary)]func(dst, a *float32, n int){
		Neg: negNeon, Abs: absNeon, Sqrt: sqrtNeon, Recip: recipNeon,
		Floor: floorNeon, Ceil: ceilNeon, Rint: rintNeon, Trunc: truncNeon,
		Exp: expNeon, Tanh: tanhNeon, Erf: erfNeon, Relu: reluNeon, Sigmoid: sigmoidNeon,
		Silu: siluNeon, Gelu: geluNeon, GeluTanh: geluTanhNeon, HardSwish: hardSwishNeon,
		Sign: signNeon, Softsign: softsignNeon, Exp2: exp2Neon, Expm1: expm1Neon, Log: logNeon, Log1p: log1pNeon,
		Sin: sinNeon, Cos: cosNeon, Tan: tanNeon, Asin: asinNeon, Acos: acosNeon, Atan: atanNeon,
		Sinh: sinhNeon, Cosh: coshNeon, Asinh: asinhNeon, Acosh: acoshNeon, Atanh: atanhNeon,
		Softplus: softplusNeon, Mish: mishNeon,
	}
	binaryForms = [len(binary)]func(dst, a, b *float32, n int){
		Add: addNeon, Sub: subNeon, Mul: mulNeon, Div: divNeon, Min: minNeon, Max: maxNeon,
		Pow: powNeon, Atan2: atan2Neon,
	}
	tunedForms = [len(tuned)]func(dst, a *float32, n int, alpha, beta float32){
		Leaky: leakyNeon, QuickGelu: quickGeluNeon, HardSigmoid: hardSigmoidNeon,
		Elu: eluNeon, Selu: seluNeon, Celu: celuNeon,
	}
)

// maxCall bounds the time that one call takes: some functions have almost a
// hundred instructions for each element.
const maxCall = 1 << 11

// vector computes f in assembly, for at least one element, unless it reports
// that this is not to be.
func (f Unary) vector(dst, x []float32) bool {
	form := unaryForms[f]
	if active == portable || form == nil {
		return false
	}
	for n := 0; len(x) > 0; dst, x = dst[n:], x[n:] {
		n = min(len(x), maxCall)
		form(&dst[0], &x[0], n)
	}
	return true
}

func (f Binary) vector(dst, a, b []float32) bool {
	form := binaryForms[f]
	if active == portable || form == nil {
		return false
	}
	for n := 0; len(dst) > 0; dst, a, b = dst[n:], a[n:], b[n:] {
		n = min(len(dst), maxCall)
		form(&dst[0], &a[0], &b[0], n)
	}
	return true
}

func (f Tuned) vector(dst, x []float32, alpha, beta float32) bool {
	form := tunedForms[f]
	if active == portable || form == nil {
		return false
	}
	for n := 0; len(x) > 0; dst, x = dst[n:], x[n:] {
		n = min(len(x), maxCall)
		form(&dst[0], &x[0], n, alpha, beta)
	}
	return true
}

func mulAdd(dst, a, b, c []float32) bool {
	if active == portable {
		return false
	}
	fmaNeon(&dst[0], &a[0], &b[0], &c[0], len(dst))
	return true
}
