//go:build (!amd64 && !arm64) || purego

package simd

func depthwise(y, x, w []float32, at *Places, taps *Taps, channels int, add bool, end *Ending) {
	depthwisePortable(y, x, w, at, taps, channels, add, end)
}
