//go:build !amd64 || purego

package simd

func depthwise(y []float32, ldy int, x []float32, step int, w []float32, taps []Tap, places, channels int, add bool, end *Ending) {
	depthwisePortable(y, ldy, x, step, w, taps, places, channels, add, end)
}
