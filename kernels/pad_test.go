package kernels

import (
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestPadRefuses(t *testing.T) {
	x, v := tensor.Of(tensor.Float32, 4), tensor.Of(tensor.Float32)
	one := func(before, after, mode int64) PadAttrs { return PadAttrs{[]int64{before}, []int64{after}, mode} }
	refuses(t, &Pad, []refusal{
		{"no input", one(1, 1, PadConstant), nil, ErrArity},
		{"three inputs", one(1, 1, PadConstant), types(x, v, v), ErrArity},
		{"value for edge", one(1, 1, PadEdge), types(x, v), ErrArity},
		{"value of another type", one(1, 1, PadConstant), types(x, tensor.Of(tensor.Int32)), ErrDType},
		{"value of rank 1", one(1, 1, PadConstant), types(x, tensor.Of(tensor.Float32, 1)), ErrRank},
		{"no mode", one(1, 1, 0), types(x), ErrAttr},
		{"unknown mode", one(1, 1, 5), types(x), ErrAttr},
		{"lists too long", PadAttrs{[]int64{1, 1}, []int64{1, 1}, PadConstant}, types(x), ErrAttr},
		{"negative", one(-1, 1, PadConstant), types(x), ErrAttr},
		{"nothing to repeat", one(1, 0, PadWrap), types(tensor.Of(tensor.Float32, 0)), ErrShape},
		{"too large", one(1<<62, 1<<62, PadConstant), types(x), ErrSize},
	})
}

func TestPadAbsentValue(t *testing.T) {
	x := vector(tensor.Int32, []int64{2}, int32(7), 8)
	out, err := everywhere(t, &Pad, PadAttrs{[]int64{1}, []int64{2}, PadConstant}, x, Tensor{})
	if err != nil {
		t.Fatal(err)
	}
	if got := tensor.View[int32](out[0].Data); !slices.Equal(got, []int32{0, 7, 8, 0, 0}) {
		t.Errorf("got %v", got)
	}
}
