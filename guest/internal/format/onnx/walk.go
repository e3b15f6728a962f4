package onnx

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
)

// lowering turns a node into values. in[i] is nil for an absent optional
// input; the result has one value for each declared output, of which trailing
// optional ones may be left out.
type lowering func(l *walker, n *node, in []*trace.Value) []*trace.Value

// walker runs the graphs of a model by tracing them.
type walker struct {
	*trace.Tracer
	model  *model
	values []*trace.Value // by slot
	held   []held         // by loops that are running
	params []attribute    // of the call whose function is running
	node   *node          // being lowered
}

// held are the values of a loop that have no slot.
type held struct {
	carried []*trace.Value
	joins   []join
}

// run traces the model with the inputs of this run.
func (m *model) run(box abi.Box) {
	l := &walker{Tracer: trace.New(box), model: m, values: make([]*trace.Value, m.slots)}
	l.Live = l.live
	l.blame(func() {
		for i, in := range m.graph.inputs {
			l.values[in.slot] = l.Input(uint32(i), in.dims)
		}
		l.run(m.graph)
		for i, out := range m.graph.outputs {
			v := l.value(out.slot)
			if v == nil {
				l.Fail(abi.FaultMalformed, "output %q has no value", out.name)
			}
			l.fits(v, &out)
			l.Output(uint32(i), v)
		}
		l.Finish()
	})
}

// fits demands that v is what an output declares. Its dims are not looked at:
// exporters get them wrong.
func (l *walker) fits(v *trace.Value, p *port) {
	if p.reason == "" && v.DType() != p.dtype {
		scan.Refuse(abi.Fault{
			Kind: abi.FaultMalformed, Blob: l.model.blob, Offset: p.offset,
			Text: fmt.Sprintf("output %q is declared as %v and computed as %v", p.name, p.dtype, v.DType()),
		})
	}
}

// live names the values that nodes still to come may read.
func (l *walker) live(yield func(*trace.Value)) {
	all := func(list []*trace.Value) {
		for _, v := range list {
			if v != nil {
				yield(v)
			}
		}
	}
	all(l.values)
	for _, h := range l.held {
		all(h.carried)
		for i := range h.joins {
			all(h.joins[i].parts)
		}
	}
}

// blame adds to a fault of f where in the file it happened.
func (l *walker) blame(f func()) {
	fault := scan.Catch(f)
	if fault == nil {
		return
	}
	if n := l.node; n != nil && fault.Node == "" && fault.Op == "" {
		fault.Node, fault.Op = n.name, n.kind()
		if fault.Offset < 0 {
			fault.Blob, fault.Offset = l.model.blob, n.offset
		}
	}
	scan.Refuse(*fault)
}

// kind is the operator of n with its domain.
func (n *node) kind() string {
	if n.domain == "" {
		return n.op
	}
	return n.domain + "." + n.op
}

// run lowers the nodes of g in order.
func (l *walker) run(g *graph) {
	for i := range g.nodes {
		l.step(&g.nodes[i])
	}
}

// step lowers one node, and forgets the values that it was the last to read.
func (l *walker) step(n *node) {
	outer := l.node
	l.node = n
	in := make([]*trace.Value, len(n.in))
	for i, at := range n.in {
		in[i] = l.value(at)
	}
	out := l.lower(n, in)
	for i, at := range n.out {
		if i < len(out) {
			l.values[at] = out[i]
		}
	}
	l.values[0] = nil
	for _, at := range n.dead {
		l.values[at] = nil
	}
	for i, at := range n.out {
		if at != 0 && l.values[at] == nil && !n.kills(at) {
			l.Fail(abi.FaultUnsupported, "output %q is not supported", n.outputs[i])
		}
	}
	l.node = outer
}

// kills reports whether nothing after n reads a value.
func (n *node) kills(at slot) bool {
	for _, d := range n.dead {
		if d == at {
			return true
		}
	}
	return false
}

// value is the value in a slot, nil for an absent optional one.
func (l *walker) value(at slot) *trace.Value {
	if at == 0 || l.values[at] != nil {
		return l.values[at]
	}
	if t := l.model.constants[at]; t != nil {
		return l.constant(t)
	}
	return nil
}

// constant is the value of a tensor of the file.
func (l *walker) constant(t *initializer) *trace.Value {
	if t.reason != "" {
		scan.Refuse(abi.Fault{
			Kind: abi.FaultUnsupported, Blob: l.model.blob, Offset: t.offset, Text: fmt.Sprintf("tensor %q: %s is not supported", t.name, t.reason),
		})
	}
	return l.Constant(t.placed)
}

// lower gives the results of a node.
func (l *walker) lower(n *node, in []*trace.Value) []*trace.Value {
	if fn := l.model.function(n); fn != nil {
		return l.call(n, fn, in)
	}
	f, _ := find(n)
	if f == nil {
		l.Fail(abi.FaultUnsupported, "operator %s (version %d) is not supported", n.kind(), n.version)
	}
	n = l.bind(n)
	for i := range n.attrs {
		n.attrs[i].used = false
	}
	out := f(l, n, in)
	for i := range n.attrs {
		if a := &n.attrs[i]; !a.used {
			l.Fail(abi.FaultUnsupported, "attribute %q is not supported", a.name)
		}
	}
	return out
}

// find gives the lowering of n, or nil, and whether it is one that runs the
// graphs among the attributes of n.
func find(n *node) (f lowering, body bool) {
	switch n.kind() {
	case "If":
		return (*walker).branch, true
	case "Loop":
		return (*walker).loop, true
	case "Scan":
		return (*walker).scan, true
	}
	return lowerings[n.kind()], false
}

// subgraph runs a body with in as its inputs and gives its outputs.
func (l *walker) subgraph(g *graph, in []*trace.Value) []*trace.Value {
	if len(in) != len(g.inputs) {
		l.Fail(abi.FaultMalformed, "a body with %d inputs is given %d", len(g.inputs), len(in))
	}
	for i, p := range g.inputs {
		l.values[p.slot] = in[i]
	}
	l.run(g)
	out := make([]*trace.Value, len(g.outputs))
	for i, p := range g.outputs {
		out[i] = l.value(p.slot)
	}
	for _, at := range g.dead {
		l.values[at] = nil
	}
	return out
}

// call writes out a function of the model.
func (l *walker) call(n *node, fn *function, in []*trace.Value) []*trace.Value {
	if len(in) > len(fn.graph.inputs) {
		l.Fail(abi.FaultMalformed, "function %q has %d inputs and is given %d", fn.key.name, len(fn.graph.inputs), len(in))
	}
	outer := l.params
	l.params = l.arguments(l.bind(n), fn)
	out := l.subgraph(fn.graph, append(in, make([]*trace.Value, len(fn.graph.inputs)-len(in))...))
	l.params = outer
	return out
}

// arguments are the attributes that a call gives to a function.
func (l *walker) arguments(n *node, fn *function) []attribute {
	args := n.attrs
	for i := range args {
		if !fn.takes(args[i].name) {
			l.Fail(abi.FaultMalformed, "function %q has no attribute %q", fn.key.name, args[i].name)
		}
	}
	for _, d := range fn.defaults {
		if !n.has(d.name) {
			args = append(args[:len(args):len(args)], d)
		}
	}
	return args
}

func (fn *function) takes(name string) bool {
	for _, p := range fn.params {
		if p == name {
			return true
		}
	}
	for i := range fn.defaults {
		if fn.defaults[i].name == name {
			return true
		}
	}
	return false
}

// bind gives a node of a function the attributes of the call: one that refers
// to an attribute which the call does not have is absent.
func (l *walker) bind(n *node) *node {
	refers := false
	for i := range n.attrs {
		refers = refers || n.attrs[i].ref != ""
	}
	if !refers {
		return n
	}
	bound := *n
	bound.attrs = nil
	for _, a := range n.attrs {
		if a.ref != "" {
			arg, ok := l.param(a.ref)
			if !ok {
				continue
			}
			if arg.kind != a.kind {
				l.Fail(abi.FaultMalformed, "attribute %q refers to one that is %s", a.name, attrNames[arg.kind])
			}
			if arg.kind == attrGraph {
				l.Fail(abi.FaultUnsupported, "a graph as an argument of a function is not supported")
			}
			arg.name = a.name
			a = arg
		}
		bound.attrs = append(bound.attrs, a)
	}
	return &bound
}

func (l *walker) param(name string) (attribute, bool) {
	for _, a := range l.params {
		if a.name == name {
			return a, true
		}
	}
	return attribute{}, false
}
