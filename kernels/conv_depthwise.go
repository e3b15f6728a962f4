package kernels

import "github.com/glovebox-ml/glovebox/kernels/internal/simd"

// newDepthwise cuts a depthwise product. A tile is lines of y where some fit,
// since the places at both ends of a line are computed one by one.
func newDepthwise(places, m, terms, line int) gemm {
	const least = 1 << 17 // multiply-adds that are worth a tile
	g := newGemm(places, m, terms)
	place := max(1, ceilDiv(m, max(1, g.across))*g.depth)
	rows := max(1, min(places/8, tileWork/place), min(places, least/place))
	if g.unit = 1; rows > line {
		g.unit = line
	}
	g.down = ceilDiv(places, rows)
	return g
}

// spread computes a patch of a depthwise y (places, m): channel j of y takes
// channel j/(m/c) of x.
func (s *convStep) spread(p patch, y, x, w []float32, end simd.Ending) {
	r := sweeps.Get().(*sweep)
	if p.k1 < s.k {
		end = simd.Ending{}
	}
	for r.start(&s.window, s.c, s.n, p, y); r.next(); {
		for k := range r.taps {
			taps, then := &r.taps[k], simd.Ending{}
			if k == len(r.taps)-1 {
				then = end
			}
			if add := p.k0 > 0 || k > 0; s.n == s.c {
				simd.Depthwise(r.y, x, w, &r.at, taps, p.col1-p.col0, add, &then)
			} else {
				s.fan(p, r.y, x, w, &r.at, taps, add)
			}
		}
	}
	sweeps.Put(r)
}

// fan is simd.Depthwise where a channel of x makes several of y. The taps are
// those of channel p.col0.
func (s *convStep) fan(p patch, y, x, w []float32, at *simd.Places, taps *simd.Taps, add bool) {
	fan, cols := s.n/s.c, p.col1-p.col0
	for i := range at.Lines * at.Count {
		line, place := i/at.Count, i%at.Count
		row, from := y[line*at.LineY+place*at.Y:][:cols], line*at.LineX+place*at.X-p.col0
		if !add {
			clear(row)
		}
		for _, r := range taps.Runs {
			for t := range taps.Len {
				for j, v := range w[r.W+t*taps.W:][:cols] {
					row[j] = simd.FMANormal(x[from+r.X+t*taps.X+(p.col0+j)/fan], v, row[j])
				}
			}
		}
	}
}
