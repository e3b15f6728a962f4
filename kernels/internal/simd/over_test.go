package simd

import (
	"math/rand/v2"
	"testing"
)

func TestOver(t *testing.T) {
	memory, result, lanes := newFence(t, 700), newFence(t, 100), newFence(t, 100*Lanes)
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(13, 14))
		for n := range 4*Lanes + 2 {
			for rows := range 8 {
				x := memory.take(r, n+r.IntN(600))
				values(r, x)
				at := make([]int, rows)
				for i := range at {
					at[i] = r.IntN(len(x) - n + 1)
				}
				got, want := result.take(r, n), make([]float32, n)
				check := func(name string) {
					t.Helper()
					for j := range got {
						if !sameBits(got[j], want[j]) {
							t.Fatalf("%s of %d rows: element %d of %d is %v, want %v", name, rows, j, n, got[j], want[j])
						}
					}
				}
				HighestOver(got, x, at)
				highestOverPortable(want, x, at)
				check("highest")
				got, want = lanes.take(r, n*Lanes), make([]float32, n*Lanes)
				values(r, got)
				copy(want, got)
				for len(at) < 20*rows {
					at = append(at, at...)
				}
				AddRows(got, x, at)
				addRowsPortable(want, x, at)
				check("sum of lanes")
			}
		}
	})
}

func TestWeighedRows(t *testing.T) {
	memory, weights, result := newFence(t, 900), newFence(t, 40), newFence(t, 400)
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(15, 16))
		for n := 1; n < 3*Lanes+2; n++ {
			for taps := 1; taps < 6; taps++ {
				stride, ldy, rows := r.IntN(2*n), n+r.IntN(5), 1+r.IntN(5)
				x := memory.take(r, (taps-1)*stride+n+r.IntN(50))
				w, got := weights.take(r, rows*taps), result.take(r, (rows-1)*ldy+n)
				values(r, x)
				values(r, w)
				want := make([]float32, len(got))
				at := make([]int64, rows)
				for i := range at {
					at[i] = int64(r.IntN(len(x) - (taps-1)*stride - n + 1))
				}
				clear(got)
				WeighedRows(got, ldy, x, at, stride, w, n)
				weighedRowsPortable(want, ldy, x, at, stride, w, n)
				for j := range got {
					if !sameBits(got[j], want[j]) {
						t.Fatalf("%d rows of %d, %d taps: element %d is %v, want %v", rows, n, taps, j, got[j], want[j])
					}
				}
			}
		}
	})
}

func TestOverRefuses(t *testing.T) {
	for _, at := range [][]int{{0, -1}, {7, 0}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("rows at %v: accepted", at)
				}
			}()
			HighestOver(make([]float32, 4), make([]float32, 10), at)
		}()
	}
}
