package kernels

import (
	"sync"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// A linePart is some places of y along its last spatial dim.
type linePart struct {
	count  int
	line   int    // the first line of x in its image
	corner [3]int // of the first place's window
}

// parts cuts the places lo … hi of y into parts of lines.
func (w *window) parts(list []linePart, lo, hi int) []linePart {
	list = list[:0]
	for lo < hi {
		count := min(w.out[2]-lo%w.out[2], hi-lo)
		corner, image := w.corner(lo)
		list = append(list, linePart{count, image / max(w.in[2], 1), corner})
		lo += count
	}
	return list
}

// line is the number of the line of x that a tap reads for a part, unless it is
// in the padding.
func (w *window) line(p *linePart, tap [3]int) (n int, ok bool) {
	y, x := p.corner[0]+tap[0]*w.dilation[0], p.corner[1]+tap[1]*w.dilation[1]
	return p.line + y*w.in[1] + x, uint(y) < uint(w.in[0]) && uint(x) < uint(w.in[1])
}

// within finds the places first … last of a part whose windows do not leave
// their line.
func (w *window) within(p *linePart) (first, last int) {
	stride, left := w.stride[2], p.corner[2]
	room := w.in[2] - w.extent(2) - left
	if room < 0 {
		return 0, 0
	}
	first = max(0, (stride-1-left)/stride)
	return first, min(p.count, room/stride+1)
}

// alike is how many parts from the first on are whole lines below one another
// that take the same taps.
func (w *window) alike(parts []linePart) int {
	n, first := 1, &parts[0]
	inside := func(p *linePart) bool {
		top := p.corner[1]
		return p.count == w.out[2] && p.line == first.line && p.corner[0] == first.corner[0] && top >= 0 && top+w.extent(1) <= w.in[1]
	}
	for inside(first) && n < len(parts) && inside(&parts[n]) {
		n++
	}
	return n
}

// sweep goes over the places of a patch of y (places, n) channel by channel, of
// which x has c, some places with the same taps at a time: after each next they
// are at, their y is y, and taps lists the taps in groups of runs of equal
// length, mostly one.
type sweep struct {
	at     simd.Places
	y      []float32
	corner [3]int // of the window of the first place
	taps   []simd.Taps

	w           *window
	c, n        int
	p           patch
	parts       []linePart
	runs        []simd.Run
	rest        []float32 // y from the first place of parts on
	lines, k    int       // parts that go together, and the first place in each that is left
	first, last int       // places in each whose windows lie within their line
}

var sweeps = sync.Pool{New: func() any { return new(sweep) }}

func (s *sweep) start(w *window, c, n int, p patch, y []float32) {
	s.w, s.c, s.n, s.p = w, c, n, p
	s.parts = w.parts(s.parts, p.row0, p.row1)
	s.rest, s.lines, s.k = y[p.row0*n+p.col0:], 0, 0
	s.enter(0)
}

// enter goes on to the parts behind so many, whose places are y's next.
func (s *sweep) enter(lines int) {
	if lines > 0 {
		s.rest = s.rest[min(lines*s.parts[0].count*s.n, len(s.rest)):]
		s.parts = s.parts[:copy(s.parts, s.parts[lines:])]
	}
	if s.k = 0; len(s.parts) > 0 {
		s.lines = s.w.alike(s.parts)
		s.first, s.last = s.w.within(&s.parts[0])
	}
}

func (s *sweep) next() bool {
	if len(s.parts) > 0 && s.k == s.parts[0].count {
		s.enter(s.lines)
	}
	if len(s.parts) == 0 {
		s.y, s.rest = nil, nil
		return false
	}
	part, w, count := &s.parts[0], s.w, 1
	// Most windows lie within their line; the others leave taps out.
	if s.k == s.first && s.first < s.last {
		count = s.last - s.first
	}
	s.at = simd.Places{
		Count: count, X: far(w.stride[2], s.c), Y: s.n,
		Lines: s.lines, LineX: far(w.stride[1], w.in[2]*s.c), LineY: w.out[2] * s.n,
	}
	if count == 1 {
		// A column of places is gone over like a line.
		s.at = simd.Places{Count: s.lines, X: s.at.LineX, Y: s.at.LineY, Lines: 1}
	}
	s.y, s.corner = s.rest[s.k*s.n:], part.corner
	s.corner[2] += s.k * w.stride[2]
	s.reach(part)
	s.k += count
	return true
}

// far is how many elements so many units of that size are. It is more than an
// int holds only where a second place that far away is not in memory.
func far(units, size int) int { return int(tensor.MulSat(int64(units), int64(size))) }

// reach lists the taps of the first place that are not in the padding. There
// is at least one group.
func (s *sweep) reach(part *linePart) {
	w := s.w
	s.taps, s.runs = s.taps[:0], s.runs[:0]
	left, dilation, across := s.corner[2], w.dilation[2], w.kernel[2]
	first, last := 0, across
	if left < 0 || left+w.extent(2) > w.in[2] {
		first, last = max(0, ceilDiv(-left, dilation)), min(across, ceilDiv(w.in[2]-left, dilation))
	}
	taps := simd.Taps{X: far(dilation, s.c), W: s.n}
	from := 0
	var tap [3]int
	if s.p.k0 > 0 {
		tap = w.tap(s.p.k0)
	}
	for k := s.p.k0; k < s.p.k1; {
		end := min(across, tap[2]+s.p.k1-k)
		lo, hi := max(tap[2], first), min(end, last)
		if line, ok := w.line(part, tap); ok && lo < hi {
			if hi-lo != taps.Len && len(s.runs) > from {
				taps.Runs = s.runs[from:]
				s.taps, from = append(s.taps, taps), len(s.runs)
			}
			taps.Len = hi - lo
			s.runs = append(s.runs, simd.Run{X: (line*w.in[2]+left+lo*dilation)*s.c + s.p.col0, W: (k-tap[2]+lo)*s.n + s.p.col0})
		}
		k += end - tap[2]
		tap[2] = across - 1
		w.next(&tap)
	}
	taps.Runs = s.runs[from:]
	s.taps = append(s.taps, taps)
}
