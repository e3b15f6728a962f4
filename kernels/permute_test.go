package kernels

import (
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestPermuteRefuses(t *testing.T) {
	x := tensor.Of(tensor.Float32, 4, 6)
	refuses(t, &Permute, []refusal{
		{"two inputs", PermuteAttrs{[]int64{0, 1}}, types(x, x), ErrArity},
		{"too few axes", PermuteAttrs{[]int64{0}}, types(x), ErrAttr},
		{"too many axes", PermuteAttrs{[]int64{0, 1, 2}}, types(x), ErrAttr},
		{"axis twice", PermuteAttrs{[]int64{1, 1}}, types(x), ErrAttr},
		{"axis past the rank", PermuteAttrs{[]int64{0, 2}}, types(x), ErrAttr},
		{"negative axis", PermuteAttrs{[]int64{0, -1}}, types(x), ErrAttr},
	})
}

func BenchmarkPermute(b *testing.B) {
	r := newDice()
	for _, c := range []struct {
		name       string
		dims, perm []int64
	}{
		{"NCHW-NHWC", []int64{1, 64, 112, 112}, []int64{0, 2, 3, 1}},
		{"NHWC-NCHW", []int64{1, 112, 112, 64}, []int64{0, 3, 1, 2}},
		{"image", []int64{1, 3, 640, 640}, []int64{0, 2, 3, 1}},
		{"heads", []int64{1, 512, 12, 64}, []int64{0, 2, 1, 3}},
		{"square", []int64{1024, 1024}, []int64{1, 0}},
		{"shuffle", []int64{1, 2, 2, 32, 64, 64}, []int64{0, 3, 4, 1, 5, 2}},
	} {
		b.Run(c.name, func(b *testing.B) {
			x := r.tensor(tensor.Float32, c.dims...)
			p, err := Permute.Plan(types(x.Type), PermuteAttrs{c.perm})
			if err != nil {
				b.Fatal(err)
			}
			call := Call{Ctx: b.Context(), Plan: &p, In: []Tensor{x}, Out: []Tensor{{p.Out[0], tensor.Aligned(p.Out[0].Bytes())}}}
			b.SetBytes(p.Bytes)
			for b.Loop() {
				if err := Permute.Run(&call); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
