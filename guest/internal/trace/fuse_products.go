package trace

import (
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// joinProducts multiplies what q, k and v of attention are products of by their
// weights side by side, in one product: attention takes each from where it then
// begins in a row.
//
//	q = x·Wq + bq, k = x·Wk + bk, v = x·Wv + bv   →   [q k v] = x·[Wq Wk Wv] + [bq bk bv]
func joinProducts(f *fusion, _ *row, _, m *node, _ int) *node {
	a := *m.attrs.(*abi.Attention)
	if a.Across || len(a.From) != 3 {
		return nil
	}
	a.From = slices.Clone(a.From)
	var x *result
	var weights, biases []*result
	width := int64(0)
	for i, r := range m.in[:3] {
		n := f.maker(r)
		if n == nil || n.op != abi.OpMatMul || f.users(r) != 1 || r.typ.Rank != 3 || slices.Contains(m.in[:i], r) || x != nil && n.in[0] != x {
			return nil
		}
		w, b, ok := projection(n)
		if !ok || i > 0 && (b == nil) != (biases == nil) {
			return nil
		}
		x, weights = n.in[0], append(weights, w)
		if b != nil {
			biases = append(biases, b)
		}
		a.From[i] += width
		width += w.typ.Dims[1]
	}
	in, product := []*result{x, f.constant(abi.OpConcat, &abi.Concat{Axis: 1}, weights...)}, &abi.MatMul{}
	if biases != nil {
		in = append(in, f.constant(abi.OpConcat, &abi.Concat{}, biases...))
		product.Epilogue = abi.Program{Code: []abi.Instr{{Fn: abi.FnAdd, DType: uint8(tensor.Float32), A: 0, B: 1}}, Out: []int64{2}}
	}
	y := f.insert(abi.OpMatMul, product, in...)
	all := append([]*result{y, y, y}, m.in[3:]...)
	for _, r := range m.in[:3] {
		f.unuse(r)
	}
	f.role(x).users++
	return &node{op: abi.OpAttention, attrs: &a, in: all, out: m.out}
}

// projection reads a product by constant weights (k, n) and, if it is not nil,
// a constant bias that is added.
func projection(n *node) (w, bias *result, ok bool) {
	a := n.attrs.(*abi.MatMul)
	w = n.in[1]
	if a.TA || a.TB || one(a.Alpha) != 1 || !w.con || w.typ.Rank != 2 || w.typ.DType != tensor.Float32 {
		return nil, nil, false
	}
	own, extra := padded(n.in, 2)
	switch p := a.Epilogue; {
	case len(p.Code) == 0:
		return own[1], nil, true
	case len(p.Code) == 1 && p.Code[0].Fn == abi.FnAdd && p.Code[0].A+p.Code[0].B == 1 && len(p.Out) == 1 && p.Out[0] == 2 && len(extra) == 1:
		b := extra[0]
		return own[1], b, b.con && b.typ.Rank == 1 && b.typ.Dims[0] == w.typ.Dims[1]
	}
	return nil, nil, false
}
