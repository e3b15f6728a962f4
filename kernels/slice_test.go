package kernels

import (
	"bytes"
	"errors"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestSliceRefuses(t *testing.T) {
	x := tensor.Of(tensor.Float32, 10)
	one := func(start, size, step int64) SliceAttrs {
		return SliceAttrs{Start: []int64{start}, Size: []int64{size}, Step: []int64{step}}
	}
	moving := func(start, size int64, axes ...int64) SliceAttrs {
		a := one(start, size, 1)
		a.Axes = axes
		return a
	}
	index := tensor.Of(tensor.Int64)
	const least = -1 << 63
	refuses(t, &Slice, []refusal{
		{"no input", one(0, 1, 1), nil, ErrArity},
		{"lists too short", SliceAttrs{}, types(x), ErrAttr},
		{"step 0", one(0, 1, 0), types(x), ErrAttr},
		{"negative start", one(-1, 1, 1), types(x), ErrAttr},
		{"start past the end", one(11, 0, 1), types(x), ErrAttr},
		{"one past the end", one(10, 1, 1), types(x), ErrAttr},
		{"past the end", one(5, 6, 1), types(x), ErrAttr},
		{"past the end by steps", one(1, 4, 3), types(x), ErrAttr},
		{"before the start", one(5, 7, -1), types(x), ErrAttr},
		{"negative size", one(5, -1, 1), types(x), ErrAttr},
		{"step that wraps", one(9, 3, 1<<62), types(x), ErrAttr},
		{"least step", one(9, 2, least), types(x), ErrAttr},
		{"too large", one(0, 1<<60, 1), types(x), ErrSize},
		{"start without axes", one(0, 1, 1), types(x, index), ErrArity},
		{"axes without start", moving(0, 1, 0), types(x), ErrArity},
		{"start of floats", moving(0, 1, 0), types(x, x), ErrDType},
		{"two starts for one axis", moving(0, 1, 0), types(x, tensor.Of(tensor.Int64, 2)), ErrShape},
		{"axis twice", moving(0, 1, 0, 0), types(x, tensor.Of(tensor.Int64, 2)), ErrAttr},
		{"axis that is not there", moving(0, 1, 1), types(x, index), ErrAttr},
		{"two starts of an axis", moving(1, 1, 0), types(x, index), ErrAttr},
		{"backwards from a start", SliceAttrs{Start: []int64{0}, Size: []int64{1}, Step: []int64{-1}, Axes: []int64{0}}, types(x, index), ErrAttr},
	})
	for _, a := range []SliceAttrs{one(10, 0, 1), one(9, 1, least), one(0, 1, 1<<62), one(9, 10, -1)} {
		if _, err := Slice.Plan(types(x), a); err != nil {
			t.Errorf("%+v: %v", a, err)
		}
	}
}

// startsOf draws a start for some axes of x, at which size elements in steps
// fit; the others start in at.
func (r dice) startsOf(x []int64, size, step, at []int64) (axes, start []int64) {
	for k, n := range x {
		room := n - extent(size[k], step[k]) + 1
		if s := r.Int64N(room); r.IntN(2) == 0 {
			at[k] = s
		} else {
			axes, start = append(axes, int64(k)), append(start, s)
		}
	}
	return axes, start
}

// A start that comes at run time takes what one that is known takes.
func TestSliceFromAStart(t *testing.T) {
	r := newDice()
	for range 300 {
		rank := r.rank(1)
		x := r.tensor(r.dtype(), r.dims(rank, 5)...)
		a := SliceAttrs{Start: make([]int64, rank), Size: make([]int64, rank), Step: make([]int64, rank)}
		for k, n := range x.Shape() {
			a.Size[k], a.Step[k] = r.Int64N(n+1), 1
			if a.Size[k] > 0 {
				a.Step[k] += r.Int64N((n-1)/a.Size[k] + 1)
			}
			for extent(a.Size[k], a.Step[k]) > n {
				a.Step[k]--
			}
		}
		axes, start := r.startsOf(x.Shape(), a.Size, a.Step, a.Start)
		known := a
		known.Start = filled(a.Start, axes, start)
		want := must(t, &Slice, known, x)
		if len(axes) == 0 {
			continue
		}
		a.Axes = axes
		got := must(t, &Slice, a, x, vector(tensor.Int64, []int64{int64(len(start))}, start...))
		if !bytes.Equal(got[0].Data, want[0].Data) {
			t.Fatalf("%v of %v from %v: got %x, want %x", a, x.Type, start, got[0].Data, want[0].Data)
		}
		for _, bad := range []int64{-1, x.Dims[axes[0]] - extent(a.Size[axes[0]], a.Step[axes[0]]) + 1, 1 << 62, -1 << 63} {
			start[0] = bad
			if _, err := everywhere(t, &Slice, a, x, vector(tensor.Int64, []int64{int64(len(start))}, start...)); !errors.Is(err, ErrValue) {
				t.Fatalf("start %d of %v: %v", bad, x.Type, err)
			}
		}
	}
}

// filled is at with the entries of axes replaced.
func filled(at, axes, start []int64) []int64 {
	all := append([]int64(nil), at...)
	for i, k := range axes {
		all[k] = start[i]
	}
	return all
}
