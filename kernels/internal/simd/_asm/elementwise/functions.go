package main

import (
	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/vec"
)

// Each function follows the one of its name in package simd step by step.

// quotient, recip and sqrt know their subnormal arguments, though a processor
// takes them for zeros here.

func quotient(f Form, a, b V) V {
	a, smallA := f.Grown(a)
	b, smallB := f.Grown(b)
	q := f.ScaleWhere(smallA, f.Div(a, b), 0x1p-64)
	return f.ScaleWhere(smallB, q, 0x1p64)
}

func recip(f Form, x V) V {
	x, small := f.Grown(x)
	return f.ScaleWhere(small, f.Div(f.Const(1), x), 0x1p64)
}

func sqrt(f Form, x V) V {
	x, small := f.Grown(x)
	return f.ScaleWhere(small, f.Sqrt(x), 0x1p-32)
}

func silu(f Form, x V) V { return f.Mul(f.Sigmoid(x), x) }

func tanh(f Form, x V) V {
	large := f.Large(x)
	a := f.AbsWhere(large, x)
	z := f.Mul(a, a)
	p := f.Horner(z, -5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1)
	near := f.FMA(f.Mul(p, z), a, a)
	b := f.MinOf(f.Const(10), a)
	e := f.Add(f.ExpWithin(f.Add(b, b)), f.Const(1))
	far := f.Sub(f.Const(1), f.Div(f.Const(2), e))
	y := f.Select(LT, a, f.Const(0.625), near, far)
	return f.Choose(large, f.CopySign(y, x), x)
}

func erf(f Form, x V) V {
	large := f.Large(x)
	a := f.AbsWhere(large, x)
	s := f.MulWhere(large, x, x)
	p := f.Horner(s, -5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1)
	near := f.FMA(p, x, x)
	b := f.MinOf(f.Const(4), a)
	p = f.Horner(b, -1.72853470e-5, 3.83197126e-4)
	q := f.Horner(b, -3.88396438e-3, 2.42546219e-2)
	p = f.FMA(p, f.Mul(b, b), q)
	for _, c := range []float64{-1.06777877e-1, -6.34846687e-1, -1.28717512e-1} {
		p = f.FMA(p, b, f.Const(c))
	}
	e := f.ExpWithin(f.FMA(p, b, f.Neg(b)))
	far := f.CopySign(f.Sub(f.Const(1), e), x)
	return f.Select(GT, a, f.Const(0.927734375), far, near)
}

func gelu(f Form, x V) V {
	e := erf(f, f.MulWhere(f.Large(x), x, f.Const(0.70710678118654752440)))
	return f.Mul(f.FMA(e, f.Const(0.5), f.Const(0.5)), x)
}

func geluTanh(f Form, x V) V {
	large := f.Large(x)
	u := f.FMA(f.Const(0.07135481282553641), f.MulWhere(large, x, x), f.Const(1.59576912160573071176))
	return f.Mul(f.Sigmoid(f.MulWhere(large, x, u)), x)
}

func relu(f Form, x V) V { return f.Add(f.MaxOf(f.Const(0), x), f.Const(0)) }

func hardSwish(f Form, x V) V {
	return f.Mul(unit(f, f.FMA(x, f.Const(1.0/6), f.Const(0.5))), x)
}

// unit is max(0, min(1, x)).
func unit(f Form, x V) V { return relu(f, f.MinOf(f.Const(1), x)) }

func sign(f Form, x V) V {
	y := f.CopySign(f.Const(1), x)
	return f.Select(GT, f.Abs(x), f.Const(0), y, f.Add(x, f.Const(0)))
}

func softsign(f Form, x V) V {
	large := f.Large(x)
	y := f.Div(f.AbsWhere(large, x), f.Add(f.Abs(x), f.Const(1)))
	return f.Choose(large, f.CopySign(y, x), x)
}
