package trace

import (
	"math"
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// insert appends a node that a rewrite makes, itself rewritten, for one node
// that reads its first result.
func (f *fusion) insert(op abi.Op, a abi.Attrs, in ...*result) *result {
	n := f.t.node(op, a, in)
	r := n.out[0]
	f.role(r).users++
	if f.maker(r) == nil && r.tensor == 0 {
		f.add(f.rewrite(n))
	}
	return r
}

// mapBeforeView runs an elementwise program on what its input is a view of, so
// that it can become an epilogue of that. Its other inputs go along the last
// dim at most, and the view must leave that as it is.
func mapBeforeView(f *fusion, _ *row, p, m *node, at int) *node {
	x, y := p.in[0], p.out[0]
	rank, to := int(x.typ.Rank), int(y.typ.Rank)
	if len(m.out) != 1 || usesIota(m.attrs.(*abi.Map).Program) || m.out[0].typ.Rank != y.typ.Rank || m.out[0].typ.Dims != y.typ.Dims {
		return nil
	}
	keepsLast := rank > 0 && to > 0 && identical(x.dim(rank-1), y.dim(to-1))
	for i, r := range m.in {
		if i == at {
			continue
		}
		n := int(r.typ.Rank)
		if r == y || n > rank || r.dims != nil || n > 0 && r.typ.Elems() != r.typ.Dims[n-1] || r.typ.Elems() != 1 && !keepsLast {
			return nil
		}
	}
	in := slices.Clone(m.in)
	in[at] = x
	inner := f.insert(abi.OpMap, m.attrs, in...)
	return &node{op: abi.OpView, attrs: p.attrs, in: []*result{inner}, refs: p.refs, out: m.out}
}

// padIntoConv lets a convolution pad by itself.
func padIntoConv(f *fusion, _ *row, p, m *node, at int) *node {
	pad, a := p.attrs.(*abi.Pad), *m.attrs.(*abi.Conv)
	last := len(pad.Before) - 1
	if at != 0 || pad.Mode != abi.PadConstant || len(p.refs) != 0 || len(p.in) > 1 && !f.isZero(p.in[1]) || last != len(a.Before)+1 {
		return nil
	}
	for i := range pad.Before {
		if b, e := pad.Before[i].N, pad.After[i].N; b < 0 || e < 0 || (i == 0 || i == last) && b+e != 0 {
			return nil
		}
	}
	a.Before, a.After = slices.Clone(a.Before), slices.Clone(a.After)
	for i := range a.Before {
		a.Before[i] += pad.Before[i+1].N
		a.After[i] += pad.After[i+1].N
	}
	in := slices.Clone(m.in)
	in[0] = p.in[0]
	return &node{op: m.op, attrs: &a, in: in, refs: m.refs, out: m.out}
}

// isZero reports whether r is filled with zeros, or absent.
func (f *fusion) isZero(r *result) bool {
	if r == nil {
		return true
	}
	if r.node == nil || r.node.op != abi.OpFill {
		return r.file != nil && r.file.data != nil && r.typ.Elems() == 1 && element(r.file.data, r.typ.DType.Size()) == 0
	}
	w := r.node.attrs.(*abi.Fill).Value
	return w.Of == 0 && w.N == 0
}

// asLayerNorm finds a normalisation that was written out:
//
//	d = x - mean(x)
//	m = …(d / sqrt(mean(d²) + eps))
//
// over the same trailing dims, where nothing else uses the parts. The quotient
// becomes a layer_norm of x, and m what is left of it. The producer is the
// reduction that gives the root.
func asLayerNorm(f *fusion, _ *row, p, m *node, at int) *node {
	eps, ok := rootOfMeanSquare(p)
	if !ok {
		return nil
	}
	d := p.in[0]
	sub := f.maker(d)
	k := quotient(m, d, p.out[0])
	if sub == nil || k < 0 || f.users(d) != 2 || sub.op != abi.OpMap || len(sub.in) != 2 {
		return nil
	}
	mean := f.maker(sub.in[1])
	x := sub.in[0]
	if mean == nil || mean.op != abi.OpReduce || f.users(mean.out[0]) != 1 || mean.in[0] != x || !isSub(sub) || x.typ != d.typ {
		return nil
	}
	of, root := mean.attrs.(*abi.Reduce), p.attrs.(*abi.Reduce)
	if of.Fn != abi.ReduceMean || !of.Keep || len(of.Pre.Code) != 0 || len(of.Epilogue.Code) != 0 || !slices.Equal(of.Axes, root.Axes) || len(mean.in) != 1 {
		return nil
	}
	axis, ok := trailing(root.Axes, x)
	if !ok {
		return nil
	}
	y := f.insert(abi.OpLayerNorm, &abi.LayerNorm{Axis: axis, Eps: eps}, x)
	f.role(x).users-- // two nodes have become one
	return withQuotient(m, k, d, p.out[0], y)
}

// rootOfMeanSquare reports whether n is sqrt(mean(d²) + eps), keeping dims.
func rootOfMeanSquare(n *node) (eps float32, ok bool) {
	a := n.attrs.(*abi.Reduce)
	f32 := uint8(tensor.Float32)
	square := []abi.Instr{{Fn: abi.FnMul, DType: f32}}
	e := a.Epilogue.Code
	if a.Fn != abi.ReduceMean || !a.Keep || len(n.in) != 1 || n.out[0].typ.DType != tensor.Float32 {
		return 0, false
	}
	if !slices.Equal(live(a.Pre, 1), square) || len(e) != 3 || e[0].Fn != abi.FnConst {
		return 0, false
	}
	if add := e[1]; add.Fn != abi.FnAdd || add.A+add.B != 1 || e[2] != (abi.Instr{Fn: abi.FnSqrt, DType: f32, A: 2}) {
		return 0, false
	}
	return math.Float32frombits(uint32(e[0].Imm)), true
}

// live is the code of p if all but constants of it is needed, without those
// constants that are not.
func live(p abi.Program, inputs int) []abi.Instr {
	e := tail{in: make([]*result, inputs), prog: p}
	q, _ := e.compact()
	return q.Code
}

func isSub(n *node) bool {
	p := n.attrs.(*abi.Map).Program
	return len(p.Code) == 1 && len(p.Out) == 1 && p.Code[0].Fn == abi.FnSub && p.Code[0].A == 0 && p.Code[0].B == 1
}

// quotient is the instruction of m that divides d by root, if neither is read
// elsewhere in m; or -1.
func quotient(m *node, d, root *result) int {
	p := m.attrs.(*abi.Map).Program
	a, b := slices.Index(m.in, d), slices.Index(m.in, root)
	at, reads := -1, 0
	for k, i := range p.Code {
		for _, r := range operands(&i) {
			if int(*r) == a || int(*r) == b {
				reads++
			}
		}
		if i.Fn == abi.FnDiv && int(i.A) == a && int(i.B) == b {
			at = k
		}
	}
	if reads != 2 || a < 0 || slices.Contains(p.Out, int64(a)) || slices.Contains(p.Out, int64(b)) {
		return -1
	}
	return at
}

// withQuotient is m with y in the place of the quotient d/root that its
// instruction k computes.
func withQuotient(m *node, k int, d, root, y *result) *node {
	p := m.attrs.(*abi.Map).Program
	j := joiner{in: []*result{y}}
	regs := make([]uint8, len(m.in))
	for i, r := range m.in {
		if r != d && r != root {
			regs[i] = j.reg(r)
		}
	}
	c := code{inputs: len(j.in)}
	for i, instr := range p.Code {
		if i == k {
			regs = append(regs, 0)
			continue
		}
		for _, r := range operands(&instr) {
			*r = regs[*r]
		}
		regs = append(regs, c.add(instr))
	}
	out := make([]int64, len(p.Out))
	for i, r := range p.Out {
		out[i] = int64(regs[r])
	}
	return &node{op: abi.OpMap, attrs: &abi.Map{Program: abi.Program{Code: c.instrs, Out: out}}, in: j.in, out: m.out}
}

// trailing reports whether axes are all dims of x from some dim on, but for
// dims of 1, and which is the first.
func trailing(axes []int64, x *result) (first int64, ok bool) {
	first = int64(x.typ.Rank)
	for first > 0 && (slices.Contains(axes, first-1) || x.dim(int(first-1)) == Const(1)) {
		first--
	}
	for _, a := range axes {
		if a < first {
			return 0, false
		}
	}
	return first, len(axes) > 0
}
