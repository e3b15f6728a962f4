package kernels

import (
	"math"
	"testing"
	"time"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// BenchmarkSubnormal says how much longer ops take on subnormal numbers than
// on usual ones: where the first input is subnormal, where all are, and where
// the products of two inputs are. The fastest of all runs counts.
func BenchmarkSubnormal(b *testing.B) {
	r := newDice()
	f := func(dims ...int64) tensor.Type { return tensor.Of(tensor.Float32, dims...) }
	one := []int64{1, 1}
	conv := func(groups int64) ConvAttrs {
		return ConvAttrs{Stride: one, Dilation: one, Before: one, After: one, Groups: groups}
	}
	map1 := func(fn Fn) MapAttrs { return MapAttrs{program1(fn, tensor.Float32, 0)} }
	map2 := func(fn Fn) MapAttrs { return MapAttrs{program2(fn, tensor.Float32)} }
	for _, c := range []struct {
		name  string
		op    *Op
		attrs any
		in    []tensor.Type
	}{
		{"matmul", &MatMul, MatMulAttrs{}, types(f(128, 256), f(256, 256))},
		{"matvec", &MatMul, MatMulAttrs{}, types(f(1, 512), f(512, 512))},
		{"conv", &Conv, conv(1), types(f(1, 28, 28, 16), f(3, 3, 16, 64))},
		{"winograd", &Conv, conv(1), types(f(1, 28, 28, 64), f(3, 3, 64, 64))},
		{"depthwise", &Conv, conv(64), types(f(1, 56, 56, 64), f(3, 3, 1, 64))},
		{"add", &Map, map2(FnAdd), types(f(1<<16), f(1<<16))},
		{"mul", &Map, map2(FnMul), types(f(1<<16), f(1<<16))},
		{"div", &Map, map2(FnDiv), types(f(1<<16), f(1<<16))},
		{"sqrt", &Map, map1(FnSqrt), types(f(1 << 16))},
		{"recip", &Map, map1(FnRecip), types(f(1 << 16))},
		{"hard swish", &Map, map1(FnHardSwish), types(f(1 << 16))},
		{"exp", &Map, map1(FnExp), types(f(1 << 16))},
		{"tanh", &Map, map1(FnTanh), types(f(1 << 16))},
		{"silu", &Map, map1(FnSilu), types(f(1 << 16))},
		{"gelu", &Map, map1(FnGelu), types(f(1 << 16))},
		{"softmax", &Softmax, SoftmaxAttrs{Axis: 1}, types(f(64, 512))},
		{"layer norm", &LayerNorm, LayerNormAttrs{Axis: 1, Eps: 1e-5}, types(f(64, 512), tensor.Type{}, f(512), f(512))},
		{"group norm", &GroupNorm, GroupNormAttrs{Groups: 4, Eps: 1e-5}, types(f(1, 28, 28, 64), f(64), f(64))},
		{"lrn", &LRN, LRNAttrs{Size: 5, A: 1e-4, B: 0.75, K: 1}, types(f(1, 28, 28, 64))},
		{"mean", &Reduce, ReduceAttrs{Axes: []int64{1}, Fn: ReduceMean}, types(f(512, 64))},
		{"product", &Reduce, ReduceAttrs{Axes: []int64{1}, Fn: ReduceProd}, types(f(512, 64))},
		{"average pool", &PoolWindow, PoolAttrs{Kind: PoolAvg, Window: []int64{3, 3}, Stride: one, Dilation: one, Before: one, After: one}, types(f(1, 28, 28, 64))},
		{"resize", &Resize, ResizeAttrs{Dims: []int64{1, 56, 56, 64}, Mode: ResizeLinear, Coord: CoordHalfPixel}, types(f(1, 28, 28, 64))},
		{"attention", &Attention, AttentionAttrs{Heads: 4, KVHeads: 4, Size: 32, ValueSize: 32, Scale: 0.2}, types(f(1, 64, 128), f(1, 64, 128), f(1, 64, 128))},
	} {
		b.Run(c.name, func(b *testing.B) {
			kinds := []struct {
				name          string
				first, others float64
			}{{"usual", 1, 1}, {"first", 0x1p-129, 1}, {"all", 0x1p-129, 0x1p-129}, {"products", 0x1p-66, 0x1p-66}}
			op := c.op
			var calls []*Call
			for _, k := range kinds {
				var in []Tensor
				for n, t := range c.in {
					if !t.DType.Valid() {
						in = append(in, Tensor{})
						continue
					}
					v := values(r.numbers(t.DType, t.Shape()...))
					for i := range v {
						if n == 0 {
							v[i] *= k.first
						} else {
							v[i] *= k.others
						}
					}
					in = append(in, tensorOf(t.DType, t.Shape(), v))
				}
				calls = append(calls, planned(b, c.op, c.attrs, in...))
			}
			best := make([]time.Duration, len(kinds))
			for b.Loop() {
				for k, c := range calls {
					start := time.Now()
					if err := op.Run(c); err != nil {
						b.Fatal(err)
					}
					if t := time.Since(start); best[k] == 0 || t < best[k] {
						best[k] = t
					}
				}
			}
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(float64(best[0].Nanoseconds())/1e3, "µs")
			for k, t := range best[1:] {
				b.ReportMetric(math.Round(100*float64(t)/float64(best[0]))/100, kinds[k+1].name)
			}
		})
	}
}
