package trace

import (
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Slices that have each element once are joined by one move of data, and others
// as they are.
func TestInterleaved(t *testing.T) {
	type at [2]int64 // the first row and column
	for _, c := range []struct {
		name   string
		typ    tensor.Type
		starts []at
		step   at
		axis   int
		chain  bool // of a slice for each dim
		last   bool // read with the channels last
		want   []abi.Op
	}{
		{"rows fastest", f32(1, 3, 4, 6), []at{{0, 0}, {1, 0}, {0, 1}, {1, 1}}, at{2, 2}, 1, true, false, []abi.Op{abi.OpView, abi.OpPermute, abi.OpView}},
		{"columns fastest", f32(2, 3, 4, 6), []at{{0, 0}, {0, 1}, {1, 0}, {1, 1}}, at{2, 2}, 1, false, false, []abi.Op{abi.OpView, abi.OpPermute, abi.OpView}},
		{"channels last", f32(1, 3, 4, 6), []at{{0, 0}, {1, 0}, {0, 1}, {1, 1}}, at{2, 2}, 1, true, true, []abi.Op{abi.OpView, abi.OpPermute, abi.OpView}},
		{"thirds of columns", f32(1, 2, 2, 6), []at{{0, 0}, {0, 1}, {0, 2}}, at{1, 3}, 1, false, false, []abi.Op{abi.OpView, abi.OpPermute, abi.OpView}},
		{"along the dim itself", f32(1, 1, 1, 6), []at{{0, 0}, {0, 1}}, at{1, 2}, 3, false, false, []abi.Op{abi.OpView, abi.OpPermute, abi.OpView}},
		{"of six", f32(1, 2, 4, 6), []at{{0, 0}, {0, 1}, {0, 2}, {1, 0}, {1, 1}, {1, 2}}, at{2, 3}, 1, true, false, []abi.Op{abi.OpView, abi.OpPermute, abi.OpView}},
		{"one twice", f32(1, 3, 4, 6), []at{{0, 0}, {1, 0}, {0, 1}, {0, 1}}, at{2, 2}, 1, true, false, nil},
		{"in no order", f32(1, 3, 4, 6), []at{{0, 0}, {1, 1}, {0, 1}, {1, 0}}, at{2, 2}, 1, true, false, nil},
		{"the first not first", f32(1, 3, 4, 6), []at{{1, 0}, {0, 0}, {1, 1}, {0, 1}}, at{2, 2}, 1, true, false, nil},
		{"some missing", f32(1, 3, 4, 6), []at{{0, 0}, {1, 0}}, at{2, 2}, 1, true, false, nil},
		{"a column left over", f32(1, 3, 4, 7), []at{{0, 0}, {0, 1}}, at{1, 2}, 1, false, false, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := random(c.typ, 1)
			build := func(apart bool) func(t *Tracer, in, _ []*Value) []*Value {
				return func(t *Tracer, in, _ []*Value) []*Value {
					var xs []*Value
					for _, s := range c.starts {
						v, size := in[0], slices.Clone(c.typ.Shape())
						size[2], size[3] = size[2]/c.step[0], size[3]/c.step[1]
						if c.chain {
							rows := slices.Clone(size)
							rows[3] = c.typ.Dims[3]
							v = t.Slice(v, Consts(0, 0, s[0], 0), Consts(rows...), []int64{1, 1, c.step[0], 1})
							v = t.Slice(v, Consts(0, 0, 0, s[1]), Consts(size...), []int64{1, 1, 1, c.step[1]})
						} else {
							v = t.Slice(v, Consts(0, 0, s[0], s[1]), Consts(size...), []int64{1, 1, c.step[0], c.step[1]})
						}
						if apart {
							v = t.Map1(abi.FnAbs, 0, t.Map1(abi.FnNeg, 0, v))
						}
						xs = append(xs, v)
					}
					y := t.Concat(c.axis, xs...)
					if c.last {
						y = t.Permute(y, 0, 2, 3, 1)
					}
					return []*Value{y}
				}
			}
			for i, v := range tensor.View[float32](x.Data) {
				tensor.View[float32](x.Data)[i] = max(v, -v)
			}
			want := newTrial(t, []tensor.Type{c.typ}, nil, 1, build(true)).run(x)[0]
			m := newTrial(t, []tensor.Type{c.typ}, nil, 1, build(false))
			y := m.run(x)[0]
			if y.Type != want.Type || !slices.Equal(numbersOf(y), numbersOf(want)) {
				t.Errorf("%v %v, want %v %v", y.Type, numbersOf(y), want.Type, numbersOf(want))
			}
			if ops := m.spy.ops(); c.want != nil && !slices.Equal(ops, c.want) || c.want == nil && !slices.Contains(ops, abi.OpConcat) {
				t.Errorf("ops %v, want %v", ops, c.want)
			}
		})
	}
}

// The rows and columns of an image of any even size are told apart by one plan.
func TestInterleavedOfAnySize(t *testing.T) {
	m := newTrial(t, []tensor.Type{f32(1, 2, -1, 4)}, nil, 1, func(t *Tracer, in, _ []*Value) []*Value {
		half := t.Div(in[0].Dim(2), Const(2))
		even := t.Slice(in[0], Consts(0, 0, 0, 0), []Int{Const(1), Const(2), half, Const(4)}, []int64{1, 1, 2, 1})
		odd := t.Slice(in[0], Consts(0, 0, 1, 0), []Int{Const(1), Const(2), half, Const(4)}, []int64{1, 1, 2, 1})
		return []*Value{t.Concat(1, even, odd)}
	})
	for _, n := range []int64{4, 6, 2} {
		x := counting(f32(1, 2, n, 4))
		y := m.run(x)[0]
		values := numbersOf(y)
		for i, v := range values {
			col, row, channel := int64(i)%4, int64(i)/4%(n/2), int64(i)/4/(n/2)
			if want := float64(channel%2*n*4 + (2*row+channel/2)*4 + col); v != want {
				t.Fatalf("%d rows: element %d is %v, want %v", n, i, v, want)
			}
		}
	}
}
