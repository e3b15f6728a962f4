package trace

import (
	"math"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// maxFold bounds the elements that a program is worked out for in the guest.
const maxFold = 4096

// fold works p out over known contents; nil, if it cannot.
func (t *Tracer) fold(p abi.Program, in []*Value) []*Value {
	var dims []int64
	contents := make([][]Int, len(in))
	for i, v := range in {
		if v.dims != nil {
			return nil
		}
		if contents[i] = integral(v); contents[i] == nil {
			return nil
		}
		var ok bool
		if dims, ok = broadcast(dims, v.typ.Shape()); !ok {
			return nil
		}
	}
	n := tensor.Product(dims)
	if n > maxFold || len(in) == 0 {
		return nil
	}
	types := programTypes(p, in)
	results := make([][]Int, len(p.Out))
	for k := range n {
		regs := make([]Int, 0, len(in)+len(p.Code))
		for i, v := range in {
			regs = append(regs, contents[i][offset(k, dims, v.typ.Shape())])
		}
		for j, i := range p.Code {
			x, ok := t.evaluate(i, regs, types)
			if !ok || !fits(types[len(in)+j], x.N) || signless(i, types[len(in)+j], x) {
				return nil
			}
			regs = append(regs, t.wrap(types[len(in)+j], x))
		}
		for o, r := range p.Out {
			results[o] = append(results[o], regs[r])
		}
	}
	vs := make([]*Value, len(p.Out))
	for o, r := range p.Out {
		if results[o] == nil {
			results[o] = []Int{}
		}
		vs[o] = t.hold(tensor.Of(types[r], dims...), results[o])
	}
	return vs
}

// signless reports whether x may stand for a negative zero.
func signless(i abi.Instr, d tensor.DType, x Int) bool {
	return d.IsFloat() && x.N == 0 && (i.Fn == abi.FnMul || i.Fn == abi.FnNeg)
}

// integral is the contents of v where the guest holds them as integers.
func integral(v *Value) []Int {
	if v.known != nil {
		return v.known
	}
	if !v.splat || v.typ.Elems() != 1 {
		return nil
	}
	n, ok := number(v.typ.DType, v.bits)
	if !ok || n != math.Trunc(n) || math.Abs(n) >= 1<<53 || !fits(v.typ.DType, int64(n)) || n == 0 && math.Signbit(n) {
		return nil
	}
	return Consts(int64(n))
}

// programTypes are the types of the registers of p.
func programTypes(p abi.Program, in []*Value) []tensor.DType {
	var types []tensor.DType
	for _, v := range in {
		types = append(types, v.typ.DType)
	}
	for _, i := range p.Code {
		d := tensor.DType(i.DType)
		if i.Fn >= abi.FnEq && i.Fn <= abi.FnGe || i.Fn == abi.FnIsNaN || i.Fn == abi.FnIsInf {
			d = tensor.Bool
		}
		types = append(types, d)
	}
	return types
}

// broadcast joins two shapes as numpy does.
func broadcast(a, b []int64) ([]int64, bool) {
	if len(a) < len(b) {
		a, b = b, a
	}
	out := append([]int64(nil), a...)
	for i, d := range b {
		switch at := len(a) - len(b) + i; {
		case out[at] == d || d == 1:
		case out[at] == 1:
			out[at] = d
		default:
			return nil, false
		}
	}
	return out, true
}

// offset is where element k of a value of dims lies in one of shape, which
// broadcasts to it.
func offset(k int64, dims, shape []int64) int64 {
	at, stride := int64(0), int64(1)
	for i := len(dims) - 1; i >= 0; i-- {
		j := i - (len(dims) - len(shape))
		if j < 0 {
			break
		}
		if shape[j] != 1 {
			at += k % dims[i] * stride
		}
		stride *= shape[j]
		k /= dims[i]
	}
	return at
}

// evaluate works out one instruction; false, if it is not integer arithmetic.
func (t *Tracer) evaluate(i abi.Instr, regs []Int, types []tensor.DType) (Int, bool) {
	d := tensor.DType(i.DType)
	var x [3]Int
	for k, r := range operands(&i) {
		x[k] = regs[*r]
		if types[*r] == tensor.Uint64 && x[k].N < 0 {
			return Int{}, false
		}
	}
	a, b, c := x[0], x[1], x[2]
	switch i.Fn {
	case abi.FnConst:
		n, ok := number(d, i.Imm)
		return Const(int64(n)), ok && n == math.Trunc(n) && math.Abs(n) < 1<<53
	case abi.FnCast:
		if d == tensor.Bool {
			return truth(!t.Equal(a, Const(0))), true
		}
		return a, !types[i.A].IsFloat() || saturate(d, float64(a.N)) == a.N
	case abi.FnAdd:
		return t.Add(a, b), true
	case abi.FnSub:
		return t.Sub(a, b), true
	case abi.FnMul:
		return t.Mul(a, b), true
	case abi.FnDiv:
		return t.quotient(d, a, b)
	case abi.FnMod, abi.FnFmod:
		return t.remainder(i.Fn, a, b)
	case abi.FnMin:
		return t.Min(a, b), true
	case abi.FnMax:
		return t.Max(a, b), true
	case abi.FnNeg:
		return t.Sub(Const(0), a), true
	case abi.FnAbs:
		if t.Less(a, Const(0)) {
			return t.Sub(Const(0), a), true
		}
		return a, true
	case abi.FnFloor, abi.FnCeil, abi.FnRint, abi.FnTrunc:
		return a, true
	case abi.FnEq:
		return truth(t.Equal(a, b)), true
	case abi.FnNe:
		return truth(!t.Equal(a, b)), true
	case abi.FnLt:
		return truth(t.Less(a, b)), true
	case abi.FnLe:
		return truth(!t.Less(b, a)), true
	case abi.FnGt:
		return truth(t.Less(b, a)), true
	case abi.FnGe:
		return truth(!t.Less(a, b)), true
	case abi.FnSelect:
		if t.Equal(a, Const(0)) {
			return c, true
		}
		return b, true
	}
	return t.bitwise(i.Fn, d, a, b)
}

// quotient is FnDiv: integers toward zero, x/0 is 0; floats where exact.
func (t *Tracer) quotient(d tensor.DType, a, b Int) (Int, bool) {
	switch {
	case d.IsFloat():
		if a.sym != nil || b.sym != nil || b.N == 0 || a.N%b.N != 0 || a.N == 0 {
			return Int{}, false
		}
		return Const(a.N / b.N), true
	case t.Equal(b, Const(0)):
		return Const(0), true
	}
	return t.Div(a, b), true
}

func (t *Tracer) remainder(fn abi.Fn, a, b Int) (Int, bool) {
	x, m := t.Pin(a), t.Pin(b)
	switch {
	case m == 0:
		return Const(0), true
	case fn == abi.FnFmod:
		return Const(x % m), true
	}
	return t.Mod(Const(x), Const(m)), true
}

func (t *Tracer) bitwise(fn abi.Fn, d tensor.DType, a, b Int) (Int, bool) {
	if d.IsFloat() {
		return Int{}, false
	}
	x, y := t.Pin(a), t.Pin(b)
	switch fn {
	case abi.FnAnd:
		return Const(x & y), true
	case abi.FnOr:
		return Const(x | y), true
	case abi.FnXor:
		return Const(x ^ y), true
	case abi.FnNot:
		if d == tensor.Bool {
			return Const(x ^ 1), true
		}
		return Const(^x), true
	case abi.FnSign:
		switch {
		case x > 0:
			return Const(1), true
		case x < 0:
			return Const(-1), true
		}
		return Const(0), true
	}
	return Int{}, false
}

func truth(b bool) Int {
	if b {
		return Const(1)
	}
	return Const(0)
}
