package jld2

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/flux"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// julia is a type of Julia that a file of JLD2 holds as an object: how its
// values lie, what it is called, and the types of its fields where these are
// objects too.
type julia struct {
	at      int64
	typ     *typ
	name    string
	params  []int64
	fields  []int64 // of the members of typ, 0 where a field has a type of HDF5 alone
	absent  []absent
	checked bool
}

// absent is a field that has no data, since its type says all of it: nothing,
// an empty tuple, a function.
type absent struct {
	name string
	typ  int64
}

// expression is how JLD2 writes down a type: its name, and parameters that are
// objects.
type expression struct {
	name   string
	params []int64
}

// resolve finds how the values of a type lie, and what the type is to Julia if
// it is an object.
func (f *file) resolve(t *typ) (*typ, *julia) {
	if t.committed == 0 {
		return t, nil
	}
	if !f.julia {
		o := f.object(t.committed)
		if o.typ == nil || o.typ.committed != 0 {
			f.wrong(t.committed, "no type")
		}
		return o.typ, nil
	}
	jl := f.typeAt(t.committed)
	return jl.typ, jl
}

// typeAt reads the type that is the object at an offset.
func (f *file) typeAt(at int64) *julia {
	if jl := f.types[at]; jl != nil {
		return jl
	}
	o := f.object(at)
	a, ok := o.attrs["julia_type"]
	if o.typ == nil || o.typ.committed != 0 || o.data != nil || !ok {
		f.wrong(at, "no type of Julia")
	}
	e := f.expression(a.data)
	jl := &julia{at: at, typ: o.typ, name: e.name, params: e.params}
	f.types[at] = jl
	f.fieldTypes(o, jl)
	return jl
}

// fieldTypes reads which types of fields are objects: for the members alone,
// as JLD2 wrote it first, or with the names of all fields.
func (f *file) fieldTypes(o *object, jl *julia) {
	if a, ok := o.attrs["field_datatypes"]; ok {
		jl.fields = f.references(a)
		return
	}
	all, ok := o.attrs["field_types"]
	named, ok2 := o.attrs["field_names"]
	if !ok || !ok2 {
		return
	}
	types, names := f.references(all), f.texts(named)
	if len(types) != len(names) {
		f.wrong(jl.at, "%d types of %d fields", len(types), len(names))
	}
	members := jl.typ.members
	for i, name := range names {
		if len(members) > 0 && members[0].name == name {
			jl.fields, members = append(jl.fields, types[i]), members[1:]
		} else if types[i] != 0 {
			jl.absent = append(jl.absent, absent{name, types[i]})
		}
	}
}

// typeOf is the type of a member, if it is an object.
func (f *file) typeOf(jl *julia, member int) *julia {
	if jl == nil || member >= len(jl.fields) || jl.fields[member] == 0 {
		return nil
	}
	return f.typeAt(jl.fields[member])
}

// expression reads a type that is written down as a value of DataType: two
// values of variable length, the name and the parameters.
func (f *file) expression(c scan.Cursor) expression {
	name := f.varying(&c, 1)
	params := f.varying(&c, 8)
	e := expression{name: string(name.Bytes(maxName))}
	for params.Left() > 0 {
		at := params.Offset()
		if address := params.Uint64(); address != 0 {
			e.params = append(e.params, f.place(at, address))
		}
	}
	return e
}

// references reads an attribute that is a list of objects.
func (f *file) references(a attribute) []int64 {
	c := a.data
	if t := a.typ; t.class != classReference || t.committed != 0 || c.Left() != tensor.MulSat(a.space.count, 8) {
		c.Fail("a list of types that is none")
	}
	list := []int64{}
	for c.Left() > 0 {
		at := c.Offset()
		place := int64(0)
		if address := c.Uint64(); address != 0 {
			place = f.place(at, address)
		}
		list = append(list, place)
	}
	return list
}

// texts reads an attribute that is a list of texts.
func (f *file) texts(a attribute) []string {
	c := a.data
	if t := a.typ; !t.text || c.Left() != tensor.MulSat(a.space.count, 16) {
		c.Fail("a list of names that is none")
	}
	list := []string{}
	for c.Left() > 0 {
		text := f.varying(&c, 1)
		list = append(list, string(text.Bytes(maxName)))
	}
	return list
}

// check refuses a type whose values are not data, and what its fields and
// parameters name. Each type is looked at once, where it is met first.
func (f *file) check(jl *julia, p path) {
	if jl == nil || jl.checked {
		return
	}
	jl.checked = true
	f.checkName(jl.name, jl.at, p, false)
	for _, a := range jl.absent {
		to := p.field(a.name)
		if isTuple(jl.name) {
			to = p.at(a.name)
		}
		f.out.Attempt(func() { f.check(f.typeAt(a.typ), to) })
	}
	f.params(jl.params, p, 0)
}

// params checks types that stand as the parameters of another.
func (f *file) params(params []int64, p path, depth int) {
	for _, at := range params {
		if f.named[at] {
			continue
		}
		f.named[at] = true
		f.out.Attempt(func() {
			if depth == maxDepth {
				f.wrong(at, "types nested more than %d deep", maxDepth)
			}
			o := f.object(at)
			switch {
			case o.data == nil && o.typ != nil:
				jl := f.typeAt(at)
				f.checkName(jl.name, at, p, true)
				f.params(jl.params, p, depth+1)
			case o.data != nil && o.data.at >= 0:
				c := f.from(o.data.at)
				f.param(o.typ, c.Take(uint64(o.data.size)), p, depth)
			}
		})
	}
}

// param checks a type that stands as a value: one with a name and parameters,
// or a union, which has a description and others. Anything else is no type.
func (f *file) param(t *typ, c scan.Cursor, p path, depth int) {
	if t.committed == 0 {
		return
	}
	at := c.Offset()
	switch f.typeAt(t.committed).name {
	case "Core.DataType":
		e := f.expression(c)
		f.checkName(e.name, at, p, true)
		f.params(e.params, p, depth+1)
	case "Core.Union":
		f.params(f.expression(c).params, p, depth+1)
	}
}

// checkName refuses a name that is not one of data. As a parameter, a type is
// no value: there it may be any of Julia's own, except a function.
func (f *file) checkName(name string, at int64, p path, param bool) {
	last := name[strings.LastIndexByte(name, '.')+1:]
	switch {
	case strings.Contains(last, "#"):
		f.says(at, p, "a function, "+name)
	case plain[name] || isTuple(name) || isPair(name) || flux.HoldsData(name):
	case param && (strings.HasPrefix(name, "Core.") || strings.HasPrefix(name, "Base.")):
	case isType(name):
		f.says(at, p, "a type")
	case name == "Core.Module":
		f.says(at, p, "a module")
	default:
		f.says(at, p, "a value of the type "+name+", which is not known")
	}
}

// says refuses a part of a file, once for each thing that can be said.
func (f *file) says(at int64, p path, what string) {
	if f.said[what] {
		return
	}
	f.said[what] = true
	f.out.Refuse(abi.Fault{
		Kind: abi.FaultMalformed, Blob: f.blob.Handle(), Offset: at, Node: string(p),
		Text: what + ": nothing of it is run; save Flux.state(model) and give the architecture as JSON",
	})
}

// plain are the types of Julia that are numbers, texts and arrays.
var plain = map[string]bool{
	"Core.Float16": true, "Core.Float32": true, "Core.Float64": true, "Core.BFloat16": true, "BFloat16s.BFloat16": true,
	"Core.Int8": true, "Core.Int16": true, "Core.Int32": true, "Core.Int64": true, "Core.Int128": true,
	"Core.UInt8": true, "Core.UInt16": true, "Core.UInt32": true, "Core.UInt64": true, "Core.UInt128": true,
	"Core.Bool": true, "Core.Char": true, "Core.String": true, "Core.Symbol": true, "Core.Nothing": true,
	"Core.Array": true, "Core.NamedTuple": true, "JLD2.InlineUnionEl": true,
}

func isTuple(name string) bool { return name == "Core.Tuple" || name == "Tuple" || name == "NTuple" }

func isType(name string) bool {
	return name == "Core.DataType" || name == "Core.Union" || name == "Core.UnionAll"
}

func isPair(name string) bool { return name == "Core.Pair" || name == "Base.Pair" }

// decode is the value of a number.
func decode(d tensor.DType, p []byte) any {
	le := binary.LittleEndian
	switch d {
	case tensor.Float32:
		return math.Float32frombits(le.Uint32(p))
	case tensor.Float64:
		return math.Float64frombits(le.Uint64(p))
	case tensor.Bool:
		return p[0] != 0
	case tensor.Uint8:
		return p[0]
	case tensor.Int8:
		return int8(p[0])
	case tensor.Uint16:
		return le.Uint16(p)
	case tensor.Int16:
		return int16(le.Uint16(p))
	case tensor.Uint32:
		return le.Uint32(p)
	case tensor.Int32:
		return int32(le.Uint32(p))
	case tensor.Uint64:
		return le.Uint64(p)
	case tensor.Int64:
		return int64(le.Uint64(p))
	}
	return fmt.Sprintf("%#x", p)
}
