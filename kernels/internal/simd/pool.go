package simd

import "math"

// HighestOfTaps is the largest of the taps of some places, channel by channel:
// -Inf if there are none, NaN if one is. What taps have to do with w is not used.
func HighestOfTaps(y, x []float32, at *Places, taps *Taps, channels int) {
	if at.Count > 0 && at.Lines > 0 && channels > 0 {
		check(y, x, at, taps, channels)
		highestOfTaps(y, x, at, taps, channels)
	}
}

// MeanOfTaps is (0 + tap + tap …) / count of some places, channel by channel.
func MeanOfTaps(y, x []float32, at *Places, taps *Taps, channels int, count float32) {
	if at.Count > 0 && at.Lines > 0 && channels > 0 {
		check(y, x, at, taps, channels)
		meanOfTaps(y, x, at, taps, channels, count)
	}
}

func highestOfTapsPortable(y, x []float32, at *Places, taps *Taps, channels int) {
	eachPlace(y, x, at, taps, channels, float32(math.Inf(-1)), func(row, x []float32) {
		for j, v := range x[:len(row)] {
			row[j] = max(row[j], v)
		}
	})
}

func meanOfTapsPortable(y, x []float32, at *Places, taps *Taps, channels int, count float32) {
	eachPlace(y, x, at, taps, channels, 0, func(row, x []float32) {
		for j, v := range x[:len(row)] {
			row[j] = sumOf(row[j], v)
		}
	})
	for i := range at.Lines * at.Count {
		for j, row := 0, y[i/at.Count*at.LineY+i%at.Count*at.Y:]; j < channels; j++ {
			row[j] = quotientOf(row[j], count)
		}
	}
}

// eachPlace joins the taps of each place to its row, which is start first.
func eachPlace(y, x []float32, at *Places, taps *Taps, channels int, start float32, join func(row, x []float32)) {
	for i := range at.Lines * at.Count {
		line, place := i/at.Count, i%at.Count
		row, from := y[line*at.LineY+place*at.Y:][:channels], line*at.LineX+place*at.X
		for j := range row {
			row[j] = start
		}
		for _, r := range taps.Runs {
			for t := range taps.Len {
				join(row, x[r.X+t*taps.X+from:])
			}
		}
	}
}
