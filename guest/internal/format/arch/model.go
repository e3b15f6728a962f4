package arch

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/layer"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Model is a network with its weights.
type Model struct{ net layer.Network }

// Load reads the description in blob 1, gives it the weights that open finds in
// their part, and declares what the network takes and gives.
func Load(box abi.Box, open weights.Opener) *Model {
	m := &Model{Build(box, open)}
	m.net.Root.Place(box)
	m.declare(box)
	return m
}

// Build is the network of the description in blob 1. Its weights are checked,
// but not yet constants.
func Build(box abi.Box, open weights.Opener) layer.Network {
	d := Parse(box, 1)
	if len(d.Holes) > 0 {
		scan.Refuse(d.Holes[0])
	}
	d.bind(box, 1, open)
	d.Root.Check()
	return d.network()
}

// network says what d takes and gives: numbers of the type of the input or, if
// that is of integers, of the first weight.
func (d *Description) network() layer.Network {
	out := abi.Port{Output: true, Name: d.Output, DType: d.Input.DType}
	if !tensor.DType(out.DType).IsFloat() {
		out.DType = 0
		for _, s := range d.slots {
			if w := s.layer.Weights[s.role]; w != nil {
				out.DType = uint8(w.Type.DType)
				break
			}
		}
	}
	return layer.Network{Root: d.Root, Input: d.Input, Output: out}
}

func (m *Model) declare(box abi.Box) {
	for _, p := range [...]abi.Port{m.net.Input, m.net.Output} {
		if e := box.PortDeclare(abi.AppendPort(nil, p)); e != abi.OK {
			scan.Refuse(abi.Fault{Kind: abi.FaultMalformed, Blob: 1, Offset: -1, Text: fmt.Sprintf("port %q: %v", p.Name, e)})
		}
	}
}

// Run serves one request.
func (m *Model) Run(box abi.Box) {
	t := trace.New(box)
	ys := layer.Trace(t, m.net.Root, t.Input(0, m.net.Input.Dims))
	if len(ys) != 1 {
		t.Fail(abi.FaultUnsupported, "a network that gives %d arrays", len(ys))
	}
	y := ys[0]
	if d := tensor.DType(m.net.Output.DType); d != 0 {
		y = t.Cast(y, d)
	}
	t.Output(0, y)
	t.Finish()
}

// Inspect reports the network that blob 1 describes, and its weights where they
// are given. task has the options.
func Inspect(box abi.Box, task abi.Task, open weights.Opener) {
	weights.Inspect(box, task, func(box abi.Box, h abi.Handle, f *weights.File) {
		f.Format, f.Version = "architecture", fmt.Sprint(Version)
		d := Parse(box, h)
		f.Field("bind", string(d.Bind))
		d.list(f, d.Root, 0)
		for _, hole := range d.Holes {
			f.Refuse(hole)
		}
		if _, e := box.BlobPart(WeightsPart); e != abi.OK && len(d.slots) > 0 {
			f.Field("weights", "not given")
			return
		}
		f.Attempt(func() {
			d.bind(box, h, func(box abi.Box, h abi.Handle) *weights.File {
				w := open(box, h)
				f.Field("weights", w.Format)
				f.Tensors = w.Tensors
				return w
			})
			if len(d.Holes) == 0 {
				d.Root.Check()
				m := &Model{d.network()}
				m.declare(box)
			}
		})
	})
}

// list reports each layer under its path.
func (d *Description) list(f *weights.File, l *layer.Layer, depth int) {
	for _, inner := range l.Inner() {
		f.Layers = append(f.Layers, weights.Layer{Path: inner.Path, Text: inner.String(), Depth: depth})
		d.list(f, inner, depth+1)
	}
}
