package simd

import (
	"math/rand/v2"
	"testing"
)

func TestPool(t *testing.T) {
	var memory [2]fence
	for i := range memory {
		memory[i] = newFence(t, 1<<14)
	}
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(15, 16))
		for channels := range 3*16 + 2 {
			for range 8 {
				testPool(t, r, memory, channels)
			}
		}
	})
}

func testPool(t *testing.T, r *rand.Rand, memory [2]fence, channels int) {
	t.Helper()
	at := &Places{Count: r.IntN(21), X: r.IntN(2*channels + 1), Y: max(1, channels+r.IntN(3)), Lines: 1 + r.IntN(3), LineX: r.IntN(50)}
	at.LineY = at.Count*at.Y + r.IntN(20)
	taps := &Taps{Len: 1 + r.IntN(4), X: r.IntN(channels + 2)}
	reach := max(0, (at.Lines-1)*at.LineX+(at.Count-1)*at.X+(taps.Len-1)*taps.X+channels)
	x := memory[0].take(r, reach+r.IntN(30))
	y := memory[1].take(r, max(0, (at.Lines-1)*at.LineY+(at.Count-1)*at.Y+channels))
	values(r, x)
	for range r.IntN(5) {
		taps.Runs = append(taps.Runs, Run{X: r.IntN(len(x) - reach + 1)})
	}
	want := make([]float32, len(y))
	check := func(name string) {
		t.Helper()
		for i := range y {
			if !sameBits(y[i], want[i]) {
				t.Fatalf("%s at %+v of %d channels, taps %+v: element %d is %v, want %v", name, at, channels, taps, i, y[i], want[i])
			}
		}
	}
	values(r, y)
	copy(want, y)
	if HighestOfTaps(y, x, at, taps, channels); channels > 0 && at.Count > 0 {
		highestOfTapsPortable(want, x, at, taps, channels)
	}
	check("highest")
	if MeanOfTaps(y, x, at, taps, channels, 3); channels > 0 && at.Count > 0 {
		meanOfTapsPortable(want, x, at, taps, channels, 3)
	}
	check("mean")
}

func TestPoolRefuses(t *testing.T) {
	for name, taps := range map[string]Taps{
		"before": {[]Run{{-1, 0}}, 1, 0, 0}, "behind": {[]Run{{3, 0}}, 1, 0, 0}, "behind by a tap": {[]Run{{2, 0}}, 2, 1, 0},
		"backwards": {[]Run{{2, 0}}, 2, -1, 0},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("accepted")
				}
			}()
			at := &Places{Count: 2, X: 4, Y: 4, Lines: 1}
			HighestOfTaps(make([]float32, 8), make([]float32, 10), at, &taps, 4)
		})
	}
}
