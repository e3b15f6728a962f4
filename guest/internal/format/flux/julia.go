package flux

import (
	"fmt"
	"strings"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// form is what a value of Julia is.
type form byte

const (
	formPlain  form = 1 // a number, string, boolean or nothing
	formDict   form = 2 // keys and items
	formList   form = 3 // a vector of anything: items
	formTuple  form = 4
	formStruct form = 5 // name and, unless data is binary, items
	formArray  form = 6 // items, unless data is binary
	formSymbol form = 7 // name
	formType   form = 8 // name
	formCode   form = 9 // refused: by rule, and why is in name
)

// value is a value of Julia, as the tags of BSON.jl say it. Nothing of it is
// evaluated: a type or a function is a name.
type value struct {
	form  form
	n     *node // where it stands
	name  string
	rule  rule
	typ   *node  // of the elements of an array, of a struct
	size  []node // of an array
	data  *node  // of an array or struct
	items []node
}

// file is a file that was read.
type file struct {
	blob *scan.Blob
	root *node
	void bool // a name of Julia 0.6 occurs
	// early says that Base stands outside of Main, as only in Julia 0.6.
	early bool
	// tracker says that arrays are those of Tracker, which Flux had until 0.9.
	tracker bool
	refs    []node // what back-references refer to
	size    []int64
}

// maxExpanded bounds the values that a model comes to when its back-references
// are written out: thirty that refer twice to the one before would be 2^30.
const maxExpanded = 4 * maxNodes

// open reads the file in blob h, and finds what back-references refer to.
func open(box abi.Box, h abi.Handle) *file {
	blob := scan.Open(box, h)
	r := &reader{names: map[string]string{}}
	root := r.file(blob.All())
	f := &file{blob: blob, root: root}
	_, f.void = r.names["Void"]
	_, f.tracker = r.names["TrackedArray"]
	if refs := root.get(backrefs); refs != nil && refs.kind == kindArray {
		f.refs = refs.items
	}
	f.measure()
	return f
}

const backrefs = "_backrefs"

// bytes reads the few bytes of a number.
func (f *file) bytes(at int64, p []byte) {
	c := f.blob.All()
	c.Take(uint64(at))
	c.ReadFull(p)
}

// A value that is referred to is looked at as often as it is, so that nothing
// here may take longer for a longer one.
const (
	maxTagged   = 8   // keys of a document with a tag: BSON.jl writes at most four
	maxTag      = 64  // bytes of a tag
	maxModules  = 16  // modules in each other
	maxTypeName = 512 // bytes
	maxNumbers  = 16  // numbers in a tuple, dims of an array
)

// tag is the tag of a document, or "".
func (n *node) tag() string {
	if n.kind != kindDocument || len(n.keys) > maxTagged {
		return ""
	}
	if t := n.get("tag"); t != nil && t.kind == kindString {
		return t.text
	}
	return ""
}

// has reports whether a document has just these keys, in any order.
func (n *node) has(keys ...string) bool {
	if len(n.keys) != len(keys) {
		return false
	}
	for _, k := range keys {
		if n.get(k) == nil {
			return false
		}
	}
	return true
}

// rule is why a part of a file is refused though it is what it claims to be:
// it is code, or nobody knows that it is none.
type rule string

const (
	ruleNone      rule = ""          // it is not what it claims to be
	ruleClosure   rule = "closure"   // an anonymous function, which comes with its code
	ruleFunction  rule = "function"  // a function that is not known to compute and no more
	ruleType      rule = "type"      // a type that is not known to hold data
	ruleReference rule = "reference" // to a module or a global variable
	ruleMachinery rule = "machinery" // what types and methods are made of
)

// code is a value that is refused.
func code(n *node, r rule, format string, args ...any) value {
	return value{form: formCode, n: n, rule: r, name: fmt.Sprintf(format, args...)}
}

// follow gives what n refers to, if it is a back-reference.
func (f *file) follow(n *node) (*node, bool) {
	for range maxHops {
		if n.tag() != "backref" {
			return n, true
		}
		ref := n.get("ref")
		if !n.has("tag", "ref") || !ref.isInt() || ref.bits < 1 || ref.bits > int64(len(f.refs)) {
			return n, false
		}
		n = &f.refs[ref.bits-1]
	}
	return n, false
}

// maxHops is how often a back-reference may lead to another one: BSON.jl never
// writes that.
const maxHops = 4

// codeTags are the ways in which BSON.jl writes code and what belongs to it.
var codeTags = map[string]struct {
	rule rule
	what string
}{
	"ref":            {ruleReference, "a reference to a module or a global variable"},
	"svec":           {ruleMachinery, "type machinery"},
	"unionall":       {ruleMachinery, "type machinery"},
	"jl_bottom_type": {ruleMachinery, "type machinery"},
	"jl_anonymous":   {ruleClosure, "the type of an anonymous function"},
}

// value says what n is.
func (f *file) value(n *node) value {
	n, ok := f.follow(n)
	if !ok {
		return code(n, ruleNone, "a back-reference that leads nowhere")
	}
	switch n.kind {
	case kindArray:
		return value{form: formList, n: n, items: n.items}
	case kindDocument:
	default:
		return value{form: formPlain, n: n}
	}
	switch tag := n.tag(); {
	case len(n.keys) > maxTagged || tag == "" && n.get("tag") == nil:
		return value{form: formDict, n: n, items: n.items}
	case tag == "symbol":
		if name := n.get("name"); n.has("tag", "name") && name.kind == kindString {
			return value{form: formSymbol, n: n, name: name.text}
		}
	case tag == "tuple":
		if data := n.get("data"); n.has("tag", "data") && data.kind == kindArray {
			return value{form: formTuple, n: n, items: data.items}
		}
	case tag == "datatype":
		if name := f.typeName(n); name != "" {
			return value{form: formType, n: n, name: name}
		}
	case tag == "array":
		if n.has("tag", "type", "size", "data") {
			return f.array(n)
		}
	case tag == "struct":
		if n.has("tag", "type", "data") {
			return f.structure(n)
		}
	case codeTags[tag].rule != ruleNone:
		return code(n, codeTags[tag].rule, "%s", codeTags[tag].what)
	default:
		return code(n, ruleType, "a value with the tag %q", tag[:min(len(tag), maxTag)])
	}
	return code(n, ruleNone, "a %s that is not written as BSON.jl writes one", n.tag())
}

func (f *file) structure(n *node) value {
	v := value{form: formStruct, n: n, typ: n.get("type"), data: n.get("data")}
	typ, ok := f.follow(v.typ)
	if !ok {
		return code(n, ruleNone, "a struct without a type")
	}
	v.typ = typ
	switch {
	case typ.tag() == "jl_anonymous":
		c := code(n, ruleClosure, "an anonymous function")
		c.typ, c.data, c.items = typ, v.data, v.data.items
		return c
	case v.data.kind != kindArray && v.data.kind != kindBinary:
		return code(n, ruleNone, "a struct without fields")
	}
	v.items = v.data.items
	if v.name = f.typeName(typ); v.name == "" {
		t := f.value(typ)
		return code(n, t.rule, "a struct whose type is %s", t.name)
	}
	return v
}

// typeName is the name of a type without its parameters, as Flux.Dense; a type
// of the module Main keeps it. It is empty if n is no plain type.
func (f *file) typeName(n *node) string {
	n, ok := f.follow(n)
	if !ok || n.tag() != "datatype" || !n.has("tag", "name", "params") {
		return ""
	}
	name := n.get("name")
	if name.kind != kindArray || len(name.items) == 0 || len(name.items) > maxModules {
		return ""
	}
	var parts []string
	size := 0
	for i := range name.items {
		part := &name.items[i]
		if size += len(part.text); part.kind != kindString || part.text == "" || size > maxTypeName {
			return ""
		}
		parts = append(parts, part.text)
	}
	f.early = f.early || parts[0] == "Base"
	if parts[0] == "Main" && len(parts) > 2 {
		parts = parts[1:]
	}
	return strings.Join(parts, ".")
}

// params are the parameters of a type. Where all are integers BSON.jl writes
// them as an array of numbers, which is of no interest.
func (f *file) params(n *node) []node {
	n, ok := f.follow(n)
	if !ok || n.tag() != "datatype" {
		return nil
	}
	if p := n.get("params"); p != nil && p.kind == kindArray {
		return p.items
	}
	return nil
}

// Names of functions begin with a hash; those of anonymous ones have a second
// one, or a number behind it.
func isFunction(name string) bool { return strings.HasPrefix(last(name), "#") }

func isAnonymous(name string) bool {
	name, ok := strings.CutPrefix(last(name), "#")
	return ok && (name == "" || strings.Contains(name, "#") || name[0] >= '0' && name[0] <= '9')
}

// last is the name of a type without its module.
func last(name string) string { return name[strings.LastIndexByte(name, '.')+1:] }

// measure works out how many values each back-reference stands for when all
// of them are written out. One that comes to itself again stands for more than
// there may be. The code of anonymous functions does so and is left out: it is
// refused without being looked at.
func (f *file) measure() {
	f.size = make([]int64, len(f.refs))
	own := make([]int64, len(f.refs))
	deps := make([][]int64, len(f.refs))
	for i := range f.refs {
		own[i] = f.count(&f.refs[i], &deps[i])
	}
	const open = -1
	type frame struct{ ref, next int }
	for i := range f.refs {
		if f.size[i] != 0 {
			continue
		}
		stack := []frame{{ref: i}}
		f.size[i] = open
		for len(stack) > 0 {
			top := &stack[len(stack)-1]
			if top.next == len(deps[top.ref]) {
				f.size[top.ref] = min(own[top.ref], maxExpanded+1)
				stack = stack[:len(stack)-1]
				if len(stack) > 0 {
					top = &stack[len(stack)-1]
					own[top.ref] += f.size[deps[top.ref][top.next-1]]
				}
				continue
			}
			dep := deps[top.ref][top.next]
			top.next++
			switch s := f.size[dep]; {
			case s == open:
				own[top.ref] = maxExpanded + 1
			case s > 0:
				own[top.ref] = min(own[top.ref]+s, maxExpanded+1)
			default:
				f.size[dep] = open
				stack = append(stack, frame{ref: int(dep)})
			}
		}
	}
}

// count is how many values n is made of, without those that it refers to.
func (f *file) count(n *node, refs *[]int64) int64 {
	switch n.tag() {
	case "backref":
		if ref := n.get("ref"); ref != nil && ref.isInt() && ref.bits >= 1 && ref.bits <= int64(len(f.refs)) {
			*refs = append(*refs, ref.bits-1)
		}
		return 1
	case "jl_anonymous":
		return 1
	}
	total := int64(1)
	for i := range n.items {
		total += f.count(&n.items[i], refs)
	}
	return total
}

// expanded is how many values n stands for.
func (f *file) expanded(n *node) int64 {
	var refs []int64
	total := f.count(n, &refs)
	for _, r := range refs {
		total = min(total+f.size[r], maxExpanded+1)
	}
	return total
}
