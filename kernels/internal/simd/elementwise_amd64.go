//go:build !purego

package simd

type (
	unaryForm  func(dst, a *float32, n int)
	binaryForm func(dst, a, b *float32, n int)
	tunedForm  func(dst, a *float32, n int, alpha, beta float32)
)

// unaryForms are the functions in assembly of each level from avx2 on.
var unaryForms = [...][2]unaryForm{
	Neg:       {neg256, neg512},
	Abs:       {abs256, abs512},
	Sqrt:      {sqrt256, sqrt512},
	Recip:     {recip256, recip512},
	Floor:     {floor256, floor512},
	Ceil:      {ceil256, ceil512},
	Rint:      {rint256, rint512},
	Trunc:     {trunc256, trunc512},
	Exp:       {exp256, exp512},
	Tanh:      {tanh256, tanh512},
	Erf:       {erf256, erf512},
	Relu:      {relu256, relu512},
	Sigmoid:   {sigmoid256, sigmoid512},
	Silu:      {silu256, silu512},
	Gelu:      {gelu256, gelu512},
	GeluTanh:  {geluTanh256, geluTanh512},
	HardSwish: {hardSwish256, hardSwish512},
	Sign:      {sign256, sign512},
	Softsign:  {softsign256, softsign512},
	Exp2:      {exp2256, exp2512},
	Expm1:     {expm1256, expm1512},
	Log:       {log256, log512},
	Log1p:     {log1p256, log1p512},
	Sin:       {sin256, sin512},
	Cos:       {cos256, cos512},
	Tan:       {tan256, tan512},
	Asin:      {asin256, asin512},
	Acos:      {acos256, acos512},
	Atan:      {atan256, atan512},
	Sinh:      {sinh256, sinh512},
	Cosh:      {cosh256, cosh512},
	Asinh:     {asinh256, asinh512},
	Acosh:     {acosh256, acosh512},
	Atanh:     {atanh256, atanh512},
	Softplus:  {softplus256, softplus512},
	Mish:      {mish256, mish512},
}

var binaryForms = [...][2]binaryForm{
	Add:   {add256, add512},
	Sub:   {sub256, sub512},
	Mul:   {mul256, mul512},
	Div:   {div256, div512},
	Min:   {min256, min512},
	Max:   {max256, max512},
	Pow:   {pow256, pow512},
	Atan2: {atan2256, atan2512},
}

var tunedForms = [...][2]tunedForm{
	Leaky:       {leaky256, leaky512},
	QuickGelu:   {quickGelu256, quickGelu512},
	HardSigmoid: {hardSigmoid256, hardSigmoid512},
	Elu:         {elu256, elu512},
	Selu:        {selu256, selu512},
	Celu:        {celu256, celu512},
}

// vector computes f in assembly, for at least one element, unless it reports
// that this is not to be.
func (f Unary) vector(dst, x []float32) bool {
	if active == portable {
		return false
	}
	unaryForms[f][active-avx2](&dst[0], &x[0], len(x))
	return true
}

func (f Binary) vector(dst, a, b []float32) bool {
	if active == portable {
		return false
	}
	binaryForms[f][active-avx2](&dst[0], &a[0], &b[0], len(dst))
	return true
}

func (f Tuned) vector(dst, x []float32, alpha, beta float32) bool {
	if active == portable {
		return false
	}
	tunedForms[f][active-avx2](&dst[0], &x[0], len(x), alpha, beta)
	return true
}

func mulAdd(dst, a, b, c []float32) bool {
	switch active {
	case avx512:
		fma512(&dst[0], &a[0], &b[0], &c[0], len(dst))
	case avx2:
		fma256(&dst[0], &a[0], &b[0], &c[0], len(dst))
	default:
		return false
	}
	return true
}
