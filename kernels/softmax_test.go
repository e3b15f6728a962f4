package kernels

import (
	"math"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func naiveSoftmax(x, mask Tensor, a SoftmaxAttrs) []float64 {
	n, inner := x.Dims[a.Axis], tensor.Product(x.Dims[a.Axis+1:x.Rank])
	z := values(x)
	scale := float64(a.Scale)
	if scale == 0 {
		scale = 1
	}
	for i := range z {
		z[i] *= scale
	}
	if mask.Rank > 0 {
		m, at := values(mask), broadcastStrides(mask.Shape(), x.Shape())
		for i := range z {
			rest, k := int64(i), 0
			for d := int(x.Rank) - 1; d >= 0; d-- {
				k += int(rest%x.Dims[d]) * at[d]
				rest /= x.Dims[d]
			}
			z[i] += m[k]
		}
	}
	for first := range z {
		if int64(first)/inner%n != 0 {
			continue
		}
		top, sum := math.Inf(-1), 0.0
		for k := range n {
			top = math.Max(top, z[int64(first)+k*inner])
		}
		for k := range n {
			sum += math.Exp(z[int64(first)+k*inner] - top)
		}
		for k := range n {
			v := &z[int64(first)+k*inner]
			if *v -= top; a.Log {
				*v -= math.Log(sum)
			} else {
				*v = math.Exp(*v) / sum
			}
		}
	}
	return z
}

func TestSoftmax(t *testing.T) {
	r := newDice()
	types := []tensor.DType{tensor.Float32, tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16}
	for try := range 150 {
		d := types[r.IntN(len(types))]
		dims := r.dims(1+r.IntN(4), 9)
		if try%15 == 0 {
			dims = [][]int64{{2, 20_000}, {9000, 3}, {1, 10_000, 1}}[r.IntN(3)]
		}
		a := SoftmaxAttrs{Axis: r.Int64N(int64(len(dims))), Log: r.IntN(3) == 0, Scale: []float32{0, 0.5, -2}[r.IntN(3)]}
		in := []Tensor{r.numbers(d, dims...)}
		var mask Tensor
		if r.IntN(2) == 0 {
			m := append([]int64{}, dims[r.IntN(len(dims)):]...)
			for i := range m {
				if r.IntN(3) == 0 {
					m[i] = 1
				}
			}
			mask = r.numbers(d, m...)
			in = append(in, mask)
		}
		near(t, must(t, &Softmax, a, in...)[0], naiveSoftmax(in[0], mask, a), 16, 1)
	}
}

func TestSoftmaxInfinities(t *testing.T) {
	inf := float32(math.Inf(1))
	x := vector(tensor.Float32, []int64{3, 2}, 1, -inf, 100, 300, -inf, -inf)
	nan := math.NaN()
	near(t, must(t, &Softmax, SoftmaxAttrs{Axis: 1}, x)[0], []float64{1, 0, 0, 1, nan, nan}, 0, 0)
}

func TestSoftmaxRefuses(t *testing.T) {
	f := tensor.Of(tensor.Float32, 2, 3)
	refuses(t, &Softmax, []refusal{
		{"none", SoftmaxAttrs{}, nil, ErrArity},
		{"three", SoftmaxAttrs{}, types(f, f, f), ErrArity},
		{"integers", SoftmaxAttrs{}, types(tensor.Of(tensor.Int32, 2)), ErrDType},
		{"mask of another type", SoftmaxAttrs{}, types(f, tensor.Of(tensor.Float64, 3)), ErrDType},
		{"axis", SoftmaxAttrs{Axis: 2}, types(f), ErrAttr},
		{"negative axis", SoftmaxAttrs{Axis: -1}, types(f), ErrAttr},
		{"mask", SoftmaxAttrs{}, types(f, tensor.Of(tensor.Float32, 2)), ErrShape},
		{"mask of higher rank", SoftmaxAttrs{}, types(f, tensor.Of(tensor.Float32, 1, 2, 3)), ErrShape},
	})
}

func BenchmarkSoftmax(b *testing.B) {
	r := newDice()
	bench(b, 256*256, "element", &Softmax, SoftmaxAttrs{Axis: 1}, r.numbers(tensor.Float32, 256, 256))
}
