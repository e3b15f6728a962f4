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

// WeighedRows sets y[r·ldy+i] to Σ w[r·taps+t]·x[at[r]+t·stride+i] over the taps
// t for each i below n, where each of at has its taps in w. It knows no subnormal
// numbers.
func WeighedRows[T float](y []T, ldy int, x []T, at []int64, stride int, w []T, n int) {
	if len(at) == 0 || n <= 0 {
		return
	}
	taps := len(w) / len(at)
	last := len(x) - (taps-1)*stride - n
	for _, i := range at {
		if taps < 1 || stride < 0 || ldy < 0 || i < 0 || i > int64(last) {
			panic("simd: a row beyond its memory")
		}
	}
	if y, ok := any(y[:(len(at)-1)*ldy+n]).([]float32); ok {
		weighedRows(y, ldy, any(x).([]float32), at, stride, any(w).([]float32), n)
		return
	}
	weighedRowsPortable(y, ldy, x, at, stride, w, n)
}

func weighedRowsPortable[T float](y []T, ldy int, x []T, at []int64, stride int, w []T, n int) {
	taps := len(w) / len(at)
	for r, from := range at {
		row, x := y[r*ldy:][:n], x[from:]
		for t, by := range w[r*taps:][:taps] {
			for i, v := range x[t*stride:][:n] {
				if v = productOf(by, v); t > 0 {
					v = sumOf(row[i], v)
				}
				row[i] = v
			}
		}
	}
}
