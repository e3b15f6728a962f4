package kernels

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestScatterND(t *testing.T) {
	r := newDice()
	for range 400 {
		rank := r.rank(1)
		d, reduce := r.dtype(), []int64{0, ReduceSum, ReduceProd, ReduceMin, ReduceMax}[r.IntN(5)]
		if d == tensor.Bool {
			reduce = 0
		}
		dims, k := r.dims(rank, 4), r.IntN(rank)+1
		x, want := r.small(t, d, dims...)
		lead := r.dims(r.IntN(3), 4)
		if slices.Contains(dims[:k], 0) {
			lead = append(lead, 0)
		}
		if max(len(lead)+1, len(lead)+rank-k) > tensor.MaxRank {
			continue
		}
		i := r.tuplesFor(dims[:k], lead...)
		u, update := r.small(t, d, slices.Concat(lead, dims[k:])...)
		out, err := everywhere(t, &ScatterND, ScatterNDAttrs{reduce}, x, i, u)
		if err != nil {
			t.Fatal(err)
		}
		each(u.Shape(), func(n int64, at []int64) {
			to := append(picked(i, flat(lead, at[:len(lead)]), dims[:k]), at[len(lead):]...)
			p := flat(dims, to)
			want[p] = reductions[reduce](want[p], update[n])
		})
		for n, v := range want {
			if !bytes.Equal(elem(out[0], int64(n)), number1(t, d, v)) {
				t.Fatalf("%v at %v by %d: element %d: got %x, want %d", x.Type, i.Type, reduce, n, elem(out[0], int64(n)), v)
			}
		}
	}
}

func TestScatterNDWide(t *testing.T) {
	r := newDice()
	x, u := r.tensor(tensor.Uint16, 3, 100_000), r.tensor(tensor.Uint16, 2, 100_000)
	out, err := everywhere(t, &ScatterND, ScatterNDAttrs{}, x, vector(tensor.Int32, []int64{2, 1}, int32(-1), 0), u)
	if err != nil {
		t.Fatal(err)
	}
	row := 2 * x.Dims[1]
	if want := slices.Concat(u.Data[row:], x.Data[row:2*row], u.Data[:row]); !bytes.Equal(out[0].Data, want) {
		t.Error("rows differ")
	}
}

func TestScatterNDRefuses(t *testing.T) {
	x, i, u := tensor.Of(tensor.Float32, 2, 6), tensor.Of(tensor.Int64, 5, 1), tensor.Of(tensor.Float32, 5, 6)
	refuses(t, &ScatterND, []refusal{
		{"two inputs", ScatterNDAttrs{}, types(x, i), ErrArity},
		{"updates of another type", ScatterNDAttrs{}, types(x, i, i), ErrDType},
		{"float index", ScatterNDAttrs{}, types(x, u, u), ErrDType},
		{"sum of bool", ScatterNDAttrs{ReduceSum}, types(tensor.Of(tensor.Bool, 2, 6), i, tensor.Of(tensor.Bool, 5, 6)), ErrDType},
		{"scalar index", ScatterNDAttrs{}, types(x, tensor.Of(tensor.Int64), u), ErrRank},
		{"any", ScatterNDAttrs{ReduceAny}, types(x, i, u), ErrAttr},
		{"empty tuples", ScatterNDAttrs{}, types(x, tensor.Of(tensor.Int64, 5, 0), u), ErrShape},
		{"updates of other dims", ScatterNDAttrs{}, types(x, i, tensor.Of(tensor.Float32, 5, 5)), ErrShape},
		{"updates of lower rank", ScatterNDAttrs{}, types(x, i, tensor.Of(tensor.Float32, 5)), ErrShape},
	})
	for _, bad := range []int64{2, -3} {
		r := newDice()
		at := vector(tensor.Int64, []int64{1, 1}, bad)
		_, err := everywhere(t, &ScatterND, ScatterNDAttrs{}, r.tensor(tensor.Int8, 2, 6), at, r.tensor(tensor.Int8, 1, 6))
		if !errors.Is(err, ErrValue) {
			t.Errorf("index %d: got %v", bad, err)
		}
	}
}
