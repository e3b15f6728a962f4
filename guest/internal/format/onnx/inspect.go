package onnx

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// inspection reports what a file holds. It reads with the reader of Load, but
// notes a refusal and goes on with the next part of the file.
type inspection struct {
	box     abi.Box
	digests bool
	refused int
}

func (in *inspection) emit(it abi.Item) {
	if e := in.box.Emit(abi.EmitReport, abi.AppendItem(nil, it)); e != abi.OK {
		scan.Refuse(abi.Fault{Kind: abi.FaultUnsupported, Offset: -1, Text: "the report is too long"})
	}
}

// refuse reports a fault. A file with very many of them is not worth going on.
func (in *inspection) refuse(f *abi.Fault) {
	if in.refused++; in.refused > maxRefusals {
		scan.Refuse(*f)
	}
	in.emit(abi.Item{
		Kind: abi.ItemRefused, Blob: f.Blob, Offset: f.Offset, Strings: []string{f.Text, f.Node, f.Op}, Ints: []int64{int64(f.Kind)},
	})
}

// Inspect reports what is in blob 1 and what of it is refused. It declares the
// ports that can be declared, and never runs anything. task has the options.
func Inspect(box abi.Box, task abi.Task) {
	in := &inspection{box: box, digests: task&abi.OptionDigests != 0}
	p := &parser{box: box, refused: in.refuse}
	m := newModel(1)
	p.attempt(func() { p.model(m, scan.Open(box, 1).All()) })
	in.head(m)
	resolve(m, p.attempt)
	p.attempt(p.rewrite)
	for _, t := range p.tensors {
		in.tensor(t)
	}
	ops := &histogram{index: map[string]int{}}
	ops.graph(m.graph)
	for _, fn := range m.order {
		ops.graph(fn.graph)
	}
	for _, op := range ops.list {
		in.op(m, op)
	}
	lacks := support{model: m, seen: map[*function]bool{}, branches: true, found: func(f abi.Fault) { in.refuse(&f) }}
	lacks.check()
	p.attempt(func() { m.declare(box) })
}

// head reports what the model says of itself.
func (in *inspection) head(m *model) {
	in.emit(abi.Item{Kind: abi.ItemFormat, Blob: m.blob, Offset: -1, Strings: []string{"onnx", fmt.Sprint(m.ir)}})
	for _, domain := range m.domains {
		name := domain
		if name == "" {
			name = "ai.onnx"
		}
		in.field("opset "+name, fmt.Sprint(m.imports[domain]))
	}
	for _, p := range m.properties {
		in.field(p.name, p.value)
	}
}

func (in *inspection) field(name, value string) {
	in.emit(abi.Item{Kind: abi.ItemField, Blob: 1, Offset: -1, Strings: []string{name, value}})
}

func (in *inspection) tensor(t *initializer) {
	ints := append([]int64{int64(t.typ.DType), t.typ.Bytes()}, t.typ.Shape()...)
	blob, at := t.blob, t.at
	if t.field != 0 {
		blob, at = 1, t.offset
	}
	strings := []string{t.name, t.part}
	if in.digests && t.reason == "" {
		w := weights.Tensor{DType: t.typ.DType, Shape: t.typ.Shape(), Blob: t.blob, At: t.at, Size: t.typ.Bytes()}
		strings = append(strings, "", w.Digest(in.box))
	}
	in.emit(abi.Item{Kind: abi.ItemTensor, Blob: blob, Offset: at, Strings: strings, Ints: ints})
}

func (in *inspection) op(m *model, op opCount) {
	var supported int64
	if f, _ := find(op.first); f != nil || m.function(op.first) != nil {
		supported = 1
	}
	in.emit(abi.Item{
		Kind: abi.ItemOp, Blob: m.blob, Offset: op.first.offset, Strings: []string{op.first.domain, op.first.op}, Ints: []int64{op.count, supported},
	})
}

// histogram counts the operators of graphs, in the order of their first use.
type histogram struct {
	index map[string]int
	list  []opCount
}

type opCount struct {
	first *node
	count int64
}

func (h *histogram) graph(g *graph) {
	for i := range g.nodes {
		n := &g.nodes[i]
		if n.op == "" {
			continue // it was refused before that was read
		}
		at, ok := h.index[n.kind()]
		if !ok {
			at = len(h.list)
			h.index[n.kind()] = at
			h.list = append(h.list, opCount{first: n})
		}
		h.list[at].count++
		for j := range n.attrs {
			if body := n.attrs[j].g; body != nil {
				h.graph(body)
			}
		}
	}
}
