package simd

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestWinogradTransforms(t *testing.T) {
	var memory [6]fence
	for i := range memory {
		memory[i] = newFence(t, 1<<12)
	}
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(17, 18))
		for channels := range 3*16 + 2 {
			for range 4 {
				testWinogradWeights(t, r, memory[:2])
				testWinogradInput(t, r, memory[:2], channels)
				testWinogradOutput(t, r, memory[:], channels)
			}
		}
	})
}

func testWinogradWeights(t *testing.T, r *rand.Rand, memory []fence) {
	t.Helper()
	ldw, plane := r.IntN(40), Panel+r.IntN(40)
	w := memory[0].take(r, 8*ldw+Panel)
	u := memory[1].take(r, (WinogradPlanes-1)*plane+Panel)
	values(r, w)
	values(r, u)
	want := append([]float32{}, u...)
	winogradWeightsPortable(want, plane, w, ldw)
	WinogradWeights(u, plane, w, ldw)
	for i := range u {
		if !sameBits(u[i], want[i]) {
			t.Fatalf("element %d is %v, want %v", i, u[i], want[i])
		}
	}
}

func testWinogradInput(t *testing.T, r *rand.Rand, memory []fence, channels int) {
	t.Helper()
	x := memory[0].take(r, channels+r.IntN(500))
	plane := channels + r.IntN(3)
	v := memory[1].take(r, max(0, (WinogradPlanes-1)*plane+channels))
	values(r, x)
	var at [WinogradPlanes]int
	for i := range at {
		at[i] = r.IntN(len(x)-channels+2) - 1
	}
	want := make([]float32, len(v))
	copy(want, v)
	winogradInputPortable(want, plane, x, &at, channels)
	WinogradInput(v, plane, x, &at, channels)
	for i := range v {
		if !sameBits(v[i], want[i]) {
			t.Fatalf("%d channels: element %d is %v, want %v", channels, i, v[i], want[i])
		}
	}
}

func testWinogradOutput(t *testing.T, r *rand.Rand, memory []fence, channels int) {
	t.Helper()
	plane := channels + r.IntN(3)
	m := memory[0].take(r, max(0, (WinogradPlanes-1)*plane+channels))
	y := memory[1].take(r, channels*20)
	values(r, m)
	values(r, y)
	var at [WinogradTile * WinogradTile]int
	for i, p := range r.Perm(20)[:len(at)] {
		at[i] = p * channels
		if r.IntN(5) == 0 {
			at[i] = -1
		}
	}
	end := endings(r, memory[4:], channels, len(y), channels)
	want := append([]float32{}, y...)
	winogradOutputPortable(want, &at, m, plane, channels, &end)
	WinogradOutput(y, &at, m, plane, channels, &end)
	for i := range y {
		if !sameBits(y[i], want[i]) {
			t.Fatalf("%d channels: element %d is %v, want %v", channels, i, y[i], want[i])
		}
	}
}

func TestWinogradWeightsRefuses(t *testing.T) {
	for _, c := range [][2]int{{17, 16}, {16, 17}, {-1, 16}, {16, -1}, {math.MaxUint/(WinogradPlanes-1) + 1, 16}, {16, math.MaxInt/4 + 1}} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("strides %v: accepted", c)
				}
			}()
			WinogradWeights(make([]float32, WinogradPlanes*Panel), c[0], make([]float32, 9*Panel), c[1])
		}()
	}
}

// TestWinograd convolves one tile and compares with the sums in float64.
func TestWinograd(t *testing.T) {
	r := rand.New(rand.NewPCG(19, 20))
	const channels = 64
	var window [WinogradPlanes]int
	x := make([]float32, WinogradPlanes*channels)
	for i := range x {
		x[i] = float32(max(0, r.NormFloat64()))
	}
	for i := range window {
		window[i] = i * channels
	}
	v := make([]float32, len(x))
	WinogradInput(v, channels, x, &window, channels)

	g := make([]float32, 9*channels)
	for i := range g {
		g[i] = float32(r.NormFloat64() * math.Sqrt(2.0/9/channels))
	}
	u := make([]float32, len(x))
	for c := 0; c < channels; c += Panel {
		WinogradWeights(u[c:], channels, g[c:], channels)
	}

	var want [WinogradTile * WinogradTile]float64
	m := make([]float32, WinogradPlanes)
	for c := range channels {
		for p := range m {
			m[p] = FMA(v[p*channels+c], u[p*channels+c], m[p])
		}
		for o := range want {
			for i := range 9 {
				place := (o/WinogradTile+i/3)*WinogradWindow + o%WinogradTile + i%3
				want[o] += float64(x[place*channels+c]) * float64(g[i*channels+c])
			}
		}
	}
	var at [WinogradTile * WinogradTile]int
	for i := range at {
		at[i] = i
	}
	y := make([]float32, len(at))
	WinogradOutput(y, &at, m, 1, 1, &Ending{})
	square, wrong := 0.0, 0.0
	for i, w := range want {
		square += w * w
		wrong = max(wrong, math.Abs(float64(y[i])-w))
	}
	if rms := math.Sqrt(square / float64(len(want))); wrong > 5e-6*rms {
		t.Errorf("off by %g where results are some %g", wrong, rms)
	}
}
