package kernels

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestReverseSequence(t *testing.T) {
	r := newDice()
	for range 200 {
		rank := r.rank(2)
		dims := r.dims(rank, 5)
		axes := r.Perm(rank)
		a := ReverseSequenceAttrs{int64(axes[0]), int64(axes[1])}
		length := make([]int64, dims[a.Batch])
		for b := range length {
			length[b] = r.Int64N(dims[a.Time] + 1)
		}
		x, l := r.tensor(r.dtype(), dims...), vector(tensor.Int64, []int64{dims[a.Batch]}, length...)
		out, err := everywhere(t, &ReverseSequence, a, x, l)
		if err != nil {
			t.Fatal(err)
		}
		each(dims, func(i int64, at []int64) {
			from := slices.Clone(at)
			if n := length[at[a.Batch]]; at[a.Time] < n {
				from[a.Time] = n - 1 - at[a.Time]
			}
			if !bytes.Equal(elem(out[0], i), elem(x, flat(dims, from))) {
				t.Fatalf("%v by %+v, lengths %v: wrong at %v", x.Type, a, length, at)
			}
		})
	}
}

func TestReverseSequenceRefuses(t *testing.T) {
	x, l := tensor.Of(tensor.Float32, 4, 6), tensor.Of(tensor.Int64, 6)
	a := ReverseSequenceAttrs{Time: 0, Batch: 1}
	refuses(t, &ReverseSequence, []refusal{
		{"one input", a, types(x), ErrArity},
		{"lengths int32", a, types(x, tensor.Of(tensor.Int32, 6)), ErrDType},
		{"lengths of rank 2", a, types(x, tensor.Of(tensor.Int64, 6, 1)), ErrRank},
		{"time past the rank", ReverseSequenceAttrs{2, 1}, types(x, l), ErrAttr},
		{"batch past the rank", ReverseSequenceAttrs{0, 2}, types(x, l), ErrAttr},
		{"one axis", ReverseSequenceAttrs{1, 1}, types(x, l), ErrAttr},
		{"other batch", a, types(x, tensor.Of(tensor.Int64, 4)), ErrShape},
	})
	for _, bad := range []int64{-1, 5, math.MinInt64, math.MaxInt64} {
		l := vector(tensor.Int64, []int64{6}, 0, 1, 2, bad, 4, 4)
		if _, err := everywhere(t, &ReverseSequence, a, newDice().tensor(tensor.Int8, 4, 6), l); !errors.Is(err, ErrValue) {
			t.Errorf("length %d: got %v", bad, err)
		}
	}
}
