package simd

import (
	"math"
	"math/bits"
)

// twoOverPi is 2/π in binary, behind 32 zeros that stand for its whole part.
var twoOverPi = [...]uint64{
	0x00000000a2f9836e, 0x4e441529fc2757d1, 0xf534ddc0db629599, 0x3c439041fe5163ab, 0xdebbc561b7246e3a,
}

// quadrant gives n and r with x = n·π/2 + r and |r| ≤ π/4, n modulo 4.
//
// A float32 is m·2ᵉ with a whole m. Of the product m·2ᵉ·2/π only the two bits
// before the point and those behind it matter, so 128 bits of 2/π from the
// right place on give it to 2⁻¹⁰⁰ for the largest x as for the smallest.
func quadrant(x float32) (n uint64, r float64) {
	b := math.Float32bits(x)
	exp := int(b >> 23 & 0xff)
	if abs(x) < math.Pi/4 {
		return 0, float64(x)
	}
	if exp == 0xff {
		return 0, math.NaN()
	}
	m := uint64(b&(1<<23-1) | 1<<23)
	skip := uint(exp - 150 + 30)
	w, s := skip/64, skip%64
	t := twoOverPi[w:]
	hi, lo := t[0]<<s|t[1]>>(64-s), t[1]<<s|t[2]>>(64-s)
	carry, frac := bits.Mul64(lo, m)
	whole := hi*m + carry
	n = (whole + 1<<61) >> 62
	r = float64(int64(whole-n<<62)) + float64(float64(frac)*0x1p-64)
	r = float64(r * (math.Pi / 2 * 0x1p-62))
	if b>>31 == 1 {
		return -n & 3, -r
	}
	return n & 3, r
}

// taylorSin are -1/3!, 1/5! … and taylorCos -1/2!, 1/4! …, highest first.
var (
	taylorSin = [...]float64{
		-1.0 / 1307674368000, 1.0 / 6227020800, -1.0 / 39916800, 1.0 / 362880, -1.0 / 5040, 1.0 / 120, -1.0 / 6,
	}
	taylorCos = [...]float64{
		1.0 / 20922789888000, -1.0 / 87178291200, 1.0 / 479001600, -1.0 / 3628800, 1.0 / 40320, -1.0 / 720, 1.0 / 24, -1.0 / 2,
	}
)

// sinCos are the sine and cosine of |r| ≤ π/4.
func sinCos(r float64) (s, c float64) {
	z := float64(r * r)
	return r * (1 + float64(z*horner(z, taylorSin[:]))), 1 + float64(z*horner(z, taylorCos[:]))
}

// Sin is the sine of x in radians, NaN for ±Inf.
func Sin(x float32) float32 {
	n, r := quadrant(x)
	s, c := sinCos(r)
	return float32(turned(n, s, c))
}

// Cos is the cosine of x in radians, NaN for ±Inf.
func Cos(x float32) float32 {
	n, r := quadrant(x)
	s, c := sinCos(r)
	return float32(turned(n+1, s, c))
}

// turned is the sine of an angle after n quarter turns.
func turned(n uint64, s, c float64) float64 {
	switch n & 3 {
	case 0:
		return s
	case 1:
		return c
	case 2:
		return -s
	default:
		return -c
	}
}

// Tan is the tangent of x in radians, NaN for ±Inf.
func Tan(x float32) float32 {
	n, r := quadrant(x)
	s, c := sinCos(r)
	if n&1 == 1 {
		return float32(-c / s)
	}
	return float32(s / c)
}

// atanP and atanQ are the rational approximation of the Cephes library.
var (
	atanP = [...]float64{
		-8.750608600031904122785e-01, -1.615753718733365076637e+01, -7.500855792314704667340e+01,
		-1.228866684490136173410e+02, -6.485021904942025371773e+01,
	}
	atanQ = [...]float64{
		1, +2.485846490142306297962e+01, +1.650270098316988542046e+02, +4.328810604912902668951e+02,
		+4.853903996359136964868e+02, +1.945506571482613964425e+02,
	}
)

// wideAtan is the arc tangent.
func wideAtan(x float64) float64 {
	a, base := math.Abs(x), 0.0
	switch {
	case a > 2.41421356237309504880: // tan 3π/8
		a, base = -1/a, math.Pi/2
	case a > 0.66:
		a, base = (a-1)/(a+1), math.Pi/4
	}
	z := float64(a * a)
	a += float64(a * (float64(z*horner(z, atanP[:])) / horner(z, atanQ[:])))
	return math.Copysign(base+a, x)
}

// Atan is the arc tangent.
func Atan(x float32) float32 { return float32(wideAtan(float64(x))) }

// Asin is the arc sine, NaN outside of [-1, 1].
func Asin(x float32) float32 {
	w := float64(x)
	return float32(wideAtan(w / math.Sqrt((1-w)*(1+w))))
}

// Acos is the arc cosine, NaN outside of [-1, 1].
func Acos(x float32) float32 {
	w := float64(x)
	return float32(2 * wideAtan(math.Sqrt((1-w)/(1+w))))
}

// Atan2 is the angle of the point (x, y), with the signs of zeros and the
// infinities as in C.
func Atan2(y, x float32) float32 {
	switch {
	case y != y || x != x:
		return y + x
	case y == 0 && x == 0:
		x = copysign(1, x)
	case abs(x) > math.MaxFloat32 && abs(y) > math.MaxFloat32:
		x, y = copysign(1, x), copysign(1, y)
	}
	a := wideAtan(math.Abs(float64(y)) / math.Abs(float64(x)))
	if x < 0 {
		a = math.Pi - a
	}
	return float32(math.Copysign(a, float64(y)))
}
