package trace

import (
	"math"
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// asAttention finds attention that was written out, over two to four dims:
//
//	softmax(q·kᵀ·scale + bias)·v
//
// The producer is the softmax.
func asAttention(f *fusion, _ *row, p, m *node, at int) *node {
	if at != 0 {
		return nil
	}
	return f.attention(p, m, false)
}

// asOpenAttention finds attention in which a row of the softmax that is NaN, as
// it is where no key is open to a query, was replaced by zeros. The producer is
// the map that does so.
func asOpenAttention(f *fusion, _ *row, p, m *node, at int) *node {
	s := f.maker(p.in[0])
	if at != 0 || len(p.in) != 1 || s == nil || s.op != abi.OpSoftmax || f.users(p.in[0]) != 1 || !zeroesNaN(p.attrs.(*abi.Map).Program) {
		return nil
	}
	return f.attention(s, m, true)
}

// zeroesNaN reports whether p is isnan(x) ? 0 : x.
func zeroesNaN(p abi.Program) bool {
	if len(p.Out) != 1 || p.Out[0] < 1 {
		return false
	}
	instr := func(reg uint8) abi.Instr {
		if reg == 0 {
			return abi.Instr{}
		}
		return p.Code[reg-1]
	}
	sel := instr(uint8(p.Out[0]))
	zero, ok := f32Const(instr(sel.B))
	test := instr(sel.A)
	return sel.Fn == abi.FnSelect && sel.C == 0 && ok && zero == 0 && test.Fn == abi.FnIsNaN && test.A == 0
}

func f32Const(i abi.Instr) (float32, bool) {
	return math.Float32frombits(uint32(i.Imm)), i.Fn == abi.FnConst && i.DType == uint8(tensor.Float32)
}

// attention is the node for the product m of v by the softmax s of a product;
// nil, if they are not as attention has them.
func (f *fusion) attention(s, m *node, zero bool) *node {
	soft, outer := s.attrs.(*abi.Softmax), m.attrs.(*abi.MatMul)
	x := s.in[0]
	inner := f.maker(x)
	rank := int(x.typ.Rank)
	if inner == nil || inner.op != abi.OpMatMul || f.users(x) != 1 || x.typ.DType != tensor.Float32 || rank > 4 || soft.Log || soft.Axis != int64(rank)-1 {
		return nil
	}
	product := inner.attrs.(*abi.MatMul)
	if outer.TA || outer.TB || one(outer.Alpha) != 1 || len(outer.Epilogue.Out) != 0 || product.TA {
		return nil
	}
	q, k, v := inner.in[0], inner.in[1], m.in[1]
	if !sameHeads(q, k, rank) || !sameHeads(q, v, rank) {
		return nil
	}
	scale, bias, ok := f.scaled(inner)
	if !ok || bias != nil && (one(soft.Scale) != 1 || len(s.in) > 1) {
		return nil
	}
	scale *= one(product.Alpha) * one(soft.Scale)
	if len(s.in) > 1 {
		bias = s.in[1]
	}
	count := Const(1)
	if rank > 2 {
		count = q.dim(rank - 3)
	}
	size, values := q.dim(rank-1), v.dim(rank-1)
	if count.sym != nil || size.sym != nil || values.sym != nil || count.N < 1 {
		return nil
	}
	a := &abi.Attention{Heads: count.N, KVHeads: count.N, Size: size.N, ValueSize: values.N, From: make([]int64, 3), Zero: zero, Across: !product.TB}
	in := []*result{q, k, v}
	for i := range in {
		if i == 1 && a.Across {
			in[1] = f.view(f.unscaled(k, &scale), fourDims(k))
			continue
		}
		factor := &scale
		if i == 2 {
			factor = nil
		}
		in[i], a.From[i] = f.lying(in[i], factor)
	}
	if a.Scale = scale; scale == 0 || !finite(scale) {
		return nil
	}
	if bias != nil {
		in = append(in, bias)
	}
	f.replaced(in, append(append([]*result{v}, inner.in...), s.in[1:]...))
	if rank == 4 {
		return &node{op: abi.OpAttention, attrs: a, in: in, out: m.out}
	}
	return f.viewed(f.insert(abi.OpAttention, a, in...), m.out)
}

func finite(x float32) bool { return x-x == 0 }

// one is what an attribute stands for in which 0 means 1.
func one(x float32) float32 {
	if x == 0 {
		return 1
	}
	return x
}

// sameHeads reports whether a and b are of the given rank and have the same
// dims before the last two.
func sameHeads(a, b *result, rank int) bool {
	if int(a.typ.Rank) != rank || int(b.typ.Rank) != rank {
		return false
	}
	for i := range rank - 2 {
		if !identical(a.dim(i), b.dim(i)) {
			return false
		}
	}
	return true
}

// replaced counts the inputs of a node that stands for others, and no longer
// those that the others had.
func (f *fusion) replaced(in, was []*result) {
	for i, r := range in {
		if !slices.Contains(in[:i], r) {
			f.role(r).users++
		}
	}
	for i, r := range was {
		if !slices.Contains(was[:i], r) {
			f.unuse(r)
		}
	}
}

// unuse counts a user of r less, and of what r alone was made from.
func (f *fusion) unuse(r *result) {
	if r == nil || f.users(r) == 0 {
		return
	}
	f.role(r).users--
	n := f.maker(r)
	if f.users(r) > 0 || n == nil || slices.ContainsFunc(n.out, func(o *result) bool { return f.users(o) > 0 }) {
		return
	}
	for i, x := range n.in {
		if !slices.Contains(n.in[:i], x) {
			f.unuse(x)
		}
	}
}

// viewed is a node that gives out as another view of r.
func (f *fusion) viewed(r *result, out []*result) *node {
	v := f.t.node(abi.OpView, &abi.View{Dims: f.t.Words(out[0].allDims())}, []*result{r})
	return &node{op: v.op, attrs: v.attrs, in: v.in, refs: v.refs, out: out}
}

// scaled reads the epilogue of a product as scale·x + bias, where bias may be
// absent.
func (f *fusion) scaled(n *node) (scale float32, bias *result, ok bool) {
	p := epilogue(n.attrs)
	_, extra := padded(n.in, 2)
	scale, reg, ok := multiple(p, 1+len(extra))
	if !ok || reg < 0 {
		return scale, nil, ok
	}
	e := tail{in: append([]*result{nil}, extra...), prog: abi.Program{Code: p.Code, Out: []int64{int64(reg)}}}
	p, in := e.compact()
	switch {
	case len(in) == 0:
		return 0, nil, false
	case len(p.Code) == 0:
		bias = in[0]
	default:
		bias = f.insert(abi.OpMap, &abi.Map{Program: withoutFirst(p)}, in...)
	}
	return scale, bias, bias.typ.DType == tensor.Float32 && bias.typ.Rank <= 4
}

// withoutFirst is p, which does not read register 0, without it.
func withoutFirst(p abi.Program) abi.Program {
	q := abi.Program{Code: slices.Clone(p.Code), Out: slices.Clone(p.Out)}
	for k := range q.Code {
		for _, r := range operands(&q.Code[k]) {
			*r--
		}
	}
	for k := range q.Out {
		q.Out[k]--
	}
	return q
}

// multiple reads p as a factor times register 0 plus what is in another register,
// or -1 if nothing is added.
func multiple(p abi.Program, inputs int) (factor float32, bias int, ok bool) {
	factor, bias = 1, -1
	at := 0 // the register with what register 0 has become
	from := map[int]bool{0: true}
	for k, i := range p.Code {
		var others []int
		reads := 0
		for _, r := range operands(&i) {
			switch {
			case int(*r) == at:
				reads++
			case from[int(*r)]:
				return 0, 0, false
			default:
				others = append(others, int(*r))
			}
		}
		if reads == 0 {
			continue
		}
		if reads != 1 || len(others) != 1 || bias >= 0 {
			return 0, 0, false
		}
		c, constant := float32(0), false
		if others[0] >= inputs {
			c, constant = f32Const(p.Code[others[0]-inputs])
		}
		switch {
		case i.Fn == abi.FnMul && constant:
			factor *= c
		case i.Fn == abi.FnDiv && constant && int(i.A) == at:
			factor /= c
		case i.Fn == abi.FnAdd:
			bias = others[0]
		default:
			return 0, 0, false
		}
		at = inputs + k
		from[at] = true
	}
	return factor, bias, len(p.Out) == 0 || len(p.Out) == 1 && p.Out[0] == int64(at)
}

// lying finds the heads of an operand of attention where they were before they
// were cut out and transposed: side by side in the rows of [batch, rows, width],
// from the given element on. A number by which they were multiplied on the way
// goes into factor, unless that is nil. An operand that was not transposed is
// given four dims.
func (f *fusion) lying(r *result, factor *float32) (x *result, from int64) {
	r = f.unscaled(r, factor)
	full := fourDims(r)
	n := f.maker(r)
	if n == nil || n.op != abi.OpPermute {
		return f.view(r, full), 0
	}
	switch perm := n.attrs.(*abi.Permute).Perm; {
	case slices.Equal(perm, []int64{0, 2, 1, 3}):
		return f.uncut(n.in[0], factor)
	case slices.Equal(perm, []int64{1, 0, 2}):
		x = n.in[0]
		return f.view(x, []Int{Const(1), x.dim(0), Const(x.typ.Dims[1] * x.typ.Dims[2])}), 0
	}
	return f.view(r, full), 0
}

// fourDims are the dims of r behind as many of 1 as make them four.
func fourDims(r *result) []Int {
	return append(Consts(1, 1, 1, 1)[:4-r.typ.Rank], r.allDims()...)
}

// uncut finds x [batch, rows, heads, size] in [batch, rows, width].
func (f *fusion) uncut(x *result, factor *float32) (*result, int64) {
	batch, rows, from := x.dim(0), x.dim(1), int64(0)
	for {
		x = f.unscaled(x, factor)
		n := f.maker(x)
		if n == nil || len(n.in) == 0 || n.in[0] == nil {
			break
		}
		in := n.in[0]
		if in.typ.Rank < 3 || !identical(in.dim(0), batch) || !identical(in.dim(1), rows) || !fixed(in.allDims()[2:]) {
			break
		}
		at, ok := f.cut(n)
		if !ok {
			break
		}
		x, from = in, from+at
	}
	return f.view(x, []Int{batch, rows, Const(tensor.Product(x.typ.Shape()[2:]))}), from
}

func fixed(dims []Int) bool {
	return !slices.ContainsFunc(dims, func(d Int) bool { return d.sym != nil })
}

// cut reports whether n takes, from each row of [batch, rows, …], neighbouring
// elements, and which is the first.
func (f *fusion) cut(n *node) (at int64, ok bool) {
	if n.op == abi.OpView {
		return 0, true
	}
	if n.op != abi.OpSlice || len(n.in) > 1 {
		return 0, false
	}
	a, in := n.attrs.(*abi.Slice), n.in[0]
	inner := int64(1)
	for i := int(in.typ.Rank) - 1; i >= 0; i-- {
		start, size, dim := f.t.int(a.Start[i]), f.t.int(a.Size[i]), in.dim(i)
		if start != Const(0) || !identical(size, dim) || a.Step[i] != 1 {
			if i < 2 || start.sym != nil || size.sym != nil || a.Step[i] != 1 || tensor.Product(in.typ.Dims[2:i]) != 1 {
				return 0, false
			}
			at = start.N * inner
		}
		inner *= dim.N
	}
	return at, true
}

// unscaled is what r is a multiple of.
func (f *fusion) unscaled(r *result, factor *float32) *result {
	n := f.maker(r)
	if factor == nil || n == nil || n.op != abi.OpMap || len(n.in) != 1 || len(n.out) != 1 || n.in[0].typ != r.typ {
		return r
	}
	c, bias, ok := multiple(n.attrs.(*abi.Map).Program, 1)
	if !ok || bias >= 0 {
		return r
	}
	*factor *= c
	return n.in[0]
}

// view is x with other dims.
func (f *fusion) view(x *result, dims []Int) *result {
	if sameDims(x.allDims(), dims) {
		return x
	}
	n := f.t.node(abi.OpView, &abi.View{Dims: f.t.Words(dims)}, []*result{x})
	if r := n.out[0]; f.maker(r) == nil && r.tensor == 0 {
		f.add(n)
		f.role(x).users++
	}
	return n.out[0]
}

// asBeside lets attention write its result with the heads side by side.
func asBeside(f *fusion, _ *row, p, m *node, _ int) *node {
	a := *p.attrs.(*abi.Attention)
	if a.Beside || !slices.Equal(m.attrs.(*abi.Permute).Perm, []int64{0, 2, 1, 3}) {
		return nil
	}
	a.Beside = true
	return f.viewed(f.insert(abi.OpAttention, &a, p.in...), m.out)
}
