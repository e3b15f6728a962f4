package kernels

import (
	"math"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// floatLoops are the functions that float32 and float64 compute alike: each
// operation of them is exact or rounded once.
func floatLoops[T float32 | float64]() *loops {
	l := numberLoops[T]()
	l[FnDiv] = with2(func(dst, a, b []T) {
		a, b = a[:len(dst)], b[:len(dst)]
		for i := range dst {
			dst[i] = a[i] / b[i]
		}
	})
	l[FnIsNaN] = with1(func(dst []uint8, a []T) {
		a = a[:len(dst)]
		for i := range dst {
			dst[i] = bit(a[i] != a[i])
		}
	})
	l[FnIsInf] = func(dst, a, _, _ []byte, imm uint64) {
		x := tensor.View[T](a)
		for i := range dst {
			v := float64(x[i])
			dst[i] = bit(imm&1 != 0 && math.IsInf(v, 1) || imm&2 != 0 && math.IsInf(v, -1))
		}
	}
	l[FnAbs] = whole[T](math.Abs)
	l[FnFloor] = whole[T](math.Floor)
	l[FnCeil] = whole[T](math.Ceil)
	l[FnRint] = whole[T](math.RoundToEven)
	l[FnTrunc] = whole[T](math.Trunc)
	l[FnSqrt] = with1(func(dst, a []T) {
		a = a[:len(dst)]
		for i := range dst {
			// The square root of a float32 in float64 rounds to the right float32.
			dst[i] = T(math.Sqrt(float64(a[i])))
		}
	})
	l[FnRecip] = with1(func(dst, a []T) {
		a = a[:len(dst)]
		for i := range dst {
			dst[i] = 1 / a[i]
		}
	})
	l[FnLeaky] = param1(func(x T, alpha, _ float32) T {
		if x < 0 {
			return T(alpha) * x
		}
		return x
	})
	l[FnHardSigmoid] = param1(func(x T, alpha, beta float32) T {
		return max(0, min(1, T(T(alpha)*x)+T(beta)))
	})
	l[FnHardSwish] = with1(func(dst, a []T) {
		a = a[:len(dst)]
		for i, x := range a {
			dst[i] = x * max(0, min(1, x/6+0.5))
		}
	})
	l[FnSoftsign] = scalar1(func(x T) T { return x / (1 + max(x, -x)) })
	return l
}

// whole makes a loop of a function whose result for a float32 is a float32.
func whole[T float32 | float64](f func(float64) float64) loop {
	return with1(func(dst, a []T) {
		for i := range dst {
			dst[i] = T(f(float64(a[i])))
		}
	})
}

func float32Loops() *loops {
	l := floatLoops[float32]()
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
	l[FnGt] = with2(func(dst []uint8, a, b []float32) { simd.Less(dst, b, a) })
	l[FnGe] = with2(func(dst []uint8, a, b []float32) { simd.LessEqual(dst, b, a) })

	l[FnMod] = scalar2(simd.Mod)
	l[FnFmod] = scalar2(simd.Fmod)
	return l
}

func float64Loops() *loops {
	l := floatLoops[float64]()
	l[FnMod] = scalar2(simd.Mod64)
	l[FnFmod] = scalar2(simd.Fmod64)
	l[FnPow] = scalar2(math.Pow)
	l[FnAtan2] = scalar2(math.Atan2)
	l[FnFma] = fmaLoop(math.FMA)

	l[FnExp] = scalar1(math.Exp)
	l[FnExp2] = scalar1(math.Exp2)
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
	l[FnCosh] = scalar1(math.Cosh)
	l[FnTanh] = scalar1(math.Tanh)
	l[FnAsinh] = scalar1(math.Asinh)
	l[FnAcosh] = scalar1(math.Acosh)
	l[FnAtanh] = scalar1(math.Atanh)

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
	l[FnSoftplus] = scalar1(func(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) })
	l[FnMish] = scalar1(func(x float64) float64 {
		x = max(x, -800)
		e := math.Exp(min(x, 40))
		t := e * (e + 2)
		return x * (t / (t + 2))
	})
	return l
}

func sigmoid64(x float64) float64 {
	e := math.Exp(-math.Abs(x))
	if x < 0 {
		return e / (1 + e)
	}
	return 1 / (1 + e)
}
