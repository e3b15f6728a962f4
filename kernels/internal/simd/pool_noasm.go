//go:build (!amd64 && !arm64) || purego

package simd

func highestOfTaps(y, x []float32, at *Places, taps *Taps, channels int) {
	highestOfTapsPortable(y, x, at, taps, channels)
}

func meanOfTaps(y, x []float32, at *Places, taps *Taps, channels int, count float32) {
	meanOfTapsPortable(y, x, at, taps, channels, count)
}
