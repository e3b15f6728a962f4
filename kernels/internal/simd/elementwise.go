package simd

import "math"

// Unary is a function of one operand.
type Unary uint8

const (
	Neg Unary = iota
	Abs
	Sqrt
	Recip
	Floor
	Ceil
	Rint // ties to even
	Trunc
	Exp
	Tanh
	Erf
	Relu
	Sigmoid
	Silu
	Gelu
	GeluTanh
	HardSwish
	Sign
	Softsign
	Exp2
	Expm1
	Log
	Log1p
	Sin
	Cos
	Tan
	Asin
	Acos
	Atan
	Sinh
	Cosh
	Asinh
	Acosh
	Atanh
	Softplus
	Mish
)

var unary = [...]func(x float32) float32{
	Neg:       func(x float32) float32 { return -x },
	Abs:       abs,
	Sqrt:      func(x float32) float32 { return float32(math.Sqrt(float64(x))) }, // rounds to the right float32
	Recip:     func(x float32) float32 { return rounded(1 / float64(x)) },
	Floor:     func(x float32) float32 { return float32(math.Floor(float64(x))) },
	Ceil:      func(x float32) float32 { return float32(math.Ceil(float64(x))) },
	Rint:      func(x float32) float32 { return float32(math.RoundToEven(float64(x))) },
	Trunc:     func(x float32) float32 { return float32(math.Trunc(float64(x))) },
	Exp:       Exp32,
	Tanh:      Tanh32,
	Erf:       Erf32,
	Relu:      func(x float32) float32 { return max(x, 0) },
	Sigmoid:   Sigmoid32,
	Silu:      Silu32,
	Gelu:      Gelu32,
	GeluTanh:  GeluTanh32,
	HardSwish: func(x float32) float32 { return productOf(x, max(0, min(1, FMANormal(x, 1.0/6, 0.5)))) },
	Sign:      sign,
	Softsign:  func(x float32) float32 { return x / (1 + abs(x)) },
	Exp2:      exp2,
	Expm1:     expm1,
	Log:       Log32,
	Log1p:     log1p,
	Sin:       sin,
	Cos:       cos,
	Tan:       tan,
	Asin:      asin,
	Acos:      acos,
	Atan:      atan,
	Sinh:      sinh,
	Cosh:      cosh,
	Asinh:     asinh,
	Acosh:     acosh,
	Atanh:     atanh,
	Softplus:  softplus,
	Mish:      mish,
}

// sign is -1, 0 or 1, and NaN of a NaN.
func sign(x float32) float32 {
	if abs(x) > 0 {
		return copysign(1, x)
	}
	return x + 0
}

// Map computes f for each element of x. dst is as long as x, and may be x.
func (f Unary) Map(dst, x []float32) {
	for n := 0; len(x) > 0; dst, x = dst[n:], x[n:] {
		n = min(len(x), maxRun)
		if d, x := dst[:n], x[:n]; !f.vector(d, x) {
			for i, v := range x {
				d[i] = unary[f](v)
			}
		}
	}
}

// maxRun bounds the time that one call of an assembly function takes.
const maxRun = 1 << 13

// Binary is a function of two operands.
type Binary uint8

const (
	Add Binary = iota
	Sub
	Mul
	Div
	Min // NaN if either is, -0 before 0
	Max // likewise
	Pow
	Atan2
)

var binary = [...]func(a, b float32) float32{
	Add: func(a, b float32) float32 { return a + b },
	Sub: func(a, b float32) float32 { return a - b },
	Mul: productOf[float32],
	Div: func(a, b float32) float32 { return rounded(float64(a) / float64(b)) },
	Min: func(a, b float32) float32 { return min(a, b) },
	Max: func(a, b float32) float32 { return max(a, b) },

	Pow:   Pow32,
	Atan2: atan2,
}

// Map computes f for each pair of elements. a and b are as long as dst, and may
// be dst.
func (f Binary) Map(dst, a, b []float32) {
	for n := 0; len(dst) > 0; dst, a, b = dst[n:], a[n:], b[n:] {
		n = min(len(dst), maxRun)
		if d, a, b := dst[:n], a[:n], b[:n]; !f.vector(d, a, b) {
			for i := range d {
				d[i] = binary[f](a[i], b[i])
			}
		}
	}
}

// Tuned is a function of one operand and one or two parameters.
type Tuned uint8

const (
	Leaky       Tuned = iota // αx where x is negative
	QuickGelu                // x·sigmoid(αx)
	HardSigmoid              // max(0, min(1, αx+β))
	Elu                      // α(eˣ-1) where x is not positive
	Selu                     // β times that
	Celu                     // max(0, x) + min(0, α(e^(x/α)-1))
)

var tuned = [...]func(x, alpha, beta float32) float32{
	Leaky: func(x, alpha, _ float32) float32 {
		if normal(x) < 0 {
			return productOf(alpha, x)
		}
		return normal(x)
	},
	QuickGelu:   func(x, alpha, _ float32) float32 { return QuickGelu32(x, alpha) },
	HardSigmoid: func(x, alpha, beta float32) float32 { return max(0, min(1, FMANormal(alpha, x, beta))) },
	Elu:         func(x, alpha, _ float32) float32 { return elu(x, alpha) },
	Selu:        selu,
	Celu:        func(x, alpha, _ float32) float32 { return celu(x, alpha) },
}

// Map computes f for each element of x. dst is as long as x, and may be x.
func (f Tuned) Map(dst, x []float32, alpha, beta float32) {
	for n := 0; len(x) > 0; dst, x = dst[n:], x[n:] {
		n = min(len(x), maxRun)
		if d, x := dst[:n], x[:n]; !f.vector(d, x, alpha, beta) {
			for i, v := range x {
				d[i] = tuned[f](v, alpha, beta)
			}
		}
	}
}

// MulAdd sets dst[i] to FMANormal(a[i], b[i], c[i]) for each i of dst, which may be
// one of the operands.
func MulAdd(dst, a, b, c []float32) {
	for n := 0; len(dst) > 0; dst, a, b, c = dst[n:], a[n:], b[n:], c[n:] {
		n = min(len(dst), maxRun)
		if d, a, b, c := dst[:n], a[:n], b[:n], c[:n]; !mulAdd(d, a, b, c) {
			for i := range d {
				d[i] = FMANormal(a[i], b[i], c[i])
			}
		}
	}
}
