//go:build !purego

package simd

func highestOfTaps(y, x []float32, at *Places, taps *Taps, channels int) {
	if active == portable {
		highestOfTapsPortable(y, x, at, taps, channels)
		return
	}
	runs, n := taps.first()
	highestOfTapsNeon(&y[0], first(x), at.Count, at.X, at.Y, at.Lines, at.LineX, at.LineY, runs, n, taps.Len, taps.X, channels)
}

func meanOfTaps(y, x []float32, at *Places, taps *Taps, channels int, count float32) {
	if active == portable {
		meanOfTapsPortable(y, x, at, taps, channels, count)
		return
	}
	runs, n := taps.first()
	meanOfTapsNeon(&y[0], first(x), at.Count, at.X, at.Y, at.Lines, at.LineX, at.LineY, runs, n, taps.Len, taps.X, channels, count)
}
