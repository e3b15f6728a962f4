package trace

import "github.com/glovebox-ml/glovebox/guest/abi"

// A permuted reading of a value goes on being one through ops that treat all
// dims alike, or name the dims they treat: such an op runs on what was
// computed, with its attributes put into that order. Two layouts that a model
// alternates between, as channels-first graphs over channels-last kernels do,
// so meet in the middle and cancel.

// Permute makes dim i of the result dim perm[i] of x. Nothing is moved until
// an op needs it.
func (t *Tracer) Permute(x *Value, perm ...int64) *Value {
	t.present(x)
	seen := make([]bool, len(perm))
	for _, p := range perm {
		if len(perm) != x.Rank() || p < 0 || p >= int64(len(perm)) || seen[p] {
			t.Fail(abi.FaultMalformed, "%v is no permutation of %d dims", perm, x.Rank())
		}
		seen[p] = true
	}
	if v := t.beforeView(t.laid(x), perm); v != nil {
		return v
	}
	return t.reading(x, compose(perm, x.perm))
}

// movesNothing reports whether v reads dims of 1 in another place and nothing
// else, so that it is a view.
func movesNothing(v *Value) bool {
	last := int64(-1)
	for i, p := range v.perm {
		if v.Dim(i) == Const(1) {
			continue
		}
		if p < last {
			return false
		}
		last = p
	}
	return true
}

// laid is x with src filled in.
func (t *Tracer) laid(x *Value) *Value {
	if x.src == nil {
		t.place(x)
	}
	return x
}

// reading is the reading of the value under x by perm.
func (t *Tracer) reading(x *Value, perm []int64) *Value {
	v := placed(x.src)
	v.bits, v.splat = x.bits, x.splat
	if isIdentity(perm) {
		return v
	}
	v.perm = perm
	for i, p := range perm {
		v.typ.Dims[i] = x.src.typ.Dims[p]
	}
	if x.src.dims != nil {
		v.dims = make([]Int, len(perm))
		for i, p := range perm {
			v.dims[i] = x.src.dims[p]
		}
	}
	return v
}

// compose is the permutation that reads by p what inner reads.
func compose(p, inner []int64) []int64 {
	if inner == nil {
		return p
	}
	q := make([]int64, len(p))
	for i, k := range p {
		q[i] = inner[k]
	}
	return q
}

func invert(p []int64) []int64 {
	q := make([]int64, len(p))
	for i, k := range p {
		q[k] = int64(i)
	}
	return q
}

func isIdentity(p []int64) bool {
	for i, k := range p {
		if k != int64(i) {
			return false
		}
	}
	return true
}

func samePerm(a, b []int64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// arranged puts a list with one entry for each dim of a reading into the order
// of what is read.
func arranged[T any](xs []T, perm []int64) []T {
	if len(xs) != len(perm) {
		return xs
	}
	ys := make([]T, len(xs))
	for i, p := range perm {
		ys[p] = xs[i]
	}
	return ys
}

// through runs an op on what its permuted inputs are readings of; nil, if it
// has none or cannot.
func (t *Tracer) through(op abi.Op, a abi.Attrs, in []*Value) []*Value {
	if op == abi.OpMatMul {
		return t.transposed(a.(*abi.MatMul), in)
	}
	if len(in) == 0 || in[0] == nil {
		return nil
	}
	perm := commonPerm(in)
	if perm == nil {
		return nil
	}
	if op != abi.OpConcat && len(in) > 1 {
		return nil
	}
	inner, out, ok := moved(a, perm)
	if !ok {
		return nil
	}
	base := make([]*Value, len(in))
	for i, v := range in {
		base[i] = t.under(v, perm)
	}
	vs := t.Op(op, inner, base...)
	for i, v := range vs {
		vs[i] = t.reading(v, out)
	}
	return vs
}

// commonPerm is the permutation by which all inputs that are not constant are
// read, or nil. Where all are constant, they must be read alike: an input that
// takes over the permutation of another would hand it back for ever.
func commonPerm(in []*Value) []int64 {
	var perm []int64
	plain, varying := false, false
	for _, v := range in {
		if v == nil || v.perm == nil && !v.con || perm != nil && v.perm != nil && !samePerm(perm, v.perm) {
			return nil
		}
		if v.perm != nil {
			perm = v.perm
		}
		plain = plain || v.perm == nil
		varying = varying || !v.con
	}
	if plain && !varying {
		return nil
	}
	return perm
}

// under is the value of which v is a reading by perm.
func (t *Tracer) under(v *Value, perm []int64) *Value {
	if samePerm(v.perm, perm) {
		return placed(v.src)
	}
	return t.Permute(v, invert(perm)...)
}

// moved gives the attributes of an op of one input (or Concat) for what perm
// reads, and the permutation by which the result is to be read. Axes out of
// range are the host's to refuse.
func moved(a abi.Attrs, perm []int64) (inner abi.Attrs, out []int64, ok bool) {
	ok = true
	at := func(axis int64) int64 {
		if axis < 0 || axis >= int64(len(perm)) {
			ok = false
			return 0
		}
		return perm[axis]
	}
	switch a := a.(type) {
	case *abi.Slice:
		inner, out = &abi.Slice{Start: arranged(a.Start, perm), Size: arranged(a.Size, perm), Step: arranged(a.Step, perm)}, perm
	case *abi.Concat:
		inner, out = &abi.Concat{Axis: at(a.Axis)}, perm
	case *abi.Pad:
		inner, out = &abi.Pad{Before: arranged(a.Before, perm), After: arranged(a.After, perm), Mode: a.Mode}, perm
	case *abi.Tile:
		inner, out = &abi.Tile{Reps: arranged(a.Reps, perm)}, perm
	case *abi.Resize:
		b := *a
		b.Dims, b.Scales = arranged(a.Dims, perm), arranged(a.Scales, perm)
		if n := len(perm); len(a.ROI) == 2*n {
			b.ROI = append(arranged(a.ROI[:n], perm), arranged(a.ROI[n:], perm)...)
		}
		inner, out = &b, perm
	case *abi.Softmax:
		b := *a
		b.Axis = at(a.Axis)
		inner, out = &b, perm
	case *abi.Cumulate:
		b := *a
		b.Axis = at(a.Axis)
		inner, out = &b, perm
	case *abi.Bitcast:
		inner, out = a, perm
	case *abi.Arg:
		b := *a
		b.Axis = at(a.Axis)
		inner, out = &b, without(perm, []int64{b.Axis}, a.Keep)
	case *abi.Reduce:
		b := *a
		b.Axes = make([]int64, len(a.Axes))
		for i, x := range a.Axes {
			b.Axes[i] = at(x)
		}
		ok = ok && len(a.Epilogue.Code) == 0
		inner, out = &b, without(perm, b.Axes, a.Keep)
	default:
		ok = false
	}
	return inner, out, ok
}

// without is perm after the dims axes of what is read have been folded away.
func without(perm, axes []int64, keep bool) []int64 {
	if keep {
		return perm
	}
	gone := make([]bool, len(perm))
	for _, a := range axes {
		gone[a] = true
	}
	var out []int64
	for _, p := range perm {
		if gone[p] {
			continue
		}
		k := p
		for q := range p {
			if gone[q] {
				k--
			}
		}
		out = append(out, k)
	}
	return out
}

// transposed lets a matrix product read a swap of its last two dims by itself.
func (t *Tracer) transposed(a *abi.MatMul, in []*Value) []*Value {
	b := *a
	sides := append([]*Value(nil), in...)
	for i, flag := range [...]*bool{&b.TA, &b.TB} {
		if i >= len(in) || in[i] == nil {
			return nil
		}
		n := len(in[i].perm)
		if n < 2 || in[i].perm[n-2] != int64(n-1) {
			continue
		}
		swap := make([]int64, n)
		for k := range swap {
			swap[k] = int64(k)
		}
		swap[n-2], swap[n-1] = swap[n-1], swap[n-2]
		sides[i] = t.Permute(in[i], swap...)
		*flag = !*flag
	}
	if b.TA == a.TA && b.TB == a.TB {
		return nil
	}
	return t.Op(abi.OpMatMul, &b, sides...)
}
