package trace

import (
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
)

// squeezed gives a permuted reading of x other dims without moving anything,
// where dims that are joined or split lie side by side under the reading: what
// is there gets the same change. It answers nil where there is more to it.
func (t *Tracer) squeezed(x *Value, dims []Int) *Value {
	groups, ok := t.regroup(x.Dims(), dims)
	if !ok || len(groups) == 0 {
		return nil
	}
	for _, g := range groups {
		for k, from := range g.from[1:] {
			for at := x.perm[g.from[k]] + 1; at != x.perm[from]; at++ {
				if at >= int64(len(x.perm)) || x.src.dim(int(at)) != Const(1) {
					return nil
				}
			}
		}
	}
	// Order the dims as they lie under the reading.
	slices.SortFunc(groups, func(a, b group) int { return int(x.perm[a.from[0]] - x.perm[b.from[0]]) })
	var under []Int
	perm := make([]int64, len(dims))
	for _, g := range groups {
		for to := g.first; to < g.end; to++ {
			perm[to] = int64(len(under))
			under = append(under, dims[to])
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

// A group is dims of a value that become others, first … end, of as many
// elements. Those of 1 are left out of the former.
type group struct {
	from       []int
	first, end int
}

// regroup cuts a change of dims into as many as can be told apart. Const(-1)
// among the new ones stands for what is left.
func (t *Tracer) regroup(from, dims []Int) (groups []group, ok bool) {
	var old, new []int
	total, fixed, open := int64(1), int64(1), -1
	for i, d := range from {
		if d.N <= 0 {
			return nil, false
		}
		total *= d.N
		if d != Const(1) {
			old = append(old, i)
		}
	}
	for i, d := range dims {
		switch {
		case d == Const(-1) && open < 0:
			open = i
		case d.N <= 0:
			return nil, false
		default:
			fixed *= d.N
		}
		if d != Const(1) {
			new = append(new, i)
		}
	}
	if total%fixed != 0 || open < 0 && total != fixed {
		return nil, false
	}
	size := func(i int) int64 {
		if i == open {
			return total / fixed
		}
		return dims[i].N
	}
	at := 0
	for len(old) > 0 && len(new) > 0 {
		a, b, have, want := 1, 1, from[old[0]].N, size(new[0])
		for have != want || a == len(old) && b < len(new) || b == len(new) && a < len(old) {
			switch {
			case have <= want && a < len(old):
				have *= from[old[a]].N
				a++
			case b < len(new):
				want *= size(new[b])
				b++
			default:
				return nil, false
			}
		}
		g := group{from: old[:a], first: at, end: new[b-1] + 1}
		if old, new, at = old[a:], new[b:], g.end; len(new) == 0 {
			g.end = len(dims)
		}
		if !t.sameSize(from, dims, g) {
			return nil, false
		}
		groups = append(groups, g)
	}
	return groups, len(old) == 0 && len(new) == 0
}

// sameSize reports whether both sides of a group have as many elements whatever
// the symbols in them are.
func (t *Tracer) sameSize(from, dims []Int, g group) bool {
	have, want := Const(1), Const(1)
	for _, i := range g.from {
		have = t.Mul(have, from[i])
	}
	for _, d := range dims[g.first:g.end] {
		if d == Const(-1) {
			return true
		}
		want = t.Mul(want, d)
	}
	return identical(have, want)
}

// beforeView permutes what x is a view of, where that has been permuted
// itself, so that the two can cancel or are one move of data. Dims that perm
// leaves in front may be others under the view in any way; behind them, those
// that the view joins or splits must stay side by side. It answers nil
// otherwise.
func (t *Tracer) beforeView(x *Value, perm []int64) *Value {
	n := x.src.node
	if x.perm != nil || n == nil || n.op != abi.OpView || x.src.tensor != 0 {
		return nil
	}
	in := n.in[0]
	if in.node == nil || in.node.op != abi.OpPermute || in.tensor != 0 {
		return nil
	}
	under, dims := placed(in).Dims(), x.Dims()
	lead, at := 0, 0 // dims of x that stay, and those that they are under the view
	want, have := int64(1), int64(1)
	for ; lead < len(perm) && perm[lead] == int64(lead); lead++ {
		want *= dims[lead].N
	}
	for ; at < len(under) && have < want; at++ {
		have *= under[at].N
	}
	if have != want {
		return nil
	}
	groups, ok := t.regroup(under[at:], dims[lead:])
	if !ok || len(groups) == 0 {
		return nil
	}
	var inner []int64
	for i, d := range under {
		if i < at || d == Const(1) {
			inner = append(inner, int64(i))
		}
	}
	for i := lead; i < len(perm); {
		k := slices.IndexFunc(groups, func(g group) bool { return int64(lead+g.first) == perm[i] })
		if k < 0 {
			return nil
		}
		g := groups[k]
		for to := g.first; to < g.end; to, i = to+1, i+1 {
			if i == len(perm) || perm[i] != int64(lead+to) {
				return nil
			}
		}
		for _, from := range g.from {
			inner = append(inner, int64(at+from))
		}
	}
	moved := make([]Int, len(perm))
	for i, p := range perm {
		moved[i] = dims[p]
	}
	return t.Reshape(t.Permute(t.unread(in), inner...), moved)
}

// unread gives a permute that was carried out as the reading that it was.
func (t *Tracer) unread(r *result) *Value {
	if r.node == nil || r.node.op != abi.OpPermute || r.tensor != 0 {
		return placed(r)
	}
	return t.reading(placed(r.node.in[0]), r.node.attrs.(*abi.Permute).Perm)
}
