package main

import (
	"math"

	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/neon"
)

// Each function follows the one of its name in ../../wide.go step by step, in
// lanes of 64 bits.

var wideFunctions = []function{
	wide1("exp2", exp2),
	wide1("expm1", expm1),
	wide1("log", log),
	wide1("log1p", log1p),
	wide1("sin", sin),
	wide1("cos", cos),
	wide1("tan", tan),
	wide1("asin", asin),
	wide1("acos", acos),
	wide1("atan", atan),
	wide1("sinh", sinh),
	wide1("cosh", cosh),
	wide1("asinh", asinh),
	wide1("acosh", acosh),
	wide1("atanh", atanh),
	wide1("softplus", softplus),
	wide1("mish", mish),
	wide("pow", 2, false, func(d Doubles, x, _ []V) V { return pow(d, x[0], x[1]) }),
	wide("atan2", 2, false, func(d Doubles, x, _ []V) V { return atan2(d, x[0], x[1]) }),
	wide("elu", 1, true, func(d Doubles, x, p []V) V { return elu(d, x[0], p[0]) }),
	wide("selu", 1, true, func(d Doubles, x, p []V) V { return selu(d, x[0], p[0], p[1]) }),
	wide("celu", 1, true, func(d Doubles, x, p []V) V { return celu(d, x[0], p[0]) }),
}

func wide1(name string, of func(d Doubles, x V) V) function {
	return wide(name, 1, false, func(d Doubles, x, _ []V) V { return of(d, x[0]) })
}

func wide(name string, inputs int, tuned bool, of func(d Doubles, x, p []V) V) function {
	return function{name: name, inputs: inputs, tuned: tuned, strip: Strip{Vectors: 1, Lanes: 2}, of: func(f *Func, x, p []V) V {
		d := Doubles{Func: f}
		widened := func(list []V) (wide []V) {
			for _, v := range list {
				wide = append(wide, d.Widen(v))
			}
			return wide
		}
		return d.Narrow(of(d, widened(x), widened(p)))
	}}
}

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

// limited brings x to the range where 2ˣ is a float64.
func limited(d Doubles, x V) V { return d.Min(d.Max(x, d.Const(-500)), d.Const(500)) }

// power is 2ᵏ for t = k + shifter.
func power(d Doubles, t V) V { return d.AddInt(d.Left(t, 52), d.Bits(1023<<52)) }

func expParts(d Doubles, x V) (p, scale V) {
	x = limited(d, x)
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
	return d.Select(d.Equal(x, d.Const(0)), x, y)
}

func exp2(d Doubles, x V) V {
	x = limited(d, x)
	t := d.Add(x, d.Const(shifter))
	r := d.Mul(d.Sub(x, d.Sub(t, d.Const(shifter))), d.Const(math.Ln2))
	return d.Mul(d.Add(expm1OfRest(d, r), d.Const(1)), power(d, t))
}

// logParts gives m between √½ and √2 and e with x = m·2ᵉ.
func logParts(d Doubles, x V) (m, e V) {
	// The bits of 2⁵² + n are those of 2⁵² and n.
	e = d.Sub(d.Of("orr", d.Right(x, 52), d.Const(0x1p52)), d.Const(0x1p52+1023))
	m = d.Of("orr", d.And(x, d.Bits(1<<52-1)), d.Const(1))
	large := d.Greater(m, d.Const(math.Sqrt2))
	return d.Select(large, d.Mul(m, d.Const(0.5)), m), d.Select(large, d.Add(e, d.Const(1)), e)
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
	l = d.Select(d.Equal(x, d.Const(0)), d.Const(math.Inf(-1)), l)
	l = d.Select(d.Greater(x, d.Const(math.MaxFloat64)), x, l)
	return d.Select(d.AtLeast(x, d.Const(0)), l, d.Const(math.NaN()))
}

func log(d Doubles, x V) V {
	m, e := logParts(d, x)
	s := d.Div(d.Sub(m, d.Const(1)), d.Add(m, d.Const(1)))
	return logLimits(d, x, logOfRatio(d, e, s))
}

func log1p(d Doubles, x V) V { return logLimits(d, d.Add(x, d.Const(1)), log1pWithin(d, x)) }

// log1pWithin is log1p for -1 < x < ∞.
func log1pWithin(d Doubles, x V) V {
	small := d.And(d.Greater(x, d.Const(-0.29)), d.Greater(d.Const(0.41), x))
	m, e := logParts(d, d.Add(x, d.Const(1)))
	// With e = -0 nothing is added to the logarithm of the ratio, not even a sign.
	e = d.Select(small, d.Bits(1<<63), e)
	s := d.Div(d.Select(small, x, d.Sub(m, d.Const(1))), d.Select(small, d.Add(x, d.Const(2)), d.Add(m, d.Const(1))))
	return logOfRatio(d, e, s)
}

func sinh(d Doubles, x V) V {
	e := expm1(d, d.Abs(x))
	y := d.Add(d.Div(e, d.Add(e, d.Const(1))), e)
	return d.CopySign(d.Mul(y, d.Const(0.5)), x)
}

func cosh(d Doubles, x V) V {
	e := exp(d, d.Abs(x))
	return d.Mul(d.Add(d.Div(d.Const(1), e), e), d.Const(0.5))
}

func asinh(d Doubles, x V) V {
	a := d.Abs(x)
	s := d.Mul(a, a)
	t := d.Add(d.Div(s, d.Add(d.Sqrt(d.Add(s, d.Const(1))), d.Const(1))), a)
	y := d.CopySign(log1pWithin(d, t), x)
	return d.Select(d.AtLeast(d.Const(math.MaxFloat32), a), y, x)
}

func acosh(d Doubles, x V) V {
	t := d.Sub(x, d.Const(1))
	s := d.Sqrt(d.Add(d.Mul(t, t), d.Add(t, t)))
	return log1p(d, d.Select(d.Greater(d.Const(1), x), d.Const(math.NaN()), d.Add(s, t)))
}

func atanh(d Doubles, x V) V {
	a := d.Abs(x)
	y := log1p(d, d.Div(d.Add(a, a), d.Sub(d.Const(1), a)))
	return d.CopySign(d.Mul(y, d.Const(0.5)), x)
}

func softplus(d Doubles, x V) V {
	e := exp(d, d.Neg(d.Abs(x)))
	return d.Add(log1pWithin(d, e), d.Max(x, d.Const(0)))
}

func mish(d Doubles, x V) V {
	x = d.Max(x, d.Const(-500))
	e := exp(d, d.Min(x, d.Const(40)))
	t := d.Mul(d.Add(e, d.Const(2)), e)
	return d.Mul(d.Div(t, d.Add(t, d.Const(2))), x)
}

func elu(d Doubles, x, alpha V) V {
	return d.Select(d.Greater(x, d.Const(0)), x, d.Mul(expm1(d, x), alpha))
}

func selu(d Doubles, x, alpha, gamma V) V {
	y := d.Mul(expm1(d, x), d.Mul(gamma, alpha))
	return d.Select(d.Greater(x, d.Const(0)), d.Mul(x, gamma), y)
}

func celu(d Doubles, x, alpha V) V {
	y := d.Min(d.Mul(expm1(d, d.Div(x, alpha)), alpha), d.Const(0))
	return d.Add(d.Max(x, d.Const(0)), y)
}

// pow follows the one of its name in ../../pow.go.
func pow(d Doubles, x, y V) V {
	a, size := d.Abs(y), d.Abs(x)
	p := exp(d, d.Mul(log(d, size), y))
	half := d.Mul(a, d.Const(0.5))
	whole := d.Equal(d.Rint(a), a)
	odd := d.Of("bic", whole, d.Equal(d.Rint(half), half))
	p = d.Select(d.And(odd, d.Signs(x)), d.Neg(p), p)
	// A negative number has a power only for a whole y.
	root := d.Select(whole, p, d.Const(math.NaN()))
	negative := d.And(d.Greater(d.Const(0), x), d.AtLeast(x, d.Const(-math.MaxFloat32)))
	p = d.Select(negative, root, p)
	p = d.Select(d.And(d.Equal(x, x), d.Equal(y, y)), p, d.Add(x, y))
	endless := d.And(d.Equal(size, d.Const(1)), d.Greater(a, d.Const(math.MaxFloat32)))
	one := d.Of("orr", endless, d.Of("orr", d.Equal(x, d.Const(1)), d.Equal(y, d.Const(0))))
	return d.Select(one, d.Const(1), p)
}
