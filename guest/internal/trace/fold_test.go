package trace

import (
	"fmt"
	"math"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// TestFold works integer functions out in the guest and has the kernel do the
// same. Where the guest does not know how, the value is placed and nothing is
// compared but that.
func TestFold(t *testing.T) {
	fns := []abi.Fn{
		abi.FnAdd, abi.FnSub, abi.FnMul, abi.FnDiv, abi.FnMod, abi.FnFmod, abi.FnMin, abi.FnMax,
		abi.FnAnd, abi.FnOr, abi.FnXor, abi.FnEq, abi.FnNe, abi.FnLt, abi.FnLe, abi.FnGt, abi.FnGe,
		abi.FnNot, abi.FnNeg, abi.FnAbs, abi.FnSign,
	}
	values := []int64{0, 1, -1, 2, 3, -3, 7, 100, 127, -128, 255, 1 << 31, -1 << 31, math.MaxInt64, math.MinInt64}
	var as, bs []int64
	for _, a := range values {
		for _, b := range values {
			as, bs = append(as, a), append(bs, b)
		}
	}
	for _, d := range []tensor.DType{tensor.Int64, tensor.Int32, tensor.Int8, tensor.Uint8, tensor.Bool} {
		for _, fn := range fns {
			if d == tensor.Bool && fn != abi.FnAnd && fn != abi.FnOr && fn != abi.FnXor && fn != abi.FnNot && fn != abi.FnEq {
				continue
			}
			if !d.IsSigned() && (fn == abi.FnNeg || fn == abi.FnAbs || fn == abi.FnSign) {
				continue
			}
			t.Run(fmt.Sprint(d, " ", fn), func(t *testing.T) {
				folded := false
				m := newTrial(t, []tensor.Type{i64(-1), i64(-1)}, nil, 2, func(t *Tracer, in, _ []*Value) []*Value {
					apply := func(a, b *Value) *Value {
						a, b = t.Cast(a, d), t.Cast(b, d)
						if arity(fn) == 1 {
							return t.Map1(fn, 0, a)
						}
						return t.Map2(fn, a, b)
					}
					y := apply(t.Known(tensor.Int64, []int64{int64(len(as))}, Consts(as...)), t.Known(tensor.Int64, []int64{int64(len(bs))}, Consts(bs...)))
					folded = y.IsKnown()
					return []*Value{t.Cast(y, tensor.Int64), t.Cast(apply(in[0], in[1]), tensor.Int64)}
				})
				out := m.run(listOfInts(as), listOfInts(bs))
				if !folded {
					t.Error("not folded")
				}
				if !equal(out[0], out[1]) {
					for i, got := range numbersOf(out[0]) {
						if want := numbersOf(out[1])[i]; got != want {
							t.Fatalf("of %d and %d: %v, want %v", as[i], bs[i], got, want)
						}
					}
				}
			})
		}
	}
}

// TestKnown cuts, joins and picks known values.
func TestKnown(t *testing.T) {
	m := newTrial(t, []tensor.Type{i64(2, 3)}, nil, 2, func(t *Tracer, in, _ []*Value) []*Value {
		work := func(x *Value) *Value {
			x = t.Gather(x, t.Known(tensor.Int64, []int64{2, 1}, Consts(-1, 0)), 0)
			x = t.Slice(x, Consts(0, 0, 2), Consts(2, 1, 2), []int64{1, 1, -2})
			x = t.Reshape(x, Consts(-1))
			x = t.Concat(0, x, x, t.Vector(Const(9)))
			x = t.Broadcast(x, Consts(2, 9))
			return t.Map2(abi.FnAdd, x, t.Gather(x, t.Known(tensor.Int64, nil, Consts(1)), 0))
		}
		known := t.Known(tensor.Int64, []int64{2, 3}, Consts(0, 1, 2, 3, 4, 5))
		y := t.Reshape(t.Slice(work(known), Consts(0, 0), Consts(2, 2), nil), Consts(4))
		if !y.IsKnown() {
			t.Fail(abi.FaultMalformed, "not known")
		}
		return []*Value{y, t.Reshape(t.Slice(work(in[0]), Consts(0, 0), Consts(2, 2), nil), Consts(4))}
	})
	out := m.run(counting(i64(2, 3)))
	if !equal(out[0], out[1]) {
		t.Errorf("%v, want %v", numbersOf(out[0]), numbersOf(out[1]))
	}
}
