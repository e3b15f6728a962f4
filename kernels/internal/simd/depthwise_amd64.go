//go:build !purego

package simd

func depthwise(y []float32, ldy int, x []float32, step int, w []float32, taps []Tap, places, channels int, add bool, end *Ending) {
	form := depthwise512
	switch active {
	case portable:
		depthwisePortable(y, ldy, x, step, w, taps, places, channels, add, end)
		return
	case avx2:
		form = depthwise256
	}
	var at *int
	if len(taps) > 0 {
		at = &taps[0].X
	}
	form(&y[0], ldy, first(x), step, first(w), at, len(taps), places, channels, add,
		first(end.Bias), end.Clamp, end.Low, end.High, end.zero())
}
