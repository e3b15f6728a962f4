package export

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/layer"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
	"google.golang.org/protobuf/encoding/protowire"
)

// What the models say of themselves. The operator set is the first that has
// all the operators which layers become.
const (
	irVersion = 10
	opset     = 21
	producer  = "glovebox"
)

// elementTypes are the numbers of TensorProto.DataType.
var elementTypes = map[tensor.DType]int64{
	tensor.Float32: 1, tensor.Uint8: 2, tensor.Int8: 3, tensor.Uint16: 4, tensor.Int16: 5, tensor.Int32: 6, tensor.Int64: 7,
	tensor.Bool: 9, tensor.Float16: 10, tensor.Float64: 11, tensor.Uint32: 12, tensor.Uint64: 13, tensor.BFloat16: 16,
}

// free is a dim whose size is not known before a run.
const free = -1

// value is a value of the graph and what is known of its type.
type value struct {
	name   string
	dtype  tensor.DType
	dims   []int64 // free where unknown; without meaning unless ranked
	ranked bool
}

// initializer is a constant of the graph: a weight, or a few numbers.
type initializer struct {
	name   string
	dtype  tensor.DType
	dims   []int64
	weight *layer.Weight // nil: raw
	raw    []byte
}

// graph is an ONNX graph that grows node by node.
type graph struct {
	nodes   []byte // of a GraphProto
	inits   []initializer
	names   map[string]bool
	weights map[*layer.Weight]value
	at      *layer.Layer // whose nodes are added
	values  int
	count   int
}

// attr is an attribute of a node: an int64, float64, string, []int64, []float64
// or []string, or as bytes a GraphProto.
type attr struct {
	name  string
	value any
}

// ONNX writes a network as an ONNX model.
func ONNX(box abi.Box, n layer.Network) *File {
	g := &graph{names: map[string]bool{n.Input.Name: true}, weights: map[*layer.Weight]value{}, at: n.Root}
	if n.Input.Name == n.Output.Name {
		refuse("the input and the output are both called %q", n.Input.Name)
	}
	g.names[n.Output.Name] = true
	x := value{name: n.Input.Name, dtype: tensor.DType(n.Input.DType), ranked: n.Input.Ranked}
	for _, d := range n.Input.Dims {
		x.dims = append(x.dims, max(d.Size, free))
	}
	y, fault := g.attempt(n, x)
	if fault != nil && n.Input.Ranked {
		scan.Refuse(*fault)
	} else if fault != nil {
		x, y = g.eachRank(n, x, fault)
		n.Input.Ranked, n.Input.Dims = x.ranked, slices.Repeat([]abi.PortDim{{Size: free}}, len(x.dims))
	}
	g.node("Identity", []string{y.name}, []string{n.Output.Name})
	out := n.Output
	out.DType, out.Ranked, out.Dims = uint8(y.dtype), y.ranked, nil
	for _, d := range y.dims {
		out.Dims = append(out.Dims, abi.PortDim{Size: d})
	}
	return g.write(box, n.Input, out)
}

// network writes n as a function of x.
func (g *graph) network(n layer.Network, x value) value {
	ys := g.all(n.Root, []value{g.reversed(x, n.Reversed)})
	if len(ys) != 1 {
		refuse("a network that gives %d arrays", len(ys))
	}
	y := ys[0]
	if d := tensor.DType(n.Output.DType); d != 0 {
		y = g.cast(y, d)
	}
	return g.reversed(y, n.Reversed)
}

func (g *graph) reversed(x value, do bool) value {
	if !do || x.ranked && len(x.dims) < 2 {
		return x
	}
	y := g.one("Transpose", []value{x}) // without perm it reverses
	y.ranked, y.dims = x.ranked, make([]int64, len(x.dims))
	for i, d := range x.dims {
		y.dims[len(x.dims)-1-i] = d
	}
	return y
}

// write puts the graph into a file.
func (g *graph) write(box abi.Box, in, out abi.Port) *File {
	tail := text(nil, 2, "network")
	head := append(g.nodes, tail...)
	size := int64(len(head))
	heads := make([][]byte, len(g.inits))
	for i := range g.inits {
		n := int64(len(g.inits[i].raw))
		if w := g.inits[i].weight; w != nil {
			n = w.Type.Bytes()
		}
		heads[i] = g.inits[i].header(n)
		size += int64(len(heads[i])) + n
	}
	ports := append(port(11, in), port(12, out)...)
	size += int64(len(ports))
	if size > math.MaxInt32 {
		refuse("an ONNX model of more than 2 GiB")
	}
	f := New(box)
	b := number(nil, 1, irVersion)
	b = text(b, 2, producer)
	b = protowire.AppendTag(b, 7, protowire.BytesType)
	f.Write(protowire.AppendVarint(b, uint64(size)))
	f.Write(head)
	for i := range g.inits {
		f.Write(heads[i])
		if w := g.inits[i].weight; w != nil {
			f.Weight(w)
		} else {
			f.Write(g.inits[i].raw)
		}
	}
	f.Write(ports)
	f.Write(message(nil, 8, number(nil, 2, opset)))
	return f.Close()
}

// header is the message of an initializer up to its n bytes.
func (t *initializer) header(n int64) []byte {
	var b []byte
	for _, d := range t.dims {
		b = number(b, 1, d)
	}
	b = number(b, 2, elementTypes[t.dtype])
	b = text(b, 8, t.name)
	b = protowire.AppendTag(b, 9, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(n))
	h := protowire.AppendTag(nil, 5, protowire.BytesType)
	h = protowire.AppendVarint(h, uint64(int64(len(b))+n))
	return append(h, b...)
}

// port is a ValueInfoProto as a field of the graph.
func port(field protowire.Number, p abi.Port) []byte {
	t := number(nil, 1, elementTypes[tensor.DType(p.DType)])
	if p.Ranked {
		var shape []byte
		for _, d := range p.Dims {
			var dim []byte
			switch {
			case d.Size >= 0:
				dim = number(nil, 1, d.Size)
			case d.Name != "":
				dim = text(nil, 2, d.Name)
			}
			shape = message(shape, 1, dim)
		}
		t = message(t, 2, shape)
	}
	return message(nil, field, message(text(nil, 1, p.Name), 2, message(nil, 1, t)))
}

func number(b []byte, field protowire.Number, n int64) []byte {
	return protowire.AppendVarint(protowire.AppendTag(b, field, protowire.VarintType), uint64(n))
}

func text(b []byte, field protowire.Number, s string) []byte {
	return protowire.AppendString(protowire.AppendTag(b, field, protowire.BytesType), s)
}

func message(b []byte, field protowire.Number, m []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(b, field, protowire.BytesType), m)
}

// node appends a node.
func (g *graph) node(op string, in, out []string, attrs ...attr) {
	var b []byte
	for _, s := range in {
		b = text(b, 1, s)
	}
	for _, s := range out {
		b = text(b, 2, s)
	}
	g.count++
	b = text(b, 3, fmt.Sprintf("%s/%s.%d", g.at.Path, op, g.count))
	b = text(b, 4, op)
	for _, a := range attrs {
		b = message(b, 5, a.encode())
	}
	if g.nodes = message(g.nodes, 1, b); len(g.nodes) > maxText {
		refuse("a graph of more than %d bytes", maxText)
	}
}

// encode is a as an AttributeProto: its value, and its type in field 20.
func (a attr) encode() []byte {
	b := text(nil, 1, a.name)
	kind := int64(0)
	switch v := a.value.(type) {
	case float64:
		b = protowire.AppendFixed32(protowire.AppendTag(b, 2, protowire.Fixed32Type), math.Float32bits(float32(v)))
		kind = 1
	case int64:
		b, kind = number(b, 3, v), 2
	case string:
		b, kind = text(b, 4, v), 3
	case []byte:
		b, kind = message(b, 6, v), 5
	case []float64:
		for _, f := range v {
			b = protowire.AppendFixed32(protowire.AppendTag(b, 7, protowire.Fixed32Type), math.Float32bits(float32(f)))
		}
		kind = 6
	case []int64:
		for _, n := range v {
			b = number(b, 8, n)
		}
		kind = 7
	case []string:
		for _, s := range v {
			b = text(b, 9, s)
		}
		kind = 8
	}
	return number(b, 20, kind)
}

// fresh is a name for a new value.
func (g *graph) fresh() string {
	for {
		g.values++
		if name := fmt.Sprintf("v%d", g.values); !g.names[name] {
			g.names[name] = true
			return name
		}
	}
}

// op appends a node with one result, of which no dims are known.
func (g *graph) op(op string, in []value, attrs ...attr) value {
	names := make([]string, len(in))
	for i, v := range in {
		names[i] = v.name
	}
	for len(names) > 0 && names[len(names)-1] == "" {
		names = names[:len(names)-1]
	}
	y := value{name: g.fresh(), dtype: in[0].dtype}
	g.node(op, names, []string{y.name}, attrs...)
	return y
}

// one is op for what gives a value like its first input.
func (g *graph) one(op string, in []value, attrs ...attr) value {
	y := g.op(op, in, attrs...)
	y.ranked, y.dims = in[0].ranked, in[0].dims
	return y
}

func (g *graph) cast(x value, d tensor.DType) value {
	if x.dtype == d {
		return x
	}
	y := g.one("Cast", []value{x}, attr{"to", elementTypes[d]})
	y.dtype = d
	return y
}

// ints is a constant vector of int64, or a scalar.
func (g *graph) ints(dims []int64, ns ...int64) value {
	var raw []byte
	for _, n := range ns {
		raw = binary.LittleEndian.AppendUint64(raw, uint64(n))
	}
	v := value{name: g.fresh(), dtype: tensor.Int64, dims: dims, ranked: true}
	g.inits = append(g.inits, initializer{name: v.name, dtype: v.dtype, dims: dims, raw: raw})
	return v
}

func (g *graph) vector(ns ...int64) value { return g.ints([]int64{int64(len(ns))}, ns...) }

// floats is a constant vector of float32.
func (g *graph) floats(xs []float64) value {
	var raw []byte
	for _, x := range xs {
		raw = binary.LittleEndian.AppendUint32(raw, math.Float32bits(float32(x)))
	}
	v := value{name: g.fresh(), dtype: tensor.Float32, dims: []int64{int64(len(xs))}, ranked: true}
	g.inits = append(g.inits, initializer{name: v.name, dtype: v.dtype, dims: v.dims, raw: raw})
	return v
}

// scalar is a constant of a float type.
func (g *graph) scalar(x float64, d tensor.DType) value {
	v := value{name: g.fresh(), dtype: tensor.Float32, ranked: true}
	raw := binary.LittleEndian.AppendUint32(nil, math.Float32bits(float32(x)))
	if d == tensor.Float64 {
		v.dtype, raw = d, binary.LittleEndian.AppendUint64(nil, math.Float64bits(x))
	}
	g.inits = append(g.inits, initializer{name: v.name, dtype: v.dtype, raw: raw})
	return g.cast(v, d)
}

// weight is a weight of l as an array of d; without a name, if there is none.
func (g *graph) weight(l *layer.Layer, r layer.Role, d tensor.DType) value {
	w := l.Weights[r]
	if w == nil {
		return value{}
	}
	v, ok := g.weights[w]
	if !ok {
		v = value{name: w.Path, dtype: w.Type.DType, dims: w.Shape(), ranked: true}
		if v.name == "" || g.names[v.name] {
			v.name = g.fresh()
		}
		g.names[v.name] = true
		g.weights[w] = v
		g.inits = append(g.inits, initializer{name: v.name, dtype: v.dtype, dims: v.dims, weight: w})
	}
	return g.cast(v, d)
}
