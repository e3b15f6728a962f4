package arch

import (
	"bytes"
	"math"
	"slices"
	"strconv"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/layer"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/guest/internal/strictjson"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Write describes a network, with holes where its tree has them. tensorName
// says what the tensor of a weight is called in the file that it is from, one
// of Julia's.
func Write(n layer.Network, tensorName func(*layer.Weight) string) []byte {
	w := &writer{tensorName: tensorName}
	w.open("{")
	w.key("glovebox")
	w.number(Version)
	w.key("input")
	w.input(n)
	w.key("output")
	w.string(n.Output.Name)
	layers := []*layer.Layer{n.Root}
	var names []string
	if n.Root.Kind == layer.Chain {
		layers, names = n.Root.Layers, n.Root.Names
	}
	w.layers(layers, names)
	w.close("}")
	return append(w.Bytes(), '\n')
}

// writer writes JSON, an object to a line or a line to each of its keys.
type writer struct {
	bytes.Buffer
	tensorName func(*layer.Weight) string
	depth      int
	lines      []bool // of the objects and lists that are open: a line to each entry
	filled     []bool // and whether they have an entry
}

func (w *writer) open(bracket string)   { w.begin(bracket, true) }
func (w *writer) inline(bracket string) { w.begin(bracket, false) }

func (w *writer) begin(bracket string, lines bool) {
	w.WriteString(bracket)
	w.lines, w.filled = append(w.lines, lines), append(w.filled, false)
}

func (w *writer) close(bracket string) {
	k := len(w.lines) - 1
	lines := w.lines[k] && w.filled[k]
	w.lines, w.filled = w.lines[:k], w.filled[:k]
	if lines {
		w.newline()
	}
	w.WriteString(bracket)
}

func (w *writer) newline() {
	w.WriteByte('\n')
	for _, lines := range w.lines {
		if lines {
			w.WriteString("  ")
		}
	}
}

// entry begins an entry of what is open.
func (w *writer) entry() {
	k := len(w.lines) - 1
	if w.filled[k] {
		w.WriteByte(',')
	}
	switch {
	case w.lines[k]:
		w.newline()
	case w.filled[k]:
		w.WriteByte(' ')
	}
	w.filled[k] = true
}

func (w *writer) key(name string) {
	w.entry()
	w.string(name)
	w.WriteString(": ")
}

func (w *writer) string(s string) { w.Write(strictjson.AppendPrintable(nil, s)) }
func (w *writer) number(n int64)  { w.WriteString(strconv.FormatInt(n, 10)) }

func (w *writer) numbers(ns []int64) {
	w.inline("[")
	for _, n := range ns {
		w.entry()
		w.number(n)
	}
	w.close("]")
}

// float writes a number that JSON has.
func (w *writer) float(x float64) {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		scan.Refuse(abi.Fault{Kind: abi.FaultUnsupported, Blob: 1, Offset: -1, Text: "a parameter that is no number"})
	}
	w.WriteString(strconv.FormatFloat(x, 'g', -1, 64))
}

// input writes what the network takes, in the order of our axes.
func (w *writer) input(n layer.Network) {
	w.inline("{")
	w.key("name")
	w.string(n.Input.Name)
	for name, d := range dtypes {
		if d == tensor.DType(n.Input.DType) {
			w.key("dtype")
			w.string(name)
		}
	}
	if n.Input.Ranked {
		dims := slices.Clone(n.Input.Dims)
		if n.Reversed {
			slices.Reverse(dims)
		}
		w.key("shape")
		w.inline("[")
		for i, d := range dims {
			w.entry()
			switch {
			case d.Size >= 0:
				w.number(d.Size)
			case d.Name != "":
				w.string(d.Name)
			default:
				w.string("dim" + strconv.Itoa(i))
			}
		}
		w.close("]")
	}
	w.close("}")
}

func (w *writer) layers(layers []*layer.Layer, names []string) {
	w.key("layers")
	w.open("[")
	for i, l := range layers {
		w.entry()
		name := ""
		if names != nil {
			name = names[i]
		}
		w.layer(l, name)
	}
	w.close("]")
}

// layer writes a layer with all its parameters.
func (w *writer) layer(l *layer.Layer, name string) {
	w.inline("{")
	w.key("kind")
	w.string(string(l.Kind))
	if name != "" {
		w.key("name")
		w.string(name)
	}
	if l.Note != "" {
		w.key("note")
		w.string(l.Note[:min(len(l.Note), maxNote/2)]) // what is no text becomes up to three bytes
	}
	spec, _ := layer.SpecOf(l.Kind)
	for _, p := range spec.Params {
		w.param(l, p)
	}
	w.weights(l, spec)
	if spec.MaxLayers > 0 {
		w.layers(l.Layers, l.Names)
	}
	if l.Joiner != nil {
		w.key("joiner")
		w.layer(l.Joiner, "")
	}
	w.close("}")
}

func (w *writer) param(l *layer.Layer, p layer.Param) {
	switch v := p.At(l).(type) {
	case *int64:
		if p.Name == "axis" && l.Join != layer.JoinNone && l.Join != layer.JoinConcat {
			return
		}
		w.key(p.Name)
		w.number(*v)
	case *[]int64:
		w.key(p.Name)
		w.numbers(*v)
	case *float64:
		w.key(p.Name)
		w.float(*v)
	case *bool:
		w.key(p.Name)
		w.WriteString(strconv.FormatBool(*v))
	case *layer.Join:
		w.key(p.Name)
		w.string(string(*v))
	case *layer.Function:
		w.key(p.Name)
		w.function(*v)
	}
}

func (w *writer) function(f layer.Function) {
	if f.Name == "" {
		f.Name = "identity"
	}
	if f.Alpha == 0 {
		w.string(f.Name)
		return
	}
	w.inline("{")
	w.key("name")
	w.string(f.Name)
	w.key("alpha")
	w.float(f.Alpha)
	w.close("}")
}

// weights writes which tensor each weight of l is, and how it comes out of it
// where that is not how a weight of its kind usually does.
func (w *writer) weights(l *layer.Layer, spec layer.Spec) {
	if len(l.Weights) == 0 && len(roles(l.Kind)) == 0 {
		return
	}
	w.key("weights")
	w.inline("{")
	for _, a := range spec.Arrays {
		weight := l.Weights[a.Role]
		if weight == nil {
			continue
		}
		w.key(string(a.Role))
		name := w.tensorName(weight)
		flip := make([]int64, len(weight.Flip))
		for i, axis := range weight.Flip {
			flip[i] = int64(axis)
		}
		turned, flipped := fromJulia(l.Kind, a.Role, int(weight.Type.Rank), true)
		if weight.Dims == nil && slices.Equal(weight.Perm, turned) && slices.Equal(flip, flipped) {
			w.string(name)
			continue
		}
		w.inline("{")
		w.key("tensor")
		w.string(name)
		for _, step := range [...]struct {
			name string
			list []int64
		}{{"dims", weight.Dims}, {"perm", weight.Perm}, {"flip", flip}} {
			if len(step.list) > 0 {
				w.key(step.name)
				w.numbers(step.list)
			}
		}
		w.close("}")
	}
	w.close("}")
}
