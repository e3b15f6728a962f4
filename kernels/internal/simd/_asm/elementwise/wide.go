package main

import (
	"math"

	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/vec"
)

// Each function follows the one of its name in ../../wide.go step by step.

const (
	ln2Hi   = 6.93147180369123816490e-01
	ln2Lo   = 1.90821492927058770002e-10
	log2e   = 1.44269504088896340736
	shifter = 0x1.8p52
)

var (
	taylorExpm1 = []float64{
		1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040,
		1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 1.0 / 2,
	}
	taylorAtanh = []float64{
		1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3,
	}
)

// less is c - x.
func less(d Doubles, c float64, x V) V { return d.Sub(d.Load(d.Const(c)), x) }

// over is c / x.
func over(d Doubles, c float64, x V) V { return d.Div(d.Load(d.Const(c)), x) }

// near brings x to the range where 2ˣ is a float64.
func near(d Doubles, x V) V { return d.MinOf(d.Const(500), d.MaxOf(d.Const(-500), x)) }

// power is 2ᵏ for t = k + shifter.
func power(d Doubles, t V) V { return d.AddInt(d.Left(t, 52), d.Bits(1023<<52)) }

func expParts(d Doubles, x V) (p, scale V) {
	x = near(d, x)
	t := d.Add(d.Mul(x, d.Const(log2e)), d.Const(shifter))
	k := d.Sub(t, d.Const(shifter))
	r := d.Sub(d.Sub(x, d.Mul(k, d.Const(ln2Hi))), d.Mul(k, d.Const(ln2Lo)))
	return expm1OfRest(d, r), power(d, t)
}

func expm1OfRest(d Doubles, r V) V {
	return d.Add(d.Mul(d.Mul(r, r), d.Horner(r, taylorExpm1...)), r)
}

func exp(d Doubles, x V) V {
	p, scale := expParts(d, x)
	return d.Mul(d.Add(p, d.Const(1)), scale)
}

func expm1(d Doubles, x V) V {
	p, scale := expParts(d, x)
	y := d.Add(d.Mul(p, scale), d.Sub(scale, d.Const(1)))
	return d.Choose(d.Compare(EQ, x, d.Const(0)), x, y)
}

func exp2(d Doubles, x V) V {
	x = near(d, x)
	t := d.Add(x, d.Const(shifter))
	r := d.Mul(d.Sub(x, d.Sub(t, d.Const(shifter))), d.Const(math.Ln2))
	return d.Mul(d.Add(expm1OfRest(d, r), d.Const(1)), power(d, t))
}

// logParts gives m between √½ and √2 and e with x = m·2ᵉ.
func logParts(d Doubles, x V) (m, e V) {
	// The bits of 2⁵² + n are those of 2⁵² and n.
	e = d.Sub(d.Or(d.Right(x, 52), d.Const(0x1p52)), d.Const(0x1p52+1023))
	m = d.Or(d.And(x, d.Bits(1<<52-1)), d.Const(1))
	large := d.Compare(GT, m, d.Const(math.Sqrt2))
	return d.Choose(large, d.Mul(m, d.Const(0.5)), m), d.Choose(large, d.Add(e, d.Const(1)), e)
}

// logOfRatio is e·log 2 + log((1+s)/(1-s)).
func logOfRatio(d Doubles, e, s V) V {
	z := d.Mul(s, s)
	s = d.Add(s, s)
	l := d.Add(d.Mul(s, d.Mul(z, d.Horner(z, taylorAtanh...))), s)
	return d.Add(d.Add(d.Mul(e, d.Const(ln2Lo)), l), d.Mul(e, d.Const(ln2Hi)))
}

// logLimits is l, the logarithm of x, but for those x that have none or an
// infinite one.
func logLimits(d Doubles, x, l V) V {
	l = d.Choose(d.Compare(EQ, x, d.Const(0)), d.Const(math.Inf(-1)), l)
	l = d.Choose(d.Compare(GT, x, d.Const(math.MaxFloat64)), x, l)
	return d.Choose(d.Compare(NGE, x, d.Const(0)), d.Const(math.NaN()), l)
}

func log(d Doubles, x V) V {
	m, e := logParts(d, x)
	s := d.Div(d.Sub(m, d.Const(1)), d.Add(m, d.Const(1)))
	return logLimits(d, x, logOfRatio(d, e, s))
}

func log1p(d Doubles, x V) V { return logLimits(d, d.Add(x, d.Const(1)), log1pWithin(d, x)) }

// log1pWithin is log1p for -1 < x < ∞.
func log1pWithin(d Doubles, x V) V {
	small := d.Both(d.Compare(GT, x, d.Const(-0.29)), d.Compare(LT, x, d.Const(0.41)))
	m, e := logParts(d, d.Add(x, d.Const(1)))
	// With e = -0 nothing is added to the logarithm of the ratio, not even a sign.
	e = d.Choose(small, d.Bits(1<<63), e)
	s := d.Div(d.Choose(small, x, d.Sub(m, d.Const(1))), d.Choose(small, d.Add(x, d.Const(2)), d.Add(m, d.Const(1))))
	return logOfRatio(d, e, s)
}

func sinh(d Doubles, x V) V {
	e := expm1(d, d.Abs(x))
	y := d.Add(d.Div(e, d.Add(e, d.Const(1))), e)
	return d.CopySign(d.Mul(y, d.Const(0.5)), x)
}

func cosh(d Doubles, x V) V {
	e := exp(d, d.Abs(x))
	return d.Mul(d.Add(over(d, 1, e), e), d.Const(0.5))
}

func asinh(d Doubles, x V) V {
	a := d.Abs(x)
	s := d.Mul(a, a)
	t := d.Add(d.Div(s, d.Add(d.Sqrt(d.Add(s, d.Const(1))), d.Const(1))), a)
	y := d.CopySign(log1pWithin(d, t), x)
	return d.Choose(d.Compare(NLE, a, d.Const(math.MaxFloat32)), x, y)
}

func acosh(d Doubles, x V) V {
	t := d.Sub(x, d.Const(1))
	s := d.Sqrt(d.Add(d.Mul(t, t), d.Add(t, t)))
	return log1p(d, d.Choose(d.Compare(LT, x, d.Const(1)), d.Const(math.NaN()), d.Add(s, t)))
}

func atanh(d Doubles, x V) V {
	a := d.Abs(x)
	y := log1p(d, d.Div(d.Add(a, a), less(d, 1, a)))
	return d.CopySign(d.Mul(y, d.Const(0.5)), x)
}

func softplus(d Doubles, x V) V {
	e := exp(d, d.Or(x, d.Bits(1<<63)))
	return d.Add(log1pWithin(d, e), d.MaxOf(d.Const(0), x))
}

func mish(d Doubles, x V) V {
	x = d.MaxOf(d.Const(-500), x)
	e := exp(d, d.MinOf(d.Const(40), x))
	t := d.Mul(d.Add(e, d.Const(2)), e)
	return d.Mul(d.Div(t, d.Add(t, d.Const(2))), x)
}

func elu(d Doubles, x, alpha V) V {
	return d.Choose(d.Compare(GT, x, d.Const(0)), x, d.Mul(expm1(d, x), alpha))
}

func selu(d Doubles, x, alpha, gamma V) V {
	y := d.Mul(expm1(d, x), d.Mul(gamma, alpha))
	return d.Choose(d.Compare(GT, x, d.Const(0)), d.Mul(x, gamma), y)
}

func celu(d Doubles, x, alpha V) V {
	y := d.MinOf(d.Const(0), d.Mul(expm1(d, d.Div(x, alpha)), alpha))
	return d.Add(d.Add(d.MaxOf(d.Const(0), x), d.Const(0)), y)
}

// pow follows the one of its name in ../../pow.go.
func pow(d Doubles, x, y V) V {
	a, size := d.Abs(y), d.Abs(x)
	p := exp(d, d.Mul(log(d, size), y))
	half := d.Mul(a, d.Const(0.5))
	whole := d.Compare(EQ, d.Rint(a), a)
	odd := d.Without(whole, d.Compare(EQ, d.Rint(half), half))
	p = d.Choose(d.Both(odd, d.Signs(x)), d.Neg(p), p)
	// A negative number has a power only for a whole y.
	root := d.Choose(whole, p, d.Load(d.Const(math.NaN())))
	p = d.Choose(d.Both(d.Compare(LT, x, d.Const(0)), d.Compare(GE, x, d.Const(-math.MaxFloat32))), root, p)
	p = d.Choose(d.Compare(Unordered, x, y), d.Add(x, y), p)
	endless := d.Both(d.Compare(EQ, size, d.Const(1)), d.Compare(GT, a, d.Const(math.MaxFloat32)))
	p = d.Choose(endless, d.Const(1), p)
	return d.Choose(d.Either(d.Compare(EQ, x, d.Const(1)), d.Compare(EQ, y, d.Const(0))), d.Const(1), p)
}
