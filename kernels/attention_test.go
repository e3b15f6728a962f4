package kernels

import (
	"context"
	"math"
	"sync/atomic"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// attentionCase is a call whose operands are first made as [batch, heads, rows,
// size].
type attentionCase struct {
	batch, heads, kvHeads, m, n, size, values int64
	bias                                      []int64
	scale                                     float32
	zero                                      bool
}

// naiveAttention computes [batch, heads, m, values] in float64, and how many
// units of 2⁻²³ an element may be off.
func naiveAttention(c attentionCase, q, k, v, bias []float64) (y []float64, ulps float64) {
	scale := float64(c.scale)
	if scale == 0 {
		scale = 1
	}
	var at [tensor.MaxRank]int
	if bias != nil {
		at = broadcastStrides(c.bias, []int64{c.batch, c.heads, c.m, c.n})
	}
	y = make([]float64, c.batch*c.heads*c.m*c.values)
	z := make([]float64, c.n)
	for row := range c.batch * c.heads * c.m {
		b, h, i := row/c.m/c.heads, row/c.m%c.heads, row%c.m
		pair := b*c.kvHeads + h/(c.heads/c.kvHeads)
		top, sum := math.Inf(-1), 0.0
		for j := range c.n {
			size := 0.0
			z[j] = 0
			for d := range c.size {
				p := q[row*c.size+d] * scale * k[(pair*c.n+j)*c.size+d]
				z[j], size = z[j]+p, size+math.Abs(p)
			}
			ulps = max(ulps, 8+size)
			if bias != nil {
				z[j] += bias[int(b)*at[0]+int(h)*at[1]+int(i)*at[2]+int(j)*at[3]]
			}
			top = math.Max(top, z[j])
		}
		for j := range z {
			z[j] = math.Exp(z[j] - top)
			sum += z[j]
		}
		for d := range c.values {
			e := &y[row*c.values+d]
			for j := range c.n {
				*e += z[j] / sum * v[(pair*c.n+j)*c.values+d]
			}
			if c.zero && *e != *e {
				*e = 0
			}
		}
	}
	return y, ulps
}

// beside turns [batch, heads, rows, size] into [batch, rows, width], the heads
// from element from on.
func beside(r dice, t Tensor, from, width int64) Tensor {
	b, h, m, d := t.Dims[0], t.Dims[1], t.Dims[2], t.Dims[3]
	y := r.numbers(t.DType, b, m, width)
	src, dst := tensor.View[float32](t.Data), tensor.View[float32](y.Data)
	for i := range src {
		row, e := int64(i)/d, int64(i)%d
		dst[(row/m/h*m+row%m)*width+from+row/m%h*d+e] = src[i]
	}
	return y
}

func TestAttention(t *testing.T) {
	r := newDice()
	for try := range 200 {
		group := 1 + r.Int64N(3)
		c := attentionCase{batch: 1 + r.Int64N(2), kvHeads: 1 + r.Int64N(3), m: r.Int64N(7), n: r.Int64N(20), size: r.Int64N(9), values: r.Int64N(20), zero: r.IntN(2) == 0}
		c.heads, c.scale = c.kvHeads*group, []float32{0, 0.3, 2}[r.IntN(3)]
		if try%20 == 0 {
			c.m, c.n = 45+r.Int64N(10), keysAtOnce-10+r.Int64N(300)
		}
		if try%50 == 1 {
			c.size = 1500
			c.scale = 0.03
		}
		q, k, v := r.numbers(tensor.Float32, c.batch, c.heads, c.m, c.size), r.numbers(tensor.Float32, c.batch, c.kvHeads, c.n, c.size), r.numbers(tensor.Float32, c.batch, c.kvHeads, c.n, c.values)
		in := []Tensor{q, k, v}
		var mask []float64
		if r.IntN(2) == 0 {
			c.bias = append([]int64{}, []int64{c.batch, c.heads, c.m, c.n}[r.IntN(5):]...)
			for i := range c.bias {
				if r.IntN(3) == 0 {
					c.bias[i] = 1
				}
			}
			bias := r.numbers(tensor.Float32, c.bias...)
			for i, b := 0, tensor.View[float32](bias.Data); i < len(b); i++ {
				if r.IntN(4) == 0 {
					b[i] = float32(math.Inf(-1))
				}
			}
			in, mask = append(in, bias), values(bias)
		}
		want, ulps := naiveAttention(c, values(q), values(k), values(v), mask)
		top := float64(simd.Highest(tensor.View[float32](v.Data), 0))
		a := AttentionAttrs{Heads: c.heads, KVHeads: c.kvHeads, Size: c.size, ValueSize: c.values, Scale: c.scale, Zero: c.zero}
		y := must(t, &Attention, a, in...)[0]
		near(t, y, want, ulps, top)

		a.Across = true
		swapped := append([]Tensor{}, in...)
		swapped[1] = must(t, &Permute, PermuteAttrs{[]int64{0, 1, 3, 2}}, k)[0]
		if z := must(t, &Attention, a, swapped...)[0]; string(z.Data) != string(y.Data) {
			t.Errorf("%+v: keys across differ", a)
		}
		a.Across = false

		a.From, a.Beside = make([]int64, 3), true
		for i, h := range [][2]int64{{c.heads, c.size}, {c.kvHeads, c.size}, {c.kvHeads, c.values}} {
			if r.IntN(3) > 0 {
				a.From[i] = r.Int64N(5)
				in[i] = beside(r, in[i], a.From[i], a.From[i]+h[0]*h[1]+r.Int64N(4))
			}
		}
		y = tensorOf(tensor.Float32, []int64{c.batch, c.heads, c.m, c.values}, want)
		near(t, must(t, &Attention, a, in...)[0], values(beside(r, y, 0, c.heads*c.values)), ulps, top)
	}
}

// Keys that are closed count for nothing, also where they fill a block, and
// large scores neither overflow nor lose the smaller ones.
func TestAttentionExtremes(t *testing.T) {
	r := newDice()
	inf := float32(math.Inf(1))
	n := int64(3 * keysAtOnce)
	v := r.numbers(tensor.Float32, 1, 1, n, 2)
	data := tensor.View[float32](v.Data)
	for _, tt := range []struct {
		name string
		bias func(j int64) float32
		zero bool
		want func(d int) float64
	}{
		{"one key in the last block", func(j int64) float32 {
			if j == n-3 {
				return 1000
			}
			return -inf
		}, false, func(d int) float64 { return float64(data[2*int(n-3)+d]) }},
		{"one key in the first block", func(j int64) float32 {
			if j == 5 {
				return -1000
			}
			return -inf
		}, false, func(d int) float64 { return float64(data[2*5+d]) }},
		{"rising", func(j int64) float32 { return float32(j) * 200 }, false, func(d int) float64 { return float64(data[2*int(n-1)+d]) }},
		{"no key", func(int64) float32 { return -inf }, false, func(int) float64 { return math.NaN() }},
		{"no key, zero", func(int64) float32 { return -inf }, true, func(int) float64 { return 0 }},
		{"infinite", func(j int64) float32 { return inf }, false, func(int) float64 { return math.NaN() }},
		{"infinite, zero", func(j int64) float32 { return inf }, true, func(int) float64 { return 0 }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			b := make([]float64, n)
			for j := range b {
				b[j] = float64(tt.bias(int64(j)))
			}
			zeros := make([]float64, n)
			in := []Tensor{tensorOf(tensor.Float32, []int64{1, 1, 1, 1}, []float64{0}), tensorOf(tensor.Float32, []int64{1, 1, n, 1}, zeros), v, tensorOf(tensor.Float32, []int64{n}, b)}
			y := must(t, &Attention, AttentionAttrs{Heads: 1, KVHeads: 1, Size: 1, ValueSize: 2, Zero: tt.zero}, in...)[0]
			near(t, y, []float64{tt.want(0), tt.want(1)}, 0, 0)
		})
	}
}

func TestAttentionDeadline(t *testing.T) {
	r := newDice()
	c := planned(t, &Attention, AttentionAttrs{Heads: 1, KVHeads: 1, Size: 4, ValueSize: 4}, r.numbers(tensor.Float32, 1, 1, 9, 4), r.numbers(tensor.Float32, 1, 1, 900, 4), r.numbers(tensor.Float32, 1, 1, 900, 4))
	for after := range 8 {
		left := new(atomic.Int64)
		left.Store(int64(after))
		c.Ctx = fading{context.Background(), left}
		if err := Attention.Run(c); err == nil {
			t.Errorf("a run ends well that ran out of time after %d looks", after)
		}
	}
}

func TestAttentionRefuses(t *testing.T) {
	f := func(dims ...int64) tensor.Type { return tensor.Of(tensor.Float32, dims...) }
	a := AttentionAttrs{Heads: 4, KVHeads: 2, Size: 3, ValueSize: 5}
	with := func(change func(*AttentionAttrs)) AttentionAttrs {
		b := a
		change(&b)
		return b
	}
	q, k, v := f(1, 4, 6, 3), f(1, 2, 7, 3), f(1, 2, 7, 5)
	refuses(t, &Attention, []refusal{
		{"two inputs", a, types(q, k), ErrArity},
		{"five inputs", a, types(q, k, v, f(1), f(1)), ErrArity},
		{"halves", a, types(q, k, tensor.Of(tensor.Float16, 1, 2, 7, 5)), ErrDType},
		{"rank", a, types(q, k, f(2, 7, 5, 1, 1)), ErrRank},
		{"no heads", with(func(a *AttentionAttrs) { a.Heads, a.KVHeads = 0, 0 }), types(q, k, v), ErrAttr},
		{"heads in unequal groups", with(func(a *AttentionAttrs) { a.KVHeads = 3 }), types(q, k, v), ErrAttr},
		{"negative size", with(func(a *AttentionAttrs) { a.Size = -1 }), types(q, k, v), ErrAttr},
		{"two beginnings", with(func(a *AttentionAttrs) { a.From = []int64{0, 0} }), types(q, k, v), ErrAttr},
		{"begins in a head", with(func(a *AttentionAttrs) { a.From = []int64{1, 0, 0} }), types(q, k, v), ErrShape},
		{"begins behind", with(func(a *AttentionAttrs) { a.From = []int64{1, 0, 0} }), types(f(1, 6, 12), k, v), ErrShape},
		{"begins before", with(func(a *AttentionAttrs) { a.From = []int64{-1, 0, 0} }), types(f(1, 6, 12), k, v), ErrShape},
		{"wide", with(func(a *AttentionAttrs) { a.Heads = 1 << 62 }), types(f(1, 6, 12), k, v), ErrShape},
		{"heads of another size", a, types(f(1, 4, 6, 2), k, v), ErrShape},
		{"other batch", a, types(q, f(2, 2, 7, 3), v), ErrShape},
		{"keys across in a row", with(func(a *AttentionAttrs) { a.Across = true }), types(q, f(1, 7, 6), v), ErrRank},
		{"keys not across", with(func(a *AttentionAttrs) { a.Across = true }), types(q, k, v), ErrShape},
		{"other keys", a, types(q, k, f(1, 2, 8, 5)), ErrShape},
		{"bias", a, types(q, k, v, f(6, 6)), ErrShape},
		{"scores", a, types(f(1, 4, 1<<30, 3), f(1, 2, 1<<30, 3), f(1, 2, 1<<30, 5)), ErrSize},
	})
}

func BenchmarkAttention(b *testing.B) {
	r := newDice()
	for _, c := range []struct {
		name          string
		heads, m, dim int64
	}{{"12x128x32", 12, 128, 32}, {"12x128x64", 12, 128, 64}, {"12x1024x64", 12, 1024, 64}} {
		b.Run(c.name, func(b *testing.B) {
			x := r.numbers(tensor.Float32, 1, c.m, c.heads*c.dim)
			bench(b, 4*c.heads*c.m*c.m*c.dim, "flop", &Attention, AttentionAttrs{Heads: c.heads, KVHeads: c.heads, Size: c.dim, ValueSize: c.dim, Scale: 0.1, Beside: true}, x, x, x)
		})
	}
}
