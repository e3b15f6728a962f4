package kernels

import (
	"bytes"
	"errors"
	"math"
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// gatherDims splits the dims of a Gather as its doc names them.
func gatherDims(a GatherAttrs, x, i Tensor) (b, o, j, s []int64) {
	return x.Shape()[:a.Batch], x.Shape()[a.Batch:a.Axis], i.Shape()[a.Batch:], x.Shape()[a.Axis+1:]
}

func TestGather(t *testing.T) {
	r := newDice()
	for range 300 {
		rank := r.rank(1)
		x := r.tensor(r.dtype(), r.dims(rank, 5)...)
		a := GatherAttrs{Axis: r.Int64N(int64(rank))}
		a.Batch = r.Int64N(a.Axis + 1)
		n := x.Dims[a.Axis]
		dims := append(slices.Clone(x.Shape()[:a.Batch]), r.dims(r.IntN(3), 4)...)
		if n == 0 {
			dims = append(dims, 0)
		}
		if rank-1+len(dims)-int(a.Batch) > tensor.MaxRank {
			continue
		}
		i := r.index(n, dims...)
		b, o, j, s := gatherDims(a, x, i)
		want := slices.Concat(b, o, j, s)
		index := indicesOf(i)
		out, err := everywhere(t, &Gather, a, x, i)
		if err != nil {
			t.Fatal(err)
		}
		if out[0].Type != tensor.Of(x.DType, want...) {
			t.Fatalf("%v at %v by %+v: got %v", x.Type, i.Type, a, out[0].Type)
		}
		each(want, func(k int64, at []int64) {
			nb, no, nj := len(b), len(b)+len(o), len(b)+len(o)+len(j)
			pick, _ := index.at(flat(i.Shape(), slices.Concat(at[:nb], at[no:nj])), n)
			from := flat(x.Shape(), slices.Concat(at[:no], []int64{pick}, at[nj:]))
			if !bytes.Equal(elem(out[0], k), elem(x, from)) {
				t.Fatalf("%v at %v by %+v: wrong at %v", x.Type, i.Type, a, at)
			}
		})
	}
}

func TestGatherLongSlices(t *testing.T) {
	x := newDice().tensor(tensor.Float32, 3, 70_001)
	i := vector(tensor.Int32, []int64{3}, int32(2), -3, 1)
	out, err := everywhere(t, &Gather, GatherAttrs{}, x, i)
	if err != nil {
		t.Fatal(err)
	}
	row := 4 * x.Dims[1]
	if want := slices.Concat(x.Data[2*row:], x.Data[:row], x.Data[row:2*row]); !bytes.Equal(out[0].Data, want) {
		t.Error("rows differ")
	}
}

func TestGatherRefuses(t *testing.T) {
	x, i := tensor.Of(tensor.Float32, 2, 6), tensor.Of(tensor.Int64, 2, 3)
	refuses(t, &Gather, []refusal{
		{"one input", GatherAttrs{}, types(x), ErrArity},
		{"float index", GatherAttrs{}, types(x, x), ErrDType},
		{"axis past the rank", GatherAttrs{2, 0}, types(x, i), ErrAttr},
		{"scalar", GatherAttrs{}, types(tensor.Of(tensor.Int8), i), ErrAttr},
		{"negative batch", GatherAttrs{1, -1}, types(x, i), ErrAttr},
		{"batch past the axis", GatherAttrs{0, 1}, types(x, i), ErrAttr},
		{"batch past the index", GatherAttrs{1, 1}, types(x, tensor.Of(tensor.Int64)), ErrAttr},
		{"other batch", GatherAttrs{1, 1}, types(x, tensor.Of(tensor.Int64, 3, 3)), ErrShape},
		{"rank 9", GatherAttrs{}, types(x, tensor.Of(tensor.Int64, 1, 1, 1, 1, 1, 1, 1, 1)), ErrRank},
		{"nothing to pick", GatherAttrs{}, types(tensor.Of(tensor.Float32, 0, 6), i), ErrShape},
		{"too large", GatherAttrs{}, types(tensor.Of(tensor.Float32, 2, 1<<40), tensor.Of(tensor.Int64, 1<<20)), ErrSize},
	})
	for _, bad := range []int64{6, -7, math.MaxInt64, math.MinInt64} {
		at := vector(tensor.Int64, []int64{2, 3}, 0, 1, 2, 3, bad, 5)
		if _, err := everywhere(t, &Gather, GatherAttrs{Axis: 1}, newDice().tensor(tensor.Float32, 2, 6), at); !errors.Is(err, ErrValue) {
			t.Errorf("index %d: got %v", bad, err)
		}
	}
}
