package trace

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// place gives v as a value of the program: contents held by the guest become
// an op that makes them, and a permuted reading becomes a permute.
func (t *Tracer) place(v *Value) *result {
	switch {
	case v == nil:
		return nil
	case v.src == nil:
		v.src = t.contents(v)
	case v.perm != nil && movesNothing(v):
		return t.Reshape(placed(v.src), v.Dims()).src
	case v.perm != nil:
		return t.node(abi.OpPermute, &abi.Permute{Perm: v.perm}, []*result{v.src}).out[0]
	}
	return v.src
}

// maxLiteral is the longest list of integers that is written into a program.
const maxLiteral = 4096

// minIota is where counting takes less room than a list.
const minIota = 8

// contents appends the op that makes a value whose contents the guest holds.
func (t *Tracer) contents(v *Value) *result {
	if ix := turnOf(v.known); ix != nil {
		return t.counted(ix, v)
	}
	d, dims := int64(v.typ.DType), t.Words(v.Dims())
	if v.splat {
		return t.node(abi.OpFill, &abi.Fill{Dims: dims, Value: abi.Const(int64(v.bits)), DType: d}, nil).out[0]
	}
	if v.typ.DType.IsFloat() {
		whole := &Value{typ: v.typ, known: v.known}
		whole.typ.DType = tensor.Int64
		return t.place(t.Cast(placed(t.contents(whole)), v.typ.DType))
	}
	if len(v.known) > 0 && allEqual(v.known) {
		return t.node(abi.OpFill, &abi.Fill{Dims: dims, Value: t.Word(v.known[0]), DType: d}, nil).out[0]
	}
	if start, step, ok := progression(v.known); ok && v.Rank() == 1 && len(v.known) >= minIota && v.typ.DType != tensor.Bool {
		a := abi.Iota{N: dims[0], Start: abi.Const(start), Step: abi.Const(step), DType: d}
		return t.node(abi.OpIota, &a, nil).out[0]
	}
	if len(v.known) > maxLiteral {
		t.Fail(abi.FaultUnsupported, "%d integers worked out from shapes are too many to place", len(v.known))
	}
	return t.node(abi.OpLiteral, &abi.Literal{Dims: dims, Values: t.Words(v.known), DType: d}, nil).out[0]
}

func allEqual(xs []Int) bool {
	for _, x := range xs[1:] {
		if !identical(x, xs[0]) {
			return false
		}
	}
	return true
}

// progression reports whether xs are constants that rise in equal steps.
func progression(xs []Int) (start, step int64, ok bool) {
	if len(xs) < 2 {
		return 0, 0, false
	}
	start, step = xs[0].N, xs[1].N-xs[0].N
	n := int64(len(xs))
	if max(start, -start, step, -step) > maxCoef {
		return 0, 0, false
	}
	for i := range n {
		if x := xs[i]; x.sym != nil || x.N != start+i*step {
			return 0, 0, false
		}
	}
	return start, step, true
}
