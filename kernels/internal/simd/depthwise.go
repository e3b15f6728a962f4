package simd

// Taps are the terms of a depthwise sum, in runs of Len: tap t of a run begins
// t·X elements of x, and t·W of w, behind the first.
type Taps struct {
	Runs []Run
	Len  int
	X, W int
}

// Run is where the first tap of a run begins in x and in w, for the first place.
type Run struct{ X, W int }

// Places are where the results of a depthwise convolution lie: so many that are
// X elements apart in x and Y in y, on each of so many lines that are LineX and
// LineY apart.
type Places struct {
	Count, X, Y         int
	Lines, LineX, LineY int
}

// Depthwise computes channels of some places, each in one accumulator for each
// channel c, over the taps in order, of which each begins at some X and W:
//
//	s = 0; s = fma(x[X+place+c], w[W+c], s); …
//
// and stores them in y, or with add begins with what is there instead of zero.
// Then end is applied, of which Plus is not used.
func Depthwise(y, x, w []float32, at *Places, taps *Taps, channels int, add bool, end *Ending) {
	if at.Count <= 0 || at.Lines <= 0 || channels <= 0 {
		return
	}
	if end.Bias != nil {
		_ = end.Bias[channels-1]
	}
	check(y, x, at, taps, channels)
	if taps.W < 0 {
		panic("simd: a negative stride")
	}
	for _, r := range taps.Runs {
		if reach := (taps.Len-1)*taps.W + channels; taps.Len > 0 && (r.W < 0 || r.W > len(w)-reach) {
			panic("simd: a tap beyond its memory")
		}
	}
	depthwise(y, x, w, at, taps, channels, add, end)
}

// check panics unless all places lie in y and all their taps in x.
func check(y, x []float32, at *Places, taps *Taps, channels int) {
	if min(at.X, at.Y, at.LineX, at.LineY, taps.X) < 0 {
		panic("simd: a negative stride")
	}
	_ = y[(at.Lines-1)*at.LineY+(at.Count-1)*at.Y+channels-1]
	reach := (at.Lines-1)*at.LineX + (at.Count-1)*at.X + (taps.Len-1)*taps.X + channels
	for _, r := range taps.Runs {
		if taps.Len > 0 && (r.X < 0 || r.X > len(x)-reach) {
			panic("simd: a tap beyond its memory")
		}
	}
}

func depthwisePortable(y, x, w []float32, at *Places, taps *Taps, channels int, add bool, end *Ending) {
	then := Ending{end.Bias, nil, end.Clamp, end.Low, end.High}
	for i := range at.Lines * at.Count {
		line, place := i/at.Count, i%at.Count
		row, from := y[line*at.LineY+place*at.Y:][:channels], line*at.LineX+place*at.X
		if !add {
			clear(row)
		}
		for _, r := range taps.Runs {
			for t := range taps.Len {
				addProducts(row, x[r.X+t*taps.X+from:], w[r.W+t*taps.W:])
			}
		}
		for c, s := range row {
			row[c] = then.of(s, c, 0)
		}
	}
}

// addProducts adds the product of x and w to each element of s.
func addProducts(s, x, w []float32) {
	for i, v := range s {
		s[i] = FMANormal(x[i], w[i], v)
	}
}
