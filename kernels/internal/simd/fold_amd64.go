//go:build !purego

package simd

import "math"

// The following are the functions of fold.go for rows that are not empty.

func sum(x []float32) float32 {
	switch active {
	case avx512:
		return sum512(&x[0], len(x))
	case avx2:
		return sum256(&x[0], len(x))
	}
	return sumPortable(x)
}

func deviation(x []float32, mean float32) float32 {
	switch active {
	case avx512:
		return deviation512(&x[0], len(x), mean)
	case avx2:
		return deviation256(&x[0], len(x), mean)
	}
	return deviationPortable(x, mean)
}

func highest(x []float32) float32 {
	switch active {
	case avx512:
		return highest512(&x[0], len(x))
	case avx2:
		return highest256(&x[0], len(x))
	}
	return highestPortable(x, float32(math.Inf(-1)))
}

func logits(z, x, mask []float32, scale float32) float32 {
	switch active {
	case avx512:
		return logits512(&z[0], &x[0], first(mask), len(z), scale)
	case avx2:
		return logits256(&z[0], &x[0], first(mask), len(z), scale)
	}
	return logitsPortable(z, x, mask, scale)
}

func exponents(dst, z []float32, peak float32) float32 {
	switch active {
	case avx512:
		return exponents512(first(dst), &z[0], len(z), peak)
	case avx2:
		return exponents256(first(dst), &z[0], len(z), peak)
	}
	return exponentsPortable(dst, z, peak)
}

func divide(z []float32, by float32) {
	switch active {
	case avx512:
		divide512(&z[0], len(z), by)
	case avx2:
		divide256(&z[0], len(z), by)
	default:
		dividePortable(z, by)
	}
}

func normalize(y, x, gamma, beta []float32, mean, scale float32) {
	switch active {
	case avx512:
		normalize512(&y[0], &x[0], first(gamma), first(beta), len(y), mean, scale)
	case avx2:
		normalize256(&y[0], &x[0], first(gamma), first(beta), len(y), mean, scale)
	default:
		normalizePortable(y, x, gamma, beta, mean, scale)
	}
}

func highestOver(dst, x []float32, at []int) {
	switch active {
	case avx512:
		highestOver512(&dst[0], first(x), first(at), len(at), len(dst))
	case avx2:
		highestOver256(&dst[0], first(x), first(at), len(at), len(dst))
	default:
		highestOverPortable(dst, x, at)
	}
}

func addRows(acc, x []float32, at []int) {
	switch active {
	case avx512:
		addRows512(&acc[0], &x[0], &at[0], len(at), len(acc)/Lanes)
	case avx2:
		addRows256(&acc[0], &x[0], &at[0], len(at), len(acc)/Lanes)
	default:
		addRowsPortable(acc, x, at)
	}
}

func weighedRows(y []float32, ldy int, x []float32, at []int64, stride int, w []float32, n int) {
	switch taps := len(w) / len(at); active {
	case avx512:
		weighedRows512(&y[0], ldy, &x[0], &at[0], stride, &w[0], len(at), taps, n)
	case avx2:
		weighedRows256(&y[0], ldy, &x[0], &at[0], stride, &w[0], len(at), taps, n)
	default:
		weighedRowsPortable(y, ldy, x, at, stride, w, n)
	}
}
