package kernels

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestScatterElements(t *testing.T) {
	r := newDice()
	for range 400 {
		rank := r.rank(1)
		axis, d, reduce := r.IntN(rank), r.dtype(), []int64{0, ReduceSum, ReduceProd, ReduceMin, ReduceMax}[r.IntN(5)]
		if d == tensor.Bool {
			reduce = 0
		}
		dims := r.dims(rank, 5)
		x, want := r.small(t, d, dims...)
		i := r.index(dims[axis], r.within(dims, axis)...)
		u, update := r.small(t, d, i.Shape()...)
		out, err := everywhere(t, &ScatterElements, ScatterElementsAttrs{int64(axis), reduce}, x, i, u)
		if err != nil {
			t.Fatal(err)
		}
		index := indicesOf(i)
		each(i.Shape(), func(k int64, at []int64) {
			to := slices.Clone(at)
			to[axis], _ = index.at(k, dims[axis])
			p := flat(dims, to)
			want[p] = reductions[reduce](want[p], update[k])
		})
		for k, v := range want {
			if !bytes.Equal(elem(out[0], int64(k)), number1(t, d, v)) {
				t.Fatalf("%v at %v along %d by %d: element %d: got %x, want %d", x.Type, i.Type, axis, reduce, k, elem(out[0], int64(k)), v)
			}
		}
	}
}

func TestScatterElementsWide(t *testing.T) {
	r := newDice()
	x := r.tensor(tensor.Uint16, 3, 40_000)
	i, u := r.index(3, 5, 40_000), r.tensor(tensor.Uint16, 5, 40_000)
	out, err := everywhere(t, &ScatterElements, ScatterElementsAttrs{0, ReduceSum}, x, i, u)
	if err != nil {
		t.Fatal(err)
	}
	want, update, index := slices.Clone(tensor.View[uint16](x.Data)), tensor.View[uint16](u.Data), indicesOf(i)
	for k, v := range update {
		row, _ := index.at(int64(k), 3)
		want[int(row)*40_000+k%40_000] += v
	}
	if !slices.Equal(tensor.View[uint16](out[0].Data), want) {
		t.Error("sums differ")
	}
}

func TestScatterElementsRefuses(t *testing.T) {
	x, i, u := tensor.Of(tensor.Float32, 2, 6), tensor.Of(tensor.Int64, 2, 9), tensor.Of(tensor.Float32, 2, 9)
	boolean := tensor.Of(tensor.Bool, 2, 6)
	refuses(t, &ScatterElements, []refusal{
		{"two inputs", ScatterElementsAttrs{1, 0}, types(x, i), ErrArity},
		{"updates of another type", ScatterElementsAttrs{1, 0}, types(x, i, i), ErrDType},
		{"float index", ScatterElementsAttrs{1, 0}, types(x, u, u), ErrDType},
		{"sum of bool", ScatterElementsAttrs{1, ReduceSum}, types(boolean, i, boolean), ErrDType},
		{"other rank", ScatterElementsAttrs{1, 0}, types(x, tensor.Of(tensor.Int64, 2), u), ErrRank},
		{"mean", ScatterElementsAttrs{1, ReduceMean}, types(x, i, u), ErrAttr},
		{"unknown reduction", ScatterElementsAttrs{1, -1}, types(x, i, u), ErrAttr},
		{"axis past the rank", ScatterElementsAttrs{2, 0}, types(x, i, u), ErrAttr},
		{"larger than x", ScatterElementsAttrs{0, 0}, types(x, i, u), ErrShape},
		{"updates of other dims", ScatterElementsAttrs{1, 0}, types(x, i, tensor.Of(tensor.Float32, 2, 8)), ErrShape},
	})
	for _, bad := range []int64{6, -7} {
		r := newDice()
		at := vector(tensor.Int64, []int64{1, 2}, 0, bad)
		_, err := everywhere(t, &ScatterElements, ScatterElementsAttrs{1, 0}, r.tensor(tensor.Int8, 2, 6), at, r.tensor(tensor.Int8, 1, 2))
		if !errors.Is(err, ErrValue) {
			t.Errorf("index %d: got %v", bad, err)
		}
	}
}
