package trace

import (
	"fmt"
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// looping goes through a loop: what Repeat makes of it, if it may, and then turn
// by turn.
func looping(t *Tracer, l *Loop, repeats bool) (carried, stacks []*Value, made Int) {
	carried, made = slices.Clone(l.Carried), Const(0)
	var parts [][]*Value
	if repeats {
		if done := t.Repeat(l); done != nil {
			carried, made = done.Carried, done.Turns
			for _, s := range done.Stacks {
				parts = append(parts, []*Value{s})
			}
		}
	}
	for i := int64(0); t.Less(t.Add(made, Const(i)), l.Turns); i++ {
		turn := t.Add(made, Const(i))
		var entries []*Value
		for k, v := range l.Scanned {
			at := turn
			if l.Back[k] {
				at = t.Sub(t.Sub(v.Dim(0), Const(1)), turn)
			}
			start, size := make([]Int, v.Rank()), v.Dims()
			start[0], size[0] = at, Const(1)
			entries = append(entries, t.Reshape(t.Slice(v, start, size, nil), v.Dims()[1:]))
		}
		next, stacked := l.Body(t.Known(tensor.Int64, nil, []Int{turn}), carried, entries)
		carried = next
		for k, v := range stacked {
			if k == len(parts) {
				parts = append(parts, nil)
			}
			parts[k] = append(parts[k], t.Reshape(v, append(Consts(1), v.Dims()...)))
		}
	}
	for k, p := range parts {
		if l.StacksBack[k] && made == Const(0) {
			slices.Reverse(p)
		}
		stacks = append(stacks, t.Concat(0, p...))
	}
	return carried, stacks, made
}

func TestRepeat(t *testing.T) {
	all := func(n int64) int64 { return n }
	none := func(int64) int64 { return 0 }
	weights := []kernels.Tensor{random(f32(3, 3), 9), random(f32(3), 10)}
	number := func(t *Tracer, n int64) *Value { return t.Known(tensor.Int64, nil, Consts(n)) }
	for _, c := range []struct {
		name  string
		loop  func(t *Tracer, x *Value, w []*Value) *Loop
		turns func(n int64) int64 // how many of n are repeated
	}{
		{"a sum", func(t *Tracer, x *Value, w []*Value) *Loop {
			return &Loop{
				Carried: []*Value{t.Fill(tensor.Float32, 0, Consts(3))}, Scanned: []*Value{x}, Back: []bool{false}, StacksBack: []bool{false},
				Body: func(_ *Value, given, entries []*Value) (next, stacked []*Value) {
					sum := t.Map2(abi.FnAdd, given[0], entries[0])
					return []*Value{sum}, []*Value{sum}
				},
			}
		}, all},
		{"from the end to the end", func(t *Tracer, x *Value, w []*Value) *Loop {
			return &Loop{
				Carried: []*Value{t.Fill(tensor.Float32, 1, Consts(3))}, Scanned: []*Value{x, x}, Back: []bool{true, false}, StacksBack: []bool{true, false},
				Body: func(_ *Value, given, entries []*Value) (next, stacked []*Value) {
					p := t.Map2(abi.FnMul, given[0], entries[0])
					return []*Value{p}, []*Value{p, t.Map2(abi.FnSub, entries[1], p)}
				},
			}
		}, all},
		{"a cell of a network", func(t *Tracer, x *Value, w []*Value) *Loop {
			zero := t.Fill(tensor.Float32, 0, Consts(1, 3))
			return &Loop{
				Carried: []*Value{zero, w[0], w[1]}, Scanned: []*Value{x}, Back: []bool{false}, StacksBack: []bool{false},
				Body: func(_ *Value, given, entries []*Value) (next, stacked []*Value) {
					h := t.One(abi.OpMatMul, &abi.MatMul{}, given[0], given[1])
					h = t.Map1(abi.FnTanh, 0, t.Map2(abi.FnAdd, t.Map2(abi.FnAdd, h, given[2]), entries[0]))
					return []*Value{h, given[1], given[2]}, []*Value{t.Reshape(h, Consts(3))}
				},
			}
		}, all},
		{"the number of the turn", func(t *Tracer, x *Value, w []*Value) *Loop {
			return &Loop{
				Carried: []*Value{t.Fill(tensor.Float32, 0, Consts(3))}, StacksBack: []bool{false},
				Body: func(turn *Value, given, _ []*Value) (next, stacked []*Value) {
					n := t.Cast(t.Map2(abi.FnAdd, t.Map2(abi.FnMul, turn, number(t, 3)), number(t, 1)), tensor.Float32)
					return []*Value{t.Map2(abi.FnAdd, given[0], n)}, []*Value{n}
				},
			}
		}, all},
		{"counters", func(t *Tracer, x *Value, w []*Value) *Loop {
			return &Loop{
				Carried: []*Value{number(t, 0), t.Vector(Const(5), Const(7)), t.Fill(tensor.Float32, 0, Consts(3))}, StacksBack: []bool{false},
				Body: func(_ *Value, given, _ []*Value) (next, stacked []*Value) {
					at := t.Ints(given[0])[0]
					row := t.Reshape(t.Slice(x, []Int{at, Const(0)}, Consts(1, 3), nil), Consts(3))
					one := t.Vector(Const(1), Const(-2))
					return []*Value{t.Map2(abi.FnAdd, given[0], number(t, 1)), t.Map2(abi.FnAdd, given[1], one), t.Map2(abi.FnAdd, given[2], row)},
						[]*Value{t.Cast(given[1], tensor.Float32)}
				},
			}
		}, all},
		{"each as the next was", func(t *Tracer, x *Value, w []*Value) *Loop {
			zero := t.Fill(tensor.Float32, 0, Consts(3))
			return &Loop{
				Carried: []*Value{zero, zero, zero}, Scanned: []*Value{x}, Back: []bool{false}, StacksBack: []bool{false},
				Body: func(_ *Value, given, entries []*Value) (next, stacked []*Value) {
					return []*Value{given[1], given[2], entries[0]}, []*Value{given[0]}
				},
			}
		}, all},
		{"until the last but one", func(t *Tracer, x *Value, w []*Value) *Loop {
			return &Loop{
				Carried: []*Value{t.Fill(tensor.Float32, 0, Consts(3))}, StacksBack: []bool{},
				Body: func(turn *Value, given, _ []*Value) (next, stacked []*Value) {
					by := t.Scalar(tensor.Float32, 1)
					if !t.Less(t.Add(t.Ints(turn)[0], Const(2)), x.Dim(0)) {
						by = t.Scalar(tensor.Float32, 100)
					}
					return []*Value{t.Map2(abi.FnAdd, given[0], by)}, nil
				},
			}
		}, func(n int64) int64 { return n - 2 }},
		{"until something constant", func(t *Tracer, x *Value, w []*Value) *Loop {
			return &Loop{
				Carried: []*Value{t.Fill(tensor.Float32, 0, Consts(3))}, StacksBack: []bool{},
				Body: func(turn *Value, given, _ []*Value) (next, stacked []*Value) {
					by := t.Scalar(tensor.Float32, 1)
					if i := t.Ints(turn)[0]; t.Less(Const(10), t.Mul(i, Const(2))) || t.Equal(i, Const(50)) {
						by = t.Scalar(tensor.Float32, 100)
					}
					return []*Value{t.Map2(abi.FnAdd, given[0], by)}, nil
				},
			}
		}, func(n int64) int64 { return min(n, 6) }},
		{"a counter that wraps", func(t *Tracer, x *Value, w []*Value) *Loop {
			return &Loop{
				Carried: []*Value{t.Known(tensor.Int8, nil, Consts(121)), t.Fill(tensor.Float32, 0, Consts(3))}, StacksBack: []bool{},
				Body: func(_ *Value, given, _ []*Value) (next, stacked []*Value) {
					return []*Value{t.Map2(abi.FnAdd, given[0], t.Known(tensor.Int8, nil, Consts(1))),
						t.Map2(abi.FnAdd, given[1], t.Cast(given[0], tensor.Float32))}, nil
				},
			}
		}, func(n int64) int64 { return min(n, 6) }},
		{"what is the same in each turn", func(t *Tracer, x *Value, w []*Value) *Loop {
			y := t.Map1(abi.FnNeg, 0, x)
			return &Loop{
				Carried: []*Value{t.Fill(tensor.Float32, 0, []Int{x.Dim(0), Const(3)})}, StacksBack: []bool{false, false},
				Body: func(_ *Value, given, _ []*Value) (next, stacked []*Value) {
					z := t.Map2(abi.FnAdd, given[0], t.Map1(abi.FnAbs, 0, y))
					flat := t.Reshape(z, []Int{t.Mul(x.Dim(0), Const(3))})
					return []*Value{z}, []*Value{flat, w[1]}
				},
			}
		}, all},
		{"a loop in a loop", func(t *Tracer, x *Value, w []*Value) *Loop {
			return &Loop{
				Carried: []*Value{t.Fill(tensor.Float32, 1, Consts(3))}, Scanned: []*Value{x}, Back: []bool{false}, StacksBack: []bool{false},
				Body: func(_ *Value, given, entries []*Value) (next, stacked []*Value) {
					inner := &Loop{
						Turns: Const(5), Carried: []*Value{given[0]}, Scanned: nil, StacksBack: []bool{false},
						Body: func(turn *Value, in, _ []*Value) (next, stacked []*Value) {
							y := t.Map2(abi.FnAdd, t.Map2(abi.FnMul, in[0], t.Scalar(tensor.Float32, 0.5)), entries[0])
							return []*Value{y}, []*Value{t.Map2(abi.FnMul, y, t.Cast(turn, tensor.Float32))}
						},
					}
					carried, stacks, _ := looping(t, inner, t.trying > 0)
					return carried, stacks
				},
			}
		}, all},
		{"weights of its own in each turn", func(t *Tracer, x *Value, w []*Value) *Loop {
			rows := t.Broadcast(t.Reshape(w[1], Consts(1, 3)), Consts(10_000, 3))
			return &Loop{
				Turns: Const(9), Carried: []*Value{t.Fill(tensor.Float32, 0, Consts(3))}, StacksBack: []bool{},
				Body: func(turn *Value, given, _ []*Value) (next, stacked []*Value) {
					return []*Value{t.Map2(abi.FnAdd, given[0], t.Reshape(t.Gather(rows, turn, 0), Consts(3)))}, nil
				},
			}
		}, none},
		{"one turn like no other", func(t *Tracer, x *Value, w []*Value) *Loop {
			return &Loop{
				Carried: []*Value{t.Fill(tensor.Float32, 0, Consts(3))}, StacksBack: []bool{},
				Body: func(turn *Value, given, _ []*Value) (next, stacked []*Value) {
					fn := abi.FnAdd
					if t.Equal(t.Mod(t.Ints(turn)[0], Const(2)), Const(0)) {
						fn = abi.FnSub
					}
					return []*Value{t.Map2(fn, given[0], t.Scalar(tensor.Float32, 1))}, nil
				},
			}
		}, none},
		{"contents", func(t *Tracer, x *Value, w []*Value) *Loop {
			return &Loop{
				Carried: []*Value{t.Fill(tensor.Float32, 0, Consts(3))}, StacksBack: []bool{},
				Body: func(_ *Value, given, _ []*Value) (next, stacked []*Value) {
					if t.Floats(given[0])[0] > 2 {
						return []*Value{t.Map1(abi.FnNeg, 0, given[0])}, nil
					}
					return []*Value{t.Map2(abi.FnAdd, given[0], t.Scalar(tensor.Float32, 1))}, nil
				},
			}
		}, none},
		{"growing", func(t *Tracer, x *Value, w []*Value) *Loop {
			return &Loop{
				Carried: []*Value{t.Fill(tensor.Float32, 0, Consts(3))}, StacksBack: []bool{},
				Body: func(_ *Value, given, _ []*Value) (next, stacked []*Value) {
					return []*Value{t.Concat(0, given[0], t.Fill(tensor.Float32, 1, Consts(1)))}, nil
				},
			}
		}, none},
		{"as much as the turn says", func(t *Tracer, x *Value, w []*Value) *Loop {
			return &Loop{
				Carried: []*Value{t.Fill(tensor.Float32, 0, Consts(3))}, StacksBack: []bool{},
				Body: func(turn *Value, given, _ []*Value) (next, stacked []*Value) {
					part := t.Slice(x, Consts(0, 0), []Int{t.Add(t.Ints(turn)[0], Const(1)), Const(3)}, nil)
					return []*Value{t.One(abi.OpReduce, &abi.Reduce{Axes: []int64{0}, Fn: abi.ReduceSum}, part)}, nil
				},
			}
		}, none},
	} {
		t.Run(c.name, func(t *testing.T) {
			var made Int
			build := func(repeats bool) func(t *Tracer, in, w []*Value) []*Value {
				return func(t *Tracer, in, w []*Value) []*Value {
					l := c.loop(t, in[0], w)
					if l.Turns == Const(0) {
						l.Turns = in[0].Dim(0)
					}
					carried, stacks, n := looping(t, l, repeats)
					made = n
					return append(carried, stacks...)
				}
			}
			const first = 9
			outs := 0
			newTrial(t, []tensor.Type{f32(-1, 3)}, weights, 0, func(t *Tracer, in, w []*Value) []*Value {
				outs = len(build(false)(t, in, w))
				return nil
			}).enter(random(f32(first, 3), 1))
			plain := newTrial(t, []tensor.Type{f32(-1, 3)}, weights, outs, build(false))
			m := newTrial(t, []tensor.Type{f32(-1, 3)}, weights, outs, build(true))
			same := func(what string, got, want []kernels.Tensor) {
				t.Helper()
				for i := range want {
					if !equal(got[i], want[i]) {
						t.Errorf("%s: output %d: %v, want %v", what, i, numbersOf(got[i]), numbersOf(want[i]))
					}
				}
			}
			in := random(f32(first, 3), 3)
			want := plain.run(in)
			same("traced", m.run(in), want)
			if n := c.turns(first); made.N != n {
				t.Errorf("%d turns were repeated, want %d", made.N, n)
			}
			if m.spy.alive != 0 {
				t.Errorf("%d programs are left", m.spy.alive)
			}
			if served := m.serve(in); served != nil {
				same("served", served, want)
			} else if made.N > 0 {
				t.Error("the plan is not served")
			}
			for _, n := range []int64{0, 1, 4, 5, 6, 8, 13, 100} {
				in := random(f32(n, 3), uint64(n))
				served := m.serve(in)
				if served == nil {
					if n == 13 && made.N == first {
						t.Error("the plan is not served for 13 turns")
					}
					continue
				}
				want, fault := plain.enter(in)
				if fault != nil {
					t.Fatal(fault.Text)
				}
				same(fmt.Sprint("served for ", n), served, want)
			}
		})
	}
}

// A loop of a million turns costs the guest no more than one of ten.
func TestRepeatIsTracedOnce(t *testing.T) {
	results := func(turns int64) int {
		var n int
		m := newTrial(t, []tensor.Type{f32(3)}, nil, 1, func(t *Tracer, in, _ []*Value) []*Value {
			done := t.Repeat(&Loop{
				Turns: Const(turns), Carried: []*Value{in[0]}, StacksBack: []bool{},
				Body: func(turn *Value, given, _ []*Value) (next, stacked []*Value) {
					return []*Value{t.Map2(abi.FnMul, given[0], t.Scalar(tensor.Float32, 0.5))}, nil
				},
			})
			n = len(t.results)
			return done.Carried
		})
		m.run(random(f32(3), 1))
		return n
	}
	if few, many := results(10), results(1_000_000); few != many {
		t.Errorf("%d results for ten turns, %d for a million", few, many)
	}
}

// A loop within one whose every turn is traced for itself leaves no program
// behind in a turn.
func TestRepeatInTurns(t *testing.T) {
	const turns = 2 * maxBodies
	repeated := 0
	m := newTrial(t, []tensor.Type{f32(2)}, nil, 1, func(t *Tracer, in, _ []*Value) []*Value {
		outer := t.NewBody(func(x []*Value) []*Value {
			if t.Floats(x[0])[0] < 0 {
				return x
			}
			done := t.Repeat(&Loop{
				Turns: Const(5), Carried: x, StacksBack: []bool{},
				Body: func(_ *Value, given, _ []*Value) (next, stacked []*Value) {
					return []*Value{t.Map2(abi.FnAdd, given[0], t.Scalar(tensor.Float32, 1))}, nil
				},
			})
			repeated++
			return done.Carried
		})
		defer outer.Close()
		x := in
		for range turns {
			x = outer.Run(x)
		}
		return x
	})
	if got := numbersOf(m.run(counting(f32(2)))[0]); got[1] != 1+5*turns || repeated != turns {
		t.Errorf("%v after %d loops", got, repeated)
	}
	if m.spy.alive != 0 {
		t.Errorf("%d programs are left", m.spy.alive)
	}
}
