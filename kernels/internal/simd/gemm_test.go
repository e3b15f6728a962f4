package simd

import (
	"math"
	"math/rand/v2"
	"testing"
)

// awkward makes numbers whose sums of products often lie half-way between two
// float32s, underflow or overflow.
func awkward(r *rand.Rand, n int) []float32 {
	x := make([]float32, n)
	for i := range x {
		switch r.IntN(6) {
		case 0:
			x[i] = 0
		case 1:
			x[i] = float32(math.Ldexp(float64(r.IntN(33)-16), r.IntN(40)-20))
		case 2:
			x[i] = float32(math.Ldexp(1+float64(r.IntN(8))*0x1p-23, -60-r.IntN(20)))
		case 3:
			x[i] = math.Float32frombits(r.Uint32() & 0x807fffff)
		case 4:
			x[i] = 1 + float32(r.IntN(4))*0x1p-12
		default:
			x[i] = float32(r.NormFloat64())
		}
	}
	return x
}

func TestGemm(t *testing.T) {
	var memory [6]fence
	for i := range memory {
		memory[i] = newFence(t, 1<<15)
	}
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(3, 4))
		for n := range 3 * 64 {
			for m := range 12 {
				if r.IntN(3) == 0 || n%16 < 2 {
					testGemm(t, r, memory, m, n, r.IntN(30))
				}
			}
		}
		testGemm(t, r, memory, 100, 5, 70)
		testGemm(t, r, memory, 9, 16, Block)
	})
}

func testGemm(t *testing.T, r *rand.Rand, memory [6]fence, m, n, k int) {
	t.Helper()
	lda, ldc := k+r.IntN(3), n+r.IntN(3)
	if m > 1 && r.IntN(4) == 0 {
		lda = r.IntN(k + 1) // rows may overlap
	}
	a := memory[0].take(r, max(0, (m-1)*lda+k))
	c := memory[1].take(r, max(0, (m-1)*ldc+n))
	b := memory[2].take(r, k*n)
	packed := memory[3].take(r, PackedLen(k, n))
	values(r, a)
	values(r, b)
	values(r, c)
	row, col := n, 1
	if r.IntN(2) == 0 {
		row, col = 1, k
	}
	Pack(packed, b, k, n, row, col)
	was := append([]float32{}, c...)
	add := r.IntN(2) == 0
	end := endings(r, memory[4:], ldc, len(c), n)
	Gemm(c, ldc, a, lda, packed, PanelLen(k), m, n, k, add, &end)
	for i := range c {
		want := was[i]
		if j := i % ldc; j < n {
			var s float32
			for x := range k {
				s = FMANormal(a[i/ldc*lda+x], b[x*row+j*col], s)
			}
			if want = s; add {
				want = sumOf(was[i], s)
			}
			want = end.of(want, j, i)
		}
		if !sameBits(c[i], want) {
			t.Fatalf("(%d, %d, %d): element %d is %v, want %v", m, n, k, i, c[i], want)
		}
	}
}

// endings makes an ending with some of its parts, which lie against a guard.
func endings(r *rand.Rand, memory []fence, ldc, size, n int) (e Ending) {
	if r.IntN(2) == 0 {
		e.Bias = memory[0].take(r, n)
		values(r, e.Bias)
	}
	if r.IntN(2) == 0 {
		e.Plus = memory[1].take(r, size)
		values(r, e.Plus)
	}
	if e.Clamp = r.IntN(2) == 0; e.Clamp {
		inf := float32(math.Inf(1))
		e.Low = []float32{0, -1, 0x1p-149, -inf, -0x1p-149}[r.IntN(5)]
		e.High = []float32{inf, 6, 0}[r.IntN(3)]
	}
	return e
}

func TestGemmRows(t *testing.T) {
	memory := newFence(t, 1<<15)
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(5, 6))
		for range 300 {
			m, n, k := 0, r.IntN(80), 0
			x := memory.take(r, r.IntN(60))
			values(r, x)
			a := Rows{X: x, Step: r.IntN(4)}
			for range r.IntN(6) {
				a.Counts = append(a.Counts, r.IntN(8))
				m += a.Counts[len(a.Counts)-1]
			}
			for range r.IntN(5) {
				length := r.IntN(min(len(x), 20) + 1)
				if r.IntN(9) == 0 {
					length += 5
				}
				a.Lens = append(a.Lens, length)
				for _, count := range a.Counts {
					at, reach := -1, max(count-1, 0)*a.Step+length
					if reach <= len(x) && r.IntN(3) > 0 {
						at = r.IntN(len(x) - reach + 1)
					}
					a.At = append(a.At, at)
				}
				k += length
			}
			packed, plain := make([]float32, PackedLen(k, n)), make([]float32, m*k)
			values(r, packed)
			row := plain[:0]
			for p, count := range a.Counts {
				for i := range count {
					for j, length := range a.Lens {
						if at := a.At[j*len(a.Counts)+p]; at >= 0 {
							row = append(row, x[at+i*a.Step:][:length]...)
						} else {
							row = append(row, make([]float32, length)...)
						}
					}
				}
			}
			got, want := make([]float32, m*n), make([]float32, m*n)
			GemmRows(got, n, &a, packed, PanelLen(k), m, n, false, &Ending{})
			Gemm(want, n, plain, k, packed, PanelLen(k), m, n, k, false, &Ending{})
			for i := range got {
				if !sameBits(got[i], want[i]) {
					t.Fatalf("(%d, %d, %d): element %d is %v, want %v", m, n, k, i, got[i], want[i])
				}
			}
		}
	})
}

func TestGemmRefuses(t *testing.T) {
	b, c := make([]float32, 1<<15), make([]float32, 64)
	x, two := make([]float32, 10), []int{1, 1}
	for name, a := range map[string]*Rows{
		"a run behind its memory":    {x, 0, []int{0, 6}, []int{5}, two},
		"a step behind its memory":   {x, 1, []int{5}, []int{5}, []int{2}},
		"a run too long":             {x, 0, []int{0, -1}, []int{11}, two},
		"zeros too long":             {nil, 0, []int{-1, -1}, []int{Block + 1}, two},
		"runs too long":              {nil, 0, []int{-1, -1, -1, -1}, []int{Block, 1}, two},
		"a negative length":          {x, 0, []int{0, 0}, []int{-1}, two},
		"a negative step":            {x, -1, []int{5}, []int{1}, []int{2}},
		"a part missing":             {x, 0, []int{0}, []int{1}, two},
		"a row missing":              {x, 0, []int{0}, []int{1}, []int{1}},
		"a row too many":             {x, 0, []int{0}, []int{1}, []int{3}},
		"a negative number of rows":  {x, 0, []int{0, 0, 0}, []int{1}, []int{2, -1, 1}},
		"b too short":                {x, 0, []int{0, 0}, []int{10}, two},
		"c too short":                {x, 0, []int{0, 0}, []int{1}, two},
		"more rows than go together": {x, 0, []int{0}, []int{1}, []int{97}},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("accepted")
				}
			}()
			b, c, m := b, c, 2
			switch name {
			case "more rows than go together":
				c, m = make([]float32, 20*97), 97
			case "b too short":
				b = b[:10*Panel-1]
			case "c too short":
				c = c[:39]
			}
			GemmRows(c, 20, a, b, PanelLen(10), m, 20, false, &Ending{})
		})
	}
}
