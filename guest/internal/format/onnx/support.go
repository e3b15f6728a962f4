package onnx

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/guest/abi"
)

// support looks for what a model needs and is not there. A model is refused
// for what it will certainly run: the nodes of its graph, of the functions that
// these call, and of the bodies of loops. Branches wait until they are taken.
type support struct {
	model    *model
	seen     map[*function]bool
	branches bool              // look into branches too
	found    func(f abi.Fault) // is told of each lack
}

func (s *support) lack(offset int64, n *node, format string, args ...any) {
	f := abi.Fault{Kind: abi.FaultUnsupported, Blob: s.model.blob, Offset: offset, Text: fmt.Sprintf(format, args...) + " is not supported"}
	if n != nil {
		f.Node, f.Op = n.name, n.kind()
	}
	s.found(f)
}

// check looks at the whole model.
func (s *support) check() {
	m := s.model
	for _, ports := range [...][]port{m.graph.inputs, m.graph.outputs} {
		for _, p := range ports {
			if p.reason != "" {
				s.lack(p.offset, nil, "port %q: %s", p.name, p.reason)
			}
		}
	}
	s.graph(m.graph)
}

func (s *support) graph(g *graph) {
	for i := range g.nodes {
		s.node(&g.nodes[i])
	}
}

func (s *support) node(n *node) {
	for _, at := range n.in {
		if t := s.model.constants[at]; t != nil && t.reason != "" {
			s.lack(t.offset, n, "tensor %q: %s", t.name, t.reason)
		}
	}
	for i := range n.attrs {
		a := &n.attrs[i]
		if a.kind > attrStrings {
			s.lack(a.offset, n, "attribute %q, which is %s,", a.name, attrNames[a.kind])
		}
		if a.t != nil && a.t.reason != "" {
			s.lack(a.t.offset, n, "attribute %q: %s", a.name, a.t.reason)
		}
	}
	if n.op == "" {
		return // it was refused before that was read
	}
	if fn := s.model.function(n); fn != nil {
		if !s.seen[fn] {
			s.seen[fn] = true
			s.graph(fn.graph)
		}
		return
	}
	f, body := find(n)
	if f == nil {
		s.lack(n.offset, n, "operator %s (version %d)", n.kind(), n.version)
		return
	}
	if body && (n.op != "If" || s.branches) {
		for i := range n.attrs {
			if g := n.attrs[i].g; g != nil {
				s.graph(g)
			}
		}
	}
}
