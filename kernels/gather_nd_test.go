package kernels

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// tuplesFor makes rows of indices into the dims of x from first on.
func (r dice) tuplesFor(dims []int64, lead ...int64) Tensor {
	t := Tensor{Type: tensor.Of(tensor.Int64, append(slices.Clone(lead), int64(len(dims)))...)}
	rows := tensor.Product(lead)
	v := make([]int64, 0, rows*int64(len(dims)))
	for range rows {
		for _, n := range dims {
			v = append(v, r.Int64N(max(2*n, 1))-n)
		}
	}
	t.Data = tensor.Bytes(v)
	return t
}

// picked is the index tuple that row r of i names, from the start everywhere.
func picked(i Tensor, row int64, dims []int64) []int64 {
	at := make([]int64, len(dims))
	for t, n := range dims {
		at[t] = tensor.View[int64](i.Data)[row*int64(len(dims))+int64(t)]
		if at[t] < 0 {
			at[t] += n
		}
	}
	return at
}

func TestGatherND(t *testing.T) {
	r := newDice()
	for range 300 {
		rank := r.rank(1)
		x := r.tensor(r.dtype(), r.dims(rank, 4)...)
		batch := r.IntN(rank)
		k := r.IntN(rank-batch) + 1
		indexed := x.Shape()[batch : batch+k]
		lead := append(slices.Clone(x.Shape()[:batch]), r.dims(r.IntN(3), 4)...)
		if slices.Contains(indexed, 0) {
			lead = append(lead, 0)
		}
		if max(len(lead)+1, len(lead)+rank-batch-k) > tensor.MaxRank {
			continue
		}
		i := r.tuplesFor(indexed, lead...)
		out, err := everywhere(t, &GatherND, GatherNDAttrs{int64(batch)}, x, i)
		if err != nil {
			t.Fatal(err)
		}
		slice := x.Shape()[batch+k:]
		each(slices.Concat(lead, slice), func(n int64, at []int64) {
			row := flat(lead, at[:len(lead)])
			from := slices.Concat(at[:batch], picked(i, row, indexed), at[len(lead):])
			if !bytes.Equal(elem(out[0], n), elem(x, flat(x.Shape(), from))) {
				t.Fatalf("%v at %v, batch %d: wrong at %v", x.Type, i.Type, batch, at)
			}
		})
	}
}

func TestGatherNDRefuses(t *testing.T) {
	x, i := tensor.Of(tensor.Float32, 2, 6), tensor.Of(tensor.Int64, 2, 1)
	refuses(t, &GatherND, []refusal{
		{"one input", GatherNDAttrs{}, types(x), ErrArity},
		{"float index", GatherNDAttrs{}, types(x, x), ErrDType},
		{"scalar index", GatherNDAttrs{}, types(x, tensor.Of(tensor.Int64)), ErrRank},
		{"negative batch", GatherNDAttrs{-1}, types(x, i), ErrAttr},
		{"batch of the whole index", GatherNDAttrs{2}, types(x, i), ErrAttr},
		{"empty tuples", GatherNDAttrs{}, types(x, tensor.Of(tensor.Int64, 2, 0)), ErrShape},
		{"tuples past the rank", GatherNDAttrs{1}, types(x, tensor.Of(tensor.Int64, 2, 2)), ErrShape},
		{"tuples far past the rank", GatherNDAttrs{}, types(x, tensor.Of(tensor.Int64, 1, 1<<40)), ErrShape},
		{"other batch", GatherNDAttrs{1}, types(x, tensor.Of(tensor.Int64, 3, 1)), ErrShape},
		{"rank 9", GatherNDAttrs{}, types(tensor.Of(tensor.Int8, 1, 1, 1, 1), tensor.Of(tensor.Int64, 1, 1, 1, 1, 1, 1, 1, 1)), ErrRank},
		{"too large", GatherNDAttrs{}, types(tensor.Of(tensor.Float32, 2, 1<<40), tensor.Of(tensor.Int64, 1<<20, 1)), ErrSize},
	})
	for _, bad := range []int64{2, -3} {
		at := vector(tensor.Int64, []int64{2, 1}, 0, bad)
		if _, err := everywhere(t, &GatherND, GatherNDAttrs{}, newDice().tensor(tensor.Int8, 2, 6), at); !errors.Is(err, ErrValue) {
			t.Errorf("index %d: got %v", bad, err)
		}
	}
}
