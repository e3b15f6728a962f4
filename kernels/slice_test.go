package kernels

import (
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestSliceRefuses(t *testing.T) {
	x := tensor.Of(tensor.Float32, 10)
	one := func(start, size, step int64) SliceAttrs {
		return SliceAttrs{[]int64{start}, []int64{size}, []int64{step}}
	}
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
	})
	for _, a := range []SliceAttrs{one(10, 0, 1), one(9, 1, least), one(0, 1, 1<<62), one(9, 10, -1)} {
		if _, err := Slice.Plan(types(x), a); err != nil {
			t.Errorf("%+v: %v", a, err)
		}
	}
}
