package kernels

import (
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestTileRefuses(t *testing.T) {
	x := tensor.Of(tensor.Float32, 2, 6)
	refuses(t, &Tile, []refusal{
		{"no input", TileAttrs{[]int64{1, 1}}, nil, ErrArity},
		{"too few", TileAttrs{[]int64{1}}, types(x), ErrAttr},
		{"negative", TileAttrs{[]int64{1, -1}}, types(x), ErrAttr},
		{"wraps", TileAttrs{[]int64{1 << 62, 4}}, types(x), ErrSize},
		{"too large", TileAttrs{[]int64{1 << 40, 1 << 10}}, types(x), ErrSize},
	})
}
