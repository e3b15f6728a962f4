package trace

import (
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// TestBody compares loops that are sealed with the same loops written out.
func TestBody(t *testing.T) {
	const turns = 20
	type step = func(t *Tracer, in []*Value, x *Value) []*Value
	cases := []struct {
		name  string
		body  step
		seals int // programs sealed by the loop, 0 for one in each turn
	}{
		{"a sum", func(t *Tracer, in []*Value, x *Value) []*Value {
			return []*Value{t.Map2(abi.FnAdd, in[1], x)}
		}, 1},
		{"what does not change", func(t *Tracer, in []*Value, x *Value) []*Value {
			return []*Value{t.Map2(abi.FnAdd, in[1], t.Slice(x, Consts(1), Consts(2), []int64{-1}))}
		}, 1},
		{"the number of the turn", func(t *Tracer, in []*Value, x *Value) []*Value {
			return []*Value{t.Map2(abi.FnAdd, in[1], t.Cast(in[0], tensor.Float32))}
		}, 1},
		{"carried as it was", func(t *Tracer, in []*Value, x *Value) []*Value {
			return []*Value{in[1]}
		}, 1},
		{"from outside", func(t *Tracer, in []*Value, x *Value) []*Value {
			return []*Value{x}
		}, 1},
		{"growing", func(t *Tracer, in []*Value, x *Value) []*Value {
			return []*Value{t.Concat(0, in[1], x)}
		}, turns},
		{"a symbol", func(t *Tracer, in []*Value, x *Value) []*Value {
			n := t.Div(in[1].Dim(0), Const(2))
			return []*Value{t.Concat(0, t.Slice(in[1], []Int{n}, []Int{t.Sub(in[1].Dim(0), n)}, nil), t.Slice(x, Consts(0), []Int{n}, nil))}
		}, 1},
		{"contents", func(t *Tracer, in []*Value, x *Value) []*Value {
			i := t.Ints(t.Cast(t.Slice(in[1], Consts(0), Consts(1), nil), tensor.Int64))[0]
			return []*Value{t.Map2(abi.FnAdd, in[1], t.Cast(t.Vector(i, i), tensor.Float32))}
		}, 0},
		{"contents of the number", func(t *Tracer, in []*Value, x *Value) []*Value {
			if t.Ints(in[0])[0].N%2 == 0 {
				return []*Value{t.Map2(abi.FnAdd, in[1], x)}
			}
			return []*Value{t.Map2(abi.FnMul, in[1], x)}
		}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			loop := func(sealed bool) func(t *Tracer, in, w []*Value) []*Value {
				return func(t *Tracer, in, w []*Value) []*Value {
					x := t.Map2(abi.FnMul, in[0], t.Scalar(tensor.Float32, 0.5))
					b := t.NewBody(func(args []*Value) []*Value { return c.body(t, args, x) })
					defer b.Close()
					out := []*Value{in[0]}
					for i := range int64(turns) {
						args := []*Value{t.Known(tensor.Int64, nil, Consts(i)), out[0]}
						if sealed {
							out = b.Run(args)
						} else {
							out = c.body(t, args, x)
						}
					}
					return []*Value{t.Map1(abi.FnNeg, 0, out[0])}
				}
			}
			in := random(f32(2), 3)
			plain := newTrial(t, []tensor.Type{f32(-1)}, nil, 1, loop(false))
			want := plain.run(in)
			m := newTrial(t, []tensor.Type{f32(-1)}, nil, 1, loop(true))
			if got := m.run(in); !equal(got[0], want[0]) {
				t.Errorf("%v, want %v", numbersOf(got[0]), numbersOf(want[0]))
			}
			if m.spy.alive != 0 {
				t.Errorf("%d programs are left", m.spy.alive)
			}
			if m.spy.tensors > 8+2*turns || c.seals == 1 && m.spy.tensors > 8 {
				t.Errorf("%d tensors are left", m.spy.tensors)
			}
			if got := len(m.spy.seals); c.seals == 1 && got > turns+4 {
				t.Errorf("%d programs sealed", got)
			}
			served := m.serve(in)
			if served == nil && c.seals == 1 {
				t.Error("the plan is not served")
			}
			if served != nil && !equal(served[0], want[0]) {
				t.Errorf("served %v, want %v", numbersOf(served[0]), numbersOf(want[0]))
			}
			other := random(f32(2), 4)
			if served := m.serve(other); served != nil && !equal(served[0], plain.run(other)[0]) {
				t.Error("served another answer")
			}
			longer := random(f32(5), 4)
			if served := m.serve(longer); served != nil {
				if want, fault := plain.enter(longer); fault == nil && !equal(served[0], want[0]) {
					t.Error("served another answer for another size")
				}
			}
		})
	}
}

// TestBodiesInside runs a loop in a loop.
func TestBodiesInside(t *testing.T) {
	m := newTrial(t, []tensor.Type{f32(2)}, nil, 1, func(t *Tracer, in, _ []*Value) []*Value {
		outer := t.NewBody(func(x []*Value) []*Value {
			inner := t.NewBody(func(y []*Value) []*Value { return []*Value{t.Map2(abi.FnAdd, y[0], x[0])} })
			defer inner.Close()
			y := []*Value{x[0]}
			for range 3 {
				y = inner.Run(y)
			}
			return y
		})
		defer outer.Close()
		x := []*Value{in[0]}
		for range 3 {
			x = outer.Run(x)
		}
		return x
	})
	in := counting(f32(2))
	if got := numbersOf(m.run(in)[0]); got[1] != 64 {
		t.Errorf("%v, want 64", got[1])
	}
}

// TestLive reads a value in the middle of a model: what was computed for it is
// not computed again.
func TestLive(t *testing.T) {
	for _, known := range []bool{false, true} {
		m := newTrial(t, []tensor.Type{f32(4)}, nil, 1, func(t *Tracer, in, _ []*Value) []*Value {
			x := t.Slice(in[0], Consts(3), Consts(4), []int64{-1})
			y := t.Slice(x, Consts(1), Consts(1), nil)
			if known {
				t.Live = func(yield func(*Value)) { yield(x) }
			}
			if t.Floats(y)[0] > 0 {
				return []*Value{t.Map1(abi.FnNeg, 0, x)}
			}
			return []*Value{x}
		})
		m.run(random(f32(4), 2))
		count := 0
		for _, op := range m.spy.ops() {
			if op == abi.OpSlice {
				count++
			}
		}
		if want := map[bool]int{true: 2, false: 3}[known]; count != want {
			t.Errorf("live values known %v: computed %d times", known, count)
		}
	}
}
