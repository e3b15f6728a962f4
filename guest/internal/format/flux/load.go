// Package flux reads models that Julia's Flux wrote with BSON.jl, as whole
// models or as what Flux.state gives. Such a file can hold code that Julia runs
// when it loads it; here it is data or it is refused, by its path in the file
// and with its place, and nothing in it is ever evaluated.
//
// Arrays of Julia have their first axis fastest: read row by row they are the
// same array with its axes in the opposite order. So a model takes images as
// (width, height, channels, batch), and its layers see (batch, channels,
// height, width), without a byte being moved.
package flux

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"strings"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/layer"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Fits reports whether a file is a BSON document as far as its ends can tell.
func Fits(c scan.Cursor) bool {
	if c.Left() < 5 || !Looks(c) || int64(binary.LittleEndian.Uint32(c.Peek(4))) != c.Left() {
		return false
	}
	c.Take(uint64(c.Left()) - 1)
	return c.Byte() == 0
}

// Looks reports whether a file begins like one of BSON.jl, whatever its length.
func Looks(c scan.Cursor) bool {
	head := c.Peek(maxKey)
	if len(head) < 5 {
		return false
	}
	if head[4] == 0 {
		return len(head) == 5
	}
	end := bytes.IndexByte(head[5:], 0)
	return kind(head[4]).String() != "" && end > 0 && !bytes.ContainsFunc(head[5:5+end], func(r rune) bool { return r < ' ' || r == 0xfffd })
}

// Model is what a file has that can run.
type Model struct{ nets []*network }

// network is a tree of layers with what it takes and gives. Axes are Julia's:
// in the opposite order of what the layers take and give.
type network struct {
	root    *layer.Layer
	in, out []abi.Port
}

// Load reads the file in blob 1. Of several networks in it those that can run
// do, each with a port of its name.
func Load(box abi.Box, task abi.Task) *Model {
	m, names := networks(box, task)
	m.declare(box, names)
	return m
}

// Build is the one network of the file in blob 1.
func Build(box abi.Box, task abi.Task) layer.Network {
	m, names := networks(box, task)
	if len(names) > 1 {
		scan.Refuse(abi.Fault{
			Kind: abi.FaultUnsupported, Blob: 1, Offset: -1, Text: fmt.Sprintf("a file of %d networks in place of one: %s", len(names), strings.Join(names, ", ")),
		})
	}
	return m.nets[0].single()
}

// networks finds those in blob 1 that can run, and their names.
func networks(box abi.Box, task abi.Task) (*Model, []string) {
	f := open(box, 1)
	var fault *abi.Fault
	s := f.survey(func(found abi.Fault) {
		if fault == nil {
			fault = &found
		}
	})
	m := &Model{}
	var names []string
	b := builder{f: f, closures: task&abi.OptionKnownClosures != 0}
	alone := s.models[:0:0]
	for _, c := range s.models {
		if !c.inside {
			alone = append(alone, c)
		}
	}
	if len(alone) > 0 {
		fault = nil // what is refused beside a network does not take part in it
	}
	for _, c := range alone {
		tree, wrong := b.model(c)
		if wrong == nil {
			m.nets, names = append(m.nets, newNetwork(tree)), append(names, c.p.String())
		} else if fault == nil {
			fault = wrong
		}
	}
	if len(m.nets) == 0 && fault == nil {
		fault = &abi.Fault{
			Kind: abi.FaultUnsupported, Blob: 1, Offset: 0,
			Text: fmt.Sprintf("a file of %d arrays without a network: give the architecture as JSON, and this file as its weights", len(s.arrays)),
		}
	}
	if len(m.nets) == 0 {
		scan.Refuse(*fault)
	}
	return m, names
}

// single is n as a network of one input and one result.
func (n *network) single() layer.Network {
	if len(n.in) != 1 || len(n.out) != 1 {
		scan.Refuse(abi.Fault{
			Kind: abi.FaultUnsupported, Blob: n.root.Blob, Offset: n.root.Offset, Node: n.root.Path,
			Text: fmt.Sprintf("a network of %d inputs and %d results", len(n.in), len(n.out)),
		})
	}
	single := layer.Network{Root: n.root, Input: n.in[0], Output: n.out[0], Reversed: true}
	single.Input.Name, single.Output.Name = "x", "y"
	return single
}

// declare tells the host the ports: x and y, or x1, x2, … of several. Where
// there are several networks they have the name of each, and none has to be
// given.
func (m *Model) declare(box abi.Box, names []string) {
	for i, n := range m.nets {
		in, out := "x", "y"
		if len(names) > 1 {
			in, out = names[i], names[i]
		}
		n.root.Place(box)
		for _, group := range [...]struct {
			name  string
			ports []abi.Port
		}{{in, n.in}, {out, n.out}} {
			for k := range group.ports {
				p := &group.ports[k]
				p.Name, p.Optional = group.name, len(names) > 1
				if len(group.ports) > 1 {
					p.Name = fmt.Sprint(group.name, k+1)
				}
				if e := box.PortDeclare(abi.AppendPort(nil, *p)); e != abi.OK {
					scan.Refuse(abi.Fault{Kind: abi.FaultMalformed, Blob: 1, Offset: -1, Text: fmt.Sprintf("port %q: %v", p.Name, e)})
				}
			}
		}
	}
}

// newNetwork finds what a tree takes and gives: the type of its numbers, and
// the dims as far as its first layers with weights say them.
func newNetwork(tree *layer.Layer) *network {
	d := tensor.Float32
	if t, ok := numbers(tree); ok {
		d = t
	}
	n := &network{root: tree}
	for _, first := range openings(tree) {
		p := abi.Port{DType: uint8(d)}
		takes(first, &p)
		n.in = append(n.in, p)
	}
	n.out = slices.Repeat([]abi.Port{{Output: true, DType: uint8(d)}}, max(tree.Results(), 1))
	return n
}

// takes says what a layer takes, which is nil where that is not known.
func takes(first *layer.Layer, p *abi.Port) {
	if first == nil {
		return
	}
	free := func(name string) abi.PortDim { return abi.PortDim{Size: -1, Name: name} }
	features := abi.PortDim{Size: first.In}
	axes := []string{"width", "height", "depth"}
	switch first.Kind {
	case layer.Embedding:
		p.DType = uint8(tensor.Int64)
	case layer.Dense, layer.Bilinear:
		p.Dims = []abi.PortDim{features, free("batch")}
	case layer.Conv, layer.ConvTranspose, layer.MaxPool, layer.MeanPool, layer.AdaptiveMaxPool, layer.AdaptiveMeanPool:
		for i := range max(len(first.Kernel), len(first.Size)) {
			p.Dims = append(p.Dims, free(axes[i]))
		}
		if first.In == 0 {
			features = free("channels")
		}
		p.Dims = append(p.Dims, features, free("batch"))
	}
	p.Ranked = p.Dims != nil
}

// numbers is the type of the first weight of a tree.
func numbers(l *layer.Layer) (tensor.DType, bool) {
	for _, r := range [...]layer.Role{layer.Main, layer.WeightIH, layer.Variance} {
		if w := l.Weights[r]; w != nil {
			return w.Type.DType, true
		}
	}
	for _, inner := range l.Layers {
		if d, ok := numbers(inner); ok {
			return d, true
		}
	}
	return 0, false
}

// openings are the first layers that say what dims they take, one for each
// input. A layer that gives its input to several has one input, unless these
// cannot take the same.
func openings(l *layer.Layer) []*layer.Layer {
	switch l.Kind {
	case layer.Chain:
		for _, inner := range l.Layers {
			if inner.Kind != layer.Dropout && inner.Kind != layer.Elementwise && inner.Kind != layer.Identity {
				return openings(inner)
			}
		}
		return []*layer.Layer{nil}
	case layer.SkipConnection, layer.Maxout, layer.MultiHeadAttention:
		return openings(l.Layers[0])
	case layer.Bilinear:
		if l.In != l.In2 {
			second := *l
			second.In = l.In2
			return []*layer.Layer{l, &second}
		}
	case layer.Parallel, layer.PairwiseFusion:
		var all []*layer.Layer
		differ := false
		for i, inner := range l.Layers {
			first := openings(inner)
			if len(first) != 1 {
				return []*layer.Layer{nil}
			}
			all = append(all, first[0])
			differ = differ || i > 0 && l.Kind == layer.Parallel && apart(all[0], first[0])
		}
		if differ {
			return all
		}
		return all[:1]
	}
	return []*layer.Layer{l}
}

// apart reports whether two layers cannot take the same input.
func apart(a, b *layer.Layer) bool {
	if a == nil || b == nil {
		return false
	}
	var p, q abi.Port
	takes(a, &p)
	takes(b, &q)
	return p.DType != q.DType || p.Ranked && q.Ranked && !slices.Equal(p.Dims, q.Dims) || a.Kind == b.Kind && a.In != b.In
}

// Run serves one request.
func (m *Model) Run(box abi.Box) {
	t := trace.New(box)
	var names []string
	ran := false
	in, out := 0, 0 // the first ports of the network
	for _, n := range m.nets {
		var xs []*trace.Value
		for k := range n.in {
			names = append(names, n.in[k].Name)
			if x := t.Input(uint32(in+k), n.in[k].Dims); x != nil {
				xs = append(xs, reversed(t, x))
			}
		}
		if len(xs) > 0 {
			n.run(t, xs, out)
			ran = true
		}
		in, out = in+len(n.in), out+len(n.out)
	}
	if !ran {
		t.Fail(abi.FaultInput, "no input; give one of %s", strings.Join(names, ", "))
	}
	t.Finish()
}

// run gives what n makes of xs to its ports, of which out is the first.
func (n *network) run(t *trace.Tracer, xs []*trace.Value, out int) {
	if len(xs) != len(n.in) {
		t.Fail(abi.FaultInput, "%d of the %d inputs of a network", len(xs), len(n.in))
	}
	ys := layer.Trace(t, n.root, xs...)
	if len(ys) != len(n.out) {
		t.Fail(abi.FaultUnsupported, "a network that gives %d arrays", len(ys))
	}
	for k, y := range ys {
		t.Output(uint32(out+k), reversed(t, t.Cast(y, tensor.DType(n.out[k].DType))))
	}
}

// reversed reads x with its axes in the opposite order.
func reversed(t *trace.Tracer, x *trace.Value) *trace.Value {
	perm := make([]int64, x.Rank())
	for i := range perm {
		perm[i] = int64(len(perm) - 1 - i)
	}
	return t.Permute(x, perm...)
}
