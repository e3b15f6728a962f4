package kernels

import (
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestBroadcastRefuses(t *testing.T) {
	x := tensor.Of(tensor.Float32, 1, 6)
	refuses(t, &Broadcast, []refusal{
		{"no input", BroadcastAttrs{[]int64{6}}, nil, ErrArity},
		{"rank 9", BroadcastAttrs{[]int64{1, 1, 1, 1, 1, 1, 1, 1, 6}}, types(x), ErrRank},
		{"negative", BroadcastAttrs{[]int64{-1, 6}}, types(x), ErrAttr},
		{"lower rank", BroadcastAttrs{[]int64{6}}, types(x), ErrShape},
		{"other dim", BroadcastAttrs{[]int64{1, 7}}, types(x), ErrShape},
		{"to 1", BroadcastAttrs{[]int64{1, 1}}, types(x), ErrShape},
		{"too large", BroadcastAttrs{[]int64{1 << 40, 1 << 40, 1, 6}}, types(x), ErrSize},
	})
	if p, err := Broadcast.Plan(types(x), BroadcastAttrs{[]int64{1 << 40, 6}}); err != nil || p.Out[0].Dims[0] != 1<<40 {
		t.Errorf("a size under the bound is the ledger's to refuse: %v", err)
	}
}
