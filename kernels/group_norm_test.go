package kernels

import (
	"math"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestGroupNorm(t *testing.T) {
	r := newDice()
	dtypes := []tensor.DType{tensor.Float32, tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16}
	for try := range 100 {
		d, groups, per := dtypes[r.IntN(len(dtypes))], 1+r.Int64N(4), 1+r.Int64N(5)
		dims := append(r.dims(1+r.IntN(3), 7), groups*per)
		if try%20 == 0 {
			dims = []int64{2, 8300, groups * per}
		}
		x := r.numbers(d, dims...)
		in := []Tensor{x, {}, {}}
		for i := range 2 {
			if r.IntN(2) == 0 {
				in[1+i] = r.numbers(d, groups*per)
			}
		}
		want, gamma, beta := values(x), values(in[1]), values(in[2])
		places := tensor.Product(dims[1 : len(dims)-1])
		for image := range dims[0] {
			for g := range groups {
				var mean, square float64
				each := func(f func(v *float64, ch int64)) {
					for p := range places {
						for j := range per {
							f(&want[(image*places+p)*groups*per+g*per+j], g*per+j)
						}
					}
				}
				n := float64(places * per)
				each(func(v *float64, _ int64) { mean += *v / n })
				each(func(v *float64, _ int64) { square += (*v - mean) * (*v - mean) / n })
				each(func(v *float64, ch int64) {
					*v = (*v - mean) / math.Sqrt(square+0.5)
					if in[1].Rank > 0 {
						*v *= gamma[ch]
					}
					if in[2].Rank > 0 {
						*v += beta[ch]
					}
				})
			}
		}
		near(t, must(t, &GroupNorm, GroupNormAttrs{Groups: groups, Eps: 0.5}, in...)[0], want, 64, 4)
	}
}

func TestGroupNormEpilogue(t *testing.T) {
	a := GroupNormAttrs{Groups: 1, Epilogue: Program{Code: []Instr{{Fn: FnRelu, DType: tensor.Float32}}, Out: []int64{1}}}
	x := vector[float32](tensor.Float32, []int64{1, 1, 2}, 1, 3)
	near(t, must(t, &GroupNorm, a, x)[0], []float64{0, 1}, 1, 0)
}

func TestGroupNormRefuses(t *testing.T) {
	f := func(dims ...int64) tensor.Type { return tensor.Of(tensor.Float32, dims...) }
	one := GroupNormAttrs{Groups: 1}
	refuses(t, &GroupNorm, []refusal{
		{"none", one, nil, ErrArity},
		{"absent", one, types(tensor.Type{}), ErrArity},
		{"integers", one, types(tensor.Of(tensor.Int32, 2, 2)), ErrDType},
		{"vector", one, types(f(2)), ErrRank},
		{"no groups", GroupNormAttrs{}, types(f(1, 4)), ErrAttr},
		{"more groups than channels", GroupNormAttrs{Groups: 8}, types(f(1, 4)), ErrAttr},
		{"groups", GroupNormAttrs{Groups: 3}, types(f(1, 4)), ErrShape},
		{"epsilon", GroupNormAttrs{Groups: 1, Eps: -1}, types(f(1, 4)), ErrAttr},
		{"gamma", one, types(f(1, 4), f(3)), ErrShape},
		{"beta of another type", one, types(f(1, 4), f(4), tensor.Of(tensor.Float64, 4)), ErrDType},
		{"extra", one, types(f(1, 4), f(4), f(4), f(4)), ErrArity},
	})
}

func BenchmarkGroupNorm(b *testing.B) {
	r := newDice()
	bench(b, 64*64*64, "element", &GroupNorm, GroupNormAttrs{Groups: 8}, r.numbers(tensor.Float32, 1, 64, 64, 64))
}
