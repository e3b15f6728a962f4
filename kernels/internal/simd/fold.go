package simd

import "math"

// Lanes is how many accumulators a sum has: element i joins lane i mod Lanes,
// then the lanes join in a tree, 0 with 8, 0 with 4 and so on. It is part of
// what a sum means.
const Lanes = 16

type float interface{ float32 | float64 }

// Sum is the sum of x.
func Sum[T float](x []T) T {
	if x, ok := any(x).([]float32); ok && len(x) > 0 {
		return T(sum(x))
	}
	return sumPortable(x)
}

func sumPortable[T float](x []T) T {
	var lane [Lanes]T
	for ; len(x) >= Lanes; x = x[Lanes:] {
		for i, v := range x[:Lanes] {
			lane[i] += v
		}
	}
	for i, v := range x {
		lane[i] += v
	}
	return joined(&lane)
}

// Deviation is the sum of (x[i]-mean)².
func Deviation[T float](x []T, mean T) T {
	if x, ok := any(x).([]float32); ok && len(x) > 0 {
		return T(deviation(x, float32(mean)))
	}
	return deviationPortable(x, mean)
}

func deviationPortable[T float](x []T, mean T) T {
	var lane [Lanes]T
	for ; len(x) >= Lanes; x = x[Lanes:] {
		for i, v := range x[:Lanes] {
			v = sumOf(v, -mean)
			lane[i] = sumOf(lane[i], productOf(v, v))
		}
	}
	for i, v := range x {
		v = sumOf(v, -mean)
		lane[i] = sumOf(lane[i], productOf(v, v))
	}
	return joined(&lane)
}

func joined[T float](lane *[Lanes]T) T {
	for n := Lanes / 2; n > 0; n /= 2 {
		for i := range n {
			lane[i] += lane[i+n]
		}
	}
	return lane[0]
}

// Highest is the largest element of x, or low where that is larger; a NaN if
// one is in x.
func Highest[T float](x []T, low T) T {
	if x, ok := any(x).([]float32); ok && len(x) > 0 {
		return max(low, T(highest(x)))
	}
	return highestPortable(x, low)
}

func highestPortable[T float](x []T, low T) T {
	for _, v := range x {
		low = max(low, v)
	}
	return low
}

// Logits sets z to scale·x + mask and returns the largest element of it. The
// mask may be nil; z may be x.
func Logits[T float](z, x, mask []T, scale T) T {
	if z, ok := any(z).([]float32); ok && len(z) > 0 {
		x, mask := any(x).([]float32)[:len(z)], any(mask).([]float32)
		if mask != nil {
			mask = mask[:len(z)]
		}
		return T(logits(z, x, mask, float32(scale)))
	}
	return logitsPortable(z, x, mask, scale)
}

func logitsPortable[T float](z, x, mask []T, scale T) T {
	for i, v := range x[:len(z)] {
		v = productOf(scale, v)
		if mask != nil {
			v = sumOf(v, mask[i])
		}
		z[i] = v
	}
	return highestPortable(z, T(math.Inf(-1)))
}

// Exponents is the sum of exp(z[i]-peak) for each element of z. It sets dst to
// them, which may be z, or nil.
func Exponents(dst, z []float32, peak float32) float32 {
	if len(z) == 0 {
		return 0
	}
	if dst != nil {
		dst = dst[:len(z)]
	}
	return exponents(dst, z, peak)
}

func exponentsPortable(dst, z []float32, peak float32) float32 {
	var lane [Lanes]float32
	for i, v := range z {
		v = Exp32(sumOf(v, -peak))
		if dst != nil {
			dst[i] = v
		}
		lane[i%Lanes] += v
	}
	return joined(&lane)
}

// Divide divides each element of z.
func Divide[T float](z []T, by T) {
	if z, ok := any(z).([]float32); ok && len(z) > 0 {
		divide(z, float32(by))
		return
	}
	dividePortable(z, by)
}

func dividePortable[T float](z []T, by T) {
	for i := range z {
		z[i] = quotientOf(z[i], by)
	}
}

// Normalize sets y to (x - mean)·scale·gamma + beta, each operation rounded by
// itself. Without gamma and beta, which may be nil, there is no such operation.
func Normalize[T float](y, x, gamma, beta []T, mean, scale T) {
	x = x[:len(y)]
	if gamma != nil {
		gamma = gamma[:len(y)]
	}
	if beta != nil {
		beta = beta[:len(y)]
	}
	if y, ok := any(y).([]float32); ok && len(y) > 0 {
		normalize(y, any(x).([]float32), any(gamma).([]float32), any(beta).([]float32), float32(mean), float32(scale))
		return
	}
	normalizePortable(y, x, gamma, beta, mean, scale)
}

func normalizePortable[T float](y, x, gamma, beta []T, mean, scale T) {
	for i, v := range x {
		v = productOf(sumOf(v, -mean), scale)
		if gamma != nil {
			v = productOf(v, gamma[i])
		}
		if beta != nil {
			v = sumOf(v, beta[i])
		}
		y[i] = v
	}
}
