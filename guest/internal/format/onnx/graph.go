package onnx

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// maxExpanded bounds the nodes that a graph comes to when its functions are
// written out: thirty functions that call each other twice would be 2^30.
const maxExpanded = abi.MaxBuilt

// resolver checks that the graphs of a model are what the walker relies on:
// each value is defined once and before it is read. It numbers the values, and
// notes after which node each of them is dead.
type resolver struct {
	model  *model
	values []value // by slot
	refuse func(func())
}

// value is what is known of a slot while its graph is resolved.
type value struct {
	owner    *scope
	last     int // the node of owner that reads it last
	constant bool
}

// scope is one graph and the names that it defines.
type scope struct {
	parent  *scope
	graph   *graph
	imports map[string]int64
	names   map[string]slot
	defined []slot
	at      int // the node that is being resolved
}

// resolve resolves all graphs of m.
func resolve(m *model, attempt func(func())) {
	r := &resolver{model: m, values: make([]value, 1), refuse: attempt}
	for _, fn := range m.order {
		r.refuse(func() { r.graph(fn.graph, nil, fn.imports) })
	}
	r.refuse(func() { r.graph(m.graph, nil, m.imports) })
	r.refuse(r.expansion)
	m.slots = len(r.values)
}

func fail(offset int64, n *node, format string, args ...any) {
	f := abi.Fault{Kind: abi.FaultMalformed, Blob: 1, Offset: offset, Text: fmt.Sprintf(format, args...)}
	if n != nil {
		f.Node, f.Op = n.name, n.op
	}
	scan.Refuse(f)
}

// graph resolves g, and the graphs in it.
func (r *resolver) graph(g *graph, parent *scope, imports map[string]int64) {
	s := &scope{parent: parent, graph: g, imports: imports, names: map[string]slot{}, at: -1}
	for _, t := range g.initializers {
		if t.slot = r.define(s, t.name, t.offset, nil); t.slot == 0 {
			if t.refused {
				continue
			}
			fail(t.offset, nil, "an initializer without a name")
		}
		r.values[t.slot].constant = true
		r.model.constants[t.slot] = t
	}
	// Before version 4 of the format every initializer was also an input.
	inputs := g.inputs[:0]
	for _, in := range g.inputs {
		if at, ok := s.names[in.name]; ok && r.values[at].constant {
			continue
		}
		if in.slot = r.define(s, in.name, in.offset, nil); in.slot == 0 {
			fail(in.offset, nil, "an input without a name")
		}
		inputs = append(inputs, in)
	}
	g.inputs = inputs
	for i := range g.nodes {
		s.at = i
		r.refuse(func() { r.node(s, &g.nodes[i]) })
	}
	s.at = len(g.nodes)
	for i := range g.outputs {
		out := &g.outputs[i]
		if out.slot = r.lookup(s, out.name); out.slot == 0 {
			fail(out.offset, nil, "nothing defines the output %q", out.name)
		}
		for _, other := range g.outputs[:i] {
			if parent == nil && other.name == out.name {
				fail(out.offset, nil, "output %q stands twice", out.name)
			}
		}
	}
	for _, at := range s.defined {
		switch v := &r.values[at]; {
		case v.constant:
		case v.last >= 0 && v.last < len(g.nodes):
			n := &g.nodes[v.last]
			n.dead = append(n.dead, at)
		default:
			g.dead = append(g.dead, at)
		}
	}
}

func (r *resolver) node(s *scope, n *node) {
	r.refuse(func() { r.reads(s, n) })
	n.out = make([]slot, len(n.outputs))
	for i, name := range n.outputs {
		n.out[i] = r.define(s, name, n.offset, n)
	}
}

// reads resolves what a node takes, and the graphs among its attributes.
func (r *resolver) reads(s *scope, n *node) {
	n.version = s.imports[n.domain]
	if n.version == 0 {
		fail(n.offset, n, "operator set %q is used but not imported", n.domain)
	}
	n.in = make([]slot, len(n.inputs))
	for i, name := range n.inputs {
		if name == "" {
			continue
		}
		if n.in[i] = r.lookup(s, name); n.in[i] == 0 {
			fail(n.offset, n, "nothing before this node defines its input %q", name)
		}
	}
	for i := range n.attrs {
		if g := n.attrs[i].g; g != nil {
			r.graph(g, s, s.imports)
		}
	}
}

// define gives name a slot in s. The empty name has none.
func (r *resolver) define(s *scope, name string, offset int64, n *node) slot {
	if name == "" {
		return 0
	}
	if _, twice := s.names[name]; twice {
		fail(offset, n, "value %q is defined twice", name)
	}
	at := slot(len(r.values))
	r.values = append(r.values, value{owner: s, last: s.at})
	s.names[name] = at
	s.defined = append(s.defined, at)
	return at
}

// lookup finds the value that name stands for in s, and notes that it is read.
func (r *resolver) lookup(s *scope, name string) slot {
	for ; s != nil; s = s.parent {
		if at, ok := s.names[name]; ok {
			v := &r.values[at]
			v.last = max(v.last, v.owner.at)
			return at
		}
	}
	return 0
}

// function is the function that n calls, or nil.
func (m *model) function(n *node) *function {
	return m.functions[functionKey{n.domain, n.op, n.overload}]
}

// expansion refuses functions that call themselves, and those that would grow
// without bound when written out.
func (r *resolver) expansion() {
	sizes := map[*function]int64{} // -1 while a function is being measured
	var measure func(g *graph, depth int) int64
	measure = func(g *graph, depth int) int64 {
		total := int64(0)
		for i := range g.nodes {
			n := &g.nodes[i]
			size := int64(1)
			if fn := r.model.function(n); fn != nil {
				if sizes[fn] < 0 || depth == maxDepth {
					fail(n.offset, n, "functions that call themselves, or are nested more than %d deep", maxDepth)
				}
				if sizes[fn] == 0 {
					sizes[fn] = -1
					sizes[fn] = max(measure(fn.graph, depth+1), 1)
				}
				size = sizes[fn]
			}
			for j := range n.attrs {
				if g := n.attrs[j].g; g != nil {
					size = tensor.AddSat(size, measure(g, depth))
				}
			}
			if total = tensor.AddSat(total, size); total > maxExpanded {
				fail(n.offset, n, "more than %d nodes when functions are written out", maxExpanded)
			}
		}
		return total
	}
	measure(r.model.graph, 0)
}
