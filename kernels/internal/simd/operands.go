//go:build (amd64 || arm64) && !purego

package simd

import "sync"

// places are where the runs of all rows begin, run by run.
type places struct{ at []int }

var placesOf = sync.Pool{New: func() any { return new(places) }}

// list sets them, for at least one run.
func (p *places) list(a *Rows, m int) []int {
	if need := max(len(a.Lens), 1) * m; len(p.at) < need {
		p.at = make([]int, need)
	}
	rest := p.at
	for r := range a.Lens {
		for i, count := range a.Counts {
			part, at, step := rest[:count], a.At[r*len(a.Counts)+i], a.Step
			if at < 0 {
				step = 0
			}
			for k := range part {
				part[k] = at
				at += step
			}
			rest = rest[count:]
		}
	}
	return p.at
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
