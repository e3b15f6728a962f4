package host

import (
	"context"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// bind makes what begins at root again for inputs of other sizes: tens of microseconds
// instead of another visit to the guest. A branch whose program, or whose
// guard, does not hold for these sizes is left out; nil means that nothing
// holds, or that ctx ended.
func (t *tree) bind(ctx context.Context, root *node, key string, inputs []tensor.Type) *tree {
	b := binding{ctx: ctx, old: t, tree: &tree{key: key, inputs: inputs}, made: map[*program]*program{}}
	b.root = b.rebind(root, nil, nil)
	if b.root == nil {
		return nil
	}
	return b.tree
}

// binding makes a tree out of an old one.
type binding struct {
	*tree
	ctx  context.Context
	old  *tree
	made map[*program]*program // what a program was last bound to
}

// bound is p for these types, or nil.
func (b *binding) bound(p *program, types []tensor.Type) *program {
	if equalTypes(types, p.inputs) {
		return p
	}
	if q := b.made[p]; q != nil && equalTypes(types, q.inputs) {
		return q
	}
	q := p.bind(b.ctx, types)
	b.made[p] = q
	return q
}

// rebind binds the nodes from n on. was and now are the types of the results
// of every step before, in the old tree and in the new one.
func (b *binding) rebind(n *node, was, now [][]tensor.Type) *node {
	for len(was) < int(n.first) {
		was, now = append(was, nil), append(now, nil)
	}
	was, now = was[:n.first:n.first], now[:n.first:n.first]
	bound := &node{first: n.first, steps: make([]step, len(n.steps)), from: n.from, off: n.off, n: n.n, out: n.out}
	for i := range n.steps {
		s := n.steps[i]
		var before, after []tensor.Type
		if p := s.prog; p != nil {
			types := make([]tensor.Type, len(s.in))
			for j, src := range s.in {
				types[j] = typeOf(src, b.inputs, now, p.inputs[j])
			}
			if s.prog = b.bound(p, types); s.prog == nil {
				return nil
			}
			before, after = outTypes(p), outTypes(s.prog)
		}
		bound.steps[i] = s
		was, now = append(was, before), append(now, after)
	}
	if n.next == nil {
		b.count(bound)
		bound.types = make([]tensor.Type, len(n.out))
		for i, s := range n.out {
			if n.types[i] != (tensor.Type{}) {
				bound.types[i] = typeOf(s, b.inputs, now, n.types[i])
			}
		}
		return bound
	}
	// What the guest was told of a tensor of another size says nothing here.
	var none tensor.Type
	if n.from.step != fromModel && typeOf(n.from, b.old.inputs, was, none) != typeOf(n.from, b.inputs, now, none) {
		return nil
	}
	b.count(bound)
	bound.next = map[string]*node{}
	for told, child := range n.next {
		if c := b.rebind(child, was, now); c != nil {
			bound.next[told] = c
		}
	}
	return bound
}

// typeOf is the type behind a source; a tensor of the model keeps its own.
func typeOf(s source, inputs []tensor.Type, made [][]tensor.Type, own tensor.Type) tensor.Type {
	switch s.step {
	case fromRequest:
		return inputs[s.index]
	case fromModel:
		return own
	}
	return made[s.step][s.index]
}

func outTypes(p *program) []tensor.Type {
	ts := make([]tensor.Type, len(p.out))
	for i := range ts {
		ts[i] = p.outType(i)
	}
	return ts
}

func equalTypes(a, b []tensor.Type) bool {
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}
