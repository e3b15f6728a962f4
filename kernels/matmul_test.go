package kernels

import (
	"fmt"
	"math"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// multiply is the product of matrices given by their elements.
func multiply(m, n, k int64, a, b func(i, j int64) float64) []float64 {
	y := make([]float64, m*n)
	for i := range y {
		for t := range k {
			y[i] += a(int64(i)/n, t) * b(t, int64(i)%n)
		}
	}
	return y
}

func TestMatMul(t *testing.T) {
	r := newDice()
	types := []tensor.DType{tensor.Float32, tensor.Float32, tensor.Float16, tensor.BFloat16, tensor.Float64,
		tensor.Int32, tensor.Int64, tensor.Uint32, tensor.Uint64}
	shapes := [][3][]int64{{{}, {}, {}}, {{3}, {}, {3}}, {{}, {2}, {2}}, {{2, 1}, {3}, {2, 3}}, {{2, 3}, {2, 3}, {2, 3}}}
	for try := range 120 {
		d := types[r.IntN(len(types))]
		m, n, k := r.Int64N(9), r.Int64N(40), r.Int64N(20)
		if try%20 == 0 {
			d, m, n, k = types[r.IntN(5)], r.Int64N(80), r.Int64N(90), r.Int64N(2500)
		}
		attrs := MatMulAttrs{TA: r.IntN(2) == 0, TB: r.IntN(2) == 0, Alpha: []float32{0, 1, 0.5}[r.IntN(3)]}
		if !d.IsFloat() {
			attrs.Alpha = 0
		}
		alpha := float64(attrs.Alpha)
		if alpha == 0 {
			alpha = 1
		}
		s := shapes[r.IntN(len(shapes))]
		dims := func(lead []int64, rows, cols int64, swap bool) []int64 {
			if swap {
				rows, cols = cols, rows
			}
			return append(append([]int64{}, lead...), rows, cols)
		}
		a, b := r.numbers(d, dims(s[0], m, k, attrs.TA)...), r.numbers(d, dims(s[1], k, n, attrs.TB)...)
		y := must(t, &MatMul, attrs, a, b)[0]
		packed(t, &MatMul, attrs, y, a, b)

		full := tensor.Of(d, dims(s[2], m, n, false)...)
		if y.Type != full {
			t.Fatalf("got %v, want %v", y.Type, full)
		}
		av, bv := values(a), values(b)
		aAt, bAt := batchesOf(&a.Type, &full), batchesOf(&b.Type, &full)
		var want []float64
		for i := range int(tensor.Product(s[2])) {
			am, bm := av[aAt.at(i)*int(m*k):], bv[bAt.at(i)*int(k*n):]
			want = append(want, multiply(m, n, k,
				func(i, j int64) float64 {
					if attrs.TA {
						return am[j*m+i] * alpha
					}
					return am[i*k+j] * alpha
				}, func(i, j int64) float64 {
					if attrs.TB {
						return bm[j*k+i]
					}
					return bm[i*n+j]
				})...)
		}
		near(t, y, want, 16, 2*math.Sqrt(float64(k)+1))
	}
}

// A float32 product has the bits that its doc promises.
func TestMatMulBits(t *testing.T) {
	r := newDice()
	const m, n, k = 3, 21, 2100
	a, b := r.numbers(tensor.Float32, m, k), r.numbers(tensor.Float32, k, n)
	y := tensor.View[float32](must(t, &MatMul, MatMulAttrs{}, a, b)[0].Data)
	av, bv := tensor.View[float32](a.Data), tensor.View[float32](b.Data)
	for i := range m {
		for j := range n {
			var sum float32
			for k0 := 0; k0 < k; k0 += 1024 {
				var s float32
				for x := k0; x < min(k0+1024, k); x++ {
					s = simd.FMA(av[i*k+x], bv[x*n+j], s)
				}
				sum += s
			}
			if y[i*n+j] != sum {
				t.Fatalf("y[%d, %d] is %v, want %v", i, j, y[i*n+j], sum)
			}
		}
	}
}

// A sum that is cut into several depths is still one sum.
func TestMatMulDeep(t *testing.T) {
	const k = 40_000
	r := newDice()
	a, b := r.numbers(tensor.Float32, 2, k), r.numbers(tensor.Float32, k, 2)
	y := must(t, &MatMul, MatMulAttrs{Alpha: 0.5}, a, b)[0]
	av, bv := values(a), values(b)
	near(t, y, multiply(2, 2, k, func(i, j int64) float64 { return av[i*k+j] / 2 }, func(i, j int64) float64 { return bv[i*2+j] }), 4, 400)
}

// Products of which there are none take no time, however deep they are.
func TestMatMulNothing(t *testing.T) {
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
		a := Tensor{Type: tensor.Of(d, 0, 1, 1<<40)}
		must(t, &MatMul, MatMulAttrs{TB: true}, a, a)
		r := newDice()
		must(t, &MatMul, MatMulAttrs{}, Tensor{Type: tensor.Of(d, 0, 3)}, r.numbers(d, 3, 5))
		must(t, &MatMul, MatMulAttrs{}, r.numbers(d, 5, 3), Tensor{Type: tensor.Of(d, 3, 0)})
		must(t, &MatMul, MatMulAttrs{}, Tensor{Type: tensor.Of(d, 5, 0)}, Tensor{Type: tensor.Of(d, 0, 3)})
	}
}

func TestMatMulIntegersWrap(t *testing.T) {
	a := vector(tensor.Int32, []int64{1, 2}, int32(math.MaxInt32), int32(math.MinInt32))
	b := vector(tensor.Int32, []int64{2, 1}, int32(2), int32(2))
	y := must(t, &MatMul, MatMulAttrs{}, a, b)[0]
	if got := tensor.View[int32](y.Data)[0]; got != -2 {
		t.Errorf("got %d, want -2", got)
	}
}

func TestMatMulRefuses(t *testing.T) {
	f := func(dims ...int64) tensor.Type { return tensor.Of(tensor.Float32, dims...) }
	i := func(dims ...int64) tensor.Type { return tensor.Of(tensor.Int32, dims...) }
	refuses(t, &MatMul, []refusal{
		{"one input", MatMulAttrs{}, types(f(2, 2)), ErrArity},
		{"absent", MatMulAttrs{}, types(f(2, 2), tensor.Type{}), ErrArity},
		{"int8", MatMulAttrs{}, types(tensor.Of(tensor.Int8, 2, 2), tensor.Of(tensor.Int8, 2, 2)), ErrDType},
		{"two types", MatMulAttrs{}, types(f(2, 2), i(2, 2)), ErrDType},
		{"vector", MatMulAttrs{}, types(f(2), f(2, 2)), ErrRank},
		{"terms", MatMulAttrs{}, types(f(2, 3), f(2, 3)), ErrShape},
		{"batches", MatMulAttrs{}, types(f(2, 2, 2), f(3, 2, 2)), ErrShape},
		{"alpha", MatMulAttrs{Alpha: 2}, types(i(2, 2), i(2, 2)), ErrAttr},
		{"result", MatMulAttrs{}, types(f(1<<30, 1), f(1, 1<<30)), ErrSize},
		{"packed", MatMulAttrs{}, types(f(1, 1<<43), f(1<<43, 1)), ErrSize},
		{"other attributes", 1, types(f(2, 2), f(2, 2)), ErrAttr},
	})
}

// Products of square matrices, packed before, on one core and on two. Before
// them the tiles by themselves, on rows that are all the same and panels that
// are, so that every operand lies in the first cache: no product can do better.
// Processors that lower their clock where loads come with the multiply-adds
// keep even this below the peak, which loads nothing.
func BenchmarkProducts(b *testing.B) {
	r := newDice()
	b.Run("tile/1", func(b *testing.B) {
		const m, n, k = 96, 64, 512
		x, y := make([]float32, (k+n)*simd.Panel), make([]float32, n)
		for i := range x {
			x[i] = float32(r.NormFloat64())
		}
		rows := &simd.Rows{X: x, At: []int{0}, Lens: []int{k}, Counts: []int{m}}
		benchPeak(b, 1, m*n*k, "fma", func() { simd.GemmRows(y, 0, rows, x, 0, m, n, false, &simd.Ending{}) })
	})
	for _, n := range []int64{512, 1024, 2048} {
		for _, threads := range []int{1, 2} {
			b.Run(fmt.Sprintf("%d/%d", n, threads), func(b *testing.B) {
				pool := NewPool(threads)
				defer pool.Close()
				benchOn(b, pool, n*n*n, "fma", &MatMul, MatMulAttrs{}, r.numbers(tensor.Float32, n, n), r.numbers(tensor.Float32, n, n))
			})
		}
	}
}
