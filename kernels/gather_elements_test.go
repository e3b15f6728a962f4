package kernels

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// within makes dims for indices that go along an axis of x.
func (r dice) within(dims []int64, axis int) []int64 {
	d := slices.Clone(dims)
	for k, n := range d {
		if k != axis {
			d[k] = r.Int64N(n + 1)
		} else if n > 0 {
			d[k] = r.Int64N(6)
		}
	}
	return d
}

func TestGatherElements(t *testing.T) {
	r := newDice()
	for range 300 {
		rank := r.rank(1)
		axis := r.IntN(rank)
		x := r.tensor(r.dtype(), r.dims(rank, 5)...)
		n := x.Dims[axis]
		i := r.index(n, r.within(x.Shape(), axis)...)
		out, err := everywhere(t, &GatherElements, GatherElementsAttrs{int64(axis)}, x, i)
		if err != nil {
			t.Fatal(err)
		}
		index := indicesOf(i)
		each(i.Shape(), func(k int64, at []int64) {
			from := slices.Clone(at)
			from[axis], _ = index.at(k, n)
			if !bytes.Equal(elem(out[0], k), elem(x, flat(x.Shape(), from))) {
				t.Fatalf("%v at %v along %d: wrong at %v", x.Type, i.Type, axis, at)
			}
		})
	}
}

func TestGatherElementsRefuses(t *testing.T) {
	x, i := tensor.Of(tensor.Float32, 2, 6), tensor.Of(tensor.Int64, 2, 9)
	refuses(t, &GatherElements, []refusal{
		{"one input", GatherElementsAttrs{1}, types(x), ErrArity},
		{"float index", GatherElementsAttrs{1}, types(x, x), ErrDType},
		{"other rank", GatherElementsAttrs{1}, types(x, tensor.Of(tensor.Int64, 2)), ErrRank},
		{"axis past the rank", GatherElementsAttrs{2}, types(x, i), ErrAttr},
		{"scalars", GatherElementsAttrs{0}, types(tensor.Of(tensor.Int8), tensor.Of(tensor.Int64)), ErrAttr},
		{"larger than x", GatherElementsAttrs{0}, types(x, i), ErrShape},
		{"too large", GatherElementsAttrs{0}, types(tensor.Of(tensor.Float64, 1, 1<<42), tensor.Of(tensor.Int32, 1<<2, 1<<42)), ErrSize},
	})
	for _, bad := range []int64{6, -7} {
		at := vector(tensor.Int32, []int64{1, 2}, 0, int32(bad))
		if _, err := everywhere(t, &GatherElements, GatherElementsAttrs{1}, newDice().tensor(tensor.Int8, 2, 6), at); !errors.Is(err, ErrValue) {
			t.Errorf("index %d: got %v", bad, err)
		}
	}
}
