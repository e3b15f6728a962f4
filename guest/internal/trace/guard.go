package trace

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// guard is a decision that the trace took: it must be the same for every other
// input that a program serves.
type guard struct {
	cmp   abi.Cmp
	sym   symbol
	limit int64
}

// guard records that a, compared with limit, was true. It goes into the next
// program that runs, before anything that was built on the decision.
func (t *Tracer) guard(cmp abi.Cmp, a Int, limit int64) {
	if a.turn() != nil {
		t.until(cmp, a, Const(limit))
		return
	}
	g := guard{cmp, *a.sym, limit}
	if t.guarded[g] {
		return
	}
	if len(t.guards) >= abi.MaxGuards {
		t.mixed = true
		return
	}
	if t.guarded == nil {
		t.guarded = map[guard]bool{}
	}
	t.guarded[g] = true
	t.guards = append(t.guards, g)
}

// due takes the guards that a program at this depth carries, from depth least
// on: those of a loop's body stay with the body.
func (t *Tracer) due(least int) []guard {
	var now, later []guard
	for _, g := range t.guards {
		if d := g.sym.of.depth; least <= d && d <= t.depth {
			now = append(now, g)
		} else {
			later = append(later, g)
		}
	}
	t.guards = later
	return now
}

// unify lets a dim of an input be the dim of an earlier one with the same
// name. dims are those of the input, d is among them.
func (t *Tracer) unify(name string, d Int, dims []Int) {
	first, ok := t.named[name]
	switch {
	case !ok:
		if t.named == nil {
			t.named = map[string]Int{}
		}
		t.named[name] = d
	case first.N == d.N && len(t.equal) < abi.MaxGuards:
		t.equal = append(t.equal, [2]Int{first, d})
		dims[d.sym.dim] = first
	}
}

// proofs are results that a program can only have where dims that were taken
// for equal are: a guard compares a dim with a number alone, but a join does
// not fit unless the other dims do. What is joined has no elements.
func (t *Tracer) proofs() []*result {
	var rs []*result
	for _, pair := range t.equal {
		var sides []*result
		for _, d := range pair {
			a := &abi.Fill{Dims: []abi.Word{t.Word(d), abi.Const(0)}, DType: int64(tensor.Bool)}
			sides = append(sides, t.node(abi.OpFill, a, nil).out[0])
		}
		rs = append(rs, t.node(abi.OpConcat, &abi.Concat{Axis: 1}, sides).out[0])
	}
	t.equal = nil
	return rs
}
