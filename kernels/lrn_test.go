package kernels

import (
	"bytes"
	"context"
	"errors"
	"math"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestLRN(t *testing.T) {
	r := newDice()
	dtypes := []tensor.DType{tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16}
	for range 60 {
		x := r.numbers(dtypes[r.IntN(len(dtypes))], r.dims(1+r.IntN(3), 9)...)
		a := LRNAttrs{Size: 1 + r.Int64N(12), A: 0.5, B: 0.75, K: 2}
		v, c := values(x), x.Dims[x.Rank-1]
		want := make([]float64, len(v))
		for i := range v {
			sum, at := 0.0, int64(i)%c
			for j := max(0, at-(a.Size-1)/2); j <= min(c-1, at+a.Size/2); j++ {
				sum += v[int64(i)-at+j] * v[int64(i)-at+j]
			}
			want[i] = v[i] / math.Pow(2+0.5/float64(a.Size)*sum, 0.75)
		}
		near(t, must(t, &LRN, a, x)[0], want, 8, 1)
	}
}

// One sum over very many channels ends at the deadline.
func TestLRNDeadline(t *testing.T) {
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float64} {
		x := Tensor{Type: tensor.Of(d, 1<<20)}
		x.Data = tensor.Aligned(x.Bytes())
		c := planned(t, &LRN, LRNAttrs{Size: 1 << 28, A: 1, B: 1, K: 1}, x)
		for i := range c.Out[0].Data {
			c.Out[0].Data[i] = 0xAA
		}
		c.Ctx = &patient{c.Ctx, 10}
		err := LRN.Run(c)
		if y := c.Out[0].Data[8:16]; !errors.Is(err, context.DeadlineExceeded) || !bytes.Equal(y, bytes.Repeat([]byte{0xAA}, 8)) {
			t.Errorf("%v: got %v, and a second sum of %x", d, err, y)
		}
	}
}

func TestLRNRefuses(t *testing.T) {
	f := tensor.Of(tensor.Float32, 2, 3)
	refuses(t, &LRN, []refusal{
		{"two inputs", LRNAttrs{Size: 1}, types(f, f), ErrArity},
		{"integers", LRNAttrs{Size: 1}, types(tensor.Of(tensor.Int32, 2)), ErrDType},
		{"scalar", LRNAttrs{Size: 1}, types(tensor.Of(tensor.Float32)), ErrRank},
		{"size", LRNAttrs{}, types(f), ErrAttr},
	})
}
