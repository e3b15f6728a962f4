package kernels

import (
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestNonzero(t *testing.T) {
	r := newDice()
	for n := range 200 {
		dims := r.dims(r.rank(0), 6)
		if n == 0 {
			dims = []int64{5, 3 * nonzeroChunk / 4, 2}
		}
		x := r.tensor(r.dtype(), dims...)
		mask := byte(0xff >> r.IntN(2)) // leaves some floats at 0 and -0
		for i := range x.Elems() {
			if r.IntN(3) > 0 {
				clear(elem(x, i))
				elem(x, i)[x.DType.Size()-1] |= 0x80 &^ mask
			}
			if x.DType == tensor.Bool {
				elem(x, i)[0] &= 1
			}
		}
		out, err := everywhere(t, &Nonzero, NonzeroAttrs{}, x)
		if err != nil {
			t.Fatal(err)
		}
		e := x.Elems()
		if out[0].Type != tensor.Of(tensor.Int64, int64(len(dims)), e) || out[1].Type != tensor.Of(tensor.Int64) {
			t.Fatalf("%v: got %v and %v", x.Type, out[0].Type, out[1].Type)
		}
		want, count := make([]int64, int64(len(dims))*e), int64(0)
		each(dims, func(i int64, at []int64) {
			v := slices.Clone(elem(x, i))
			if x.DType.IsFloat() {
				v[len(v)-1] &= 0x7f
			}
			if slices.Max(v) == 0 {
				return
			}
			for d, k := range at {
				want[int64(d)*e+count] = k
			}
			count++
		})
		if got := tensor.View[int64](out[1].Data)[0]; got != count {
			t.Fatalf("%v: got %d, want %d", x.Type, got, count)
		}
		if !slices.Equal(tensor.View[int64](out[0].Data), want) {
			t.Fatalf("%v: indices differ", x.Type)
		}
	}
}

func TestNonzeroRefuses(t *testing.T) {
	refuses(t, &Nonzero, []refusal{
		{"no input", NonzeroAttrs{}, nil, ErrArity},
		{"too large", NonzeroAttrs{}, types(tensor.Of(tensor.Int8, 1<<44)), ErrSize},
	})
}
