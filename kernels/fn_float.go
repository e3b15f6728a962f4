package kernels

import (
	"math"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func float32Loops() *loops {
	l := &loops{FnConst: constant[float32], FnSelect: selects[4]}
	for fn, f := range map[Fn]simd.Unary{
		FnNeg: simd.Neg, FnAbs: simd.Abs, FnSqrt: simd.Sqrt, FnRecip: simd.Recip,
		FnFloor: simd.Floor, FnCeil: simd.Ceil, FnRint: simd.Rint, FnTrunc: simd.Trunc,
		FnExp: simd.Exp, FnTanh: simd.Tanh, FnErf: simd.Erf,
		FnRelu: simd.Relu, FnSigmoid: simd.Sigmoid, FnSilu: simd.Silu,
		FnGelu: simd.Gelu, FnGeluTanh: simd.GeluTanh, FnHardSwish: simd.HardSwish,
		FnSign: simd.Sign, FnSoftsign: simd.Softsign, FnSoftplus: simd.Softplus, FnMish: simd.Mish,
		FnExp2: simd.Exp2, FnExpm1: simd.Expm1, FnLog: simd.Log, FnLog1p: simd.Log1p,
		FnSin: simd.Sin, FnCos: simd.Cos, FnTan: simd.Tan,
		FnAsin: simd.Asin, FnAcos: simd.Acos, FnAtan: simd.Atan,
		FnSinh: simd.Sinh, FnCosh: simd.Cosh, FnAsinh: simd.Asinh, FnAcosh: simd.Acosh, FnAtanh: simd.Atanh,
	} {
		l[fn] = with1(f.Map)
	}
	for fn, f := range map[Fn]simd.Binary{
		FnAdd: simd.Add, FnSub: simd.Sub, FnMul: simd.Mul, FnDiv: simd.Div, FnMin: simd.Min, FnMax: simd.Max,
		FnPow: simd.Pow, FnAtan2: simd.Atan2,
	} {
		l[fn] = with2(f.Map)
	}
	for fn, f := range map[Fn]simd.Tuned{
		FnLeaky: simd.Leaky, FnQuickGelu: simd.QuickGelu, FnHardSigmoid: simd.HardSigmoid,
		FnElu: simd.Elu, FnSelu: simd.Selu, FnCelu: simd.Celu,
	} {
		l[fn] = func(dst, a, _, _ []byte, imm uint64) {
			alpha, beta := parameters(imm)
			f.Map(tensor.View[float32](dst), tensor.View[float32](a), alpha, beta)
		}
	}
	l[FnFma] = with3(simd.MulAdd)
	l[FnEq], l[FnNe] = with2(simd.Equal), with2(simd.NotEqual)
	l[FnLt], l[FnLe] = with2(simd.Less), with2(simd.LessEqual)
	l[FnGt], l[FnGe] = swapped(l[FnLt]), swapped(l[FnLe])

	l[FnIsNaN] = both(l[FnNe])
	l[FnIsInf] = func(dst, a, _, _ []byte, imm uint64) {
		infinite(dst, tensor.View[uint32](a), uint(imm), math.Float32bits(float32(math.Inf(1))))
	}

	l[FnMod] = scalar2(simd.Mod)
	l[FnFmod] = scalar2(simd.Fmod)
	return l
}

// infinite is FnIsInf of numbers given by their bits, inf those of infinity.
func infinite[T uint32 | uint64](dst []uint8, x []T, signs uint, inf T) {
	x = x[:len(dst)]
	sign := ^(^T(0) >> 1)
	low, high := uint8(signs&1), uint8(signs>>1)
	for i := range dst {
		dst[i] = bit(x[i] == inf)&low | bit(x[i] == inf|sign)&high
	}
}

func float64Loops() *loops {
	l := numberLoops[float64]()
	l[FnSelect] = selects[8]
	l[FnIsNaN] = both(l[FnNe])
	l[FnIsInf] = func(dst, a, _, _ []byte, imm uint64) {
		infinite(dst, tensor.View[uint64](a), uint(imm), math.Float64bits(math.Inf(1)))
	}
	l[FnSign] = scalar1(func(x float64) float64 {
		if x != x {
			return x
		}
		return float64(bit(x > 0)) - float64(bit(x < 0))
	})
	l[FnDiv] = scalar2(func(a, b float64) float64 { return a / b })
	l[FnAbs] = scalar1(math.Abs)
	l[FnFloor] = scalar1(math.Floor)
	l[FnCeil] = scalar1(math.Ceil)
	l[FnRint] = scalar1(math.RoundToEven)
	l[FnTrunc] = scalar1(math.Trunc)
	l[FnSqrt] = scalar1(math.Sqrt)
	l[FnRecip] = scalar1(func(x float64) float64 { return 1 / x })
	l[FnFma] = with3(func(dst, a, b, c []float64) {
		a, b, c = a[:len(dst)], b[:len(dst)], c[:len(dst)]
		for i := range dst {
			dst[i] = math.FMA(a[i], b[i], c[i])
		}
	})
	l[FnMod] = scalar2(simd.Mod64)
	l[FnFmod] = scalar2(simd.Fmod64)
	l[FnPow] = scalar2(math.Pow)
	l[FnAtan2] = scalar2(math.Atan2)

	l[FnExp] = scalar1(exp64)
	l[FnExp2] = scalar1(func(x float64) float64 { return math.Exp2(settled(x)) })
	l[FnLog] = scalar1(math.Log)
	l[FnLog1p] = scalar1(math.Log1p)
	l[FnExpm1] = scalar1(math.Expm1)
	l[FnErf] = scalar1(math.Erf)
	l[FnSin] = scalar1(math.Sin)
	l[FnCos] = scalar1(math.Cos)
	l[FnTan] = scalar1(math.Tan)
	l[FnAsin] = scalar1(math.Asin)
	l[FnAcos] = scalar1(math.Acos)
	l[FnAtan] = scalar1(math.Atan)
	l[FnSinh] = scalar1(math.Sinh)
	l[FnCosh] = scalar1(func(x float64) float64 { return math.Cosh(settled(x)) })
	l[FnTanh] = scalar1(math.Tanh)
	l[FnAsinh] = scalar1(math.Asinh)
	l[FnAcosh] = scalar1(math.Acosh)
	l[FnAtanh] = scalar1(math.Atanh)

	l[FnLeaky] = param1(func(x float64, alpha, _ float32) float64 {
		if x < 0 {
			return float64(alpha) * x
		}
		return x
	})
	l[FnHardSigmoid] = param1(func(x float64, alpha, beta float32) float64 {
		return max(0, min(1, float64(float64(alpha)*x)+float64(beta)))
	})
	l[FnHardSwish] = scalar1(func(x float64) float64 { return x * max(0, min(1, x/6+0.5)) })
	l[FnSoftsign] = scalar1(func(x float64) float64 { return x / (1 + math.Abs(x)) })
	l[FnSigmoid] = scalar1(sigmoid64)
	l[FnSilu] = scalar1(func(x float64) float64 { return x * sigmoid64(x) })
	l[FnQuickGelu] = param1(func(x float64, alpha, _ float32) float64 { return x * sigmoid64(float64(alpha)*x) })
	l[FnGelu] = scalar1(func(x float64) float64 { return 0.5 * x * math.Erfc(-x/math.Sqrt2) })
	l[FnGeluTanh] = scalar1(func(x float64) float64 {
		const a, b = 1.59576912160573071176, 0.07135481282553641
		return x * sigmoid64(x*(a+b*x*x))
	})
	l[FnElu] = param1(func(x float64, alpha, _ float32) float64 {
		if x > 0 {
			return x
		}
		return float64(alpha) * math.Expm1(x)
	})
	l[FnSelu] = param1(func(x float64, alpha, gamma float32) float64 {
		if x > 0 {
			return float64(gamma) * x
		}
		return float64(gamma) * float64(alpha) * math.Expm1(x)
	})
	l[FnCelu] = param1(func(x float64, alpha, _ float32) float64 {
		a := float64(alpha)
		return max(x, 0) + min(a*math.Expm1(x/a), 0)
	})
	l[FnSoftplus] = scalar1(func(x float64) float64 { return max(x, 0) + math.Log1p(exp64(-math.Abs(x))) })
	l[FnMish] = scalar1(func(x float64) float64 {
		x = max(x, -800)
		e := exp64(min(x, 40))
		t := e * (e + 2)
		return x * (t / (t + 2))
	})
	return l
}

// settled is x, or 0 where it is so small that eˣ is 1. A processor may take a
// hundred times as long for a product of a subnormal number.
func settled(x float64) float64 {
	if math.Abs(x) < 0x1p-54 {
		return 0
	}
	return x
}

// product is a·b and quotient a/b, rounded once. What is subnormal as a float32
// is not as a float64, and float64 holds the product whole.
func product[T real](a, b T) T { return T(float64(a) * float64(b)) }

func quotient[T real](a, b T) T { return T(float64(a) / float64(b)) }

func exp64(x float64) float64 { return math.Exp(settled(x)) }

func sigmoid64(x float64) float64 {
	e := exp64(-math.Abs(x))
	if x < 0 {
		return e / (1 + e)
	}
	return 1 / (1 + e)
}
