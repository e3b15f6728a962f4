package kernels

import (
	"math"
	"testing"

	"gonum.org/v1/gonum/mat"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Products agree with gonum's, an implementation that is not ours.
func TestMatMulAgainstGonum(t *testing.T) {
	r := newDice()
	for range 30 {
		m, k, n := 1+r.Int64N(70), 1+r.Int64N(300), 1+r.Int64N(70)
		a, b := r.numbers(tensor.Float64, m, k), r.numbers(tensor.Float64, k, n)
		got := values(must(t, &MatMul, MatMulAttrs{}, a, b)[0])
		var want mat.Dense
		want.Mul(mat.NewDense(int(m), int(k), values(a)), mat.NewDense(int(k), int(n), values(b)))
		for i, w := range want.RawMatrix().Data {
			if math.Abs(got[i]-w) > 1e-9*(1+math.Abs(w)) {
				t.Fatalf("(%d, %d)·(%d, %d): element %d is %g, gonum has %g", m, k, k, n, i, got[i], w)
			}
		}
	}
}
