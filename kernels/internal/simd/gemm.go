package simd

import (
	"math"
	"sync"
)

// Block is how many terms of a dot product are summed before the sum is added
// to the result. It is part of what a product means: another number gives
// other bits.
const Block = 1024

// Rows is the left operand (m, k) of a product, which may lie in pieces: a row
// is its runs one after another, run r of Lens[r] elements. The rows are in
// parts, part p of Counts[p] rows. Run r of its first row begins at
// X[At[r·parts+p]], that of each further one Step elements on; where At is
// negative the run is zeros in all of them.
type Rows struct {
	X      []float32
	Step   int
	At     []int // (runs, parts)
	Lens   []int // (runs)
	Counts []int // (parts)
}

// Ending is what becomes of the sums of a product, the zero Ending nothing:
//
//	c[i,j] = min(max(c[i,j] + Bias[j] + Plus[i·ldc+j], Low), High)
//
// Low and High are neither NaN nor -0; like all numbers here they are zero where
// they are subnormal.
type Ending struct {
	Bias      []float32 // (n), or nil
	Plus      []float32 // as long as c, or nil
	Clamp     bool
	Low, High float32
}

// of is what becomes of the sum s of column j, at place i of c.
func (e *Ending) of(s float32, j, i int) float32 {
	if e.Bias != nil {
		s = sumOf(s, e.Bias[j])
	}
	if e.Plus != nil {
		s = sumOf(s, e.Plus[i])
	}
	if e.Clamp {
		low, high := e.bounds()
		s = min(max(normal(s), low), high)
	}
	return s
}

// bounds are Low and High without subnormal numbers. That of -0 and 0 is 0.
func (e *Ending) bounds() (low, high float32) { return normal(e.Low) + 0, normal(e.High) + 0 }

// Gemm multiplies a (m, k), with rows lda apart, by the packed b (k, n), with
// panels ldb apart, and stores the product in c (m, n), with rows ldc apart,
// or adds it to what is there. Each element is summed in one accumulator:
//
//	s = 0; s = fma(a[i,0], b[0,j], s); s = fma(a[i,1], b[1,j], s); …
//
// A caller splits k at the multiples of Block; k is at most Block. What end
// says is done to the sums at last. What follows in b, if anything, is taken to
// be what the next product reads, and is fetched meanwhile.
func Gemm(c []float32, ldc int, a []float32, lda int, b []float32, ldb int, m, n, k int, add bool, end *Ending) {
	w := rowsOf.Get().(*strided)
	defer rowsOf.Put(w)
	w.lens[0] = k
	for i, rows := 0, 0; i < m; i += rows {
		// A few rows at the end go with those before.
		panels := b
		if rows = m - i; rows > maxRows {
			rows = 72
			panels = b[:min(len(b), max(0, (n-1)/Panel*ldb+k*Panel))]
		}
		w.at[0], w.counts[0] = i*lda, rows
		w.rows = Rows{a, lda, w.at[:], w.lens[:], w.counts[:]}
		w.end = Ending{end.Bias, nil, end.Clamp, end.Low, end.High}
		if end.Plus != nil {
			w.end.Plus = end.Plus[i*ldc:]
		}
		GemmRows(c[i*ldc:], ldc, &w.rows, panels, ldb, rows, n, add, &w.end)
	}
	w.rows, w.end = Rows{}, Ending{}
}

// maxRows is how many rows may go through the columns together.
const maxRows = 96

// strided are rows at equal distances.
type strided struct {
	at, lens, counts [1]int
	rows             Rows
	end              Ending
}

var rowsOf = sync.Pool{New: func() any { return new(strided) }}

// GemmRows is Gemm for a left operand in pieces, of at most 96 rows.
func GemmRows(c []float32, ldc int, a *Rows, b []float32, ldb int, m, n int, add bool, end *Ending) {
	if m <= 0 || n <= 0 {
		return
	}
	k := a.check(m)
	if ldc < 0 || ldb < 0 {
		panic("simd: a negative stride")
	}
	last := (m-1)*ldc + n - 1
	_ = c[last]
	if end.Plus != nil {
		_ = end.Plus[last]
	}
	if end.Bias != nil {
		_ = end.Bias[n-1]
	}
	if k > 0 {
		_ = b[(n-1)/Panel*ldb+k*Panel-1]
	}
	gemm(c, ldc, a, b, ldb, m, n, k, add, end)
}

// check panics unless the runs of m rows lie within X, as an index out of
// range does, and returns the length of a row.
func (a *Rows) check(m int) (k int) {
	if m > maxRows || a.Step < 0 {
		panic("simd: too many rows, or a negative stride")
	}
	for _, count := range a.Counts {
		if m -= count; count < 0 || m < 0 {
			panic("simd: parts of other rows")
		}
	}
	if m != 0 {
		panic("simd: parts of other rows")
	}
	parts := len(a.Counts)
	for r, n := range a.Lens {
		if n < 0 || n > Block-k {
			panic("simd: a row is longer than a block")
		}
		k += n
		for p, at := range a.At[r*parts:][:parts:parts] {
			if reach := max(a.Counts[p]-1, 0)*a.Step + n; at >= 0 && at > len(a.X)-reach {
				panic("simd: a run beyond its memory")
			}
		}
	}
	return k
}

// gemmPortable is GemmRows.
func gemmPortable(c []float32, ldc int, a *Rows, b []float32, ldb int, m, n int, add bool, end *Ending) {
	var memory [Block]float32
	part, first := 0, 0
	for i := range m {
		for i-first >= a.Counts[part] {
			first += a.Counts[part]
			part++
		}
		row := memory[:0]
		for r, n := range a.Lens {
			if at := a.At[r*len(a.Counts)+part]; at < 0 {
				row = append(row, zeros[:n]...)
			} else {
				for _, v := range a.X[at+(i-first)*a.Step:][:n] {
					row = append(row, normal(v))
				}
			}
		}
		for j := 0; j < n; j += half {
			panel := b[:0]
			if len(row) > 0 {
				panel = b[j/Panel*ldb+j%Panel:]
			}
			sums := dots(row, panel)
			out := c[i*ldc+j:][:min(half, n-j)]
			for x, s := range sums[:len(out)] {
				if add {
					s = sumOf(s, out[x])
				}
				out[x] = end.of(s, j+x, i*ldc+j+x)
			}
		}
	}
}

// zeros is a run of Rows that is not in memory.
var zeros [Block]float32

// half is as many columns as have their accumulators in registers.
const half = Panel / 2

// dots multiplies a (1, k), without subnormal numbers, by half a panel (k, 8).
// The accumulators are float64s that hold a float32.
func dots(a, b []float32) [half]float32 {
	var c0, c1, c2, c3, c4, c5, c6, c7 float64
	for _, v := range a {
		if len(b) < half {
			break
		}
		x := float64(v)
		b0, b1 := float64(normal(b[0])), float64(normal(b[1]))
		s0, s1 := x*b0+c0, x*b1+c1
		if delicate(s0) || delicate(s1) {
			s0, s1 = fused(x, b0, c0), fused(x, b1, c1)
		}
		c0, c1 = float64(float32(s0)), float64(float32(s1))

		b0, b1 = float64(normal(b[2])), float64(normal(b[3]))
		s0, s1 = x*b0+c2, x*b1+c3
		if delicate(s0) || delicate(s1) {
			s0, s1 = fused(x, b0, c2), fused(x, b1, c3)
		}
		c2, c3 = float64(float32(s0)), float64(float32(s1))

		b0, b1 = float64(normal(b[4])), float64(normal(b[5]))
		s0, s1 = x*b0+c4, x*b1+c5
		if delicate(s0) || delicate(s1) {
			s0, s1 = fused(x, b0, c4), fused(x, b1, c5)
		}
		c4, c5 = float64(float32(s0)), float64(float32(s1))

		b0, b1 = float64(normal(b[6])), float64(normal(b[7]))
		s0, s1 = x*b0+c6, x*b1+c7
		if delicate(s0) || delicate(s1) {
			s0, s1 = fused(x, b0, c6), fused(x, b1, c7)
		}
		c6, c7 = float64(float32(s0)), float64(float32(s1))

		if len(b) < Panel {
			break
		}
		b = b[Panel:]
	}
	return [half]float32{
		float32(c0), float32(c1), float32(c2), float32(c3),
		float32(c4), float32(c5), float32(c6), float32(c7),
	}
}

// delicate reports whether rounding s, a float64 sum, to float32 may differ
// from what an instruction makes of the exact sum: s lies half-way between two
// normal float32s, or is below them all. The product in s
// is exact, so whether the compiler fuses it does not matter.
func delicate(s float64) bool {
	const smallestNormal = 0x381 << 53 // 2⁻¹²⁶ without its sign
	u := math.Float64bits(s)
	return uint32(u)&(1<<29-1) == 1<<28 || u<<1-1 < smallestNormal-1
}

// fused is FMANormal over float64s that hold float32s.
//
//go:noinline
func fused(a, b, c float64) float64 {
	return float64(FMANormal(float32(a), float32(b), float32(c)))
}
