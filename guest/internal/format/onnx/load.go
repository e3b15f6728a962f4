package onnx

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
)

// Model is a model that was read and can run.
type Model struct{ m *model }

// Load reads the model in blob 1, refuses it if it cannot run, and declares
// what it takes and gives.
func Load(box abi.Box) *Model {
	p := &parser{box: box}
	m := newModel(1)
	p.model(m, scan.Open(box, 1).All())
	resolve(m, p.attempt)
	s := support{model: m, seen: map[*function]bool{}, found: scan.Refuse}
	s.check()
	p.rewrite()
	p.place()
	m.declare(box)
	return &Model{m}
}

// Run serves one request.
func (m *Model) Run(box abi.Box) { m.m.run(box) }

// place makes a constant of each tensor that can be used.
func (p *parser) place() {
	for _, t := range p.tensors {
		if t.reason != "" {
			continue
		}
		var e abi.Errno
		if t.placed, e = trace.NewConstant(p.box, t.blob, t.at, t.typ); e != abi.OK {
			fail(t.offset, nil, "tensor %q: %v", t.name, e)
		}
	}
}

// declare tells the host the ports of the main graph.
func (m *model) declare(box abi.Box) {
	for _, side := range [...]struct {
		ports  []port
		output bool
	}{{m.graph.inputs, false}, {m.graph.outputs, true}} {
		for _, p := range side.ports {
			rec := abi.AppendPort(nil, abi.Port{Output: side.output, Optional: p.optional, Ranked: p.ranked, DType: uint8(p.dtype), Name: p.name, Dims: p.dims})
			if e := box.PortDeclare(rec); e != abi.OK {
				fail(p.offset, nil, "port %q: %v", p.name, e)
			}
		}
	}
}
