package flux

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/layer"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// Read reads the arrays in blob h, whose names are their paths. Code in the
// file plays no part in them.
func Read(box abi.Box, h abi.Handle, to *weights.File) {
	to.Format, to.Version = "bson", "BSON.jl"
	f := open(box, h)
	to.Tensors = f.survey(func(abi.Fault) {}).arrays
}

// Inspect reports the networks in blob 1, its arrays, and what is refused of it.
func Inspect(box abi.Box, task abi.Task) {
	weights.Inspect(box, task, func(box abi.Box, h abi.Handle, to *weights.File) {
		in := &inspection{box: box, file: to, refused: map[int64]bool{}, let: map[int64]bool{}}
		in.read(h, task&abi.OptionKnownClosures != 0)
	})
}

// inspection finds out what a file holds.
type inspection struct {
	box     abi.Box
	file    *weights.File
	refused map[int64]bool // offsets of what was refused already
	let     map[int64]bool // and of what was let in
}

func (in *inspection) read(h abi.Handle, closures bool) {
	in.file.Format, in.file.Version = "bson", "BSON.jl"
	f := open(in.box, h)
	var faults []abi.Fault
	s := f.survey(func(fault abi.Fault) { faults = append(faults, fault) })
	in.file.Tensors = s.arrays
	if f.void {
		in.file.Field("julia", "0.6")
	}
	in.file.Field("axes", "as in Julia, the first one fastest: images are width, height, channels, batch")
	m, names := &Model{}, []string(nil)
	holes := false
	b := builder{f: f, closures: closures, holes: func(fault abi.Fault) { holes = true; in.refuse(fault) }}
	for _, c := range s.models {
		holes = false
		tree, wrong := b.model(c)
		if wrong != nil {
			in.refuse(*wrong)
			continue
		}
		in.tree(tree)
		if holes || c.inside {
			continue
		}
		if wrong := scan.Catch(tree.Check); wrong != nil {
			in.refuse(*wrong)
			continue
		}
		m.nets, names = append(m.nets, newNetwork(tree)), append(names, c.p.String())
	}
	for _, fault := range faults {
		if !in.let[fault.Offset] {
			in.refuse(fault)
		}
	}
	if len(m.nets) > 0 {
		m.declare(in.box, names)
	} else if len(in.refused) == 0 {
		in.file.Field("content", "arrays without a network: weights for an architecture given as JSON")
	}
}

// refuse reports a part that is refused, once.
func (in *inspection) refuse(f abi.Fault) {
	if !in.refused[f.Offset] {
		in.refused[f.Offset] = true
		in.file.Refuse(f)
	}
}

// tree reports each layer with its path, and how often each kind
// occurs. It notes where a closure was let in.
func (in *inspection) tree(l *layer.Layer) {
	counts := map[layer.Kind]int64{}
	var kinds []layer.Kind
	var walk func(l *layer.Layer, depth int)
	walk = func(l *layer.Layer, depth int) {
		in.file.Layers = append(in.file.Layers, weights.Layer{Path: l.Path, Text: describe(l), Depth: depth})
		if counts[l.Kind]++; counts[l.Kind] == 1 {
			kinds = append(kinds, l.Kind)
		}
		if l.Kind == layer.Flatten {
			in.let[l.Offset] = true
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
		if k != layer.Hole {
			op := abi.Item{Kind: abi.ItemOp, Blob: 1, Offset: -1, Strings: []string{"Flux", string(k)}, Ints: []int64{counts[k], 1}}
			if e := in.box.Emit(abi.EmitReport, abi.AppendItem(nil, op)); e != abi.OK {
				scan.Refuse(abi.Fault{Kind: abi.FaultUnsupported, Offset: -1, Text: "the report is too long"})
			}
		}
	}
}

// describe is a layer on one line.
func describe(l *layer.Layer) string {
	if l.Kind == layer.Hole {
		return "refused"
	}
	return l.String()
}
