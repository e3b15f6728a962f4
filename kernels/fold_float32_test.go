package kernels

import (
	"math"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Folders of float32 give the bits of those that go element by element.
func TestFoldersAgree(t *testing.T) {
	r, ran := newDice(), 0
	shapes := [][]int64{{2, 9000}, {8200, 9}, {300, 40, 17}}
	for range 300 {
		shapes = append(shapes, r.dims(1+r.IntN(4), 20))
	}
	for _, dims := range shapes {
		x := r.numbers(tensor.Float32, dims...)
		v := tensor.View[float32](x.Data)
		for i := range v {
			if r.IntN(50) == 0 {
				v[i] = []float32{0, float32(math.Copysign(0, -1)), float32(math.Inf(1)), float32(math.NaN()), 0x1p-149}[r.IntN(5)]
			}
		}
		var reduced [tensor.MaxRank]bool
		for k := range dims {
			reduced[k] = r.IntN(2) == 0
		}
		f := newFold(&x.Type, reduced)
		for _, fn := range []int64{ReduceSum, ReduceMax} {
			vector := f.ofFloat32(fn)
			if vector == nil {
				continue
			}
			newFolder := func() folder[float32] {
				w := foldWorks.New().(*foldWork)
				return func(dst []float32, base, width, lo, hi int) { vector(&f, w, dst, v, base, width, lo, hi) }
			}
			ran++
			start, join := joining[float32](fn)
			plain := func() loader[float32] { return func(at, n int) []float32 { return v[at : at+n] } }
			want := make([]float32, f.results()*f.blocks)
			got := make([]float32, len(want))
			for _, c := range []struct {
				sums []float32
				with func() folder[float32]
			}{{want, inLanes(&f, start, join, plain)}, {got, newFolder}} {
				if err := foldAll(&Call{Ctx: t.Context()}, &f, c.sums, join, c.with); err != nil {
					t.Fatal(err)
				}
			}
			for i := range want[:f.results()] {
				if math.Float32bits(got[i]) != math.Float32bits(want[i]) && (got[i] == got[i] || want[i] == want[i]) {
					t.Fatalf("function %d of %v, folded %v: result %d is %v, want %v", fn, dims, reduced[:len(dims)], i, got[i], want[i])
				}
			}
		}
	}
	if ran < 100 {
		t.Errorf("only %d folds have vector code", ran)
	}
}
