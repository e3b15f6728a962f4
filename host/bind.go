package host

import "github.com/glovebox-ml/glovebox/kernels/tensor"

// bind makes the tree again for inputs of other sizes: tens of microseconds
// instead of another visit to the guest. A branch whose program, or whose
// guard, does not hold for these sizes is left out; nil means that nothing
// holds.
func (t *tree) bind(key string, inputs []tensor.Type) *tree {
	u := &tree{key: key, inputs: inputs}
	u.root = u.rebind(t.root, t, nil, nil)
	if u.root == nil {
		return nil
	}
	return u
}

// rebind binds the nodes from n on. was and now are the types of the results
// of every step before, in the old tree and in the new one.
func (t *tree) rebind(n *node, old *tree, was, now [][]tensor.Type) *node {
	for len(was) < int(n.first) {
		was, now = append(was, nil), append(now, nil)
	}
	was, now = was[:n.first:n.first], now[:n.first:n.first]
	bound := &node{first: n.first, steps: make([]step, len(n.steps)), from: n.from, off: n.off, n: n.n, out: n.out}
	for i := range n.steps {
		s := n.steps[i]
		var a, b []tensor.Type
		if p := s.prog; p != nil {
			types := make([]tensor.Type, len(s.in))
			for j, src := range s.in {
				types[j] = typeOf(src, t.inputs, now, p.inputs[j])
			}
			q := p
			if !equalTypes(types, p.inputs) {
				if q = p.bind(types); q == nil {
					return nil
				}
			}
			s.prog = q
			a, b = outTypes(p), outTypes(q)
		}
		bound.steps[i] = s
		was, now = append(was, a), append(now, b)
	}
	t.count(bound)
	if n.next == nil {
		bound.types = make([]tensor.Type, len(n.out))
		for i, s := range n.out {
			if n.types[i] != (tensor.Type{}) {
				bound.types[i] = typeOf(s, t.inputs, now, n.types[i])
			}
		}
		return bound
	}
	// What the guest was told of a tensor of another size says nothing here.
	var none tensor.Type
	if n.from.step != fromModel && typeOf(n.from, old.inputs, was, none) != typeOf(n.from, t.inputs, now, none) {
		return nil
	}
	bound.next = map[string]*node{}
	for told, child := range n.next {
		if c := t.rebind(child, old, was, now); c != nil {
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
