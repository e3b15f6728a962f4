//go:build !purego

package simd

func highestOfTaps(y, x []float32, at *Places, taps *Taps, channels int) {
	form := highestOfTaps512
	switch active {
	case portable:
		highestOfTapsPortable(y, x, at, taps, channels)
		return
	case avx2:
		form = highestOfTaps256
	}
	from, runs := taps.first()
	form(&y[0], first(x), at.Count, at.X, at.Y, at.Lines, at.LineX, at.LineY, from, runs, taps.Len, taps.X, channels)
}

func meanOfTaps(y, x []float32, at *Places, taps *Taps, channels int, count float32) {
	form := meanOfTaps512
	switch active {
	case portable:
		meanOfTapsPortable(y, x, at, taps, channels, count)
		return
	case avx2:
		form = meanOfTaps256
	}
	from, runs := taps.first()
	form(&y[0], first(x), at.Count, at.X, at.Y, at.Lines, at.LineX, at.LineY, from, runs, taps.Len, taps.X, channels, count)
}
