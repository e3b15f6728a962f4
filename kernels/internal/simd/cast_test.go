package simd

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Conversions and comparisons of every length give what they give alone.
func TestCasts(t *testing.T) {
	memory := [4]fence{newFence(t, 200), newFence(t, 200), newFence(t, 200), newFence(t, 200)}
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(17, 18))
		for n := range 4*Lanes + 3 {
			for range 20 {
				checkCast(t, r, memory, n, "half", WidenHalves, WidenHalf)
				checkCast(t, r, memory, n, "brain", WidenBrains, WidenBrain)
				checkCast(t, r, memory, n, "int8", FromInt8, toFloat32[int8])
				checkCast(t, r, memory, n, "uint8", FromUint8, toFloat32[uint8])
				checkCast(t, r, memory, n, "int32", FromInt32, toFloat32[int32])
				checkCast(t, r, memory, n, "bool", FromBool, truth)
				checkNarrow(t, r, memory, n, NarrowHalves, NarrowHalf, WidenHalf)
				checkNarrow(t, r, memory, n, NarrowBrains, NarrowBrain, WidenBrain)
				checkWhole(t, r, memory, n, ToInt8, -128, 127)
				checkWhole(t, r, memory, n, ToUint8, 0, 255)
				checkWhole(t, r, memory, n, ToInt32, math.MinInt32, math.MaxInt32)
				checkRound(t, r, memory[0], n, RoundHalves, NarrowHalf, WidenHalf)
				checkRound(t, r, memory[0], n, RoundBrains, NarrowBrain, WidenBrain)
				checkCompare(t, r, memory, n)
				checkChoose(t, r, memory, n)
			}
		}
		var all [1 << 16]uint16
		for i := range all {
			all[i] = uint16(i)
		}
		wide := make([]float32, len(all))
		WidenHalves(wide, all[:])
		for i, v := range wide {
			if !sameBits(v, WidenHalf(uint16(i))) {
				t.Fatalf("half %#x is %v, want %v", i, v, WidenHalf(uint16(i)))
			}
		}
	})
}

// room is n elements at a guard, filled with any bits.
func room[T tensor.Element](r *rand.Rand, f fence, n int) []T {
	v := tensor.View[T](tensor.Bytes(f.take(r, (n*8+3)/4)))
	for i, b := 0, tensor.Bytes(v); i < len(b); i++ {
		b[i] = byte(r.Uint32() >> uint(r.IntN(9)))
	}
	if r.IntN(2) == 0 {
		return v[:n]
	}
	return v[len(v)-n:]
}

func checkCast[S tensor.Element](t *testing.T, r *rand.Rand, memory [4]fence, n int, name string, run func([]float32, []S), one func(S) float32) {
	t.Helper()
	dst, src := room[float32](r, memory[0], n), room[S](r, memory[1], n)
	run(dst, src)
	for i, v := range src {
		if !sameBits(dst[i], one(v)) {
			t.Fatalf("%s %v is %v, want %v", name, v, dst[i], one(v))
		}
	}
}

func checkNarrow(t *testing.T, r *rand.Rand, memory [4]fence, n int, run func([]uint16, []float32), one func(float32) uint16, back func(uint16) float32) {
	t.Helper()
	dst, src := room[uint16](r, memory[0], n), room[float32](r, memory[1], n)
	ties(r, src)
	run(dst, src)
	for i, v := range src {
		if dst[i] != one(v) && (v == v || back(dst[i]) == back(dst[i])) {
			t.Fatalf("%v is %#x, want %#x", v, dst[i], one(v))
		}
	}
}

// ties fills x with numbers that are hard to round.
func ties(r *rand.Rand, x []float32) {
	values(r, x)
	for i := range x {
		if r.IntN(2) == 0 {
			x[i] = float32(math.Ldexp(float64(r.IntN(1<<13)), r.IntN(40)-35)) // subnormals among them
		}
	}
}

func checkWhole[T int8 | uint8 | int32](t *testing.T, r *rand.Rand, memory [4]fence, n int, run func([]T, []float32), low, high float64) {
	t.Helper()
	dst, src := room[T](r, memory[0], n), room[float32](r, memory[1], n)
	values(r, src)
	for i := range src {
		switch r.IntN(4) {
		case 0:
			src[i] = float32(r.IntN(1200)-600) / 2
		case 1:
			src[i] = float32(math.Ldexp(r.Float64()*2-1, 28+r.IntN(6)))
		}
	}
	run(dst, src)
	for i, v := range src {
		want := math.Trunc(float64(v))
		switch {
		case v != v:
			want = 0
		case want < low:
			want = low
		case want > high:
			want = high
		}
		if float64(dst[i]) != want {
			t.Fatalf("%v is %v, want %v", v, dst[i], want)
		}
	}
}

func checkRound(t *testing.T, r *rand.Rand, memory fence, n int, run func([]float32), narrow func(float32) uint16, widen func(uint16) float32) {
	t.Helper()
	x := room[float32](r, memory, n)
	ties(r, x)
	was := append([]float32{}, x...)
	run(x)
	for i, v := range was {
		if want := widen(narrow(v)); !sameBits(x[i], want) {
			t.Fatalf("%v is rounded to %v, want %v", v, x[i], want)
		}
	}
}

func checkChoose(t *testing.T, r *rand.Rand, memory [4]fence, n int) {
	t.Helper()
	dst, b, c := room[uint32](r, memory[0], n), room[uint32](r, memory[1], n), room[uint32](r, memory[2], n)
	a := room[uint8](r, memory[3], n)
	for i := range a {
		a[i] *= uint8(r.IntN(2))
	}
	Choose(dst, a, b, c)
	for i := range dst {
		if want := map[bool]uint32{true: b[i], false: c[i]}[a[i] != 0]; dst[i] != want {
			t.Fatalf("%d chooses %d of %d and %d", a[i], dst[i], b[i], c[i])
		}
	}
}

func checkCompare(t *testing.T, r *rand.Rand, memory [4]fence, n int) {
	t.Helper()
	dst, a, b := room[uint8](r, memory[0], n), room[float32](r, memory[1], n), room[float32](r, memory[2], n)
	values(r, a)
	values(r, b)
	for i := range a {
		if r.IntN(3) == 0 {
			a[i] = b[i]
		}
	}
	for name, c := range map[string]struct {
		run  func(dst []uint8, a, b []float32)
		want func(a, b float32) bool
	}{
		"=": {Equal, func(a, b float32) bool { return a == b }},
		"≠": {NotEqual, func(a, b float32) bool { return a != b }},
		"<": {Less, func(a, b float32) bool { return a < b }},
		"≤": {LessEqual, func(a, b float32) bool { return a <= b }},
		"= of integers": {
			func(dst []uint8, a, b []float32) {
				EqualInts(dst, tensor.View[int32](tensor.Bytes(a)), tensor.View[int32](tensor.Bytes(b)))
			},
			func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) },
		},
	} {
		c.run(dst, a, b)
		for i := range dst {
			if want := c.want(a[i], b[i]); dst[i] > 1 || (dst[i] == 1) != want {
				t.Fatalf("%v %s %v is %d, want %t", a[i], name, b[i], dst[i], want)
			}
		}
	}
}
