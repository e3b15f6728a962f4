package kernels

import (
	"sync"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
)

// depthRows is what a tile of a depthwise convolution needs to know of x. The
// runs of taps are in groups of equal length, mostly one.
type depthRows struct {
	convRows
	groups []simd.Taps
	runs   []simd.Run
}

var depthRowsPool = sync.Pool{New: func() any { return new(depthRows) }}

// newDepthwise cuts a depthwise product. A tile is lines of y where some fit,
// since the places at both ends of a line are computed one by one.
func newDepthwise(places, m, terms, line int) gemm {
	const least = 1 << 17 // multiply-adds that are worth a tile
	g := newGemm(places, m, terms)
	place := max(1, min(m, g.cols)*g.depth)
	g.rows = max(1, min(places/8, tileWork/place), min(places, least/place))
	if g.rows > line {
		g.rows -= g.rows % line
	}
	return g
}

// spread computes a patch of a depthwise y (places, m): channel j of y takes
// channel j/(m/c) of x.
func (s *convStep) spread(p patch, y, x, w []float32, end simd.Ending) {
	r := depthRowsPool.Get().(*depthRows)
	defer depthRowsPool.Put(r)
	if p.k1 < s.k {
		end = simd.Ending{}
	}
	r.split(s, p.row0, p.row1)
	y = y[p.row0*s.n+p.col0:]
	for i, lines := 0, 0; i < len(r.parts); i += lines {
		part := &r.parts[i]
		lines = s.alike(r.parts[i:])
		at := simd.Places{
			Count: 1, X: s.stride[2] * s.c, Y: s.n,
			Lines: lines, LineX: s.stride[1] * s.in[2] * s.c, LineY: s.out[2] * s.n,
		}
		// Most windows lie within their line; the others leave taps out.
		first, last := s.inside(part)
		for k := 0; k < part.count; k += at.Count {
			if at.Count = 1; k == first && first < last {
				at.Count = last - first
			}
			r.reach(s, p, part, k)
			s.places(r, p, y[k*s.n:], x, w, at, end)
		}
		y = y[min(lines*part.count*s.n, len(y)):]
	}
}

// alike is how many parts from the first on are whole lines below one another
// that take the same taps.
func (s *convStep) alike(parts []convPart) int {
	n, first := 1, &parts[0]
	within := func(p *convPart) bool {
		top := p.corner[1]
		return p.count == s.out[2] && p.line == first.line && p.corner[0] == first.corner[0] && top >= 0 && top+s.extent(1) <= s.in[1]
	}
	for within(first) && n < len(parts) && within(&parts[n]) {
		n++
	}
	return n
}

// places computes some places of y whose taps are in r.
func (s *convStep) places(r *depthRows, p patch, y, x, w []float32, at simd.Places, end simd.Ending) {
	if at.Count == 1 {
		// A column of places is computed like a line.
		at.Count, at.X, at.Y, at.Lines = at.Lines, at.LineX, at.LineY, 1
	}
	for k := range r.groups {
		g, then := &r.groups[k], simd.Ending{}
		if k == len(r.groups)-1 {
			then = end
		}
		if add := p.k0 > 0 || k > 0; s.n == s.c {
			simd.Depthwise(y, x, w, &at, g, p.col1-p.col0, add, &then)
		} else {
			s.fan(p, y, x, w, &at, g, add)
		}
	}
}

// inside finds the places first … last of a part whose windows do not leave
// their line.
func (s *convStep) inside(p *convPart) (first, last int) {
	stride, left := s.stride[2], p.corner[2]
	room := s.in[2] - s.extent(2) - left
	if room < 0 {
		return 0, 0
	}
	first = max(0, (stride-1-left)/stride)
	return first, min(p.count, room/stride+1)
}

// reach lists the taps of place i of a part that are not in the padding. There
// is at least one group.
func (r *depthRows) reach(s *convStep, p patch, part *convPart, i int) {
	r.groups, r.runs = r.groups[:0], r.runs[:0]
	left, dilation, across := part.corner[2]+i*s.stride[2], s.dilation[2], s.kernel[2]
	first, last := 0, across
	if left < 0 || left+s.extent(2) > s.in[2] {
		first, last = max(0, ceilDiv(-left, dilation)), min(across, ceilDiv(s.in[2]-left, dilation))
	}
	taps := simd.Taps{X: dilation * s.c, W: s.n}
	from := 0
	var tap [3]int
	if p.k0 > 0 {
		tap = s.tap(p.k0)
	}
	for k := p.k0; k < p.k1; {
		end := min(across, tap[2]+p.k1-k)
		lo, hi := max(tap[2], first), min(end, last)
		if line, ok := s.line(part, tap); ok && lo < hi {
			if hi-lo != taps.Len && len(r.runs) > from {
				taps.Runs = r.runs[from:]
				r.groups, from = append(r.groups, taps), len(r.runs)
			}
			taps.Len = hi - lo
			r.runs = append(r.runs, simd.Run{X: (line*s.in[2]+left+lo*dilation)*s.c + p.col0, W: (k-tap[2]+lo)*s.n + p.col0})
		}
		k += end - tap[2]
		tap[2] = across - 1
		s.next(&tap)
	}
	taps.Runs = r.runs[from:]
	r.groups = append(r.groups, taps)
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
					row[j] = simd.FMA(x[from+r.X+t*taps.X+(p.col0+j)/fan], v, row[j])
				}
			}
		}
	}
}
