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
type Model struct{ nets []*layer.Network }

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
	n := *m.nets[0]
	n.Input.Name, n.Output.Name = "x", "y"
	return n
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
			m.nets, names = append(m.nets, network(tree)), append(names, c.p.String())
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

// declare tells the host the ports: x and y, or where there are several
// networks one of each with the name of each, none of which has to be given.
func (m *Model) declare(box abi.Box, names []string) {
	for i, n := range m.nets {
		n.Input.Name, n.Output.Name = "x", "y"
		if len(names) > 1 {
			n.Input.Name, n.Output.Name = names[i], names[i]
			n.Input.Optional, n.Output.Optional = true, true
		}
		n.Root.Place(box)
		for _, p := range [...]abi.Port{n.Input, n.Output} {
			if e := box.PortDeclare(abi.AppendPort(nil, p)); e != abi.OK {
				scan.Refuse(abi.Fault{Kind: abi.FaultMalformed, Blob: 1, Offset: -1, Text: fmt.Sprintf("port %q: %v", p.Name, e)})
			}
		}
	}
}

// network finds what a tree takes: the type of its numbers, and the dims as far
// as its first layer with weights says them.
func network(tree *layer.Layer) *layer.Network {
	d := tensor.Float32
	if t, ok := numbers(tree); ok {
		d = t
	}
	n := &layer.Network{Root: tree, Reversed: true, Input: abi.Port{DType: uint8(d)}, Output: abi.Port{Output: true, DType: uint8(d)}}
	first := opening(tree)
	if first == nil {
		return n
	}
	free := func(name string) abi.PortDim { return abi.PortDim{Size: -1, Name: name} }
	features := abi.PortDim{Size: first.In}
	axes := []string{"width", "height", "depth"}
	switch first.Kind {
	case layer.Embedding:
		n.Input.DType = uint8(tensor.Int64)
	case layer.Dense, layer.Bilinear:
		n.Input.Dims = []abi.PortDim{features, free("batch")}
	case layer.Conv, layer.ConvTranspose, layer.MaxPool, layer.MeanPool, layer.AdaptiveMaxPool, layer.AdaptiveMeanPool:
		for i := range max(len(first.Kernel), len(first.Size)) {
			n.Input.Dims = append(n.Input.Dims, free(axes[i]))
		}
		if first.In == 0 {
			features = free("channels")
		}
		n.Input.Dims = append(n.Input.Dims, features, free("batch"))
	}
	n.Input.Ranked = n.Input.Dims != nil
	return n
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

// opening is the first layer that says what dims it takes, or nil.
func opening(l *layer.Layer) *layer.Layer {
	switch l.Kind {
	case layer.Chain:
		for _, inner := range l.Layers {
			if inner.Kind != layer.Dropout && inner.Kind != layer.Elementwise && inner.Kind != layer.Identity {
				return opening(inner)
			}
		}
		return nil
	case layer.SkipConnection, layer.Parallel, layer.Maxout:
		return opening(l.Layers[0])
	}
	return l
}

// Run serves one request.
func (m *Model) Run(box abi.Box) {
	t := trace.New(box)
	var names []string
	ran := false
	for i, n := range m.nets {
		names = append(names, n.Input.Name)
		x := t.Input(uint32(i), n.Input.Dims)
		if x == nil {
			continue
		}
		ys := layer.Trace(t, n.Root, reversed(t, x))
		if len(ys) != 1 {
			t.Fail(abi.FaultUnsupported, "a network that gives %d arrays", len(ys))
		}
		t.Output(uint32(i), reversed(t, t.Cast(ys[0], tensor.DType(n.Output.DType))))
		ran = true
	}
	if !ran {
		t.Fail(abi.FaultInput, "no input; give one of %s", strings.Join(names, ", "))
	}
	t.Finish()
}

// reversed reads x with its axes in the opposite order.
func reversed(t *trace.Tracer, x *trace.Value) *trace.Value {
	perm := make([]int64, x.Rank())
	for i := range perm {
		perm[i] = int64(len(perm) - 1 - i)
	}
	return t.Permute(x, perm...)
}
