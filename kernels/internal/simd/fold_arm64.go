//go:build !purego

package simd

import "math"

// The following are the functions of fold.go for rows that are not empty.

func sum(x []float32) float32 {
	if active == portable {
		return sumPortable(x)
	}
	return sumNeon(&x[0], len(x))
}

func deviation(x []float32, mean float32) float32 {
	if active == portable {
		return deviationPortable(x, mean)
	}
	return deviationNeon(&x[0], len(x), mean)
}

func highest(x []float32) float32 {
	if active == portable {
		return highestPortable(x, float32(math.Inf(-1)))
	}
	return highestNeon(&x[0], len(x))
}

func logits(z, x, mask []float32, scale float32) float32 {
	if active == portable {
		return logitsPortable(z, x, mask, scale)
	}
	return logitsNeon(&z[0], &x[0], first(mask), len(z), scale)
}

func exponents(dst, z []float32, peak float32) float32 {
	if active == portable {
		return exponentsPortable(dst, z, peak)
	}
	return exponentsNeon(first(dst), &z[0], len(z), peak)
}

func divide(z []float32, by float32) {
	if active == portable {
		dividePortable(z, by)
		return
	}
	divideNeon(&z[0], len(z), by)
}

func normalize(y, x, gamma, beta []float32, mean, scale float32) {
	if active == portable {
		normalizePortable(y, x, gamma, beta, mean, scale)
		return
	}
	normalizeNeon(&y[0], &x[0], first(gamma), first(beta), len(y), mean, scale)
}

func highestOver(dst, x []float32, at []int) {
	if active == portable {
		highestOverPortable(dst, x, at)
		return
	}
	highestOverNeon(&dst[0], first(x), first(at), len(at), len(dst))
}

func addRows(acc, x []float32, at []int) {
	if active == portable {
		addRowsPortable(acc, x, at)
		return
	}
	addRowsNeon(&acc[0], &x[0], &at[0], len(at), len(acc)/Lanes)
}

func weighedRows(y []float32, ldy int, x []float32, at []int64, stride int, w []float32, n int) {
	if active == portable {
		weighedRowsPortable(y, ldy, x, at, stride, w, n)
		return
	}
	weighedRowsNeon(&y[0], ldy, &x[0], &at[0], stride, &w[0], len(at), len(w)/len(at), n)
}
