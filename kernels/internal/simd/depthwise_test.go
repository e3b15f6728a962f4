package simd

import (
	"math/rand/v2"
	"testing"
)

func TestDepthwise(t *testing.T) {
	var memory [5]fence
	for i := range memory {
		memory[i] = newFence(t, 1<<12)
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
	places, ldy, step := r.IntN(12), channels+r.IntN(3), r.IntN(2*channels+1)
	reach := max(0, (places-1)*step+channels)
	x := memory[0].take(r, reach+r.IntN(30))
	w := memory[1].take(r, channels+r.IntN(60))
	y := memory[2].take(r, max(0, (places-1)*ldy+channels))
	values(r, x)
	values(r, w)
	values(r, y)
	var taps []Tap
	for range r.IntN(12) {
		taps = append(taps, Tap{r.IntN(len(x) - reach + 1), r.IntN(len(w) - channels + 1)})
	}
	end := endings(r, memory[3:], ldy, len(y), channels)
	end.Plus = nil
	add := r.IntN(3) == 0
	was := append([]float32{}, y...)
	Depthwise(y, ldy, x, step, w, taps, places, channels, add, &end)
	for i := range y {
		want := was[i]
		if c := i % ldy; c < channels {
			if !add {
				want = 0
			}
			for _, p := range taps {
				want = FMA(x[p.X+i/ldy*step+c], w[p.W+c], want)
			}
			if end.Bias != nil {
				want += end.Bias[c]
			}
			if end.Clamp {
				want = min(max(want, end.Low), end.High)
			}
		}
		if !sameBits(y[i], want) {
			t.Fatalf("%d places of %d channels, %d taps: element %d is %v, want %v", places, channels, len(taps), i, y[i], want)
		}
	}
}

func TestDepthwiseRefuses(t *testing.T) {
	for name, tap := range map[string]Tap{
		"x before": {-1, 0}, "x behind": {3, 0}, "w before": {0, -1}, "w behind": {0, 5},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("accepted")
				}
			}()
			Depthwise(make([]float32, 8), 4, make([]float32, 10), 4, make([]float32, 8), []Tap{tap}, 2, 4, false, &Ending{})
		})
	}
}
