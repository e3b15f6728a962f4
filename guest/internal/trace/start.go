package trace

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// SliceAt takes size elements of x, from start on along axes and from the first
// on along the others. start has an integer for each axis, which the program
// knows when it runs; it refuses one that leaves no room.
func (t *Tracer) SliceAt(x, start *Value, axes []int64, size []Int) *Value {
	t.present(x, start)
	zero := t.Words(make([]Int, x.Rank()))
	return t.One(abi.OpSlice, &abi.Slice{Start: zero, Size: t.Words(size), Step: ones(x.Rank()), Axes: axes}, x, start)
}

// UpdateSlice writes u over x from at on along axes and from start on along the
// others. at is as in SliceAt; it is nil where there are no axes.
func (t *Tracer) UpdateSlice(x, u *Value, start []Int, at *Value, axes []int64) *Value {
	t.present(x, u)
	in := []*Value{x, u}
	if len(axes) > 0 {
		in = append(in, at)
	}
	return t.One(abi.OpUpdateSlice, &abi.UpdateSlice{Start: t.Words(start), Axes: axes}, in...)
}

// Gap is b-a, where b is computed from a, or both from the same integer, by
// adding constants.
func (t *Tracer) Gap(a, b *Value) (int64, bool) {
	from, x := t.shifted(a)
	to, y := t.shifted(b)
	return y - x, from != nil && from == to
}

// shifted is what an integer is computed from, and what is added to that.
func (t *Tracer) shifted(v *Value) (r *result, by int64) {
	if v == nil || v.src == nil || v.perm != nil || v.typ.Elems() != 1 || v.typ.DType.IsFloat() {
		return nil, 0
	}
	r = v.src
	for r.node != nil {
		n, next := r.node, (*result)(nil)
		switch n.op {
		case abi.OpView:
			next = n.in[0]
		case abi.OpMap:
			var c int64
			if next, c = addend(n); next != nil {
				by += c
			}
		}
		if next == nil || next.typ.Elems() != 1 || next.typ.DType != r.typ.DType {
			break
		}
		r = next
	}
	return r, by
}

// addend is what a map adds a small constant to; nil, if it does anything else.
func addend(n *node) (x *result, c int64) {
	p := n.attrs.(*abi.Map).Program
	if len(p.Out) != 1 || len(p.Code) == 0 {
		return nil, 0
	}
	at := len(p.Code) - 1
	last, d := p.Code[at], tensor.DType(p.Code[at].DType)
	if int(p.Out[0]) != len(n.in)+at || last.Fn != abi.FnAdd && last.Fn != abi.FnSub || at > 1 || !d.IsSigned() {
		return nil, 0
	}
	value := func(reg uint8) (*result, int64, bool) {
		if int(reg) < len(n.in) {
			r := n.in[reg]
			if r.node != nil && r.node.op == abi.OpFill {
				return nil, r.node.attrs.(*abi.Fill).Value.N, r.node.attrs.(*abi.Fill).Value.Of == 0
			}
			return r, 0, true
		}
		i := p.Code[int(reg)-len(n.in)]
		return nil, whole(d, i.Imm), i.Fn == abi.FnConst
	}
	a, ca, ok1 := value(last.A)
	b, cb, ok2 := value(last.B)
	switch {
	case !ok1 || !ok2 || max(ca, -ca, cb, -cb) > maxCoef:
		return nil, 0
	case b == nil && last.Fn == abi.FnSub:
		return a, -cb
	case b == nil:
		return a, cb
	case a == nil && last.Fn == abi.FnAdd:
		return b, ca
	}
	return nil, 0
}
