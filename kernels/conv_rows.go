package kernels

import (
	"iter"
	"math"
	"sync"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
)

// narrow is how few channels make it worth while to copy lines of x.
const narrow = 32

// convRows are rows of x (places of y, terms) as a product reads them: where
// they lie in x, and zeros where the window is in the padding.
type convRows struct {
	simd.Rows
	parts []linePart
	whole []linePart // parts before they were cut
	lines haloed
}

var convRowsPool = sync.Pool{New: func() any { return new(convRows) }}

// slide computes a patch of y. x and y begin at the first channel of the group.
func (s *convStep) slide(p patch, y, x, w []float32, end simd.Ending) {
	r := convRowsPool.Get().(*convRows)
	lines := false
	if s.lines {
		r.parts = s.parts(r.parts, p.row0, p.row1)
		lines = r.lines.copy(s, r.parts, x)
	}
	r.Step = far(s.stride[2], s.c)
	part := p
	for lo, hi := p.row0, 0; lo < p.row1; lo = hi {
		if hi = lo + rowsAtOnce; hi+rowsAtOnce/3 > p.row1 {
			hi = p.row1 // a few rows at the end go with those before
		}
		part.row1 = hi
		r.parts = s.parts(r.parts, lo, hi)
		if !lines {
			r.cut(s)
		}
		r.count()
		c, last := y[lo*s.ldc+p.col0:], end
		if end.Plus != nil {
			last.Plus = end.Plus[(lo-p.row0)*s.ldc:]
		}
		for k := p.k0; k == p.k0 || k < p.k1; k += simd.Block {
			terms := min(p.k1-k, simd.Block)
			if lines {
				r.locateLines(s)
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

// count lists how many rows each part has.
func (r *convRows) count() {
	r.Counts = r.Counts[:0]
	for i := range r.parts {
		r.Counts = append(r.Counts, r.parts[i].count)
	}
}

// cut cuts parts once more, so that each tap is in the padding for all places of
// a part or for none: places whose windows leave their line are parts of their
// own.
func (r *convRows) cut(s *convStep) {
	r.whole, r.parts = r.parts, r.whole[:0]
	for i := range r.whole {
		p := r.whole[i]
		first, last := s.within(&p)
		for k, n := 0, 1; k < p.count; k += n {
			if n = 1; k == first && first < last {
				n = last - first
			}
			q := p
			q.count = n
			q.corner[2] += k * s.stride[2]
			r.parts = append(r.parts, q)
		}
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
			p, at := &r.parts[i], -1
			left := p.corner[2] + tap[2]*s.dilation[2]
			if line, ok := s.line(p, tap); ok && uint(left) < uint(s.in[2]) {
				at = (line*s.in[2]+left)*s.c + from
			}
			r.At = append(r.At, at)
		}
		terms, from = terms-n, 0
		s.next(&tap)
	}
}

// haloed are the lines of x that some places of y take, with zeros where the
// padding is, so that a window's places on a line are neighbours everywhere.
type haloed struct {
	x     []float32
	first int   // line of x
	at    []int // where in x above each line from first on begins, or unread
	left  int   // the place on its line where each begins
}

const unread = -1

// Bounds of haloed, which no plan accounts for.
const (
	haloedElements = 1 << 19
	haloedLines    = 1 << 14 // from the first to the last that is read
)

// copy copies what parts read of x, unless that is too much.
func (h *haloed) copy(s *convStep, parts []linePart, x []float32) bool {
	h.x, h.at = h.x[:0], h.at[:0]
	h.first, h.left = math.MaxInt, math.MaxInt
	last, right := -1, math.MinInt
	for i := range parts {
		p := &parts[i]
		h.left, right = min(h.left, p.corner[2]), max(right, p.corner[2]+(p.count-1)*s.stride[2]+s.kernel[2])
		d0, d1 := s.inside(p.corner, 0, 0, s.in[0])
		h0, h1 := s.inside(p.corner, 1, 0, s.in[1])
		if d0 < d1 && h0 < h1 {
			low, _ := s.line(p, [3]int{d0, h0})
			high, _ := s.line(p, [3]int{d1 - 1, h1 - 1})
			h.first, last = min(h.first, low), max(last, high)
		}
	}
	lines := last - h.first + 1
	most := min(lines, len(parts)*s.kernel[0]*s.kernel[1])
	if lines > haloedLines || most*(right-h.left)*s.c > haloedElements {
		return false
	}
	for range lines {
		h.at = append(h.at, unread)
	}
	lo := min(max(h.left, 0), right)
	hi := max(lo, min(right, s.in[2]))
	for i := range parts {
		for tap := range s.kernelLines() {
			n, ok := s.line(&parts[i], tap)
			if !ok || h.at[n-h.first] != unread {
				continue
			}
			h.at[n-h.first] = len(h.x)
			h.x = appendZeros(h.x, (lo-h.left)*s.c)
			if from := n * s.in[2]; lo < hi {
				h.x = append(h.x, x[(from+lo)*s.c:(from+hi)*s.c]...)
			}
			h.x = appendZeros(h.x, (right-hi)*s.c)
		}
	}
	return true
}

// locateLines makes the rows of all terms, a run for each line of the window.
func (r *convRows) locateLines(s *convStep) {
	r.X, r.At, r.Lens = r.lines.x, r.At[:0], r.Lens[:0]
	for tap := range s.kernelLines() {
		r.Lens = append(r.Lens, s.kernel[2]*s.c)
		for i := range r.parts {
			p, at := &r.parts[i], -1
			if n, ok := s.line(p, tap); ok {
				at = r.lines.at[n-r.lines.first] + (p.corner[2]-r.lines.left)*s.c
			}
			r.At = append(r.At, at)
		}
	}
}

// kernelLines are the first taps of each line of the window.
func (w *window) kernelLines() iter.Seq[[3]int] {
	return func(yield func([3]int) bool) {
		for d := range w.kernel[0] {
			for h := range w.kernel[1] {
				if !yield([3]int{d, h, 0}) {
					return
				}
			}
		}
	}
}

func appendZeros(x []float32, n int) []float32 {
	for range n {
		x = append(x, 0)
	}
	return x
}
