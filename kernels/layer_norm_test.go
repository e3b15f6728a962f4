package kernels

import (
	"math"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestLayerNorm(t *testing.T) {
	r := newDice()
	dtypes := []tensor.DType{tensor.Float32, tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16}
	for try := range 120 {
		d, dims := dtypes[r.IntN(len(dtypes))], r.dims(1+r.IntN(4), 12)
		if try%20 == 0 {
			dims = []int64{2, 9000}
		}
		a := LayerNormAttrs{Axis: r.Int64N(int64(len(dims)) + 1), Eps: 0.25, RMS: r.IntN(2) == 0}
		x := r.numbers(d, dims...)
		in := []Tensor{x, {}, {}, {}}
		for i := normSkip; i <= normBeta; i++ {
			switch {
			case i == normBeta && a.RMS || r.IntN(2) == 0:
			case i == normSkip:
				in[i] = r.numbers(d, dims...)
			default:
				in[i] = r.numbers(d, dims[a.Axis:]...)
			}
		}
		sum, n := values(x), tensor.Product(dims[a.Axis:])
		if in[normSkip].Rank > 0 {
			for i, v := range values(in[normSkip]) {
				sum[i] += v
			}
		}
		want := append([]float64{}, sum...)
		gamma, beta := values(in[normGamma]), values(in[normBeta])
		for lo := int64(0); lo < int64(len(want)); lo += n {
			row, mean, square := want[lo:lo+n], 0.0, 0.0
			for _, v := range row {
				mean += v
			}
			if mean /= float64(n); a.RMS {
				mean = 0
			}
			for _, v := range row {
				square += (v - mean) * (v - mean)
			}
			for i, v := range row {
				row[i] = (v - mean) / math.Sqrt(square/float64(n)+0.25)
				if in[normGamma].DType != 0 {
					row[i] *= gamma[i]
				}
				if in[normBeta].DType != 0 {
					row[i] += beta[i]
				}
			}
		}
		out := must(t, &LayerNorm, a, in...)
		near(t, out[0], want, 32, 4)
		if len(out) == 2 {
			near(t, out[1], sum, 1, 1)
		}
	}
}

func TestLayerNormEpilogue(t *testing.T) {
	a := LayerNormAttrs{Axis: 1, Epilogue: Program{Code: []Instr{{Fn: FnMul, DType: tensor.Float32, A: 0, B: 1}}, Out: []int64{2}}}
	x := vector[float32](tensor.Float32, []int64{2, 2}, 1, 3, -5, 5)
	scale := vector[float32](tensor.Float32, []int64{2, 1}, 10, 100)
	near(t, must(t, &LayerNorm, a, x, Tensor{}, Tensor{}, Tensor{}, scale)[0], []float64{-10, 10, -100, 100}, 1, 0)
}

func TestLayerNormRefuses(t *testing.T) {
	f := func(dims ...int64) tensor.Type { return tensor.Of(tensor.Float32, dims...) }
	none := tensor.Type{}
	refuses(t, &LayerNorm, []refusal{
		{"none", LayerNormAttrs{}, nil, ErrArity},
		{"absent", LayerNormAttrs{}, types(none), ErrArity},
		{"integers", LayerNormAttrs{}, types(tensor.Of(tensor.Int32, 2)), ErrDType},
		{"axis", LayerNormAttrs{Axis: 3}, types(f(2, 3)), ErrAttr},
		{"epsilon", LayerNormAttrs{Eps: -1}, types(f(2, 3)), ErrAttr},
		{"epsilon NaN", LayerNormAttrs{Eps: float32(math.NaN())}, types(f(2, 3)), ErrAttr},
		{"skip", LayerNormAttrs{}, types(f(2, 3), f(3)), ErrShape},
		{"gamma", LayerNormAttrs{Axis: 1}, types(f(2, 3), none, f(2)), ErrShape},
		{"beta of another type", LayerNormAttrs{Axis: 1}, types(f(2, 3), none, none, tensor.Of(tensor.Float64, 3)), ErrDType},
		{"beta with RMS", LayerNormAttrs{Axis: 1, RMS: true}, types(f(2, 3), none, none, f(3)), ErrArity},
		{"extra", LayerNormAttrs{}, types(f(2, 3), none, none, none, f(3)), ErrArity},
	})
}

func BenchmarkLayerNorm(b *testing.B) {
	r := newDice()
	bench(b, 256*256, "element", &LayerNorm, LayerNormAttrs{Axis: 1}, r.numbers(tensor.Float32, 256, 256))
}
