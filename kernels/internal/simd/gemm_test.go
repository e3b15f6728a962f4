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
	r := rand.New(rand.NewPCG(3, 4))
	for range 300 {
		m, n, k := r.IntN(4), r.IntN(40), r.IntN(30)
		a, b := awkward(r, m*k), awkward(r, k*n)
		row, col := n, 1
		if r.IntN(2) == 0 {
			row, col = 1, k
		}
		packed := make([]float32, PackedLen(k, n))
		for i := range packed {
			packed[i] = 7
		}
		Pack(packed, b, k, n, row, col)
		ldc := n + r.IntN(3)
		c := awkward(r, m*ldc)
		was := append([]float32{}, c...)
		add := r.IntN(2) == 0
		Gemm(c, ldc, a, k, packed, k*Panel, m, n, k, add)
		for i := range c {
			want := was[i]
			if j := i % ldc; j < n {
				var s float32
				for x := range k {
					s = FMA(a[i/ldc*k+x], b[x*row+j*col], s)
				}
				if want = s; add {
					want += was[i]
				}
			}
			if math.Float32bits(c[i]) != math.Float32bits(want) {
				t.Fatalf("(%d, %d, %d): element %d is %v, want %v", m, n, k, i, c[i], want)
			}
		}
	}
}

func TestMulAdd(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	a, b, c := awkward(r, 5000), awkward(r, 5000), awkward(r, 5000)
	y := append([]float32{}, c...)
	MulAdd(y, a, b)
	for i, v := range y {
		if want := FMA(a[i], b[i], c[i]); math.Float32bits(v) != math.Float32bits(want) {
			t.Fatalf("fma(%v, %v, %v) is %v, want %v", a[i], b[i], c[i], v, want)
		}
	}
}
