//go:build (!amd64 && !arm64) || purego

package simd

import "math"

func sum(x []float32) float32 { return sumPortable(x) }

func deviation(x []float32, mean float32) float32 { return deviationPortable(x, mean) }

func highest(x []float32) float32 { return highestPortable(x, float32(math.Inf(-1))) }

func logits(z, x, mask []float32, scale float32) float32 { return logitsPortable(z, x, mask, scale) }

func exponents(dst, z []float32, peak float32) float32 { return exponentsPortable(dst, z, peak) }

func divide(z []float32, by float32) { dividePortable(z, by) }

func normalize(y, x, gamma, beta []float32, mean, scale float32) {
	normalizePortable(y, x, gamma, beta, mean, scale)
}

func highestOver(dst, x []float32, at []int) { highestOverPortable(dst, x, at) }

func addRows(acc, x []float32, at []int) { addRowsPortable(acc, x, at) }

func weighedRows(y []float32, ldy int, x []float32, at []int64, stride int, w []float32, n int) {
	weighedRowsPortable(y, ldy, x, at, stride, w, n)
}
