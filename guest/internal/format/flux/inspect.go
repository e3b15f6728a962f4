package flux

import (
	"fmt"
	"strings"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/layer"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// maxRefusals is how many refused parts are worth listing.
const maxRefusals = 1000

// inspection reports what a file holds.
type inspection struct {
	box     abi.Box
	refused map[int64]bool // offsets of what was refused already
}

func (in *inspection) emit(it abi.Item) {
	if e := in.box.Emit(abi.EmitReport, abi.AppendItem(nil, it)); e != abi.OK {
		scan.Refuse(abi.Fault{Kind: abi.FaultUnsupported, Offset: -1, Text: "the report is too long"})
	}
}

func (in *inspection) field(name, value string) {
	in.emit(abi.Item{Kind: abi.ItemField, Blob: 1, Offset: -1, Strings: []string{name, value}})
}

// refuse reports a part that is refused, once.
func (in *inspection) refuse(f abi.Fault) {
	if in.refused[f.Offset] || len(in.refused) > maxRefusals {
		return
	}
	in.refused[f.Offset] = true
	in.emit(abi.Item{
		Kind: abi.ItemRefused, Blob: f.Blob, Offset: f.Offset, Strings: []string{f.Text, f.Node, f.Op}, Ints: []int64{int64(f.Kind)},
	})
}

// Inspect reports the models in blob 1, its arrays, and what is refused of it.
// The dims of arrays are Julia's.
func Inspect(box abi.Box, task abi.Task) {
	in := &inspection{box: box, refused: map[int64]bool{}}
	in.emit(abi.Item{Kind: abi.ItemFormat, Blob: 1, Offset: -1, Strings: []string{"bson", "BSON.jl"}})
	f := open(box)
	in.field("axes", "in Julia's order, the first one fastest: images are width, height, channels, batch")
	var faults []abi.Fault
	s := f.survey(func(fault abi.Fault) { faults = append(faults, fault) })
	b := builder{f: f, closures: task&abi.OptionKnownClosures != 0}
	m, names := &Model{}, []string(nil)
	let := map[int64]bool{}
	for _, c := range s.models {
		holes := 0
		b.holes = func(fault abi.Fault) { holes++; in.refuse(fault) }
		var tree *layer.Layer
		if fault := scan.Catch(func() { tree = b.model(c) }); fault != nil {
			in.refuse(*fault)
			continue
		}
		in.tree(tree, let)
		if holes > 0 {
			continue
		}
		if fault := scan.Catch(tree.Check); fault != nil {
			in.refuse(*fault)
			continue
		}
		m.nets, names = append(m.nets, newNet(tree)), append(names, c.p.String())
	}
	for _, fault := range faults {
		if !let[fault.Offset] {
			in.refuse(fault)
		}
	}
	for i := range s.arrays {
		in.array(&s.arrays[i])
	}
	if len(m.nets) > 0 {
		m.declare(box, names)
	} else if len(in.refused) == 0 {
		in.field("content", "arrays without a network: weights for an architecture given as JSON")
	}
}

func (in *inspection) array(a *Array) {
	dims := a.Type.Shape()
	ints := []int64{int64(a.Type.DType), a.Type.Bytes()}
	for i := len(dims) - 1; i >= 0; i-- {
		ints = append(ints, dims[i])
	}
	in.emit(abi.Item{Kind: abi.ItemTensor, Blob: 1, Offset: a.Offset, Strings: []string{a.Path, ""}, Ints: ints})
}

// tree reports each layer as a field with its path, and how often each kind
// occurs. It notes where a closure was let in.
func (in *inspection) tree(l *layer.Layer, let map[int64]bool) {
	counts := map[layer.Kind]int64{}
	var kinds []layer.Kind
	var walk func(l *layer.Layer, depth int)
	walk = func(l *layer.Layer, depth int) {
		in.field("layer "+l.Path, strings.Repeat("  ", depth)+describe(l))
		if counts[l.Kind]++; counts[l.Kind] == 1 {
			kinds = append(kinds, l.Kind)
		}
		if l.Kind == layer.Flatten {
			let[l.Offset] = true
		}
		for _, inner := range l.Layers {
			walk(inner, depth+1)
		}
		if l.Joiner != nil {
			walk(l.Joiner, depth+1)
		}
	}
	walk(l, 0)
	for _, k := range kinds {
		if k != "" {
			in.emit(abi.Item{Kind: abi.ItemOp, Blob: 1, Offset: -1, Strings: []string{"Flux", string(k)}, Ints: []int64{counts[k], 1}})
		}
	}
}

// describe is a layer on one line.
func describe(l *layer.Layer) string {
	spec, ok := layer.SpecOf(l.Kind)
	if !ok {
		return "refused"
	}
	var parts []string
	for _, p := range spec.Params {
		switch v := p.At(l).(type) {
		case *int64:
			parts = append(parts, fmt.Sprintf("%s %d", p.Name, *v))
		case *[]int64:
			parts = append(parts, fmt.Sprintf("%s %d", p.Name, *v))
		case *float64:
			parts = append(parts, fmt.Sprintf("%s %g", p.Name, *v))
		case *bool:
			if *v {
				parts = append(parts, p.Name)
			}
		case *layer.Function:
			if v.Name != "" && v.Name != "identity" {
				parts = append(parts, v.Name)
			}
		case *layer.Join:
			parts = append(parts, string(*v))
		}
	}
	return strings.TrimSpace(string(l.Kind) + " " + strings.Join(parts, ", "))
}
