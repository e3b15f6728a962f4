package kernels

import (
	"context"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// A call that is made again allocates nothing.
func TestCallsMadeAgainAllocateNothing(t *testing.T) {
	r := newDice()
	x := r.numbers(tensor.Float32, 4, 6, 5)
	index := vector[int64](tensor.Int64, []int64{3}, 2, 0, 1)
	square := Program{Code: []Instr{{Fn: FnMul, DType: tensor.Float32}}, Out: []int64{1}}
	one, two, none := []int64{1, 1}, []int64{2, 2}, []int64{0, 0}
	conv := func(groups int64) ConvAttrs {
		return ConvAttrs{Stride: one, Dilation: one, Before: one, After: one, Groups: groups}
	}
	up := func(before []int64) ConvTransposeAttrs {
		return ConvTransposeAttrs{Stride: two, Dilation: one, Before: before, After: before, OutPad: none, Groups: 1}
	}
	image := r.numbers(tensor.Float32, 1, 9, 9, 32)
	for _, c := range []struct {
		name  string
		op    *Op
		attrs any
		in    []Tensor
	}{
		{"map", &Map, MapAttrs{square}, []Tensor{x}},
		{"permute", &Permute, PermuteAttrs{[]int64{2, 0, 1}}, []Tensor{x}},
		{"slice", &Slice, SliceAttrs{Start: []int64{0, 1, 0}, Size: []int64{4, 3, 5}, Step: []int64{1, 1, 1}}, []Tensor{x}},
		{"concat", &Concat, ConcatAttrs{1}, []Tensor{x, x}},
		{"gather", &Gather, GatherAttrs{Axis: 1}, []Tensor{x, index}},
		{"reduce of rows", &Reduce, ReduceAttrs{Axes: []int64{2}, Fn: ReduceMean}, []Tensor{x}},
		{"reduce of columns", &Reduce, ReduceAttrs{Axes: []int64{0}, Fn: ReduceMax}, []Tensor{r.numbers(tensor.Float32, 40, 16)}},
		{"softmax", &Softmax, SoftmaxAttrs{Axis: 2}, []Tensor{x}},
		{"log softmax of long rows", &Softmax, SoftmaxAttrs{Axis: 1, Log: true}, []Tensor{r.numbers(tensor.Float32, 2, 9000)}},
		{"layer norm", &LayerNorm, LayerNormAttrs{Axis: 2, Eps: 1e-5}, []Tensor{x}},
		{"RMS norm", &LayerNorm, LayerNormAttrs{Axis: 2, RMS: true}, []Tensor{x}},
		{"pool", &PoolWindow, PoolAttrs{Kind: PoolAvg, Window: []int64{2}, Stride: []int64{1}, Dilation: []int64{1}, Before: []int64{1}, After: []int64{0}}, []Tensor{x}},
		{"matmul", &MatMul, MatMulAttrs{}, []Tensor{r.numbers(tensor.Float32, 90, 30), r.numbers(tensor.Float32, 30, 40)}},
		{"matmul of transposes", &MatMul, MatMulAttrs{TA: true, TB: true, Alpha: 2}, []Tensor{r.numbers(tensor.Float32, 30, 90), r.numbers(tensor.Float32, 40, 30)}},
		{"conv of a place", &Conv, ConvAttrs{Stride: one, Dilation: one, Before: none, After: none, Groups: 1}, []Tensor{image, r.numbers(tensor.Float32, 1, 1, 32, 40)}},
		{"conv by Winograd's way", &Conv, conv(1), []Tensor{image, r.numbers(tensor.Float32, 3, 3, 32, 40)}},
		{"conv in groups", &Conv, conv(2), []Tensor{image, r.numbers(tensor.Float32, 3, 3, 16, 40)}},
		{"conv with few channels", &Conv, conv(1), []Tensor{r.numbers(tensor.Float32, 1, 9, 9, 3), r.numbers(tensor.Float32, 3, 3, 3, 40)}},
		{"depthwise conv", &Conv, conv(32), []Tensor{image, r.numbers(tensor.Float32, 3, 3, 1, 32)}},
		{"transposed conv", &ConvTranspose, up(one), []Tensor{image, r.numbers(tensor.Float32, 4, 4, 32, 8)}},
		{"transposed conv apart", &ConvTranspose, up(none), []Tensor{image, r.numbers(tensor.Float32, 2, 2, 32, 8)}},
		{"attention", &Attention, AttentionAttrs{Heads: 2, KVHeads: 2, Size: 8, ValueSize: 8, Beside: true}, []Tensor{
			r.numbers(tensor.Float32, 1, 90, 16), r.numbers(tensor.Float32, 1, 90, 16), r.numbers(tensor.Float32, 1, 90, 16), r.numbers(tensor.Float32, 1, 1, 1, 90),
		}},
	} {
		types := make([]tensor.Type, len(c.in))
		for i := range c.in {
			types[i] = c.in[i].Type
		}
		p, err := c.op.Plan(types, c.attrs)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		call := Call{Ctx: context.Background(), Plan: &p, In: c.in, Scratch: tensor.Aligned(p.Scratch)}
		if p.Packed > 0 {
			call.Packed = tensor.Aligned(p.Packed)
			if err := c.op.Pack(&call, c.in[1], call.Packed); err != nil {
				t.Fatal(err)
			}
		}
		for _, typ := range p.Out {
			call.Out = append(call.Out, Tensor{typ, tensor.Aligned(typ.Bytes())})
		}
		// A pool may be emptied at any time, so the least of many counts.
		least := 1000.0
		for range 20 {
			least = min(least, testing.AllocsPerRun(1, func() { err = c.op.Run(&call) }))
		}
		if least != 0 || err != nil {
			t.Errorf("%s: %v allocations, %v", c.name, least, err)
		}
	}
}
