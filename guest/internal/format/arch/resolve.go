package arch

import (
	"maps"
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/layer"
)

// params are the parameters of all kinds, by name. What a name means does not
// depend on the kind.
var params = func() map[string]layer.Param {
	all := map[string]layer.Param{}
	for _, k := range layer.Kinds() {
		spec, _ := layer.SpecOf(k)
		for _, p := range spec.Params {
			all[p.Name] = p
		}
	}
	return all
}()

// allRoles are the weights of all kinds.
var allRoles = func() map[layer.Role]bool {
	all := map[layer.Role]bool{}
	for _, k := range layer.Kinds() {
		spec, _ := layer.SpecOf(k)
		for _, a := range spec.Arrays {
			all[a.Role] = true
		}
	}
	return all
}()

// inside settles the layers that d is made of.
func (p *parser) inside(d *draft) {
	named := map[string]bool{}
	for _, inner := range d.inner {
		if named[inner.name] {
			p.Refuse(inner.Offset, "two layers are called %q", inner.name)
		}
		named[inner.name] = true
		p.settle(inner, d.Path)
		d.Layers, d.Names = append(d.Layers, inner.Layer), append(d.Names, inner.name)
	}
	if d.joiner != nil {
		p.settle(d.joiner, d.Path)
		d.Joiner = d.joiner.Layer
	}
}

// settle gives a layer its place, and everything that is not given its usual
// value. What is given and is not of its kind is refused.
func (p *parser) settle(d *draft, outer string) {
	if d.Path = d.name; outer != "" {
		d.Path = outer + "." + d.name
	}
	if p.text += len(d.Path); p.text > maxText || len(d.Path) > maxName {
		p.lacks(d.Offset, "paths of more than %d bytes", maxText)
	}
	if d.Kind == layer.Hole || d.Function.Name == string(layer.Hole) {
		p.d.Holes = append(p.d.Holes, abi.Fault{
			Kind: abi.FaultUnsupported, Blob: p.blob, Offset: d.Offset, Node: d.Path, Text: "a hole that is still to be filled in",
		})
	}
	if d.Kind == layer.Hole {
		return // what stands in a hole has no meaning yet
	}
	spec, ok := layer.SpecOf(d.Kind)
	if !ok {
		p.lacks(d.Offset, "kind of layer %q", d.Kind)
	}
	p.allowed(d, spec)
	if _, given := d.keys["layers"]; !given && spec.MaxLayers > 0 {
		p.Refuse(d.Offset, "a %s without its layers", d.Kind)
	}
	for _, param := range spec.Params {
		at, given := d.keys[param.Name]
		if !given && !usual(d.Layer, param.Name) {
			p.Refuse(d.Offset, "a %s without its %s", d.Kind, param.Name)
		}
		if list, ok := param.At(d.Layer).(*[]int64); ok && given && (len(*list) < 1 || len(*list) > layer.MaxNumbers(d.Kind)) {
			p.Refuse(at, "%s has %d numbers, not 1 to %d", param.Name, len(*list), layer.MaxNumbers(d.Kind))
		}
	}
	p.slots(d, spec)
	p.inside(d)
}

// allowed refuses keys that a layer of its kind does not have.
func (p *parser) allowed(d *draft, spec layer.Spec) {
	for _, key := range slices.Sorted(maps.Keys(d.keys)) {
		ok := slices.ContainsFunc(spec.Params, func(param layer.Param) bool { return param.Name == key })
		switch key {
		case "layers":
			ok = spec.MaxLayers > 0
		case "weights":
			ok = len(spec.Arrays) > 0
		case "joiner":
			ok = d.Join == layer.JoinLayer
		}
		if !ok {
			p.Refuse(d.keys[key], "a %s has no %s", d.Kind, key)
		}
	}
}

// usual gives a parameter its usual value, if it has one: PyTorch's, where
// PyTorch has the parameter.
func usual(l *layer.Layer, param string) bool {
	each := func(n int64) []int64 { return slices.Repeat([]int64{n}, len(l.Kernel)) }
	switch param {
	case "stride":
		l.Stride = each(1)
		if l.Kind == layer.MaxPool || l.Kind == layer.MeanPool {
			l.Stride = l.Kernel
		}
	case "dilation":
		l.Dilation = each(1)
	case "pad_before":
		l.Before = each(0)
	case "pad_after":
		l.After = l.Before
	case "out_pad":
		l.OutPad = each(0)
	case "groups":
		l.Groups = 1
		return l.Kind != layer.GroupNorm
	case "eps":
		l.Eps = 1e-5
	case "reset_after":
		l.ResetAfter = true
	case "function":
		if l.Kind == layer.RNN {
			l.Function.Name = "tanh"
		}
		return l.Kind != layer.Elementwise
	case "axis":
		return l.Join != layer.JoinNone && l.Join != layer.JoinConcat
	case "first", "deviation", "batch_first", "step", "linear", "whole":
	default:
		return false
	}
	return true
}

// slots notes the weights that a layer wants.
func (p *parser) slots(d *draft, spec layer.Spec) {
	for _, s := range d.wanted {
		if !slices.ContainsFunc(spec.Arrays, func(a layer.Array) bool { return a.Role == s.role }) {
			p.Refuse(s.offset, "a %s has no weight %q", d.Kind, s.role)
		}
	}
	if !d.chosen {
		for _, r := range roles(d.Kind) {
			d.wanted = append(d.wanted, slot{role: r, offset: d.Offset, usual: true})
		}
	}
	for _, s := range d.wanted {
		if s.layer = d.Layer; s.name == "" {
			s.name = d.Path + "." + suffix(s.role)
		}
		if p.text += len(s.name); p.text > maxText {
			p.lacks(s.offset, "names of more than %d bytes", maxText)
		}
		p.d.slots = append(p.d.slots, s)
	}
}
