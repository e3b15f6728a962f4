package simd

import "math"

// HighestOver sets dst[j] to the largest of x[at[0]+j], x[at[1]+j] … for each j:
// -Inf if there are none, NaN if one is.
func HighestOver(dst, x []float32, at []int) {
	if n := len(dst); n > 0 {
		checkOver(x, at, n)
		highestOver(dst, x, at)
	}
}

func highestOverPortable(dst, x []float32, at []int) {
	for j := range dst {
		dst[j] = float32(math.Inf(-1))
	}
	for _, i := range at {
		for j, v := range x[i:][:len(dst)] {
			dst[j] = max(dst[j], v)
		}
	}
}

// AddRows adds rows of x to the Lanes rows of acc in turn: x[at[i]+j] to element
// j of row i mod Lanes.
func AddRows(acc, x []float32, at []int) {
	if n := len(acc) / Lanes; n > 0 && len(at) > 0 {
		checkOver(x, at, n)
		addRows(acc[:n*Lanes], x, at)
	}
}

func addRowsPortable(acc, x []float32, at []int) {
	n := len(acc) / Lanes
	for r, i := range at {
		row := acc[r%Lanes*n:][:n]
		for j, v := range x[i:][:n] {
			row[j] += v
		}
	}
}

// checkOver panics unless the rows of n elements lie within x, as an index out
// of range does.
func checkOver(x []float32, at []int, n int) {
	for _, i := range at {
		if i < 0 || i > len(x)-n {
			panic("simd: a row beyond its memory")
		}
	}
}
