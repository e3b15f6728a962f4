// Package onnx reads ONNX models and turns their graphs into tensor programs.
//
// The reader is strict and there is only one of it: wire.go knows protobuf,
// parse.go the messages of onnx.proto, initializer.go the tensors, graph.go
// what makes nodes a graph. It is both the loader and the scanner behind
// inspect.go. walk.go runs a graph by tracing it, control.go and loop.go what
// has a body, and each remaining operator is a row of the table in lower.go.
package onnx

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// What one file may hold. Each is far above real models, and bounds what a
// file of a few megabytes can make the guest hold or walk through.
const (
	maxNodes        = 65536 // abi.MaxOps: a program could not be longer
	maxInitializers = 65536 // abi.MaxTensors: nor could more be held
	maxValues       = 1 << 20
	maxAttributes   = 256 // of a node: the largest operator, TreeEnsemble, has some 20
	maxEdges        = abi.MaxArity
	maxFunctions    = 4096
	maxImports      = 256
	maxMetadata     = 1024
	maxName         = abi.MaxName
	maxString       = 1 << 20 // of a string attribute: a vocabulary, not a document
	maxDepth        = 64      // of graphs in graphs; real models stop at 4
	maxRefusals     = 256     // that an inspection lists before it stops
)

// model is a file that was read.
type model struct {
	blob       abi.Handle
	ir         int64
	imports    map[string]int64 // domain to opset
	domains    []string         // imported, as they stand in the file
	properties []property
	graph      *graph
	functions  map[functionKey]*function
	order      []*function // as they stand in the file
	slots      int
	constants  map[slot]*initializer
}

// property is something that a model says of itself.
type property struct{ name, value string }

type functionKey struct{ domain, name, overload string }

// function is an operator that the model defines by a graph of its own.
type function struct {
	key      functionKey
	offset   int64
	imports  map[string]int64
	graph    *graph
	params   []string    // attributes without a default
	defaults []attribute // attributes with one
}

// graph is a list of nodes in the order in which they run.
type graph struct {
	offset          int64
	name            string
	inputs, outputs []port
	initializers    []*initializer
	nodes           []node
	dead            []slot // values that live until its end
}

// port is an input or output of a graph.
type port struct {
	offset   int64
	name     string
	dtype    tensor.DType
	ranked   bool
	optional bool
	dims     []abi.PortDim
	reason   string // why it cannot be used, if it cannot
	slot     slot
}

// slot numbers a value of a model; 0 is an absent optional one. No two values
// that are alive at once share a slot: graphs do not recurse.
type slot int32

// node is one operation of a graph.
type node struct {
	offset           int64 // of its NodeProto in the file
	name, domain, op string
	overload         string
	inputs, outputs  []string // an empty name is an absent optional one
	version          int64    // the opset of its domain
	attrs            []attribute

	in, out []slot
	dead    []slot // values that nothing after this node reads
}

// Kinds of attributes, as AttributeProto numbers them.
const (
	attrFloat   = 1
	attrInt     = 2
	attrString  = 3
	attrTensor  = 4
	attrGraph   = 5
	attrFloats  = 6
	attrInts    = 7
	attrStrings = 8
	attrTensors = 9
	attrGraphs  = 10
	attrSparse  = 11
	attrSparses = 12
	attrType    = 13
	attrTypes   = 14
)

var attrNames = [...]string{
	"undefined", "a float", "an integer", "a string", "a tensor", "a graph", "floats", "integers", "strings", "tensors", "graphs",
	"a sparse tensor", "sparse tensors", "a type", "types",
}

// attribute is a named constant of a node.
type attribute struct {
	offset int64
	name   string
	kind   int64
	ref    string // the attribute of the enclosing function that it stands for
	f      float32
	i      int64
	s      string
	t      *initializer
	g      *graph
	floats []float32
	ints   []int64
	strs   []string
	used   bool // a lowering looked at it
}

// initializer is a constant tensor of the file. Its bytes stay where they are.
type initializer struct {
	offset int64 // of its TensorProto
	name   string
	typ    tensor.Type
	reason string // why it cannot be used, if it cannot
	part   string // the part that holds the bytes, if another one does
	blob   abi.Handle
	at     int64 // offset of the bytes in blob

	elem    int64       // element type as the file numbers it
	field   int         // the field of elements that must be rewritten, or 0
	message scan.Cursor // its TensorProto, until then
	refused bool        // of an inspection: it is in the file, but not as it should be
	slot    slot
	placed  *trace.Constant
}

// find gives the attribute and marks it as used.
func (n *node) find(name string, kind int64) *attribute {
	for i := range n.attrs {
		a := &n.attrs[i]
		if a.name != name {
			continue
		}
		if a.kind != kind {
			scan.Refuse(abi.Fault{
				Kind: abi.FaultMalformed, Blob: 1, Offset: a.offset, Node: n.name, Op: n.op,
				Text: fmt.Sprintf("attribute %q is %s, not %s", name, attrNames[a.kind], attrNames[kind]),
			})
		}
		a.used = true
		return a
	}
	return nil
}

// has reports whether the attribute is there, and marks it as used.
func (n *node) has(name string) bool {
	for i := range n.attrs {
		if n.attrs[i].name == name {
			n.attrs[i].used = true
			return true
		}
	}
	return false
}

func (n *node) int(name string, def int64) int64 {
	if a := n.find(name, attrInt); a != nil {
		return a.i
	}
	return def
}

// flag is an integer that only says yes or no.
func (n *node) flag(name string, def bool) bool {
	a := n.find(name, attrInt)
	if a == nil {
		return def
	}
	if a.i != 0 && a.i != 1 {
		scan.Refuse(abi.Fault{
			Kind: abi.FaultMalformed, Blob: 1, Offset: a.offset, Node: n.name, Op: n.op,
			Text: fmt.Sprintf("attribute %q is %d, neither 0 nor 1", name, a.i),
		})
	}
	return a.i == 1
}

func (n *node) float(name string, def float32) float32 {
	if a := n.find(name, attrFloat); a != nil {
		return a.f
	}
	return def
}

func (n *node) str(name, def string) string {
	if a := n.find(name, attrString); a != nil {
		return a.s
	}
	return def
}

func (n *node) ints(name string) []int64 {
	if a := n.find(name, attrInts); a != nil {
		return a.ints
	}
	return nil
}

func (n *node) floats(name string) []float32 {
	if a := n.find(name, attrFloats); a != nil {
		return a.floats
	}
	return nil
}

func (n *node) strs(name string) []string {
	if a := n.find(name, attrStrings); a != nil {
		return a.strs
	}
	return nil
}

func (n *node) tensor(name string) *initializer {
	if a := n.find(name, attrTensor); a != nil {
		return a.t
	}
	return nil
}

func (n *node) graph(name string) *graph {
	if a := n.find(name, attrGraph); a != nil {
		return a.g
	}
	return nil
}
