package kernels

import (
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// An op with an epilogue has the bits of the op followed by a Map.
func TestFusedIsUnfused(t *testing.T) {
	r := newDice()
	one, zero := []int64{1, 1}, []int64{0, 0}
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float16, tensor.Float64} {
		// relu(y·gate + bias)
		relu := Program{
			Code: []Instr{{Fn: FnMul, DType: d, A: 0, B: 1}, {Fn: FnAdd, DType: d, A: 3, B: 2}, {Fn: FnRelu, DType: d, A: 4}},
			Out:  []int64{5},
		}
		calls := []struct {
			op    *Op
			attrs func(p Program) any
			in    []Tensor
		}{
			{&MatMul, func(p Program) any { return MatMulAttrs{Alpha: 2, Epilogue: p} }, []Tensor{r.numbers(d, 2, 70, 30), r.numbers(d, 2, 30, 50)}},
			// So deep that a tile has only some of the columns.
			{&MatMul, func(p Program) any { return MatMulAttrs{Epilogue: p} }, []Tensor{r.numbers(d, 10, 5000), r.numbers(d, 5000, 40)}},
			{&Reduce, func(p Program) any { return ReduceAttrs{Fn: ReduceMean, Axes: []int64{1}, Epilogue: p} }, []Tensor{r.numbers(d, 40, 7, 9)}},
			{&LayerNorm, func(p Program) any { return LayerNormAttrs{Axis: 1, Eps: 1, Epilogue: p} }, []Tensor{r.numbers(d, 5, 60), {}, {}, {}}},
			{&GroupNorm, func(p Program) any { return GroupNormAttrs{Groups: 2, Eps: 1, Epilogue: p} }, []Tensor{r.numbers(d, 2, 3, 6), {}, {}}},
			{&ConvTranspose, func(p Program) any {
				return ConvTransposeAttrs{Stride: one, Dilation: one, Before: zero, After: zero, OutPad: zero, Groups: 1, Epilogue: p}
			}, []Tensor{r.numbers(d, 2, 5, 5, 4), r.numbers(d, 3, 3, 4, 20)}},
		}
		// Dense, pointwise, grouped and depthwise.
		for _, w := range [][]int64{{3, 3, 6, 33}, {1, 1, 6, 33}, {3, 3, 2, 33}, {3, 3, 1, 6}} {
			calls = append(calls, calls[0])
			c := &calls[len(calls)-1]
			c.op, c.in = &Conv, []Tensor{r.numbers(d, 1, 9, 11, 6), r.numbers(d, w...)}
			pad := []int64{w[0] / 2, w[0] / 2}
			c.attrs = func(p Program) any {
				return ConvAttrs{Stride: one, Dilation: one, Before: pad, After: pad, Groups: 6 / w[2], Epilogue: p}
			}
		}
		for _, c := range calls {
			y := must(t, c.op, c.attrs(Program{}), c.in...)[0]
			gate, bias := r.numbers(d, y.Shape()...), r.numbers(d, y.Dims[y.Rank-1])
			want := must(t, &Map, MapAttrs{relu}, y, gate, bias)[0]
			got := must(t, c.op, c.attrs(relu), append(append([]Tensor{}, c.in...), gate, bias)...)[0]
			if got.Type != want.Type || string(got.Data) != string(want.Data) {
				t.Errorf("%s of %v and %v: fused and not fused differ", c.op.Name(), c.in[0].Type, d)
			}
		}
	}
}
