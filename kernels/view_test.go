package kernels

import (
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestView(t *testing.T) {
	x := newDice().tensor(tensor.Float32, 4, 6)
	for _, c := range []struct{ ask, want []int64 }{
		{[]int64{24}, []int64{24}},
		{[]int64{2, -1, 3}, []int64{2, 4, 3}},
		{[]int64{1, 4, 1, 6, 1}, []int64{1, 4, 1, 6, 1}},
		{[]int64{1, 1, 1, 1, 1, 1, 1, -1}, []int64{1, 1, 1, 1, 1, 1, 1, 24}},
	} {
		movesAs(t, &View, ViewAttrs{c.ask}, []Tensor{x}, c.want, func(at []int64) int64 { return flat(c.want, at) })
	}
	movesAs(t, &View, ViewAttrs{nil}, []Tensor{vector(tensor.Int8, []int64{1, 1}, int8(3))}, []int64{}, func([]int64) int64 { return 0 })
}

func TestViewRefuses(t *testing.T) {
	x := tensor.Of(tensor.Float32, 4, 6)
	empty := tensor.Of(tensor.Float32, 0, 6)
	refuses(t, &View, []refusal{
		{"no input", ViewAttrs{}, nil, ErrArity},
		{"absent input", ViewAttrs{}, types(tensor.Type{}), ErrArity},
		{"bad input", ViewAttrs{}, types(tensor.Of(tensor.String)), ErrSize},
		{"other attributes", SliceAttrs{}, types(x), ErrAttr},
		{"rank 9", ViewAttrs{[]int64{1, 1, 1, 1, 1, 1, 1, 1, 24}}, types(x), ErrRank},
		{"two open dims", ViewAttrs{[]int64{-1, -1}}, types(x), ErrAttr},
		{"negative", ViewAttrs{[]int64{-2, -12}}, types(x), ErrAttr},
		{"other count", ViewAttrs{[]int64{5, 5}}, types(x), ErrShape},
		{"no whole dim left", ViewAttrs{[]int64{5, -1}}, types(x), ErrShape},
		{"any dim left", ViewAttrs{[]int64{0, -1}}, types(empty), ErrShape},
		{"wraps to 24", ViewAttrs{[]int64{1 << 62, 4, 24}}, types(x), ErrSize},
	})
}
