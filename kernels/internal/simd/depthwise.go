package simd

// Tap is one term of a depthwise sum: where its elements of x and w begin, for
// the first place.
type Tap struct{ X, W int }

// Depthwise computes some places of channels, each in one accumulator for each
// channel c, over the taps in order:
//
//	s = 0; s = fma(x[t.X+i·step+c], w[t.W+c], s); …
//
// and stores them at y[i·ldy+c], or with add begins with what is there instead
// of zero. Then end is applied, of which Plus is not used.
func Depthwise(y []float32, ldy int, x []float32, step int, w []float32, taps []Tap, places, channels int, add bool, end *Ending) {
	if places <= 0 || channels <= 0 {
		return
	}
	if ldy < 0 || step < 0 {
		panic("simd: a negative stride")
	}
	_ = y[(places-1)*ldy+channels-1]
	if end.Bias != nil {
		_ = end.Bias[channels-1]
	}
	reach := (places-1)*step + channels
	for _, t := range taps {
		if t.X < 0 || t.X > len(x)-reach || t.W < 0 || t.W > len(w)-channels {
			panic("simd: a tap beyond its memory")
		}
	}
	depthwise(y, ldy, x, step, w, taps, places, channels, add, end)
}

func depthwisePortable(y []float32, ldy int, x []float32, step int, w []float32, taps []Tap, places, channels int, add bool, end *Ending) {
	for i := range places {
		row := y[i*ldy:][:channels]
		if !add {
			clear(row)
		}
		for _, t := range taps {
			MulAdd(row, x[t.X+i*step:], w[t.W:], row)
		}
		for c, s := range row {
			if end.Bias != nil {
				s += end.Bias[c]
			}
			if end.Clamp {
				s = min(max(s, end.Low), end.High)
			}
			row[c] = s
		}
	}
}
