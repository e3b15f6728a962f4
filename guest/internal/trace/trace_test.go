package trace

import (
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// TestServesOtherSizes runs a model once and then asks for other sizes, which
// the host must answer without the guest, and as the guest would have.
func TestServesOtherSizes(t *testing.T) {
	cases := []struct {
		name  string
		in    []tensor.Type
		build func(t *Tracer, in, w []*Value) []*Value
		sizes [][]int64 // of the free dims
	}{
		{"shape into reshape", []tensor.Type{f32(-1, 6)}, func(t *Tracer, in, _ []*Value) []*Value {
			n := in[0].Dim(0)
			y := t.Reshape(in[0], []Int{n, Const(2), Const(3)})
			return []*Value{t.Reshape(y, []Int{t.Mul(n, Const(2)), Const(3)})}
		}, [][]int64{{4}, {1}, {7}, {0}}},
		{"half of a slice", []tensor.Type{f32(-1)}, func(t *Tracer, in, _ []*Value) []*Value {
			n := in[0].Dim(0)
			half := t.Div(n, Const(2))
			a := t.Slice(in[0], Consts(0), []Int{half}, nil)
			b := t.Slice(in[0], []Int{half}, []Int{t.Sub(n, half)}, nil)
			return []*Value{t.Concat(0, b, a)}
		}, [][]int64{{5}, {8}, {1}}},
		{"elements of two free dims", []tensor.Type{f32(-1, -1)}, func(t *Tracer, in, _ []*Value) []*Value {
			return []*Value{t.Fill(tensor.Float32, 3, []Int{t.Elems(in[0])}), t.Vector(t.Elems(in[0]), in[0].Dim(1))}
		}, [][]int64{{2, 3}, {5, 1}}},
		{"a dim of a broadcast", []tensor.Type{f32(-1), f32(-1)}, func(t *Tracer, in, _ []*Value) []*Value {
			s := t.Map2(abi.FnAdd, in[0], in[1])
			return []*Value{t.Vector(s.Dim(0))}
		}, [][]int64{{3, 3}, {3, 1}, {1, 4}}},
		{"attention over free dims", []tensor.Type{f32(-1, -1, 12)}, func(t *Tracer, in, _ []*Value) []*Value {
			d := in[0].Dims()
			heads := func(from int64) *Value {
				x := t.Slice(in[0], Consts(0, 0, from), []Int{d[0], d[1], Const(4)}, nil)
				return t.Permute(t.Reshape(x, []Int{d[0], d[1], Const(2), Const(2)}), 0, 2, 1, 3)
			}
			p := t.One(abi.OpSoftmax, &abi.Softmax{Axis: 3}, t.One(abi.OpMatMul, &abi.MatMul{TB: true}, heads(0), heads(4)))
			y := t.One(abi.OpMatMul, &abi.MatMul{}, p, heads(8))
			return []*Value{t.Reshape(t.Permute(y, 0, 2, 1, 3), []Int{d[0], d[1], Const(4)}), t.Vector(y.Dim(2))}
		}, [][]int64{{1, 5}, {2, 7}, {3, 300}}},
		{"float arithmetic on a size", []tensor.Type{f32(-1)}, func(t *Tracer, in, _ []*Value) []*Value {
			n := t.Cast(t.Vector(in[0].Dim(0)), tensor.Float32)
			n = t.Map1(abi.FnFloor, 0, t.Map2(abi.FnMul, n, t.Scalar(tensor.Float32, 2)))
			dims := t.Ints(t.Cast(n, tensor.Int64))
			return []*Value{t.Fill(tensor.Int64, 1, dims)}
		}, [][]int64{{3}, {6}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := newTrial(t, c.in, nil, 2, c.build)
			for i, size := range c.sizes {
				var in []kernels.Tensor
				for k, typ := range c.in {
					for d := range typ.Shape() {
						if typ.Dims[d] < 0 {
							typ.Dims[d], size = size[0], size[1:]
						}
					}
					in = append(in, random(typ, uint64(k)))
				}
				served := m.serve(in...)
				if (served != nil) != (i > 0) {
					t.Fatalf("sizes %v: served is %v", c.sizes[i], served != nil)
				}
				for k, want := range m.run(in...) {
					if served != nil && !equal(served[k], want) {
						t.Errorf("sizes %v: output %d is %v, want %v", c.sizes[i], k, numbersOf(served[k]), numbersOf(want))
					}
				}
			}
		})
	}
}

// TestDimsOfWindows follows free dims through ops that slide windows: they
// stay symbols of the input, and are right at other sizes.
func TestDimsOfWindows(t *testing.T) {
	two := func(a, b int64) []int64 { return []int64{a, b} }
	dims := func(t *Tracer, x *Value) *Value {
		for i, d := range x.Dims() {
			if d.sym != nil && d.sym.of.node != nil {
				t.Fail(abi.FaultMalformed, "dim %d is not one of the input", i)
			}
		}
		return t.Vector(x.Dims()...)
	}
	m := newTrial(t, []tensor.Type{f32(-1, -1, -1, 2)}, []kernels.Tensor{random(f32(3, 2, 2, 4), 1)}, 4, func(t *Tracer, in, w []*Value) []*Value {
		conv := t.One(abi.OpConv, &abi.Conv{Stride: two(2, 1), Dilation: two(1, 2), Before: two(1, 0), After: two(0, 3), Groups: 1}, in[0], w[0])
		up := t.One(abi.OpConvTranspose, &abi.ConvTranspose{Stride: two(3, 2), Dilation: two(1, 2), Before: two(1, 0), After: two(0, 1), OutPad: two(1, 0), Groups: 1}, in[0], w[0])
		pool := t.One(abi.OpPool, &abi.Pool{Kind: abi.PoolMax, Window: two(2, 3), Stride: two(2, 2), Dilation: two(1, 1), Before: two(0, 1), After: two(0, 1)}, conv)
		pad := t.One(abi.OpPad, &abi.Pad{Before: abi.Consts(0, 1, 2, 0), After: abi.Consts(0, 0, 1, 0), Mode: abi.PadEdge}, up)
		return []*Value{dims(t, conv), dims(t, up), dims(t, pool), dims(t, pad)}
	})
	for i, size := range [][]int64{{1, 9, 8}, {2, 12, 7}, {3, 20, 31}} {
		in := random(f32(size[0], size[1], size[2], 2), 1)
		served := m.serve(in)
		if (served == nil) != (i == 0) {
			t.Fatalf("size %v: served is %v", size, served != nil)
		}
		for k, want := range m.run(in) {
			if served != nil && !equal(served[k], want) {
				t.Errorf("size %v: dims %d are %v, want %v", size, k, numbersOf(served[k]), numbersOf(want))
			}
		}
	}
}

// TestNamedDims gives two inputs dims of one name. They are one symbol, and a
// request in which they differ is not served by what was traced when they did
// not.
func TestNamedDims(t *testing.T) {
	m := newTrial(t, []tensor.Type{f32(-1), f32(-1)}, nil, 1, func(t *Tracer, in, _ []*Value) []*Value {
		if !identical(in[0].Dim(0), in[1].Dim(0)) {
			return []*Value{in[0]}
		}
		return []*Value{t.Vector(in[1].Dim(0))}
	})
	for i := range m.ins {
		m.ins[i].Dims[0].Name = "n"
	}
	five, six := random(f32(5), 1), random(f32(6), 1)
	if got := numbersOf(m.run(five, five)[0]); got[0] != 5 {
		t.Errorf("size %v, want 5", got)
	}
	if got := m.serve(six, six); got == nil || numbersOf(got[0])[0] != 6 {
		t.Errorf("served %v, want 6", got)
	}
	if m.serve(six, five) != nil || m.serve(five, six) != nil {
		t.Error("served where the dims differ")
	}
	if got := m.run(six, five); !equal(got[0], six) {
		t.Errorf("%v, want the first input", got[0].Type)
	}
}

// TestGuards takes branches on sizes. A request on the same side is served;
// one on the other enters the guest and gets its own answer.
func TestGuards(t *testing.T) {
	m := newTrial(t, []tensor.Type{f32(-1)}, nil, 1, func(t *Tracer, in, _ []*Value) []*Value {
		if t.Less(in[0].Dim(0), Const(4)) {
			return []*Value{t.Map1(abi.FnNeg, 0, in[0])}
		}
		return []*Value{t.Map1(abi.FnAbs, 0, in[0])}
	})
	for i, c := range []struct {
		n      int64
		served bool
		sign   float64
	}{{2, false, -1}, {3, true, -1}, {4, false, 1}, {9, true, 1}, {1, true, -1}} {
		in := filledWith(f32(c.n), func(int64) float64 { return 5 })
		out := m.serve(in)
		if (out != nil) != c.served {
			t.Fatalf("%d: size %d: served is %v", i, c.n, out != nil)
		}
		if out == nil {
			out = m.run(in)
		}
		if got := numbersOf(out[0])[0]; got != 5*c.sign {
			t.Errorf("size %d: %v", c.n, got)
		}
	}
}

// TestReadsOfOtherLengths reads a list. A request with a longer one that begins
// alike is not served by what the shorter one said.
func TestReadsOfOtherLengths(t *testing.T) {
	m := newTrial(t, []tensor.Type{i64(-1)}, nil, 1, func(t *Tracer, in, _ []*Value) []*Value {
		return []*Value{t.Vector(t.Ints(in[0])...)}
	})
	for _, list := range [][]int64{{}, {7}, {7, 8}, {7, 8, 9}} {
		in := listOfInts(list)
		out := m.serve(in)
		if out == nil {
			out = m.run(in)
		}
		if !equal(out[0], in) {
			t.Errorf("%v of %v", numbersOf(out[0]), list)
		}
	}
}

// TestOps looks at what is left of a model when it runs.
func TestOps(t *testing.T) {
	scalar := func(t *Tracer, v float64) *Value { return t.Scalar(tensor.Float32, v) }
	cases := []struct {
		name  string
		in    []tensor.Type
		build func(t *Tracer, in []*Value) []*Value
		want  []abi.Op
	}{
		{"dead code", []tensor.Type{f32(2, 3)}, func(t *Tracer, in []*Value) []*Value {
			t.Permute(t.Map1(abi.FnExp, 0, in[0]), 1, 0)
			return []*Value{t.Map1(abi.FnNeg, 0, in[0])}
		}, []abi.Op{abi.OpMap}},
		{"common subexpressions", []tensor.Type{f32(2, 3)}, func(t *Tracer, in []*Value) []*Value {
			a := t.One(abi.OpBroadcast, &abi.Broadcast{Dims: abi.Consts(4, 2, 3)}, in[0])
			b := t.One(abi.OpBroadcast, &abi.Broadcast{Dims: abi.Consts(4, 2, 3)}, in[0])
			return []*Value{a, t.Map2(abi.FnAdd, a, b)}
		}, []abi.Op{abi.OpBroadcast, abi.OpMap}},
		{"permutes cancel around a map", []tensor.Type{f32(1, 2, 3, 4)}, func(t *Tracer, in []*Value) []*Value {
			y := t.Permute(in[0], 0, 3, 1, 2)
			y = t.Map2(abi.FnMul, y, scalar(t, 2))
			return []*Value{t.Permute(y, 0, 2, 3, 1)}
		}, []abi.Op{abi.OpMap}},
		{"a permute moves through reduce", []tensor.Type{f32(1, 2, 3, 4)}, func(t *Tracer, in []*Value) []*Value {
			y := t.Permute(in[0], 0, 3, 1, 2)
			y = t.Slice(y, Consts(0, 1, 0, 0), Consts(1, 2, 2, 3), nil)
			y = t.Concat(1, y, y)
			return []*Value{t.Permute(y, 0, 2, 3, 1)}
		}, []abi.Op{abi.OpSlice, abi.OpConcat}},
		{"a dim of 1 goes from a reading", []tensor.Type{f32(2, 1, 3, 4)}, func(t *Tracer, in []*Value) []*Value {
			y := t.Reshape(t.Permute(in[0], 0, 3, 1, 2), Consts(2, 4, -1))
			return []*Value{t.Permute(y, 0, 2, 1)}
		}, []abi.Op{abi.OpView}},
		{"only a dim of 1 is moved", []tensor.Type{f32(2, 1, 3)}, func(t *Tracer, in []*Value) []*Value {
			return []*Value{t.Permute(in[0], 1, 0, 2)}
		}, []abi.Op{abi.OpView}},
		{"permutes cancel behind a view", []tensor.Type{f32(2, 3, 4, 5)}, func(t *Tracer, in []*Value) []*Value {
			y := t.Reshape(t.Permute(in[0], 0, 2, 1, 3), Consts(-1, 3, 5))
			y = t.Reshape(t.Permute(y, 0, 2, 1), Consts(2, 4, 5, 3))
			return []*Value{t.Permute(y, 0, 3, 1, 2)}
		}, nil},
		{"permutes around a view that joins what stays side by side are one", []tensor.Type{f32(1, 6, 5, 4)}, func(t *Tracer, in []*Value) []*Value {
			y := t.Reshape(in[0], Consts(1, 2, 3, 5, 4))
			y = t.Reshape(t.Permute(y, 0, 2, 1, 3, 4), Consts(1, 6, 5, 4))
			return []*Value{t.Permute(y, 0, 2, 3, 1)}
		}, []abi.Op{abi.OpView, abi.OpPermute, abi.OpView}},
		{"a permute that stays", []tensor.Type{f32(2, 3)}, func(t *Tracer, in []*Value) []*Value {
			return []*Value{t.Permute(in[0], 1, 0)}
		}, []abi.Op{abi.OpPermute}},
		{"a transposed factor", []tensor.Type{f32(2, 3), f32(4, 3)}, func(t *Tracer, in []*Value) []*Value {
			return []*Value{t.One(abi.OpMatMul, &abi.MatMul{}, in[0], t.Permute(in[1], 1, 0))}
		}, []abi.Op{abi.OpMatMul}},
		{"views of views", []tensor.Type{f32(2, 6)}, func(t *Tracer, in []*Value) []*Value {
			y := t.Reshape(t.Reshape(in[0], Consts(3, 4)), Consts(12))
			return []*Value{t.Reshape(y, Consts(4, -1))}
		}, []abi.Op{abi.OpView}},
		{"shape arithmetic", []tensor.Type{f32(2, 6)}, func(t *Tracer, in []*Value) []*Value {
			shape := t.Vector(in[0].Dims()...)
			n := t.Gather(shape, t.Known(tensor.Int64, nil, Consts(1)), 0)
			n = t.Map2(abi.FnDiv, n, t.Known(tensor.Int64, nil, Consts(2)))
			dims := t.Concat(0, t.Reshape(n, Consts(1)), t.Vector(Const(-1)))
			return []*Value{t.Reshape(in[0], t.Ints(dims))}
		}, []abi.Op{abi.OpView}},
		{"counting", []tensor.Type{f32(1)}, func(t *Tracer, _ []*Value) []*Value {
			var xs []Int
			for i := range int64(20) {
				xs = append(xs, Const(3+2*i))
			}
			return []*Value{t.Vector(xs...)}
		}, []abi.Op{abi.OpIota}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var in []kernels.Tensor
			for k, typ := range c.in {
				in = append(in, random(typ, uint64(k)))
			}
			m := newTrial(t, c.in, nil, 2, func(t *Tracer, in, _ []*Value) []*Value { return c.build(t, in) })
			m.run(in...)
			if got := m.spy.ops(); !slices.Equal(got, c.want) {
				t.Errorf("ops %v, want %v", got, c.want)
			}
			if m.spy.alive != 0 {
				t.Errorf("%d programs are left", m.spy.alive)
			}
		})
	}
}

// TestConcatOfReadings joins what is read by a permute with what is not.
func TestConcatOfReadings(t *testing.T) {
	w := []kernels.Tensor{counting(f32(2, 3)), counting(f32(3, 2))}
	want := []float64{0, 3, 0, 1, 1, 4, 2, 3, 2, 5, 4, 5}
	cases := []struct {
		name        string
		left, right func(t *Tracer, in, w []*Value) *Value
	}{
		{"two constants", func(_ *Tracer, _, w []*Value) *Value { return w[0] }, func(_ *Tracer, _, w []*Value) *Value { return w[1] }},
		{"an input and a constant", func(_ *Tracer, in, _ []*Value) *Value { return in[0] }, func(_ *Tracer, _, w []*Value) *Value { return w[1] }},
		{"a constant and an input", func(_ *Tracer, _, w []*Value) *Value { return w[0] }, func(_ *Tracer, in, _ []*Value) *Value { return in[1] }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := newTrial(t, []tensor.Type{w[0].Type, w[1].Type}, w, 1, func(t *Tracer, in, w []*Value) []*Value {
				return []*Value{t.Concat(1, t.Permute(c.left(t, in, w), 1, 0), c.right(t, in, w))}
			})
			if got := numbersOf(m.run(w...)[0]); !slices.Equal(got, want) {
				t.Errorf("%v, want %v", got, want)
			}
		})
	}
}
