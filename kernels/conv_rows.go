package kernels

import (
	"sync"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
)

// narrow is how few channels make it worth while to copy lines of x.
const narrow = 8

// convRows are rows of x (places of y, terms) as a product reads them: where
// they lie in x, and zeros where the window is in the padding.
type convRows struct {
	simd.Rows
	parts []convPart
	lines []float32
}

// A convPart is some places of y along its last spatial dim.
type convPart struct {
	count  int
	image  int    // the first place of x in its image
	corner [3]int // of the first place's window
}

var convRowsPool = sync.Pool{New: func() any { return new(convRows) }}

// slide computes a patch of y. x and y begin at the first channel of the group.
func (s *convStep) slide(p patch, y, x, w []float32, end simd.Ending) {
	r := convRowsPool.Get().(*convRows)
	part := p
	for lo, hi := p.row0, 0; lo < p.row1; lo = hi {
		if hi = lo + rowsAtOnce; hi+rowsAtOnce/3 > p.row1 {
			hi = p.row1 // a few rows at the end go with those before
		}
		part.row1 = hi
		r.split(s, lo, hi)
		c, last := y[lo*s.ldc+p.col0:], end
		if end.Plus != nil {
			last.Plus = end.Plus[(lo-p.row0)*s.ldc:]
		}
		for k := p.k0; k == p.k0 || k < p.k1; k += simd.Block {
			terms := min(p.k1-k, simd.Block)
			if s.lines {
				r.copyLines(s, x)
			} else {
				r.locate(s, x, k, terms)
			}
			ending := &simd.Ending{}
			if k+terms >= s.k {
				ending = &last
			}
			simd.GemmRows(c, s.ldc, &r.Rows, s.columns(part, w, k), simd.PanelLen(s.k), hi-lo, p.col1-p.col0, k > 0, ending)
		}
	}
	r.X = nil
	convRowsPool.Put(r)
}

// split cuts the places lo … hi of y into parts.
func (r *convRows) split(s *convStep, lo, hi int) {
	r.parts = r.parts[:0]
	for lo < hi {
		count := min(s.out[2]-lo%s.out[2], hi-lo)
		corner, image := s.corner(lo)
		r.parts = append(r.parts, convPart{count, image, corner})
		lo += count
	}
}

// locate makes the rows of the terms k … k+terms: a run for each tap, of the
// channels of its group.
func (r *convRows) locate(s *convStep, x []float32, k, terms int) {
	r.X, r.At, r.Lens = x, r.At[:0], r.Lens[:0]
	if terms == 0 {
		return
	}
	tap, from := s.tap(k/s.cg), k%s.cg
	for terms > 0 {
		n := min(s.cg-from, terms)
		r.Lens = append(r.Lens, n)
		for i := range r.parts {
			r.locatePart(s, &r.parts[i], tap, from)
		}
		terms, from = terms-n, 0
		s.next(&tap)
	}
}

func (r *convRows) locatePart(s *convStep, p *convPart, tap [3]int, from int) {
	line, ok := s.line(p, tap)
	left := p.corner[2] + tap[2]*s.dilation[2]
	for range p.count {
		at := -1
		if ok && uint(left) < uint(s.in[2]) {
			at = (line+left)*s.c + from
		}
		r.At = append(r.At, at)
		left += s.stride[2]
	}
}

// line is where in x a line of places begins that tap reads for a part, unless
// it is in the padding.
func (s *convStep) line(p *convPart, tap [3]int) (place int, ok bool) {
	y, x := p.corner[0]+tap[0]*s.dilation[0], p.corner[1]+tap[1]*s.dilation[1]
	return p.image + (y*s.in[1]+x)*s.in[2], uint(y) < uint(s.in[0]) && uint(x) < uint(s.in[1])
}

// copyLines makes the rows of all terms, a run for each line of the window. The
// lines of x are copied with zeros on both sides, so that the window's places
// on a line are neighbours everywhere.
func (r *convRows) copyLines(s *convStep, x []float32) {
	r.At, r.Lens, r.lines = r.At[:0], r.Lens[:0], r.lines[:0]
	for t := 0; t < s.taps(); t += s.kernel[2] {
		tap := s.tap(t)
		r.Lens = append(r.Lens, s.kernel[2]*s.c)
		for i := range r.parts {
			p := &r.parts[i]
			line, ok := s.line(p, tap)
			for j := range p.count {
				at := -1
				if ok {
					at = len(r.lines) + j*s.stride[2]*s.c
				}
				r.At = append(r.At, at)
			}
			if !ok {
				continue
			}
			first := p.corner[2]
			end := first + (p.count-1)*s.stride[2] + s.kernel[2]
			lo := min(max(first, 0), end)
			hi := max(lo, min(end, s.in[2]))
			r.lines = appendZeros(r.lines, (lo-first)*s.c)
			if lo < hi {
				r.lines = append(r.lines, x[(line+lo)*s.c:(line+hi)*s.c]...)
			}
			r.lines = appendZeros(r.lines, (end-hi)*s.c)
		}
	}
	r.X = r.lines
}

func appendZeros(x []float32, n int) []float32 {
	for range n {
		x = append(x, 0)
	}
	return x
}
