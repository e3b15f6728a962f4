package kernels

import (
	"bytes"
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestCompress(t *testing.T) {
	r := newDice()
	for range 200 {
		rank := r.rank(1)
		x := r.tensor(r.dtype(), r.dims(rank, 6)...)
		axis := r.IntN(rank)
		cond := r.tensor(tensor.Bool, r.Int64N(x.Dims[axis]+1))
		out, err := everywhere(t, &Compress, CompressAttrs{int64(axis)}, x, cond)
		if err != nil {
			t.Fatal(err)
		}
		var kept []int64
		for i, v := range cond.Data {
			if v != 0 {
				kept = append(kept, int64(i))
			}
		}
		if got := tensor.View[int64](out[1].Data)[0]; got != int64(len(kept)) {
			t.Fatalf("got %d slices, want %d", got, len(kept))
		}
		dims := slices.Clone(x.Shape())
		dims[axis] = cond.Dims[0]
		if out[0].Type != tensor.Of(x.DType, dims...) {
			t.Fatalf("got %v, want %v", out[0].Type, dims)
		}
		each(dims, func(i int64, at []int64) {
			want := make([]byte, x.DType.Size())
			if at[axis] < int64(len(kept)) {
				at[axis] = kept[at[axis]]
				want = elem(x, flat(x.Shape(), at))
			}
			if !bytes.Equal(elem(out[0], i), want) {
				t.Fatalf("%v by %v along %d: element %d differs", x.Type, cond.Data, axis, i)
			}
		})
	}
}

func TestCompressRefuses(t *testing.T) {
	x, c := tensor.Of(tensor.Float32, 2, 6), tensor.Of(tensor.Bool, 5)
	refuses(t, &Compress, []refusal{
		{"one input", CompressAttrs{1}, types(x), ErrArity},
		{"condition not bool", CompressAttrs{1}, types(x, tensor.Of(tensor.Uint8, 5)), ErrDType},
		{"condition of rank 2", CompressAttrs{1}, types(x, tensor.Of(tensor.Bool, 5, 1)), ErrRank},
		{"axis past the rank", CompressAttrs{2}, types(x, c), ErrAttr},
		{"condition too long", CompressAttrs{0}, types(x, c), ErrShape},
	})
}
