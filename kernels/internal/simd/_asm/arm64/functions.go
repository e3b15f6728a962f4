package main

import . "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/neon"

// Each function follows the one of its name in package simd step by step.

// quotient, recip and sqrt know their subnormal arguments, though a processor
// takes them for zeros here.

func quotient(f *Func, a, b V) V {
	a, powerA := grown(f, a, 0x1p-64)
	b, powerB := grown(f, b, 0x1p64)
	return f.Mul(f.Mul(f.Div(a, b), powerA), powerB)
}

func recip(f *Func, x V) V {
	x, power := grown(f, x, 0x1p64)
	return f.Mul(f.Div(f.Const(1), x), power)
}

func sqrt(f *Func, x V) V {
	x, power := grown(f, x, 0x1p-32)
	return f.Mul(f.Sqrt(x), power)
}

// grown is x times 2⁶⁴ where x is subnormal or 0, and back there; elsewhere it
// is x, and 1.
func grown(f *Func, x V, back float64) (V, V) {
	small := f.Of("cmeq", f.And(x, f.Bits(0x7f800000)), f.Zero())
	count := f.Of("scvtf", f.Abs(x)) // of 2⁻¹⁴⁹
	y := f.CopySign(f.Mul(count, f.Const(0x1p-85)), x)
	return f.Select(small, y, x), f.Select(small, f.Const(back), f.Const(1))
}

func silu(f *Func, x V) V { return f.Mul(x, f.Sigmoid(x)) }

func tanh(f *Func, x V) V {
	a := f.Abs(x)
	z := f.Mul(x, x)
	p := f.Horner(z, -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)
	near := f.FMA(f.Mul(p, z), a, a)
	b := f.Min(a, f.Const(10))
	e := f.Add(f.ExpWithin(f.Add(b, b)), f.Const(1))
	far := f.Sub(f.Const(1), f.Div(f.Const(2), e))
	return f.CopySign(f.Select(f.Greater(f.Const(0.625), a), near, far), x)
}

func erf(f *Func, x V) V {
	a := f.Abs(x)
	s := f.Mul(x, x)
	p := f.Horner(s, -5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1)
	near := f.FMA(p, x, x)
	b := f.Min(a, f.Const(4))
	p = f.FMA(f.Horner(b, -1.72853470e-5, 3.83197126e-4), f.Mul(b, b), f.Horner(b, -3.88396438e-3, 2.42546219e-2))
	for _, c := range []float64{-1.06777877e-1, -6.34846687e-1, -1.28717512e-1} {
		next := f.Fresh(c)
		f.Do("fmla", next, p, b)
		p = next
	}
	far := f.CopySign(f.Sub(f.Const(1), f.ExpWithin(f.FMA(p, b, f.Neg(b)))), x)
	return f.Select(f.Greater(a, f.Const(0.927734375)), far, near)
}

func gelu(f *Func, x V) V {
	e := erf(f, f.Mul(x, f.Const(0.70710678118654752440)))
	return f.Mul(f.Mul(x, f.Const(0.5)), f.Add(e, f.Const(1)))
}

func geluTanh(f *Func, x V) V {
	u := f.FMA(f.Const(0.07135481282553641), f.Mul(x, x), f.Const(1.59576912160573071176))
	return f.Mul(x, f.Sigmoid(f.Mul(x, u)))
}

func relu(f *Func, x V) V { return f.Max(x, f.Const(0)) }

func hardSwish(f *Func, x V) V {
	return f.Mul(x, unit(f, f.FMA(x, f.Const(1.0/6), f.Const(0.5))))
}

// unit is max(0, min(1, x)).
func unit(f *Func, x V) V { return relu(f, f.Min(x, f.Const(1))) }

func sign(f *Func, x V) V {
	a := f.Abs(x)
	return f.Select(f.Greater(a, f.Const(0)), f.CopySign(f.Const(1), x), f.Add(x, f.Const(0)))
}

func softsign(f *Func, x V) V { return f.Div(x, f.Add(f.Abs(x), f.Const(1))) }
