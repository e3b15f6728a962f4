package trace

import "github.com/glovebox-ml/glovebox/guest/abi"

// squeezed gives a permuted reading of x dims that differ from its own in dims
// of 1 only, without moving anything: what is under it gets the same change.
// It answers nil where there is more to it.
func (t *Tracer) squeezed(x *Value, dims []Int) *Value {
	to, ok := matchDims(x.Dims(), dims)
	if !ok {
		return nil
	}
	// Order the dims as they lie under the reading. A dim of 1 goes with the one
	// behind it, or at the end with the one before.
	var order []int
	for at := range x.perm {
		for i, from := range to {
			if from < 0 || x.perm[from] != int64(at) {
				continue
			}
			first, last := i, i
			for first > 0 && to[first-1] < 0 {
				first--
			}
			for isLast(to, i) && last+1 < len(to) {
				last++
			}
			for k := first; k <= last; k++ {
				order = append(order, k)
			}
		}
	}
	if len(order) == 0 {
		return nil
	}
	under := make([]Int, len(order))
	perm := make([]int64, len(order))
	for k, i := range order {
		under[k], perm[i] = Const(1), int64(k)
		if to[i] >= 0 {
			under[k] = x.Dim(to[i])
		}
	}
	v := t.Reshape(placed(x.src), under)
	if isIdentity(perm) {
		return v
	}
	if v.src == nil || v.perm != nil {
		return nil
	}
	return t.reading(v, perm)
}

// isLast reports whether only dims of 1 follow on i.
func isLast(to []int, i int) bool {
	for _, from := range to[i+1:] {
		if from >= 0 {
			return false
		}
	}
	return true
}

// matchDims finds, for each of dims, which of from it is, or -1 for one of 1
// that is new. Const(-1) among dims stands for what is left.
func matchDims(from, dims []Int) (to []int, ok bool) {
	to = make([]int, len(dims))
	open, count := -1, 0
	for i, d := range dims {
		switch {
		case d == Const(-1) && open < 0:
			open = i
		case d.N <= 0:
			return nil, false
		case d != Const(1):
			count++
		}
	}
	var big []int
	for i, d := range from {
		if d != Const(1) {
			big = append(big, i)
		}
		if d.N <= 0 {
			return nil, false
		}
	}
	if len(big) == count {
		open = -1 // what is left is 1
	}
	for i, d := range dims {
		to[i] = -1
		if d == Const(1) || d == Const(-1) && open < 0 {
			continue
		}
		if len(big) == 0 || i != open && !identical(from[big[0]], d) {
			return nil, false
		}
		to[i], big = big[0], big[1:]
	}
	return to, len(big) == 0
}

// beforeView permutes what x is a view of, where that has been permuted
// itself, so that the two can cancel: the view must leave the dims alone that
// perm moves, which are its last. It answers nil otherwise.
func (t *Tracer) beforeView(x *Value, perm []int64) *Value {
	n := x.src.node
	if x.perm != nil || n == nil || n.op != abi.OpView || x.src.tensor != 0 {
		return nil
	}
	in := n.in[0]
	if in.node == nil || in.node.op != abi.OpPermute || in.tensor != 0 {
		return nil
	}
	// The first lead dims stay; behind them x and its source must be alike.
	lead, shift := 0, int(in.typ.Rank)-len(perm)
	for lead < len(perm) && perm[lead] == int64(lead) {
		lead++
	}
	if lead == len(perm) || lead+shift < 0 {
		return nil
	}
	for i := lead; i < len(perm); i++ {
		if !identical(x.Dim(i), in.dim(i+shift)) {
			return nil
		}
	}
	inner := make([]int64, in.typ.Rank)
	for i := range inner {
		inner[i] = int64(i)
		if i >= lead+shift {
			inner[i] = perm[i-shift] + int64(shift)
		}
	}
	dims := x.Dims()
	for i, p := range perm {
		dims[i] = x.Dim(int(p))
	}
	return t.Reshape(t.Permute(t.unread(in), inner...), dims)
}

// unread gives a permute that was carried out as the reading that it was.
func (t *Tracer) unread(r *result) *Value {
	if r.node == nil || r.node.op != abi.OpPermute || r.tensor != 0 {
		return placed(r)
	}
	return t.reading(placed(r.node.in[0]), r.node.attrs.(*abi.Permute).Perm)
}
