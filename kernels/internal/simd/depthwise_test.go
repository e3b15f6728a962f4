package simd

import (
	"math/rand/v2"
	"testing"
)

func TestDepthwise(t *testing.T) {
	var memory [5]fence
	for i := range memory {
		memory[i] = newFence(t, 1<<14)
	}
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 12))
		for channels := range 3*16 + 2 {
			for range 8 {
				testDepthwise(t, r, memory, channels)
			}
		}
	})
}

func testDepthwise(t *testing.T, r *rand.Rand, memory [5]fence, channels int) {
	t.Helper()
	taps := &Taps{Len: 1 + r.IntN(4), X: r.IntN(channels + 2), W: r.IntN(channels + 2)}
	at := &Places{Count: r.IntN(21), X: r.IntN(2*channels + 1), Y: max(1, channels+r.IntN(3)), Lines: 1 + r.IntN(3), LineX: r.IntN(50)}
	if r.IntN(2) == 0 { // there are functions of their own for these
		taps.Len = 3 + 2*r.IntN(2)
		taps.X = r.IntN(channels + 2)
		at.X = taps.X * (1 + r.IntN(2))
	}
	at.LineY = at.Count*at.Y + r.IntN(20)
	reach := max(0, (at.Lines-1)*at.LineX+(at.Count-1)*at.X+(taps.Len-1)*taps.X+channels)
	reachW := (taps.Len-1)*taps.W + channels
	x := memory[0].take(r, reach+r.IntN(30))
	w := memory[1].take(r, reachW+r.IntN(60))
	y := memory[2].take(r, max(0, (at.Lines-1)*at.LineY+(at.Count-1)*at.Y+channels))
	values(r, x)
	values(r, w)
	values(r, y)
	for range r.IntN(5) {
		taps.Runs = append(taps.Runs, Run{r.IntN(len(x) - reach + 1), r.IntN(len(w) - reachW + 1)})
	}
	end := endings(r, memory[3:], at.Y, len(y), channels)
	end.Plus = nil
	add := r.IntN(3) == 0
	was := append([]float32{}, y...)
	Depthwise(y, x, w, at, taps, channels, add, &end)
	for i := range y {
		want := was[i]
		line, rest := i/max(1, at.LineY), i%max(1, at.LineY)
		if place, c := rest/at.Y, rest%at.Y; c < channels && place < at.Count {
			if !add {
				want = 0
			}
			for _, p := range taps.Runs {
				for k := range taps.Len {
					want = FMANormal(x[p.X+k*taps.X+line*at.LineX+place*at.X+c], w[p.W+k*taps.W+c], want)
				}
			}
			want = end.of(want, c, 0)
		}
		if !sameBits(y[i], want) {
			t.Fatalf("%+v of %d channels, %d taps: element %d is %v, want %v", at, channels, len(taps.Runs)*taps.Len, i, y[i], want)
		}
	}
}

func TestDepthwiseRefuses(t *testing.T) {
	for name, taps := range map[string]Taps{
		"x before": {[]Run{{-1, 0}}, 1, 0, 0}, "x behind": {[]Run{{3, 0}}, 1, 0, 0}, "x behind by a tap": {[]Run{{2, 0}}, 2, 1, 0},
		"w before": {[]Run{{0, -1}}, 1, 0, 0}, "w behind": {[]Run{{0, 5}}, 1, 0, 0}, "w behind by a tap": {[]Run{{0, 4}}, 2, 0, 1},
		"x backwards": {[]Run{{2, 0}}, 2, -1, 0}, "w backwards": {[]Run{{0, 2}}, 2, 0, -1},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("accepted")
				}
			}()
			at := &Places{Count: 2, X: 4, Y: 4, Lines: 1}
			Depthwise(make([]float32, 8), make([]float32, 10), make([]float32, 8), at, &taps, 4, false, &Ending{})
		})
	}
}
