package onnx

import (
	"fmt"
	"math"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
	"google.golang.org/protobuf/encoding/protowire"
)

// The messages of onnx.proto. Passed over are documentation, metadata of
// anything but the model, the types of inner values, which are worked out anew,
// and what newer versions say of devices and annotations.
var (
	modelMessage      = message{name: "ModelProto", single: set(1, 2, 3, 4, 5, 7), repeated: set(8, 14, 20, 25), passed: set(6, 26)}
	opsetMessage      = message{name: "OperatorSetIdProto", single: set(1, 2)}
	entryMessage      = message{name: "StringStringEntryProto", single: set(1, 2)}
	functionMessage   = message{name: "FunctionProto", single: set(1, 10, 13), repeated: set(4, 5, 6, 7, 9, 11), passed: set(8, 12, 14)}
	graphMessage      = message{name: "GraphProto", single: set(2), repeated: set(1, 5, 11, 12, 15), passed: set(10, 13, 14, 16)}
	nodeMessage       = message{name: "NodeProto", single: set(3, 4, 7, 8), repeated: set(1, 2, 5), passed: set(6, 9, 10)}
	attributeMessage  = message{name: "AttributeProto", single: set(1, 2, 3, 4, 5, 6, 14, 20, 21, 22), repeated: set(7, 8, 9, 10, 11, 15, 23), passed: set(13)}
	valueInfoMessage  = message{name: "ValueInfoProto", single: set(1, 2), passed: set(3, 4)}
	typeMessage       = message{name: "TypeProto", single: set(1, 4, 5, 7, 8, 9), passed: set(6)}
	tensorTypeMessage = message{name: "TypeProto.Tensor", single: set(1, 2)}
	optionalMessage   = message{name: "TypeProto.Optional", single: set(1)}
	shapeMessage      = message{name: "TensorShapeProto", repeated: set(1)}
	dimensionMessage  = message{name: "Dimension", single: set(1, 2), passed: set(3)}
)

// parser reads one file. What it may hold is counted over all graphs.
type parser struct {
	box                               abi.Box
	nodes, initializers, values, refs int
	depth                             int
	tensors                           []*initializer // all, also those in attributes
	typed                             []*initializer // whose elements are rewritten when all is read
	rewritten                         int64          // bytes of these elements
	refused                           func(*abi.Fault)
}

// attempt reads one part of the file with f. An inspection notes why a part
// was refused and goes on after it; otherwise the file is refused whole.
func (p *parser) attempt(f func()) {
	if p.refused == nil {
		f()
		return
	}
	depth := p.depth
	if fault := scan.Catch(f); fault != nil {
		p.depth = depth
		p.refused(fault)
	}
}

// count adds n to one of the counts of p.
func count(c *scan.Cursor, have *int, n, limit int, what string) {
	if *have += n; *have > limit {
		c.Fail("more than %d %s", limit, what)
	}
}

func newModel(blob abi.Handle) *model {
	return &model{blob: blob, imports: map[string]int64{}, functions: map[functionKey]*function{}, constants: map[slot]*initializer{}, graph: &graph{}}
}

func (p *parser) model(m *model, c scan.Cursor) {
	found := false
	for f := range modelMessage.fields(c) {
		switch f.number {
		case 1:
			m.ir = f.int()
		case 2, 3, 4:
			name := [...]string{2: "producer", 3: "producer version", 4: "domain"}[f.number]
			m.properties = append(m.properties, property{name, f.text(maxName)})
		case 5:
			m.properties = append(m.properties, property{"model version", fmt.Sprint(f.int())})
		case 7:
			m.graph.offset, found = f.body.Offset(), true
			p.attempt(func() { p.graph(m.graph, f.message()) })
		case 8:
			m.domains = append(m.domains, p.opset(m.imports, f.message()))
		case 14:
			entry := p.entry(f.message())
			if m.properties = append(m.properties, entry); len(m.properties) > maxMetadata {
				f.body.Fail("more than %d metadata entries", maxMetadata)
			}
		case 20:
			unsupported(&f.body, "training information")
		case 25:
			p.attempt(func() { p.function(m, f.message()) })
		}
	}
	switch {
	case m.ir == 0:
		c.Fail("no IR version: this is not an ONNX model")
	case m.ir < 3 || m.ir > 14:
		unsupported(&c, "IR version %d (3 to 14 are read)", m.ir)
	case !found:
		c.Fail("the model has no graph")
	}
}

// unsupported refuses a well-formed file for what it needs.
func unsupported(c *scan.Cursor, format string, args ...any) {
	scan.Refuse(abi.Fault{
		Kind: abi.FaultUnsupported, Blob: c.Blob().Handle(), Offset: c.Offset(), Text: fmt.Sprintf(format, args...) + " is not supported",
	})
}

func (p *parser) entry(c scan.Cursor) property {
	var e property
	for f := range entryMessage.fields(c) {
		if f.number == 1 {
			e.name = f.text(maxName)
		} else {
			e.value = f.text(maxString)
		}
	}
	return e
}

// opset adds an import of an operator set and gives its domain.
func (p *parser) opset(imports map[string]int64, c scan.Cursor) string {
	domain, version := "", int64(0)
	for f := range opsetMessage.fields(c) {
		if f.number == 1 {
			domain = canonical(f.text(maxName))
		} else {
			version = f.int()
		}
	}
	if _, twice := imports[domain]; twice {
		c.Fail("operator set %q is imported twice", domain)
	}
	if version < 1 {
		c.Fail("operator set %q has version %d", domain, version)
	}
	if imports[domain] = version; len(imports) > maxImports {
		c.Fail("more than %d operator sets", maxImports)
	}
	return domain
}

// canonical gives the empty name to ONNX's own domain, which has two.
func canonical(domain string) string {
	if domain == "ai.onnx" {
		return ""
	}
	return domain
}

func (p *parser) function(m *model, c scan.Cursor) {
	fn := &function{offset: c.Offset(), imports: map[string]int64{}, graph: &graph{offset: c.Offset()}}
	g := fn.graph
	for f := range functionMessage.fields(c) {
		switch f.number {
		case 1:
			fn.key.name = f.text(maxName)
			g.name = fn.key.name
		case 4:
			g.inputs = append(g.inputs, port{offset: f.offset, name: f.text(maxName)})
			count(&f.body, &p.refs, 1, maxValues, "names of values")
		case 5:
			g.outputs = append(g.outputs, port{offset: f.offset, name: f.text(maxName)})
			count(&f.body, &p.refs, 1, maxValues, "names of values")
		case 6:
			if fn.params = append(fn.params, f.text(maxName)); len(fn.params) > maxAttributes {
				f.body.Fail("more than %d attributes", maxAttributes)
			}
		case 7:
			p.node(g, f.message())
		case 9:
			p.opset(fn.imports, f.message())
		case 10:
			fn.key.domain = canonical(f.text(maxName))
		case 11:
			p.attribute(&fn.defaults, f.message())
		case 13:
			fn.key.overload = f.text(maxName)
		}
	}
	if fn.key.name == "" {
		c.Fail("a function without a name")
	}
	if m.functions[fn.key] != nil {
		c.Fail("function %q is defined twice", fn.key.name)
	}
	m.functions[fn.key] = fn
	if m.order = append(m.order, fn); len(m.order) > maxFunctions {
		c.Fail("more than %d functions", maxFunctions)
	}
}

func (p *parser) graph(g *graph, c scan.Cursor) {
	if p.depth++; p.depth > maxDepth {
		c.Fail("graphs are nested more than %d deep", maxDepth)
	}
	for f := range graphMessage.fields(c) {
		switch f.number {
		case 1:
			p.node(g, f.message())
		case 2:
			g.name = f.text(maxName)
		case 5, 15:
			count(&f.body, &p.initializers, 1, maxInitializers, "initializers")
			t := &initializer{refused: true}
			g.initializers = append(g.initializers, t)
			p.attempt(func() {
				if f.number == 5 {
					p.tensor(t, f.message())
				} else {
					p.sparse(t, f.message())
				}
			})
		case 11:
			g.inputs = append(g.inputs, p.valueInfo(f.message()))
		case 12:
			if g.outputs = append(g.outputs, p.valueInfo(f.message())); len(g.outputs) > abi.MaxPorts {
				f.body.Fail("more than %d outputs", abi.MaxPorts)
			}
		}
	}
	p.depth--
}

// node reads a NodeProto. One that is refused in an inspection stays in the
// graph, so that what it defines is not missed as well.
func (p *parser) node(g *graph, c scan.Cursor) {
	n := node{offset: c.Offset()}
	count(&c, &p.nodes, 1, maxNodes, "nodes")
	p.attempt(func() { p.nodeFields(&n, c) })
	g.nodes = append(g.nodes, n)
}

func (p *parser) nodeFields(n *node, c scan.Cursor) {
	for f := range nodeMessage.fields(c) {
		switch f.number {
		case 1, 2:
			list := &n.inputs
			if f.number == 2 {
				list = &n.outputs
			}
			if *list = append(*list, f.text(maxName)); len(*list) > maxEdges {
				f.body.Fail("a node with more than %d inputs or outputs", maxEdges)
			}
			count(&f.body, &p.refs, 1, maxValues, "names of values")
		case 3:
			n.name = f.text(maxName)
		case 4:
			n.op = f.text(maxName)
		case 5:
			p.attribute(&n.attrs, f.message())
		case 7:
			n.domain = canonical(f.text(maxName))
		case 8:
			n.overload = f.text(maxName)
		}
	}
	if n.op == "" {
		c.Fail("a node without an operator")
	}
	for i := range n.attrs {
		if t := n.attrs[i].t; t != nil && t.name == "" && len(n.outputs) > 0 {
			t.name = n.outputs[0] // a Constant, whose tensor has no name of its own
		}
	}
}

// attrFields are the fields that hold the value of an attribute, by its kind.
var attrFields = [...]int{
	attrFloat: 2, attrInt: 3, attrString: 4, attrTensor: 5, attrGraph: 6, attrFloats: 7, attrInts: 8, attrStrings: 9,
	attrTensors: 10, attrGraphs: 11, attrSparse: 22, attrSparses: 23, attrType: 14, attrTypes: 15,
}

func (p *parser) attribute(list *[]attribute, c scan.Cursor) {
	a := attribute{offset: c.Offset(), floats: []float32{}, ints: []int64{}, strs: []string{}}
	var present uint64
	for f := range attributeMessage.fields(c) {
		present |= 1 << f.number
		switch f.number {
		case 1:
			a.name = f.text(maxName)
		case 2:
			a.f = f.float()
		case 3:
			a.i = f.int()
		case 4:
			a.s = f.bytes(maxString)
		case 5:
			a.t = &initializer{refused: true}
			p.tensor(a.t, f.message())
		case 6:
			a.g = &graph{offset: f.body.Offset()}
			p.graph(a.g, f.message())
		case 7:
			for v := range f.scalars(protowire.Fixed32Type) {
				a.floats = append(a.floats, math.Float32frombits(uint32(v)))
			}
		case 8:
			for v := range f.scalars(protowire.VarintType) {
				a.ints = append(a.ints, int64(v))
			}
		case 9:
			a.strs = append(a.strs, f.bytes(maxString))
		case 20:
			a.kind = f.int()
		case 21:
			a.ref = f.text(maxName)
		}
	}
	values := present &^ set(1, 20, 21)
	switch {
	case a.name == "":
		c.Fail("an attribute without a name")
	case a.kind < 0 || a.kind >= int64(len(attrFields)) || attrFields[a.kind] == 0:
		c.Fail("attribute %q has type %d", a.name, a.kind)
	case values&^(1<<attrFields[a.kind]) != 0:
		c.Fail("attribute %q has a value of another type than its own", a.name)
	case a.ref != "" && values != 0:
		c.Fail("attribute %q is both a reference and a value", a.name)
	case a.ref == "" && values == 0 && (a.kind == attrTensor || a.kind == attrGraph):
		c.Fail("attribute %q has no value", a.name)
	}
	for i := range *list {
		if (*list)[i].name == a.name {
			c.Fail("attribute %q stands twice", a.name)
		}
	}
	if *list = append(*list, a); len(*list) > maxAttributes {
		c.Fail("more than %d attributes", maxAttributes)
	}
}

func (p *parser) valueInfo(c scan.Cursor) port {
	v := port{offset: c.Offset(), reason: "no type"}
	count(&c, &p.refs, 1, maxValues, "names of values")
	for f := range valueInfoMessage.fields(c) {
		if f.number == 1 {
			v.name = f.text(maxName)
		} else {
			p.typeOf(&v, f.message())
		}
	}
	return v
}

// typeOf reads a TypeProto. Only tensors can be used; of the others no more is
// read than which they are, and of an optional type what may be there.
func (p *parser) typeOf(v *port, c scan.Cursor) {
	kinds := [...]string{4: "a sequence", 5: "a map", 7: "an opaque type", 8: "a sparse tensor", 9: "an optional type"}
	one := false
	for f := range typeMessage.fields(c) {
		if one {
			f.body.FailAt(f.offset, "a type that is two types")
		}
		one = true
		if f.number != 1 {
			if inner := f.message(); f.number == 9 && !v.optional {
				p.optional(v, inner)
			}
			v.reason = kinds[f.number]
			continue
		}
		v.reason = ""
		var elem int64
		for f := range tensorTypeMessage.fields(f.message()) {
			if f.number == 1 {
				elem = f.int()
			} else {
				v.ranked = true
				p.shape(v, f.message())
			}
		}
		if v.dtype, v.reason = elementType(elem); elem == elementString {
			v.dtype = tensor.String
		}
		if len(v.dims) > tensor.MaxRank {
			v.reason = fmt.Sprintf("rank %d", len(v.dims))
		}
	}
}

// optional reads the type of what may be there, once: what is inside another
// optional type is not looked at.
func (p *parser) optional(v *port, c scan.Cursor) {
	v.optional = true
	for f := range optionalMessage.fields(c) {
		p.typeOf(v, f.message())
	}
}

func (p *parser) shape(v *port, c scan.Cursor) {
	for f := range shapeMessage.fields(c) {
		d := abi.PortDim{Size: -1}
		known := false
		for f := range dimensionMessage.fields(f.message()) {
			if f.number == 1 {
				d.Size, known = max(f.int(), -1), true
			} else {
				d.Name = f.text(maxName)
			}
		}
		if known && d.Name != "" {
			f.body.Fail("a dimension that has both a size and a name")
		}
		if v.dims = append(v.dims, d); len(v.dims) > maxEdges {
			f.body.Fail("more than %d dimensions", maxEdges)
		}
	}
}
