package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// A fold computes something of a row of x, y and z, which it may change, and
// has its twin beside it.
type fold struct {
	name      string
	run, twin func(x, y, z []float32, a, b float32) float32
}

var folds = []fold{
	{"sum",
		func(x, _, _ []float32, _, _ float32) float32 { return Sum(x) },
		func(x, _, _ []float32, _, _ float32) float32 { return sumPortable(x) }},
	{"deviation",
		func(x, _, _ []float32, a, _ float32) float32 { return Deviation(x, a) },
		func(x, _, _ []float32, a, _ float32) float32 { return deviationPortable(x, a) }},
	{"highest",
		func(x, _, _ []float32, a, _ float32) float32 { return Highest(x, a) },
		func(x, _, _ []float32, a, _ float32) float32 { return highestPortable(x, a) }},
	{"logits",
		func(x, y, _ []float32, a, _ float32) float32 { return Logits(y, x, nil, a) },
		func(x, y, _ []float32, a, _ float32) float32 { return logitsPortable(y, x, nil, a) }},
	{"masked logits in place",
		func(x, _, z []float32, a, _ float32) float32 { return Logits(x, x, z, a) },
		func(x, _, z []float32, a, _ float32) float32 { return logitsPortable(x, x, z, a) }},
	{"exponents",
		func(x, _, _ []float32, a, _ float32) float32 { return Exponents(nil, x, a) },
		func(x, _, _ []float32, a, _ float32) float32 { return exponentsPortable(nil, x, a) }},
	{"exponents in place",
		func(x, _, _ []float32, a, _ float32) float32 { return Exponents(x, x, a) },
		func(x, _, _ []float32, a, _ float32) float32 { return exponentsPortable(x, x, a) }},
	{"divide",
		func(x, _, _ []float32, a, _ float32) float32 { Divide(x, a); return 0 },
		func(x, _, _ []float32, a, _ float32) float32 { dividePortable(x, a); return 0 }},
	{"normalize",
		func(x, y, _ []float32, a, b float32) float32 { Normalize(y, x, nil, nil, a, b); return 0 },
		func(x, y, _ []float32, a, b float32) float32 { normalizePortable(y, x, nil, nil, a, b); return 0 }},
	{"normalize in place",
		func(x, y, z []float32, a, b float32) float32 { Normalize(x, x, y, z, a, b); return 0 },
		func(x, y, z []float32, a, b float32) float32 { normalizePortable(x, x, y, z, a, b); return 0 }},
	{"normalize without beta",
		func(x, y, z []float32, a, b float32) float32 { Normalize(y, x, z, nil, a, b); return 0 },
		func(x, y, z []float32, a, b float32) float32 { normalizePortable(y, x, z, nil, a, b); return 0 }},
}

func TestFolds(t *testing.T) {
	var memory [3]fence
	for i := range memory {
		memory[i] = newFence(t, 1100)
	}
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(11, 12))
		for _, f := range folds {
			t.Run(f.name, func(t *testing.T) {
				for n := range 4*Lanes + 2 {
					for range 20 {
						f.check(t, r, memory, n, values)
						f.check(t, r, memory, n, ordinary)
					}
				}
				for _, n := range []int{128, 1000, 1100} {
					f.check(t, r, memory, n, ordinary)
				}
			})
		}
	})
}

// ordinary fills x with numbers whose sums stay finite, and zeros of both signs.
func ordinary(r *rand.Rand, x []float32) {
	for i := range x {
		x[i] = float32(r.NormFloat64() * math.Exp(r.Float64()*4))
		if r.IntN(4) == 0 {
			x[i] = float32(math.Copysign(0, float64(x[i])))
		}
	}
}

func (f *fold) check(t *testing.T, r *rand.Rand, memory [3]fence, n int, fill func(*rand.Rand, []float32)) {
	t.Helper()
	var got, want [3][]float32
	for i := range got {
		got[i] = memory[i].take(r, n)
		fill(r, got[i])
		want[i] = append([]float32{}, got[i]...)
	}
	var p [2]float32
	fill(r, p[:])
	was := fmt.Sprint(want, p)
	a, b := f.run(got[0], got[1], got[2], p[0], p[1]), f.twin(want[0], want[1], want[2], p[0], p[1])
	if !sameBits(a, b) {
		t.Fatalf("%d elements: %v (%#x), want %v (%#x) of %s", n, a, math.Float32bits(a), b, math.Float32bits(b), was)
	}
	for i := range got {
		for k := range got[i] {
			if !sameBits(got[i][k], want[i][k]) {
				t.Fatalf("element %d of %d of row %d is %v, want %v of %s", k, n, i, got[i][k], want[i][k], was)
			}
		}
	}
}

func TestFoldsAllocateNothing(t *testing.T) {
	x := make([]float32, 100)
	for _, f := range folds {
		if n := testing.AllocsPerRun(10, func() { f.run(x, x, x, 1, 1) }); n > 0 {
			t.Errorf("%s: %v allocations", f.name, n)
		}
	}
}

func BenchmarkFolds(b *testing.B) {
	x, y, z := make([]float32, 768), make([]float32, 768), make([]float32, 768)
	for _, f := range folds {
		b.Run(f.name, func(b *testing.B) {
			b.SetBytes(int64(4 * len(x)))
			for b.Loop() {
				f.run(x, y, z, 1, 1)
			}
		})
	}
}
