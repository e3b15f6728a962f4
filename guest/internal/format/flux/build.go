package flux

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/layer"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// maxBuilt bounds the layers of a model with shared ones counted each time.
const maxBuilt = 1 << 16

// builder makes a tree of layers of what a file holds.
type builder struct {
	f        *file
	closures bool // one known closure is let in
	built    int
	// holes takes the faults of layers and functions that are refused, and
	// leaves holes in their place. Nil ends the load at the first.
	holes func(fault abi.Fault)
}

// part is a value and where it stands.
type part struct {
	value
	p *path
	b *builder
}

func (b *builder) part(n *node, p *path) part { return part{b.f.value(n), p, b} }

// refuse ends the building of a layer that is not what it claims to be.
func (v part) refuse(format string, args ...any) {
	v.refuseBy(ruleNone, fmt.Sprintf(format, args...))
}

// refuseBy ends the building of a layer by a rule.
func (v part) refuseBy(r rule, what string) { scan.Refuse(v.b.f.refusal(v.n, v.p, r, what)) }

// model builds and checks the tree of a value that is a layer, or says why it
// cannot run.
func (b *builder) model(c candidate) (tree *layer.Layer, fault *abi.Fault) {
	fault = scan.Catch(func() {
		if b.f.expanded(c.n) > maxExpanded {
			b.part(c.n, c.p).refuse("back-references that come to more than %d values, or to themselves", maxExpanded)
		}
		if tree = b.layer(c.n, c.p); b.holes == nil {
			tree.Check()
		}
	})
	return tree, fault
}

// layer builds the layer that n is.
func (b *builder) layer(n *node, p *path) *layer.Layer {
	v := b.part(n, p)
	if b.built++; b.built > maxBuilt {
		v.refuse("more than %d layers", maxBuilt)
	}
	var l *layer.Layer
	build := func() { l = v.layer() }
	if b.holes == nil {
		build()
	} else if fault := scan.Catch(build); fault != nil {
		b.holes(*fault)
		l = &layer.Layer{Kind: layer.Hole, Note: fault.Text}
	}
	l.Path, l.Blob, l.Offset = p.String(), b.f.blob.Handle(), v.n.at
	return l
}

func (v part) layer() *layer.Layer {
	if l := v.function(); l != nil {
		return l
	}
	name := ""
	if v.form == formStruct {
		name = layerName(v.value.name)
	}
	switch {
	case v.form == formTuple, v.form == formList, v.value.name == "Core.NamedTuple":
		return v.chain()
	case v.form == formCode && v.b.closures && v.b.f.isReshape(v.value):
		return &layer.Layer{Kind: layer.Flatten}
	case v.value.name == composition && len(v.items) == 2:
		inner, outer := v.field("inner"), v.field("outer")
		return &layer.Layer{Kind: layer.Chain, Layers: []*layer.Layer{v.b.layer(inner.n, inner.p), v.b.layer(outer.n, outer.p)}}
	case name == "":
		v.refuseBy(v.what())
	case v.b.f.fieldNames(v.value) == nil && len(v.items) > 0:
		v.refuse("a Flux.%s with %d fields", name, len(v.items))
	}
	switch name {
	case "Chain":
		return v.field("layers").chain()
	case "Maxout":
		l := v.field("layers").chain()
		l.Kind = layer.Maxout
		return l
	case "Parallel", "PairwiseFusion":
		l := v.field("layers").chain()
		l.Kind = layer.Kind(name)
		v.field("connection").join(l)
		return l
	case "MultiHeadAttention":
		l := &layer.Layer{Kind: layer.MultiHeadAttention, Heads: v.field("nheads").integer()}
		for _, name := range [...]string{"q_proj", "k_proj", "v_proj", "out_proj"} {
			inner := v.field(name)
			l.Layers, l.Names = append(l.Layers, v.b.layer(inner.n, inner.p)), append(l.Names, name)
		}
		return l
	case "SkipConnection":
		inner := v.field("layers")
		l := &layer.Layer{Kind: layer.SkipConnection, Layers: []*layer.Layer{v.b.layer(inner.n, inner.p)}}
		v.field("connection").join(l)
		return l
	}
	maker := makers[name]
	if maker == nil && cells[name].kind != "" {
		v.refuse("a %s outside of a layer that steps it", v.value.name)
	} else if maker == nil {
		v.refuse("a %s, which does not run here", v.value.name)
	}
	return maker(v)
}

// chain is a list of layers, which may have names.
func (v part) chain() *layer.Layer {
	l := &layer.Layer{Kind: layer.Chain}
	switch {
	case v.form == formTuple, v.form == formList:
	case v.value.name == "Core.NamedTuple":
		if l.Names = v.b.f.fieldNames(v.value); l.Names == nil && len(v.items) > 0 {
			v.refuse("a NamedTuple without its names")
		}
	default:
		v.refuse("%s in place of a list of layers", v.brief())
	}
	for i := range v.items {
		p := v.p.at(i + 1)
		if l.Names != nil {
			p = v.p.field(l.Names[i])
		}
		l.Layers = append(l.Layers, v.b.layer(&v.items[i], p))
	}
	return l
}

// join sets how l joins what its layers give.
func (v part) join(l *layer.Layer) {
	if inner, ok := v.b.f.broadcast(v.value); ok {
		module, name, _ := named(inner)
		if l.Join = broadcastJoins[module+"."+name]; l.Join != layer.JoinNone {
			return
		}
	}
	module, name, ok := named(v.value)
	if j, known := joins[module+"."+name]; ok && known {
		l.Join, l.Axis = j.Join, j.Axis
		return
	}
	l.Join, l.Joiner = layer.JoinLayer, v.b.layer(v.n, v.p)
}

// what says what a value is that is no layer.
func (v part) what() (rule, string) {
	r, why := problem(v.value)
	switch {
	case why != "":
		return r, why
	case v.form == formPlain:
		return ruleNone, v.n.kind.String() + " in place of a layer"
	case v.form != formStruct:
		return ruleNone, "something else in place of a layer"
	case isFunction(v.value.name):
		r = ruleFunction
	}
	return r, v.value.name + " in place of a layer"
}

// function is the layer that a function stands for, or nil.
func (v part) function() *layer.Layer {
	if inner, ok := v.b.f.broadcast(v.value); ok {
		if fn, ok := (part{inner, v.p, v.b}).elementwise(); ok {
			return &layer.Layer{Kind: layer.Elementwise, Function: fn}
		}
		return nil
	}
	module, name, ok := named(v.value)
	if !ok {
		return nil
	}
	if l, ok := whole[module+"."+name]; ok {
		return &l
	}
	if fn, ok := elementwise(v.value); ok && arrayFunctions[module] {
		return &layer.Layer{Kind: layer.Elementwise, Function: fn}
	}
	return nil
}

// field is the field with a name. It is refused if there is none.
func (v part) field(names ...string) part {
	p, ok := v.find(names...)
	if !ok {
		v.refuse("no field %s", names[0])
	}
	return p
}

func (v part) find(names ...string) (part, bool) {
	for i, have := range v.b.f.fieldNames(v.value) {
		for _, name := range names {
			if have == name {
				return v.b.part(&v.items[i], v.p.field(name)), true
			}
		}
	}
	return part{}, false
}

// absent reports whether v is nothing, false, or Flux's way to say so.
func (v part) absent() bool {
	if v.form == formPlain {
		return v.n.kind == kindNull || v.n.kind == kindBool && v.n.bits == 0
	}
	return v.form == formStruct && (v.value.name == "Flux.Zeros" || v.value.name == "Core.Nothing")
}

// integer is a whole number, of any of the ways to write one.
func (v part) integer() int64 {
	if v.form == formPlain && v.n.isInt() {
		return v.n.bits
	}
	if x, ok := v.scalar(); ok && x == math.Trunc(x) && math.Abs(x) < 1<<53 {
		return int64(x)
	}
	v.refuse("%s in place of an integer", v.brief())
	return 0
}

// real is a number.
func (v part) real() float64 {
	x, ok := v.scalar()
	if !ok {
		v.refuse("%s in place of a number", v.brief())
	}
	return x
}

// scalar reads a number: BSON has one type for float64, and BSON.jl writes
// others as a struct of their bytes.
func (v part) scalar() (float64, bool) {
	for v.form == formStruct && last(v.value.name) == "TrackedReal" && len(v.items) > 0 {
		v = v.b.part(&v.items[0], v.p)
	}
	switch {
	case v.form == formPlain && v.n.kind == kindDouble:
		return v.n.number(), true
	case v.form == formPlain && v.n.isInt():
		return float64(v.n.bits), true
	case v.form != formStruct || v.data.kind != kindBinary:
		return 0, false
	}
	d := elements[v.value.name]
	if d == 0 || v.data.bits != int64(d.Size()) {
		return 0, false
	}
	var p [8]byte
	v.b.f.bytes(v.data.at, p[:d.Size()])
	bits := binary.LittleEndian.Uint64(p[:])
	switch d {
	case tensor.Float32:
		return float64(math.Float32frombits(uint32(bits))), true
	case tensor.Float64:
		return math.Float64frombits(bits), true
	case tensor.Float16:
		return half(uint16(bits)), true
	case tensor.BFloat16:
		return float64(math.Float32frombits(uint32(bits) << 16)), true
	}
	if shift := 64 - 8*d.Size(); d.IsSigned() {
		return float64(int64(bits) << shift >> shift), true
	}
	return float64(bits), true
}

// half is the value of a float of 16 bits.
func half(bits uint16) float64 {
	sign, exp, frac := 1-2*float64(bits>>15), int(bits>>10&31), float64(bits&1023)
	switch exp {
	case 0:
		return sign * math.Ldexp(frac, -24)
	case 31:
		if frac != 0 {
			return math.NaN()
		}
		return sign * math.Inf(1)
	}
	return sign * math.Ldexp(1024+frac, exp-25)
}

func (v part) brief() string {
	if v.form == formPlain {
		return v.n.kind.String()
	}
	if v.form == formStruct || v.form == formCode {
		return v.value.name
	}
	return "a value"
}

// boolean is true or false.
func (v part) boolean() bool {
	if v.form != formPlain || v.n.kind != kindBool {
		v.refuse("%s in place of true or false", v.brief())
	}
	return v.n.bits == 1
}

// integers are the numbers of a tuple, or one for all n dims. A list of twice
// as many has the front and the back of each dim.
func (v part) integers() []int64 {
	if v.form != formTuple && v.form != formList {
		return []int64{v.integer()}
	}
	if len(v.items) > maxNumbers {
		v.refuse("%d numbers", len(v.items))
	}
	ns := make([]int64, len(v.items))
	for i := range v.items {
		ns[i] = v.b.part(&v.items[i], v.p.at(i+1)).integer()
	}
	return ns
}

// weight is an array of numbers as a weight, nil if there is none.
func (v part) weight() *layer.Weight {
	if v.absent() {
		return nil
	}
	a := v.b.f.unwrap(v.n)
	if a == nil {
		if r, why := problem(v.value); why != "" {
			v.refuseBy(r, why+" in place of an array")
		} else if v.form == formStruct {
			v.refuse("%s in place of an array", v.brief())
		}
		v.refuse("no array of numbers")
	}
	if a.opaque {
		v.refuse("an array of elements that are no numbers")
	}
	w := &layer.Weight{Path: v.p.String(), Blob: v.b.f.blob.Handle(), Offset: a.at, Type: a.typ()}
	if a.turned {
		w.Perm = []int64{1, 0}
	}
	return w
}

// array is a weight that has to be there, with a number of dims.
func (v part) array(rank int) *layer.Weight {
	w := v.weight()
	if w == nil {
		v.refuse("no array")
	}
	if int(w.Type.Rank) != rank {
		v.refuse("an array of %d dims, not %d", w.Type.Rank, rank)
	}
	return w
}

// transposed is a matrix of Julia's (out, in), whose bytes read row by row are
// (in, out), as (out, in).
func (v part) transposed() *layer.Weight {
	w := v.array(2)
	if w.Perm == nil {
		w.Perm = []int64{1, 0}
	} else {
		w.Perm = nil
	}
	return w
}

// activation is the function that a layer applies to its result.
func (v part) activation() layer.Function {
	if inner, ok := v.b.f.broadcast(v.value); ok {
		v.value = inner
	}
	fn, ok := v.elementwise()
	if ok {
		return fn
	}
	r, why := problem(v.value)
	if why == "" {
		r, why = ruleFunction, v.brief()+" in place of a function of one number"
	}
	if v.b.holes == nil {
		v.refuseBy(r, why)
	}
	v.b.holes(v.b.f.refusal(v.n, v.p, r, why))
	return layer.Function{Name: string(layer.Hole)}
}

// set puts weights that are there into l.
func set(l *layer.Layer, r layer.Role, w *layer.Weight) {
	if w == nil {
		return
	}
	if l.Weights == nil {
		l.Weights = map[layer.Role]*layer.Weight{}
	}
	l.Weights[r] = w
}
