package kernels

import (
	"math"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// reductions of two small whole numbers, which every type holds.
var reductions = map[int64]func(a, b int64) int64{
	0:          func(_, b int64) int64 { return b },
	ReduceSum:  func(a, b int64) int64 { return a + b },
	ReduceProd: func(a, b int64) int64 { return a * b },
	ReduceMin:  func(a, b int64) int64 { return min(a, b) },
	ReduceMax:  func(a, b int64) int64 { return max(a, b) },
}

// small is a tensor of d with small whole numbers, and those numbers. Products
// of many stay small, since most are 1.
func (r dice) small(t *testing.T, d tensor.DType, dims ...int64) (Tensor, []int64) {
	n := tensor.Product(dims)
	v, data := make([]int64, n), []byte(nil)
	for i := range v {
		v[i] = 1
		if r.IntN(4) == 0 {
			v[i] = r.Int64N(4)
		}
		if d == tensor.Bool {
			v[i] &= 1
		}
		data = append(data, number1(t, d, v[i])...)
	}
	x := Tensor{tensor.Of(d, dims...), tensor.Aligned(int64(len(data)))}
	copy(x.Data, data)
	return x, v
}

// number1 is v as an element of d.
func number1(t *testing.T, d tensor.DType, v int64) []byte {
	t.Helper()
	if d == tensor.Bool {
		return []byte{byte(v)}
	}
	p, err := Iota.Plan(nil, IotaAttrs{1, v, 0, int64(d)})
	if err != nil {
		t.Fatal(err)
	}
	c := Call{Ctx: t.Context(), Plan: &p, Out: []Tensor{{p.Out[0], tensor.Aligned(8)[:d.Size()]}}}
	if err := Iota.Run(&c); err != nil {
		t.Fatal(err)
	}
	return c.Out[0].Data
}

// How floats are joined shows in a sum that depends on its order.
func TestScatterKeepsTheOrder(t *testing.T) {
	x := vector(tensor.Float32, []int64{1}, float32(0))
	u := vector(tensor.Float32, []int64{4}, float32(1e8), 1, -1e8, 1)
	out, err := everywhere(t, &ScatterElements, ScatterElementsAttrs{0, ReduceSum}, x, vector(tensor.Int64, []int64{4}, int64(0), 0, 0, 0), u)
	if err != nil {
		t.Fatal(err)
	}
	if got := tensor.View[float32](out[0].Data)[0]; got != 1 {
		t.Errorf("got %v, want 1", got)
	}
	nan := float32(math.NaN())
	for _, fn := range []int64{ReduceMin, ReduceMax} {
		u := vector(tensor.Float32, []int64{3}, float32(1), nan, -1)
		out, err := everywhere(t, &ScatterND, ScatterNDAttrs{fn}, x, vector(tensor.Int64, []int64{3, 1}, int64(0), 0, 0), u)
		if err != nil {
			t.Fatal(err)
		}
		if got := tensor.View[float32](out[0].Data)[0]; got == got {
			t.Errorf("%d: got %v, want NaN", fn, got)
		}
	}
}
