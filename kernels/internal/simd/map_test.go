package simd

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"runtime"
	"testing"
)

// A mapping is one function of this package over slices, and of one element.
type mapping struct {
	name   string
	inputs int
	run    func(dst, a, b, c []float32)
	one    func(a, b, c float32) float32
}

func mappings() (list []mapping) {
	for i, f := range unary {
		list = append(list, mapping{fmt.Sprint("unary ", i), 1,
			func(dst, a, _, _ []float32) { Unary(i).Map(dst, a) },
			func(a, _, _ float32) float32 { return f(a) }})
	}
	for i, f := range binary {
		list = append(list, mapping{fmt.Sprint("binary ", i), 2,
			func(dst, a, b, _ []float32) { Binary(i).Map(dst, a, b) },
			func(a, b, _ float32) float32 { return f(a, b) }})
	}
	for i, f := range tuned {
		for _, p := range [][2]float32{{0.2, 0.5}, {-1.702, 3}, {0, 0}, {float32(math.Inf(1)), -1}} {
			list = append(list, mapping{fmt.Sprint("tuned ", i, p), 1,
				func(dst, a, _, _ []float32) { Tuned(i).Map(dst, a, p[0], p[1]) },
				func(a, _, _ float32) float32 { return f(a, p[0], p[1]) }})
		}
	}
	return append(list, mapping{"fma", 3, MulAdd, FMANormal})
}

// check maps in over slices and compares with one element at a time.
func (m *mapping) check(t *testing.T, dst []float32, in [3][]float32) {
	t.Helper()
	var was [3][]float32
	for i := range m.inputs {
		was[i] = append(was[i], in[i]...)
	}
	m.run(dst, in[0], in[1], in[2])
	for i, got := range dst {
		var x [3]float32
		for k := range m.inputs {
			x[k] = was[k][i]
		}
		if want := m.one(x[0], x[1], x[2]); !sameBits(got, want) && !early(got, want) {
			t.Fatalf("element %d of %d: f(%v) is %v (%#x), want %v (%#x)", i, len(dst), x[:m.inputs],
				got, math.Float32bits(got), want, math.Float32bits(want))
		}
	}
}

// early reports whether got is 0 because arm64 finds out before rounding that it
// is subnormal: see rounded.
func early(got, want float32) bool {
	return runtime.GOARCH == "arm64" && got == 0 && abs(want) == 0x1p-126
}

func TestMaps(t *testing.T) {
	var memory [4]fence
	for i := range memory {
		memory[i] = newFence(t, 100)
	}
	var all []float32
	for _, a := range special {
		all = append(all, math.Float32frombits(a))
	}
	all = append(all, specials...)
	eachLevel(t, func(t *testing.T) {
		for _, m := range mappings() {
			t.Run(m.name, func(t *testing.T) {
				r := rand.New(rand.NewPCG(7, 8))
				for n := range 3*16 + 1 {
					for range 3 {
						var in [3][]float32
						for i := range m.inputs {
							in[i] = memory[i].take(r, n)
							values(r, in[i])
						}
						m.check(t, memory[3].take(r, n), in)
						m.check(t, in[0], in)
					}
				}
				// Each special value in each lane, beside each other one.
				in := [3][]float32{}
				for shift := range 17 {
					for _, x := range all {
						for _, y := range all {
							in[0], in[1], in[2] = append(in[0], x), append(in[1], y), append(in[2], all[shift])
						}
						if m.inputs == 1 {
							in[0] = append(in[0][:0], all[shift:]...)
							break
						}
					}
					m.check(t, make([]float32, len(in[0])), in)
					in[0], in[1], in[2] = in[0][:0], in[1][:0], in[2][:0]
				}
				if active > portable {
					m.dense(t, 65537)
				}
			})
		}
	})
}

// dense checks every step-th argument and many of usual size.
func (m *mapping) dense(t *testing.T, step uint64) {
	t.Helper()
	r := rand.New(rand.NewPCG(9, 10))
	dst, in := make([]float32, 1<<13+5), [3][]float32{}
	for i := range in {
		in[i] = make([]float32, len(dst))
	}
	n := 0
	add := func(x float32) {
		in[0][n], in[1][n], in[2][n] = x, float32(r.NormFloat64()), x*float32(r.Float32())
		if n++; n == len(dst) {
			m.check(t, dst, in)
			n = 0
		}
	}
	for b := r.Uint64N(step); b < 1<<32; b += step {
		add(math.Float32frombits(uint32(b)))
	}
	for i := range 20000 {
		add(float32(i-10000) / 500)
	}
	for i := range in {
		in[i] = in[i][:n]
	}
	m.check(t, dst[:n], in)
}

func TestMapsExhaustive(t *testing.T) {
	if os.Getenv("GLOVEBOX_EXHAUSTIVE") == "" {
		t.Skip("takes an hour; set GLOVEBOX_EXHAUSTIVE")
	}
	eachLevel(t, func(t *testing.T) {
		for _, m := range mappings() {
			if m.inputs == 1 && active > portable {
				t.Run(m.name, func(t *testing.T) { m.dense(t, 1) })
			}
		}
	})
}

func BenchmarkMaps(b *testing.B) {
	var in [3][]float32
	for i := range in {
		in[i] = make([]float32, 1024)
	}
	for _, kind := range []struct {
		name  string
		value func(i int) float32
	}{
		{"usual", func(i int) float32 { return float32(i-512) / 100 }},
		{"subnormal", func(i int) float32 { return math.Float32frombits(uint32(i + 1)) }},
	} {
		for i := range in[0] {
			in[0][i], in[1][i], in[2][i] = kind.value(i), kind.value(i+3), kind.value(i+9)
		}
		dst := make([]float32, 1024)
		for _, m := range mappings() {
			b.Run(m.name+" "+kind.name, func(b *testing.B) {
				b.SetBytes(4096)
				for b.Loop() {
					m.run(dst, in[0], in[1], in[2])
				}
			})
		}
	}
}
