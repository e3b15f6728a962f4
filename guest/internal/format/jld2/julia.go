package jld2

import (
	"encoding/binary"
	"fmt"
	"math"

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
	behind  bool // what it names was checked
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

// expressionSize is that of a type that is written down.
const expressionSize = 32

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
