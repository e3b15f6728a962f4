package simd

import "math"

// twoOverPi is 2/π in binary, behind 32 zeros that stand for its whole part.
var twoOverPi = [...]uint64{
	0x00000000a2f9836e, 0x4e441529fc2757d1, 0xf534ddc0db629599, 0x3c439041fe5163ab, 0xdebbc561b7246e3a,
}

// turns[e] is 2/π, the quarter turns of a radian, for a float32 x of exponent
// e ≥ 0: x is a multiple of 2^(e-23), so that whatever of 2/π would give whole
// turns is left out. What follows has 109 bits in three parts, of which the
// first two have 28, so that their products with x are exact. The last row is
// that of Inf and NaN; the first also serves all that is smaller.
var turns = makeTurns()

func makeTurns() (list [129][4]float64) {
	for e := range 128 {
		at := e + 7 // twoOverPi from the bit of weight 2^(24-e) on
		for i, n := range []int{28, 28, 53} {
			var bits uint64
			for range n {
				bits = bits<<1 | twoOverPi[at/64]>>(63-at%64)&1
				at++
			}
			list[e][i] = math.Ldexp(float64(bits), 32-at) // the last bit has that weight
		}
	}
	list[128] = [4]float64{math.NaN(), math.NaN(), math.NaN()}
	return list
}

// quadrant gives n and r with x = n·π/2 + r and |r| a hair over π/4 at most, n
// modulo 4. NaN is the r of an infinite x.
func quadrant(x float32) (n uint64, r float64) {
	w, t := float64(x), &turns[max(math.Float32bits(x)>>23&0xff, 127)-127]
	high, middle := float64(w*t[0]), float64(w*t[1])
	s := high + middle + wideShifter
	k := s - wideShifter
	return math.Float64bits(s), float64((high - k + middle + float64(w*t[2])) * (math.Pi / 2))
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

// sin is the sine of x in radians, NaN for ±Inf.
func sin(x float32) float32 {
	n, r := quadrant(x)
	s, c := sinCos(r)
	return float32(turned(n, s, c))
}

// cos is the cosine of x in radians, NaN for ±Inf.
func cos(x float32) float32 {
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

// tan is the tangent of x in radians, NaN for ±Inf.
func tan(x float32) float32 {
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

// atan is the arc tangent.
func atan(x float32) float32 { return float32(wideAtan(float64(x))) }

// asin is the arc sine, NaN outside of [-1, 1].
func asin(x float32) float32 {
	w := float64(x)
	return float32(wideAtan(w / math.Sqrt((1-w)*(1+w))))
}

// acos is the arc cosine, NaN outside of [-1, 1].
func acos(x float32) float32 {
	w := float64(x)
	return float32(2 * wideAtan(math.Sqrt((1-w)/(1+w))))
}

// atan2 is the angle of the point (x, y), with the signs of zeros and the
// infinities as in C.
func atan2(y, x float32) float32 {
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
