package kernels

import (
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestArg(t *testing.T) {
	r := newDice()
	for range 300 {
		rank := r.rank(1)
		x := r.tensor(r.dtype(), r.dims(rank, 6)...)
		for i := range x.Data {
			x.Data[i] &= 0x83 // many equals
		}
		axis := r.IntN(rank)
		n := x.Dims[axis]
		if n == 0 {
			continue
		}
		a := ArgAttrs{int64(axis), r.IntN(2) == 0, r.IntN(2) == 0, r.IntN(2) == 0}
		out, err := everywhere(t, &Arg, a, x)
		if err != nil {
			t.Fatal(err)
		}
		order := orderOf(x.DType)
		line := slices.Clone(x.Shape())
		line[axis] = 1
		want := slices.Clone(line)
		if !a.Keep {
			want = slices.Delete(want, axis, axis+1)
		}
		if out[0].Type != tensor.Of(tensor.Int64, want...) {
			t.Fatalf("%v by %+v: got %v", x.Type, a, out[0].Type)
		}
		each(line, func(k int64, at []int64) {
			best, bestKey := int64(0), uint64(0)
			for i := range n {
				at[axis] = i
				var v uint64
				for k, b := range elem(x, flat(x.Shape(), at)) {
					v |= uint64(b) << (8 * k)
				}
				key := order(v)
				better := key > bestKey
				if a.Min {
					better = key < bestKey
				}
				if i == 0 || better || a.Last && key == bestKey {
					best, bestKey = i, key
				}
			}
			if got := tensor.View[int64](out[0].Data)[k]; got != best {
				t.Fatalf("%v by %+v: line %d: got %d, want %d", x.Type, a, k, got, best)
			}
		})
	}
}

func TestArgWide(t *testing.T) {
	x := Tensor{tensor.Of(tensor.Int32, 2, 3, 700), tensor.Aligned(4 * 2 * 3 * 700)}
	v := tensor.View[int32](x.Data)
	for j := range 700 {
		v[(j%3)*700+j], v[2100+(j+1)%3*700+j] = 1, 1
	}
	out, err := everywhere(t, &Arg, ArgAttrs{Axis: 1}, x)
	if err != nil {
		t.Fatal(err)
	}
	for j, got := range tensor.View[int64](out[0].Data) {
		if want := int64(j%700%3+j/700) % 3; got != want {
			t.Fatalf("line %d: got %d, want %d", j, got, want)
		}
	}
}

func TestArgRefuses(t *testing.T) {
	refuses(t, &Arg, []refusal{
		{"no input", ArgAttrs{}, nil, ErrArity},
		{"scalar", ArgAttrs{}, types(tensor.Of(tensor.Int8)), ErrAttr},
		{"nothing along the axis", ArgAttrs{Axis: 1}, types(tensor.Of(tensor.Int8, 2, 0)), ErrShape},
		{"too large", ArgAttrs{}, types(tensor.Of(tensor.Int8, 1, 1<<45)), ErrSize},
	})
}
