//go:build (amd64 || arm64) && !purego

package simd

import "sync"

// places are where the runs of all rows begin, run by run, and how long these
// are.
type places struct {
	at, lens []int
	sums     [maxRows * Panel]float32 // of a panel so far
}

var placesOf = sync.Pool{New: func() any { return new(places) }}

// list sets them for at least one run, of which longer ones are cut.
func (p *places) list(a *Rows, m, most int) (at, lens []int) {
	p.lens = p.lens[:0]
	for _, n := range a.Lens {
		for ; n > most; n -= most {
			p.lens = append(p.lens, most)
		}
		p.lens = append(p.lens, n)
	}
	if need := max(len(p.lens), 1) * m; len(p.at) < need {
		p.at = make([]int, need)
	}
	rest := p.at
	for r, n := range a.Lens {
		for begin := 0; begin == 0 || begin < n; begin += most {
			for i, count := range a.Counts {
				part, at, step := rest[:count], a.At[r*len(a.Counts)+i]+begin, a.Step
				if at < begin {
					at, step = -1, 0
				}
				for k := range part {
					part[k] = at
					at += step
				}
				rest = rest[count:]
			}
		}
	}
	return p.at, p.lens
}

// rowsAtOnce bounds the time that one call of a tile takes.
const rowsAtOnce = 48

// split is how high the next tile is where m rows are left, and how many times
// it is taken. Rows that fill no highest tile share two tiles with those before.
func split(m, highest int) (times, high int) {
	switch {
	case m <= highest:
		return 1, m
	case m < 2*highest:
		return 1, (m + 1) / 2
	case m%highest > 0:
		m -= highest
	}
	return min(m, rowsAtOnce) / highest, highest
}

// first is where the runs lie, and how many there are.
func (t *Taps) first() (*int, int) {
	if len(t.Runs) == 0 || t.Len <= 0 {
		return nil, 0
	}
	return &t.Runs[0].X, len(t.Runs)
}

// from is what is left of x from i on.
func from[T any](x []T, i int) []T { return x[min(i, len(x)):] }

// first is where x begins, nil if it is empty.
func first[T any](x []T) *T {
	if len(x) == 0 {
		return nil
	}
	return &x[0]
}
