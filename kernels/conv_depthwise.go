package kernels

import (
	"sync"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
)

// depthRows is what a tile of a depthwise convolution needs to know of x.
type depthRows struct {
	convRows
	taps []simd.Tap
}

var depthRowsPool = sync.Pool{New: func() any { return new(depthRows) }}

// spread computes a patch of a depthwise y (places, m): channel j of y takes
// channel j/(m/c) of x.
func (s *convStep) spread(p patch, y, x, w []float32, end simd.Ending) {
	r := depthRowsPool.Get().(*depthRows)
	defer depthRowsPool.Put(r)
	if p.k1 < s.k {
		end = simd.Ending{}
	}
	r.split(s, p.row0, p.row1)
	at := p.row0
	for _, part := range r.parts {
		// Most windows lie within their line; the others leave taps out.
		first, last := s.inside(&part)
		for i := 0; i < part.count; {
			n := 1
			if i == first && first < last {
				n = last - first
			}
			r.reach(s, p, part, i)
			row := y[(at+i)*s.n+p.col0:]
			if s.n == s.c {
				simd.Depthwise(row, s.n, x, s.stride[2]*s.c, w, r.taps, n, p.col1-p.col0, p.k0 > 0, &end)
			} else {
				s.fan(p, row, x, w, r.taps, n)
			}
			i += n
		}
		at += part.count
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

// reach lists the taps of place i of a part that are not in the padding.
func (r *depthRows) reach(s *convStep, p patch, part convPart, i int) {
	r.taps = r.taps[:0]
	left := part.corner[2] + i*s.stride[2]
	for k := p.k0; k < p.k1; {
		tap := s.tap(k)
		line, ok := s.line(&part, tap)
		for t := tap[2]; t < s.kernel[2] && k < p.k1; t++ {
			if place := left + t*s.dilation[2]; ok && uint(place) < uint(s.in[2]) {
				r.taps = append(r.taps, simd.Tap{X: (line+place)*s.c + p.col0, W: k*s.n + p.col0})
			}
			k++
		}
	}
}

// fan computes n places of y where a channel of x makes several of y. The taps
// are those of channel p.col0.
func (s *convStep) fan(p patch, y, x, w []float32, taps []simd.Tap, n int) {
	fan, cols := s.n/s.c, p.col1-p.col0
	for i := range n {
		row := y[i*s.n:][:cols]
		if p.k0 == 0 {
			clear(row)
		}
		for _, t := range taps {
			place := t.X - p.col0 + i*s.stride[2]*s.c
			for j, v := range w[t.W:][:cols] {
				row[j] = simd.FMA(x[place+(p.col0+j)/fan], v, row[j])
			}
		}
	}
}
