package trace

import (
	"math"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// TestRows runs a model for each fusion with it and without any. Fused equals
// unfused, bit for bit unless weights are folded.
func TestRows(t *testing.T) {
	relu := func(t *Tracer, x *Value) *Value { return t.Map1(abi.FnRelu, 0, x) }
	type build = func(t *Tracer, in, w []*Value) []*Value
	conv := &abi.Conv{Stride: []int64{1, 1}, Dilation: []int64{1, 1}, Before: []int64{1, 1}, After: []int64{1, 1}, Groups: 1}
	up := &abi.ConvTranspose{Stride: []int64{2, 2}, Dilation: []int64{1, 1}, Before: []int64{0, 0}, After: []int64{0, 0}, OutPad: []int64{0, 0}, Groups: 1}
	image, kernel, channel := f32(1, 5, 6, 3), f32(3, 3, 3, 8), f32(8)
	norm := func(t *Tracer, x *Value, w []*Value) *Value {
		y := t.Map2(abi.FnAdd, x, w[1])
		return relu(t, t.Map2(abi.FnAdd, t.Map2(abi.FnMul, y, w[2]), w[3]))
	}
	tail := func(t *Tracer, x, w *Value) []*Value {
		y := t.Map2(abi.FnAdd, x, w)
		return []*Value{t.Map2(abi.FnMul, y, t.Map1(abi.FnSigmoid, 0, y))}
	}
	scores := func(t *Tracer, q, k *Value) *Value {
		return t.One(abi.OpMatMul, &abi.MatMul{TB: true, Alpha: 0.5}, q, k)
	}
	softmax := func(t *Tracer, z, bias *Value) *Value {
		z = t.Map2(abi.FnDiv, z, t.Scalar(tensor.Float32, 1.5))
		return t.One(abi.OpSoftmax, &abi.Softmax{Axis: int64(z.Rank()) - 1}, t.Map2(abi.FnAdd, z, bias))
	}
	cases := []struct {
		row   string
		in, w []tensor.Type
		build build
		ops   int     // that run, besides those over constants
		bound float64 // of the relative error; 0 is none
	}{
		{"map into map", []tensor.Type{f32(3, 4), f32(4)}, nil, func(t *Tracer, in, _ []*Value) []*Value {
			return tail(t, relu(t, in[0]), in[1])
		}, 1, 0},
		{"map before view", []tensor.Type{f32(2, 1, 3, 4)}, []tensor.Type{f32(4, 8), f32(1, 8)}, func(t *Tracer, in, w []*Value) []*Value {
			y := t.Reshape(t.One(abi.OpMatMul, &abi.MatMul{}, in[0], w[0]), Consts(2, 3, 8))
			return []*Value{relu(t, t.Map2(abi.FnAdd, y, w[1]))}
		}, 2, 0},
		{"map as layer_norm", []tensor.Type{f32(3, 8), channel}, nil, func(t *Tracer, in, _ []*Value) []*Value {
			mean := func(x *Value) *Value {
				return t.One(abi.OpReduce, &abi.Reduce{Axes: []int64{1}, Fn: abi.ReduceMean, Keep: true}, x)
			}
			d := t.Map2(abi.FnSub, in[0], mean(in[0]))
			v := mean(t.Map2(abi.FnPow, d, t.Scalar(tensor.Float32, 2)))
			root := t.Map1(abi.FnSqrt, 0, t.Map2(abi.FnAdd, v, t.Scalar(tensor.Float32, 1e-5)))
			return []*Value{t.Map2(abi.FnMul, t.Map2(abi.FnDiv, d, root), in[1])}
		}, 1, 1e-5},
		{"pad of zeros into conv", []tensor.Type{image}, []tensor.Type{kernel}, func(t *Tracer, in, w []*Value) []*Value {
			y := t.One(abi.OpPad, &abi.Pad{Before: abi.Consts(0, 1, 0, 0), After: abi.Consts(0, 0, 2, 0), Mode: abi.PadConstant}, in[0])
			return []*Value{t.One(abi.OpConv, conv, y, w[0])}
		}, 1, 0},
		{"softmax between products as attention", []tensor.Type{f32(5, 4), f32(4, 6), f32(6, 7)}, nil, func(t *Tracer, in, _ []*Value) []*Value {
			z := t.One(abi.OpMatMul, &abi.MatMul{}, in[0], in[1])
			p := t.One(abi.OpSoftmax, &abi.Softmax{Axis: 1, Scale: 0.3}, z)
			return []*Value{t.One(abi.OpMatMul, &abi.MatMul{}, p, in[2])}
		}, 5, 1e-5},
		{"softmax between products as attention", []tensor.Type{f32(2, 3, 5, 4), f32(2, 3, 6, 4), f32(2, 3, 6, 7), f32(5, 6)}, nil, func(t *Tracer, in, _ []*Value) []*Value {
			return []*Value{t.One(abi.OpMatMul, &abi.MatMul{}, softmax(t, scores(t, in[0], in[1]), in[3]), in[2])}
		}, 1, 1e-5},
		{"softmax without NaN between products as attention", []tensor.Type{f32(3, 5, 4), f32(3, 6, 4), f32(3, 6, 7), f32(5, 1)}, nil, func(t *Tracer, in, _ []*Value) []*Value {
			closed := t.Map2(abi.FnDiv, in[3], t.Map1(abi.FnRelu, 0, in[3])) // -Inf or 1
			p := softmax(t, scores(t, in[0], in[1]), closed)
			p = t.Map3(abi.FnSelect, t.Map1(abi.FnIsNaN, 0, p), t.Scalar(tensor.Float32, 0), p)
			return []*Value{t.One(abi.OpMatMul, &abi.MatMul{}, p, in[2])}
		}, 6, 1e-5},
		{"attention with its heads side by side", []tensor.Type{f32(2, 5, 36), f32(2, 1, 1, 5)}, nil, func(t *Tracer, in, _ []*Value) []*Value {
			heads := func(i int64) *Value {
				x := t.Reshape(in[0], Consts(2, 5, 3, 3, 4))
				x = t.Slice(x, Consts(0, 0, i, 0, 0), Consts(2, 5, 1, 3, 4), nil)
				return t.Permute(t.Reshape(x, Consts(2, 5, 3, 4)), 0, 2, 1, 3)
			}
			q := t.Map2(abi.FnMul, heads(0), t.Scalar(tensor.Float32, 0.7))
			y := t.One(abi.OpMatMul, &abi.MatMul{}, softmax(t, scores(t, q, heads(1)), in[1]), heads(2))
			return []*Value{t.Reshape(t.Permute(y, 0, 2, 1, 3), Consts(2, 5, 12))}
		}, 3, 1e-5},
		{"products of one operand before attention as one", []tensor.Type{f32(2, 5, 7)},
			[]tensor.Type{f32(7, 6), f32(7, 6), f32(7, 9), f32(6), f32(6), f32(9)}, func(t *Tracer, in, w []*Value) []*Value {
				heads := func(i int, size int64) *Value {
					x := t.Map2(abi.FnAdd, t.One(abi.OpMatMul, &abi.MatMul{}, in[0], w[i]), w[3+i])
					return t.Permute(t.Reshape(x, Consts(2, 5, 3, size)), 0, 2, 1, 3)
				}
				p := t.One(abi.OpSoftmax, &abi.Softmax{Axis: 3, Scale: 0.7}, scores(t, heads(0, 2), heads(1, 2)))
				y := t.One(abi.OpMatMul, &abi.MatMul{}, p, heads(2, 3))
				return []*Value{t.Reshape(t.Permute(y, 0, 2, 1, 3), Consts(2, 5, 9))}
			}, 4, 1e-5},
		{"map into the epilogue of matmul", []tensor.Type{f32(2, 3, 4)}, []tensor.Type{f32(4, 8), channel}, func(t *Tracer, in, w []*Value) []*Value {
			return tail(t, t.One(abi.OpMatMul, &abi.MatMul{}, in[0], w[0]), w[1])
		}, 1, 0},
		{"map into the epilogue of conv", []tensor.Type{image}, []tensor.Type{kernel, channel}, func(t *Tracer, in, w []*Value) []*Value {
			return tail(t, t.One(abi.OpConv, conv, in[0], w[0]), w[1])
		}, 1, 0},
		{"map into the epilogue of conv_transpose", []tensor.Type{image}, []tensor.Type{kernel, channel}, func(t *Tracer, in, w []*Value) []*Value {
			return tail(t, t.One(abi.OpConvTranspose, up, in[0], w[0]), w[1])
		}, 1, 0},
		{"map into the epilogue of reduce", []tensor.Type{f32(4, 8), channel}, nil, func(t *Tracer, in, _ []*Value) []*Value {
			return tail(t, t.One(abi.OpReduce, &abi.Reduce{Axes: []int64{0}, Fn: abi.ReduceMean}, in[0]), in[1])
		}, 1, 0},
		{"map into the epilogue of layer_norm", []tensor.Type{f32(4, 8)}, []tensor.Type{channel}, func(t *Tracer, in, w []*Value) []*Value {
			return tail(t, t.One(abi.OpLayerNorm, &abi.LayerNorm{Axis: 1, Eps: 1e-5}, in[0], nil, w[0]), w[0])
		}, 1, 0},
		{"map into the epilogue of group_norm", []tensor.Type{f32(2, 3, 8)}, []tensor.Type{channel}, func(t *Tracer, in, w []*Value) []*Value {
			return tail(t, t.One(abi.OpGroupNorm, &abi.GroupNorm{Groups: 2, Eps: 1e-5}, in[0], w[0], w[0]), w[0])
		}, 1, 0},
		{"map of one input into reduce", []tensor.Type{f32(4, 8)}, nil, func(t *Tracer, in, _ []*Value) []*Value {
			sq := t.Map2(abi.FnMul, in[0], in[0])
			return []*Value{t.One(abi.OpReduce, &abi.Reduce{Axes: []int64{1}, Fn: abi.ReduceSum}, sq)}
		}, 1, 0},
		{"scale into the weights of matmul", []tensor.Type{f32(2, 4)}, []tensor.Type{f32(4, 8), channel, channel, channel}, func(t *Tracer, in, w []*Value) []*Value {
			return []*Value{norm(t, t.One(abi.OpMatMul, &abi.MatMul{}, in[0], w[0]), w)}
		}, 1, 1e-5},
		{"scale into the weights of conv", []tensor.Type{image}, []tensor.Type{kernel, f32(8, 1, 1), f32(1, 8, 1, 1), f32(8, 1, 1)}, func(t *Tracer, in, w []*Value) []*Value {
			return []*Value{norm(t, t.Permute(t.One(abi.OpConv, conv, in[0], w[0]), 0, 3, 1, 2), w)}
		}, 2, 1e-5},
		{"scale into the weights of conv_transpose", []tensor.Type{image}, []tensor.Type{kernel, channel, channel, channel}, func(t *Tracer, in, w []*Value) []*Value {
			return []*Value{norm(t, t.One(abi.OpConvTranspose, up, in[0], w[0]), w)}
		}, 1, 1e-5},
	}
	covered := map[string]bool{}
	for _, c := range cases {
		covered[c.row] = true
		t.Run(c.row, func(t *testing.T) {
			var in, w []kernels.Tensor
			for i, typ := range c.in {
				in = append(in, random(typ, uint64(i)))
			}
			for i, typ := range c.w {
				w = append(w, random(typ, uint64(10+i)))
			}
			m := newTrial(t, c.in, w, 1, c.build)
			m.rows = nil
			want, fault := m.enter(in...)
			if fault != nil {
				t.Fatal(fault.Text)
			}
			m.rows = rows
			got := m.run(in...)
			if ops := m.spy.varying; len(ops) != c.ops {
				t.Errorf("ops %v run, want %d", ops, c.ops)
			}
			if c.bound == 0 && !equal(got[0], want[0]) {
				t.Errorf("fused %v, unfused %v", numbersOf(got[0]), numbersOf(want[0]))
			}
			a, b := numbersOf(got[0]), numbersOf(want[0])
			for i := range a {
				if math.Abs(a[i]-b[i]) > c.bound*max(1, math.Abs(b[i])) {
					t.Errorf("element %d: fused %v, unfused %v", i, a[i], b[i])
				}
			}
		})
	}
	for _, r := range rows {
		if !covered[r.name] {
			t.Errorf("no test of %q", r.name)
		}
	}
}

// TestIdioms writes each idiom out, as exporters do, and runs it with the
// fusions and without.
func TestIdioms(t *testing.T) {
	c := func(t *Tracer, v float64) *Value { return t.Scalar(tensor.Float32, v) }
	mul := func(t *Tracer, a, b *Value) *Value { return t.Map2(abi.FnMul, a, b) }
	add := func(t *Tracer, a, b *Value) *Value { return t.Map2(abi.FnAdd, a, b) }
	div := func(t *Tracer, a, b *Value) *Value { return t.Map2(abi.FnDiv, a, b) }
	clip := func(t *Tracer, x *Value) *Value {
		return t.Map2(abi.FnMin, t.Map2(abi.FnMax, add(t, x, c(t, 3)), c(t, 0)), c(t, 6))
	}
	erf := func(t *Tracer, x *Value) *Value {
		return add(t, c(t, 1), t.Map1(abi.FnErf, 0, div(t, x, c(t, math.Sqrt2))))
	}
	cases := []struct {
		idiom string
		fn    abi.Fn
		write func(t *Tracer, x *Value) *Value
	}{
		{"silu", abi.FnSilu, func(t *Tracer, x *Value) *Value { return mul(t, t.Map1(abi.FnSigmoid, 0, x), x) }},
		{"silu", abi.FnSilu, func(t *Tracer, x *Value) *Value {
			x = mul(t, x, add(t, x, c(t, 1))) // x is a product itself
			return mul(t, x, t.Map1(abi.FnSigmoid, 0, x))
		}},
		{"hardswish", abi.FnHardSwish, func(t *Tracer, x *Value) *Value { return div(t, mul(t, x, clip(t, x)), c(t, 6)) }},
		{"hardswish", abi.FnHardSwish, func(t *Tracer, x *Value) *Value { return mul(t, x, mul(t, clip(t, x), c(t, 1.0/6))) }},
		{"hardswish of hardsigmoid", abi.FnHardSwish, func(t *Tracer, x *Value) *Value {
			imm := uint64(math.Float32bits(1.0/6)) | uint64(math.Float32bits(0.5))<<32
			return mul(t, x, t.Map1(abi.FnHardSigmoid, imm, x))
		}},
		{"gelu", abi.FnGelu, func(t *Tracer, x *Value) *Value { return mul(t, mul(t, x, erf(t, x)), c(t, 0.5)) }},
		{"gelu", abi.FnGelu, func(t *Tracer, x *Value) *Value { return mul(t, mul(t, c(t, 0.5), x), erf(t, x)) }},
		{"gelu by tanh", abi.FnGeluTanh, func(t *Tracer, x *Value) *Value {
			u := add(t, x, mul(t, c(t, 0.044715), mul(t, x, mul(t, x, x))))
			return mul(t, mul(t, c(t, 0.5), x), add(t, c(t, 1), t.Map1(abi.FnTanh, 0, mul(t, c(t, 0.7978845608), u))))
		}},
		{"gelu by tanh of a product", abi.FnGeluTanh, func(t *Tracer, x *Value) *Value {
			u := mul(t, mul(t, c(t, 0.7978845608), x), add(t, c(t, 1), mul(t, mul(t, x, c(t, 0.044715)), x)))
			return mul(t, c(t, 0.5), mul(t, x, add(t, c(t, 1), t.Map1(abi.FnTanh, 0, u))))
		}},
		{"mish", abi.FnMish, func(t *Tracer, x *Value) *Value {
			return mul(t, x, t.Map1(abi.FnTanh, 0, t.Map1(abi.FnSoftplus, 0, x)))
		}},
	}
	covered := map[string]bool{}
	for _, k := range cases {
		covered[k.idiom] = true
		t.Run(k.idiom, func(t *testing.T) {
			values := make([]float32, 4096)
			for i := range values {
				values[i] = float32(i-2048) / 200
			}
			in := kernels.Tensor{Type: f32(4096), Data: tensor.Bytes(values)}
			var program abi.Map
			m := newTrial(t, []tensor.Type{in.Type}, nil, 1, func(t *Tracer, in, _ []*Value) []*Value { return []*Value{k.write(t, in[0])} })
			m.rows = nil
			want := numbersOf(m.run(in)[0])
			m = newTrial(t, []tensor.Type{in.Type}, nil, 1, func(t *Tracer, in, _ []*Value) []*Value { return []*Value{k.write(t, in[0])} })
			got := numbersOf(m.run(in)[0])
			if e := abi.DecodeAttrs(m.spy.ran[0][0].Words, &program); e != abi.OK {
				t.Fatal(e)
			}
			if last := program.Program.Code[len(program.Program.Code)-1]; last.Fn != k.fn {
				t.Errorf("the program is %v", program.Program)
			}
			for i := range got {
				if bound := 0x1p-21 * max(1, math.Abs(float64(values[i])), math.Abs(want[i])); math.Abs(got[i]-want[i]) > bound {
					t.Fatalf("at %v: %v, written out %v", values[i], got[i], want[i])
				}
			}
		})
	}
	for _, d := range idioms {
		if !covered[d.name] {
			t.Errorf("no test of %q", d.name)
		}
	}
}

// TestNoIdioms writes what is nearly one.
func TestNoIdioms(t *testing.T) {
	i := func(fn abi.Fn, a, b uint8) abi.Instr {
		return abi.Instr{Fn: fn, DType: uint8(tensor.Float32), A: a, B: b}
	}
	k := func(v float32) abi.Instr {
		return abi.Instr{Fn: abi.FnConst, DType: uint8(tensor.Float32), Imm: uint64(math.Float32bits(v))}
	}
	for name, code := range map[string][]abi.Instr{
		"sigmoid of another":    {i(abi.FnSigmoid, 1, 0), i(abi.FnMul, 0, 2)},
		"another factor":        {i(abi.FnSigmoid, 0, 0), i(abi.FnMul, 0, 2), i(abi.FnMul, 3, 1)},
		"a quotient":            {i(abi.FnSigmoid, 0, 0), i(abi.FnDiv, 0, 2)},
		"a constant too many":   {i(abi.FnSigmoid, 0, 0), k(2), i(abi.FnMul, 2, 3), i(abi.FnMul, 0, 4)},
		"another bound":         {k(3), i(abi.FnAdd, 0, 2), k(0), i(abi.FnMax, 3, 4), k(5), i(abi.FnMin, 5, 6), i(abi.FnMul, 0, 7), k(6), i(abi.FnDiv, 8, 9)},
		"powers of powers":      {i(abi.FnMul, 0, 0), i(abi.FnMul, 2, 2), i(abi.FnMul, 3, 3), i(abi.FnMul, 4, 4), i(abi.FnMul, 5, 5)},
		"sigmoid of an integer": {{Fn: abi.FnMul, DType: uint8(tensor.Int32), A: 0, B: 1}},
		"the bounds exchanged":  {k(3), i(abi.FnAdd, 0, 2), k(6), i(abi.FnMax, 3, 4), k(0), i(abi.FnMin, 5, 6), i(abi.FnMul, 0, 7), k(6), i(abi.FnDiv, 8, 9)},
	} {
		p := abi.Program{Code: code, Out: []int64{int64(1 + len(code))}}
		got := idiomatic(p, 2)
		if name == "another factor" { // the idiom in it is found
			if len(got.Code) != 2 || got.Code[0].Fn != abi.FnSilu {
				t.Errorf("%s: %v", name, got)
			}
			continue
		}
		if len(got.Code) != len(code) {
			t.Errorf("%s: became %v", name, got)
		}
	}
}
