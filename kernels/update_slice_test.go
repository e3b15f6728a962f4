package kernels

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// UpdateSlice is its inverse: what it wrote is sliced out again, the rest is x,
// also where x and y are one memory.
func TestUpdateSlice(t *testing.T) {
	r := newDice()
	for range 300 {
		rank := r.rank(1)
		x := r.tensor(r.dtype(), r.dims(rank, 5)...)
		size := make([]int64, rank)
		ones := make([]int64, rank)
		for k, n := range x.Shape() {
			size[k], ones[k] = r.Int64N(n+1), 1
		}
		u := r.tensor(x.DType, size...)
		a := UpdateSliceAttrs{Start: make([]int64, rank)}
		axes, start := r.startsOf(x.Shape(), size, ones, a.Start)
		in := []Tensor{x, u}
		if a.Axes = axes; len(axes) > 0 {
			in = append(in, vector(tensor.Int64, []int64{int64(len(start))}, start...))
		}
		got := must(t, &UpdateSlice, a, in...)[0]
		want := bytes.Clone(x.Data)
		from := filled(a.Start, axes, start)
		each(size, func(n int64, at []int64) {
			to := make([]int64, rank)
			for k := range to {
				to[k] = from[k] + at[k]
			}
			copy(want[flat(x.Shape(), to)*int64(x.DType.Size()):], elem(u, n))
		})
		if !bytes.Equal(got.Data, want) {
			t.Fatalf("%v over %v at %v: got %x, want %x", u.Type, x.Type, from, got.Data, want)
		}
		types := make([]tensor.Type, len(in))
		for i := range in {
			types[i] = in[i].Type
		}
		p, err := UpdateSlice.Plan(types, a)
		if err != nil {
			t.Fatal(err)
		}
		c := Call{Ctx: context.Background(), Plan: &p, In: in, Out: []Tensor{x}}
		if err := UpdateSlice.Run(&c); err != nil || !bytes.Equal(x.Data, want) {
			t.Fatalf("in place: %v, got %x, want %x", err, x.Data, want)
		}
	}
}

func TestUpdateSliceRefuses(t *testing.T) {
	x, u, index := tensor.Of(tensor.Float32, 2, 6), tensor.Of(tensor.Float32, 1, 6), tensor.Of(tensor.Int32)
	at := func(start ...int64) UpdateSliceAttrs { return UpdateSliceAttrs{Start: start} }
	moving := UpdateSliceAttrs{Start: []int64{0, 0}, Axes: []int64{0}}
	refuses(t, &UpdateSlice, []refusal{
		{"one input", at(0, 0), types(x), ErrArity},
		{"start without axes", at(0, 0), types(x, u, index), ErrArity},
		{"axes without start", moving, types(x, u), ErrArity},
		{"start of floats", moving, types(x, u, u), ErrDType},
		{"two starts for one axis", moving, types(x, u, tensor.Of(tensor.Int64, 2)), ErrShape},
		{"two starts of an axis", UpdateSliceAttrs{Start: []int64{1, 0}, Axes: []int64{0}}, types(x, u, index), ErrAttr},
		{"another type", at(0, 0), types(x, tensor.Of(tensor.Int32, 1, 6)), ErrDType},
		{"another rank", at(0, 0), types(x, tensor.Of(tensor.Float32, 6)), ErrShape},
		{"too few starts", at(0), types(x, u), ErrShape},
		{"larger", at(0, 0), types(x, tensor.Of(tensor.Float32, 3, 6)), ErrShape},
		{"past the end", at(2, 0), types(x, u), ErrAttr},
		{"before the start", at(-1, 0), types(x, u), ErrAttr},
	})
	r := newDice()
	for _, bad := range []int32{-1, 2} {
		_, err := everywhere(t, &UpdateSlice, moving, r.tensor(x.DType, 2, 6), r.tensor(u.DType, 1, 6), vector(tensor.Int32, nil, bad))
		if !errors.Is(err, ErrValue) {
			t.Errorf("start %d: %v", bad, err)
		}
	}
}
