package simd

import "math"

// The functions of this file work in float64 to some 2⁻⁴⁵ and give a float32,
// so each is within 0.51 ulp.

const (
	wideLn2Hi       = 6.93147180369123816490e-01
	wideLn2Lo       = 1.90821492927058770002e-10
	wideShifter     = 0x1.8p52
	wideShifterBits = 0x4338000000000000
)

// taylorExpm1 are 1/2! … 1/12!, highest first.
var taylorExpm1 = [...]float64{
	1.0 / 479001600, 1.0 / 39916800, 1.0 / 3628800, 1.0 / 362880, 1.0 / 40320, 1.0 / 5040,
	1.0 / 720, 1.0 / 120, 1.0 / 24, 1.0 / 6, 1.0 / 2,
}

// taylorAtanh are 1/3, 1/5 … 1/19, highest first.
var taylorAtanh = [...]float64{
	1.0 / 19, 1.0 / 17, 1.0 / 15, 1.0 / 13, 1.0 / 11, 1.0 / 9, 1.0 / 7, 1.0 / 5, 1.0 / 3,
}

// horner is the polynomial with coefficients c, highest first.
func horner(x float64, c []float64) float64 {
	s := c[0]
	for _, k := range c[1:] {
		s = float64(s*x) + k
	}
	return s
}

// expParts gives p and a power of two with eˣ = (1+p)·scale and |p| < 1/2.
// Results past the range of float32 stay past it.
func expParts(x float64) (p, scale float64) {
	x = min(max(x, -500), 500)
	t := float64(x*log2e) + wideShifter
	n := math.Float64bits(t) - wideShifterBits
	k := t - wideShifter
	r := (x - float64(k*wideLn2Hi)) - float64(k*wideLn2Lo)
	return expm1OfRest(r), math.Float64frombits((n + 1023) << 52)
}

// expm1OfRest is eʳ-1 for |r| < 0.35.
func expm1OfRest(r float64) float64 {
	return r + float64(float64(r*r)*horner(r, taylorExpm1[:]))
}

func wideExp(x float64) float64 {
	p, scale := expParts(x)
	return float64((1 + p) * scale)
}

func wideExpm1(x float64) float64 {
	if x == 0 {
		return x
	}
	p, scale := expParts(x)
	return float64(p*scale) + (scale - 1)
}

// wideLog is the natural logarithm of a float64 that is not subnormal.
func wideLog(x float64) float64 {
	switch {
	case x != x || x < 0:
		return math.NaN()
	case x == 0:
		return math.Inf(-1)
	case x > math.MaxFloat64:
		return x
	}
	bits := math.Float64bits(x)
	e := float64(int(bits>>52) - 1023)
	m := math.Float64frombits(bits&(1<<52-1) | 1023<<52)
	if m > math.Sqrt2 {
		m *= 0.5
		e++
	}
	return float64(e*wideLn2Hi) + (logRatio((m-1)/(m+1)) + float64(e*wideLn2Lo))
}

// logRatio is log((1+s)/(1-s)) for |s| < 0.18.
func logRatio(s float64) float64 {
	z := float64(s * s)
	return float64(2*s) + float64(float64(2*s)*float64(z*horner(z, taylorAtanh[:])))
}

// wideLog1p is log(1+x).
func wideLog1p(x float64) float64 {
	if x > -0.29 && x < 0.41 {
		return logRatio(x / (2 + x))
	}
	return wideLog(1 + x)
}

// exp2 is 2ˣ.
func exp2(x float32) float32 {
	// The whole part is taken off first, so that it costs no precision.
	w := min(max(float64(x), -500), 500)
	t := w + wideShifter
	n := math.Float64bits(t) - wideShifterBits
	p := expm1OfRest(float64((w - (t - wideShifter)) * math.Ln2))
	return float32((1 + p) * math.Float64frombits((n+1023)<<52))
}

// expm1 is eˣ-1.
func expm1(x float32) float32 { return float32(wideExpm1(float64(x))) }

// Log32 is the natural logarithm.
func Log32(x float32) float32 { return float32(wideLog(float64(x))) }

// log1p is log(1+x).
func log1p(x float32) float32 { return float32(wideLog1p(float64(x))) }

// sinh is the hyperbolic sine.
func sinh(x float32) float32 {
	e := wideExpm1(math.Abs(float64(x)))
	return float32(math.Copysign(0.5*(e+e/(e+1)), float64(x)))
}

// cosh is the hyperbolic cosine.
func cosh(x float32) float32 {
	e := wideExp(math.Abs(float64(x)))
	return float32(0.5 * (e + 1/e))
}

// asinh is the inverse hyperbolic sine.
func asinh(x float32) float32 {
	a := math.Abs(float64(x))
	if a > math.MaxFloat32 {
		return x
	}
	s := float64(a * a)
	return float32(math.Copysign(wideLog1p(a+s/(1+math.Sqrt(1+s))), float64(x)))
}

// acosh is the inverse hyperbolic cosine, NaN under 1.
func acosh(x float32) float32 {
	if x < 1 {
		return float32(math.NaN())
	}
	t := float64(x) - 1
	return float32(wideLog1p(t + math.Sqrt(float64(2*t)+float64(t*t))))
}

// atanh is the inverse hyperbolic tangent, NaN outside of [-1, 1].
func atanh(x float32) float32 {
	a := math.Abs(float64(x))
	return float32(math.Copysign(0.5*wideLog1p(2*a/(1-a)), float64(x)))
}

// softplus is log(1+eˣ).
func softplus(x float32) float32 {
	w := float64(x)
	return float32(max(w, 0) + wideLog1p(wideExp(-math.Abs(w))))
}

// mish is x·tanh(softplus(x)), and -0 at -Inf.
func mish(x float32) float32 {
	// tanh(log(1+e)) = e(e+2) / (e(e+2)+2), which cancels nothing.
	w := max(float64(x), -500)
	e := wideExp(min(w, 40))
	t := float64(e * (e + 2))
	return float32(w * (t / (t + 2)))
}

// elu is x where x is positive, α(eˣ-1) elsewhere.
func elu(x, alpha float32) float32 {
	if x > 0 {
		return x
	}
	return float32(float64(alpha) * wideExpm1(float64(x)))
}

// selu is γx where x is positive, γα(eˣ-1) elsewhere.
func selu(x, alpha, gamma float32) float32 {
	if x > 0 {
		return gamma * x
	}
	return float32(float64(gamma) * float64(alpha) * wideExpm1(float64(x)))
}

// celu is max(0, x) + min(0, α(e^(x/α)-1)).
func celu(x, alpha float32) float32 {
	a, w := float64(alpha), float64(x)
	return float32(max(w, 0) + min(float64(a*wideExpm1(w/a)), 0))
}
