package kernels

import (
	"bytes"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestConcat(t *testing.T) {
	r := newDice()
	for range 200 {
		rank := r.rank(1)
		axis, d := r.IntN(rank), r.dtype()
		dims := r.dims(rank, 5)
		var in []Tensor
		total := int64(0)
		for range r.IntN(5) + 1 {
			dims[axis] = r.Int64N(4)
			total += dims[axis]
			in = append(in, r.tensor(d, dims...))
		}
		out, err := everywhere(t, &Concat, ConcatAttrs{int64(axis)}, in...)
		if err != nil {
			t.Fatal(err)
		}
		dims[axis] = total
		if out[0].Type != tensor.Of(d, dims...) {
			t.Fatalf("got %v, want %v", out[0].Type, dims)
		}
		each(dims, func(i int64, at []int64) {
			k := 0
			for ; at[axis] >= in[k].Dims[axis]; k++ {
				at[axis] -= in[k].Dims[axis]
			}
			if want := elem(in[k], flat(in[k].Shape(), at)); !bytes.Equal(elem(out[0], i), want) {
				t.Fatalf("%v along %d: at %v of input %d: got %x, want %x", dims, axis, at, k, elem(out[0], i), want)
			}
		})
	}
}

func TestConcatRefuses(t *testing.T) {
	x := tensor.Of(tensor.Float32, 4, 6)
	huge := tensor.Of(tensor.Float32, 1<<43, 6)
	refuses(t, &Concat, []refusal{
		{"no input", ConcatAttrs{0}, nil, ErrArity},
		{"absent input", ConcatAttrs{0}, types(x, tensor.Type{}), ErrArity},
		{"other type", ConcatAttrs{0}, types(x, tensor.Of(tensor.Int32, 4, 6)), ErrDType},
		{"axis past the rank", ConcatAttrs{2}, types(x, x), ErrAttr},
		{"scalars", ConcatAttrs{0}, types(tensor.Of(tensor.Int8)), ErrAttr},
		{"other rank", ConcatAttrs{0}, types(x, tensor.Of(tensor.Float32, 4)), ErrShape},
		{"other dims", ConcatAttrs{0}, types(x, tensor.Of(tensor.Float32, 4, 5)), ErrShape},
		{"too large", ConcatAttrs{0}, types(huge, huge), ErrSize},
	})
}
