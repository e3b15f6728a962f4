package main

import (
	"math"

	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/neon"
)

// Each function follows the one of its name in ../../trig.go step by step.

var (
	taylorSin = []float64{
		-1.0 / 1307674368000, 1.0 / 6227020800, -1.0 / 39916800, 1.0 / 362880, -1.0 / 5040, 1.0 / 120, -1.0 / 6,
	}
	taylorCos = []float64{
		1.0 / 20922789888000, -1.0 / 87178291200, 1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320, -1.0 / 720, 1.0 / 24, -1.0 / 2,
	}
	atanP = []float64{
		-8.750608600031904122785e-01, -1.615753718733365076637e+01, -7.500855792314704667340e+01,
		-1.228866684490136173410e+02, -6.485021904942025371773e+01,
	}
	atanQ = []float64{
		1, +2.485846490142306297962e+01, +1.650270098316988542046e+02, +4.328810604912902668951e+02,
		+4.853903996359136964868e+02, +1.945506571482613964425e+02,
	}
)

// sinCos gives n and the sine and cosine of x less n quarter turns.
func sinCos(d Doubles, x V) (n, s, c V) {
	e := d.Within(1023, 1023+128, d.Right(d.Abs(x), 52))
	high, middle, low := d.Rows("·turns", d.AddInt(e, d.Bits(^uint64(1022))))
	high, middle, low = d.Mul(high, x), d.Mul(middle, x), d.Mul(low, x)
	n = d.Add(d.Add(high, middle), d.Const(shifter))
	k := d.Sub(n, d.Const(shifter))
	r := d.Mul(d.Add(d.Add(d.Sub(high, k), middle), low), d.Const(math.Pi/2))
	z := d.Mul(r, r)
	s = d.Mul(r, d.Add(d.Mul(z, d.Horner(z, taylorSin...)), d.Const(1)))
	c = d.Add(d.Mul(z, d.Horner(z, taylorCos...)), d.Const(1))
	return n, s, c
}

// turned is the sine of an angle after n quarter turns.
func turned(d Doubles, n, s, c V) V {
	y := d.Select(d.Signs(d.Left(n, 63)), c, s)
	return d.Of("eor", y, d.And(d.Left(n, 62), d.Bits(1<<63)))
}

func sin(d Doubles, x V) V {
	n, s, c := sinCos(d, x)
	return turned(d, n, s, c)
}

func cos(d Doubles, x V) V {
	n, s, c := sinCos(d, x)
	return turned(d, d.AddInt(n, d.Bits(1)), s, c)
}

func tan(d Doubles, x V) V {
	n, s, c := sinCos(d, x)
	odd := d.Signs(d.Left(n, 63))
	return d.Div(d.Select(odd, d.Neg(c), s), d.Select(odd, s, c))
}

func atan(d Doubles, x V) V {
	a := d.Abs(x)
	middle, large := d.Greater(a, d.Const(0.66)), d.Greater(a, d.Const(2.41421356237309504880))
	choose := func(near, far, farther V) V { return d.Select(large, farther, d.Select(middle, far, near)) }
	top := choose(a, d.Sub(a, d.Const(1)), d.Const(-1))
	bottom := choose(d.Const(1), d.Add(a, d.Const(1)), a)
	base := choose(d.Const(0), d.Const(math.Pi/4), d.Const(math.Pi/2))
	a = d.Div(top, bottom)
	z := d.Mul(a, a)
	q := d.Div(d.Mul(z, d.Horner(z, atanP...)), d.Horner(z, atanQ...))
	a = d.Add(d.Mul(a, q), a)
	return d.CopySign(d.Add(a, base), x)
}

func asin(d Doubles, x V) V {
	return atan(d, d.Div(x, d.Sqrt(d.Mul(d.Sub(d.Const(1), x), d.Add(x, d.Const(1))))))
}

func acos(d Doubles, x V) V {
	a := atan(d, d.Sqrt(d.Div(d.Sub(d.Const(1), x), d.Add(x, d.Const(1)))))
	return d.Add(a, a)
}

func atan2(d Doubles, y, x V) V {
	zeros := d.And(d.Equal(y, d.Const(0)), d.Equal(x, d.Const(0)))
	ay, ax := d.Abs(y), d.Select(zeros, d.Const(1), d.Abs(x))
	infinite := d.And(d.Greater(ay, d.Const(math.MaxFloat32)), d.Greater(ax, d.Const(math.MaxFloat32)))
	a := atan(d, d.Div(d.Select(infinite, d.Const(1), ay), d.Select(infinite, d.Const(1), ax)))
	return d.CopySign(d.Select(d.Signs(x), d.Sub(d.Const(math.Pi), a), a), y)
}
