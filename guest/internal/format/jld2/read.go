package jld2

import (
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// path is where in a file a value stands, as Julia would say it: from the name
// of a variable on, by names of fields and by indices from 1.
type path string

func (p path) field(name string) path { return p + "." + path(name) }

func (p path) at(index string) path { return p + "[" + path(index) + "]" }

// in is the path of an entry of a group.
func (p path) in(name string) path {
	if p == "" {
		return path(name)
	}
	return p + "/" + path(name)
}

// visit lists what the object at an offset holds, once. What is refused of it
// is noted, and the rest of the file is read.
func (f *file) visit(at int64, p path, depth int) {
	if f.visited[at] {
		return
	}
	f.visited[at] = true
	fault := scan.Catch(func() {
		switch o := f.object(at); {
		case depth == maxDepth:
			f.wrong(at, "values nested more than %d deep", maxDepth)
		case len(p) > maxName:
			f.wrong(at, "a path of more than %d bytes", maxName)
		case o.group:
			f.entries(o, p, depth)
		case o.space != nil:
			f.dataset(o, p, depth)
		case f.julia && o.typ != nil:
			f.says(at, p, "a type")
		}
	})
	if fault != nil {
		if fault.Node == "" {
			fault.Node = string(p)
		}
		f.out.Refuse(*fault)
	}
}

// entries visits what is in a group. The types of JLD2 stand in one of their
// own, and are looked at where they are used.
func (f *file) entries(o *object, p path, depth int) {
	names := map[string]bool{}
	for _, l := range o.links {
		if names[l.name] {
			f.wrong(l.at, "the link %q stands twice", l.name)
		}
		names[l.name] = true
	}
	for _, l := range o.links {
		if f.julia && p == "" && l.name == "_types" {
			continue
		}
		f.out.Attempt(func() { f.visit(f.place(l.at, l.target), p.in(l.name), depth+1) })
	}
}

// dataset lists an array, or the value that an object holds.
func (f *file) dataset(o *object, p path, depth int) {
	t, jl := f.resolve(o.typ)
	f.check(jl, p)
	if a, ok := o.attrs["julia_type"]; ok { // of the elements of an array of anything
		f.param(a.typ, a.data, p, 0)
	}
	switch {
	case o.space.null:
		return
	case o.data == nil:
		f.wrong(o.at, "an array without data")
	}
	if want := tensor.MulSat(o.space.count, t.size); want != o.data.size {
		f.wrong(o.at, "%d elements of %d bytes, but %d bytes of data", o.space.count, t.size, o.data.size)
	}
	if o.data.at < 0 && o.data.size > 0 {
		f.lacks(o.at, "data that is not there: a fill value")
	}
	var c scan.Cursor
	if o.data.at >= 0 {
		c = f.from(o.data.at)
		c = c.Take(uint64(o.data.size))
	}
	if !o.space.array {
		f.value(t, jl, c, p, depth)
	} else if t.refers() && t.class != classVarying {
		f.elements(t, jl, c, o.space.count, p, depth)
	} else {
		f.array(o, t, jl, p)
	}
}

// array lists an array. Julia's dims are in the opposite order.
func (f *file) array(o *object, t *typ, jl *julia, p path) {
	x := weights.Tensor{
		Name: string(p), DType: t.dtype, Element: t.element, Shape: slices.Clone(o.space.dims), Blob: f.blob.Handle(),
		At: max(o.data.at, 0), Size: o.data.size, BigEndian: t.big && t.size > 1,
	}
	switch {
	case jl != nil:
		x.Element = jl.name
		if jl.name == "Core.BFloat16" || jl.name == "BFloat16s.BFloat16" {
			x.DType = tensor.BFloat16
		}
	case t.class == classCompound:
		x.Element = "a compound"
	case t.class == classVarying && t.text:
		x.Element = "text"
	case t.class == classVarying:
		x.Element = "lists"
	}
	if x.DType != 0 {
		x.Element = ""
	}
	if f.julia {
		slices.Reverse(x.Shape)
		x.ColumnMajor = true
	}
	f.out.Tensors = append(f.out.Tensors, x)
}

// elements lists the elements of an array that lead to other objects.
func (f *file) elements(t *typ, jl *julia, c scan.Cursor, count int64, p path, depth int) {
	for i := range count {
		e := c.Take(uint64(t.size))
		to := p.at(strconv.FormatInt(i+1, 10))
		if jl != nil && isPair(jl.name) && len(t.members) == 2 {
			f.pair(t, jl, e, p, to, depth)
			continue
		}
		f.value(t, jl, e, to, depth)
	}
}

// pair lists an entry of a dictionary, under its key if that is a text.
func (f *file) pair(t *typ, jl *julia, c scan.Cursor, p, to path, depth int) {
	if key := t.members[0].typ; key.text {
		first := c
		first = first.Take(uint64(key.size))
		if text := f.varying(&first, 1); text.Left() > 0 && text.Left() <= maxName {
			to = p.field(f.text(text))
		}
	}
	second := t.members[1]
	c.Take(uint64(second.at))
	f.value(second.typ, f.typeOf(jl, 1), c.Take(uint64(second.typ.size)), to, depth)
}

// value lists one value.
func (f *file) value(t *typ, jl *julia, c scan.Cursor, p path, depth int) {
	f.check(jl, p)
	switch at := c.Offset(); {
	case depth == maxDepth:
		f.wrong(at, "values nested more than %d deep", maxDepth)
	case t.class == classCompound && (jl == nil || !isType(jl.name)):
		f.fields(t, jl, c, p, depth+1)
	case t.class == classReference:
		if address := c.Uint64(); address != 0 && address != undefined {
			f.visit(f.place(at, address), p, depth+1)
		}
	case t.dtype != 0 && !f.julia:
		f.out.Tensors = append(f.out.Tensors, weights.Tensor{
			Name: string(p), DType: t.dtype, Shape: []int64{}, Blob: f.blob.Handle(), At: at, Size: t.size, BigEndian: t.big && t.size > 1,
		})
	case t.dtype != 0:
		f.out.Field(string(p), number(t, c))
	case t.class == classString:
		f.out.Field(string(p), strconv.Quote(f.text(c)))
	case t.text:
		f.out.Field(string(p), strconv.Quote(f.text(f.varying(&c, 1))))
	case t.class == classVarying:
		f.varying(&c, t.base.size)
	}
}

// maxText is how much of a text is shown; a report cuts it there.
const maxText = 4096

func (f *file) text(c scan.Cursor) string {
	at := c.Offset()
	c = c.Take(uint64(min(c.Left(), maxText)))
	s := string(c.Bytes(maxText))
	if !utf8.ValidString(s) && len(s) < maxText {
		f.wrong(at, "a text that is not UTF-8")
	}
	return s
}

// fields lists the fields of a value in it.
func (f *file) fields(t *typ, jl *julia, c scan.Cursor, p path, depth int) {
	indexed := jl != nil && isTuple(jl.name) || jl == nil && len(t.members) > 0 && t.members[0].name == "1"
	pos := int64(0)
	for i, m := range t.members {
		c.Take(uint64(m.at - pos))
		inner := c.Take(uint64(m.typ.size))
		pos = m.at + m.typ.size
		to := p.field(m.name)
		if indexed {
			to = p.at(m.name)
		}
		f.value(m.typ, f.typeOf(jl, i), inner, to, depth)
	}
}

// number is a number as text.
func number(t *typ, c scan.Cursor) string {
	p := c.Bytes(16)
	if t.big {
		slices.Reverse(p)
	}
	return fmt.Sprint(decode(t.dtype, p))
}
