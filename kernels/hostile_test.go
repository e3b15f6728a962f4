package kernels

import (
	"context"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// No types and attributes make a plan panic or cost less than nothing, and what
// is accepted and small runs.
func TestHostilePlans(t *testing.T) {
	r := newDice()
	pick := func(from ...int64) int64 { return from[r.IntN(len(from))] }
	size := func() int64 {
		if r.IntN(12) > 0 {
			return pick(0, 1, 1, 2, 2, 3, 4)
		}
		return pick(-1, 7, 1<<15, 1<<20, 1<<31, 1<<40, 1<<45, 1<<62, -1<<63)
	}
	list := func(rank int) []int64 {
		if r.IntN(8) == 0 {
			rank = r.IntN(5)
		}
		l := make([]int64, rank)
		for i := range l {
			l[i] = pick(0, 1, 1, 1, 2)
			if r.IntN(12) == 0 {
				l[i] = size()
			}
		}
		return l
	}
	shape := func(d tensor.DType, rank int) tensor.Type {
		dims := make([]int64, rank)
		for i := range dims {
			dims[i] = size()
		}
		return tensor.Of(d, dims...)
	}
	flag := func() bool { return r.IntN(2) == 0 }
	small := func() int64 { return pick(0, 1, 1, 2, 2, 3) }
	ran := map[*Op]int{}
	for range 30_000 {
		d, rank := []tensor.DType{tensor.Float32, tensor.Float16, tensor.Float64, tensor.Int32}[r.IntN(4)], 1+r.IntN(5)
		x, w := shape(d, rank), shape(d, rank)
		if flag() {
			// Often enough something fits.
			w.Dims = x.Dims
		}
		sp := max(0, rank-2)
		side := shape(tensor.Float32, 3)
		ones, hid := make([]int64, 3), int64(rank)
		for _, c := range []struct {
			op    *Op
			attrs any
			in    []tensor.Type
		}{
			{&MatMul, MatMulAttrs{TA: flag(), TB: flag(), Alpha: float32(small())}, types(x, w)},
			{&Conv, ConvAttrs{Stride: list(sp), Dilation: list(sp), Before: list(sp), After: list(sp), Groups: small()}, types(x, w)},
			{&ConvTranspose, ConvTransposeAttrs{Stride: list(sp), Dilation: list(sp), Before: list(sp), After: list(sp), OutPad: list(sp), Groups: small()}, types(x, w)},
			{&PoolWindow, PoolAttrs{Kind: small(), Window: list(sp), Stride: list(sp), Dilation: list(sp), Before: list(sp), After: list(sp), Ceil: flag(), CountPad: flag(), P: small()}, types(x)},
			{&Reduce, ReduceAttrs{Axes: list(rank / 2), Fn: small(), Keep: flag()}, types(x)},
			{&Cumulate, CumulateAttrs{Axis: small(), Fn: small(), Exclusive: flag(), Reverse: flag()}, types(x)},
			{&Softmax, SoftmaxAttrs{Axis: small(), Log: flag()}, types(x, w)},
			{&LayerNorm, LayerNormAttrs{Axis: small(), RMS: flag()}, types(x, w)},
			{&GroupNorm, GroupNormAttrs{Groups: small()}, types(x)},
			{&Attention, AttentionAttrs{Heads: small(), KVHeads: small(), Size: small(), ValueSize: small(), From: list(3), Beside: flag()}, types(side, side, side)},
			{&LRN, LRNAttrs{Size: size(), A: 1, B: 1, K: 1}, types(x)},
			{&LSTM, RecurrentAttrs{Direction: DirForward, Activations: usual(&LSTM, 1), Alpha: ones, Beta: ones},
				types(shape(d, 3), tensor.Of(d, 1, 4*hid, 2), tensor.Of(d, 1, 4*hid, hid))},
		} {
			p, err := c.op.Plan(c.in, c.attrs)
			if err != nil {
				continue
			}
			if p.Flops < 0 || p.Bytes < 0 || p.Scratch < p.Packed {
				t.Fatalf("%s %+v of %v: %+v", c.op.Name(), c.attrs, c.in, p)
			}
			if p.Flops > 1<<16 || p.Bytes > 1<<16 || p.Scratch > 1<<16 || ran[c.op] == 200 {
				continue
			}
			ran[c.op]++
			var in []Tensor
			for _, x := range c.in {
				in = append(in, r.numbers(x.DType, x.Shape()...))
			}
			must(t, c.op, c.attrs, in...)
		}
	}
	if len(ran) != 12 {
		t.Errorf("only %d ops ran", len(ran))
	}
	for op, n := range ran {
		if n < 20 {
			t.Errorf("%s ran only %d times", op.Name(), n)
		}
	}
}

// patient is a deadline that passes when it was looked at so many times. Only
// one thread may look at it.
type patient struct {
	context.Context
	times int
}

func (p *patient) Err() error {
	if p.times--; p.times < 0 {
		return context.DeadlineExceeded
	}
	return nil
}
