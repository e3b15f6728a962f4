package jld2

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// visit lists what the object at an offset holds, once. What is refused of it
// is noted, and the rest of the file is read.
func (f *file) visit(at int64, p *path, depth int) {
	if f.visited[at] {
		return
	}
	f.visited[at] = true
	fault := scan.Catch(func() {
		switch o := f.object(at); {
		case depth >= maxDepth:
			f.wrong(at, "values nested more than %d deep", maxDepth)
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
			fault.Node = p.short()
		}
		f.out.Refuse(*fault)
	}
}

// entries visits what is in a group. The types of JLD2 stand in one of their
// own, and are looked at where they are used.
func (f *file) entries(o *object, p *path, depth int) {
	names := map[string]bool{}
	for _, l := range o.links {
		if names[l.name] {
			f.wrong(l.at, "the link %q stands twice", l.name)
		}
		names[l.name] = true
	}
	for _, l := range o.links {
		if f.julia && p.kind == 0 && l.name == "_types" {
			continue
		}
		to := p.in(l.name)
		if l.fault != nil {
			fault := *l.fault
			fault.Node = to.short()
			f.out.Refuse(fault)
			continue
		}
		f.out.Attempt(func() { f.visit(f.place(l.at, l.target), to, depth+1) })
	}
}

// dataset lists an array, or the value that an object holds.
func (f *file) dataset(o *object, p *path, depth int) {
	t, jl := f.resolve(o.typ)
	f.check(jl, p)
	if a, ok := o.attrs["julia_type"]; ok { // of the elements of an array of anything
		f.written(a.typ, a.data, p, 0)
	}
	switch {
	case o.space.null:
		if jl != nil && isFunction(jl.name) && isKnown(jl.name) {
			f.field(o.at, p, strings.Replace(jl.name, "#", "", 1))
		}
		f.behind(jl, p, 0)
		return
	case o.data == nil:
		f.wrong(o.at, "an array without data")
	}
	if f.inBytes(o, t) {
		f.field(o.at, p, strconv.Quote(f.text(f.data(o.data, depth))))
		return
	}
	if want := tensor.MulSat(o.space.count, t.size); want != o.data.size {
		f.wrong(o.at, "%d elements of %d bytes, but %d bytes of data", o.space.count, t.size, o.data.size)
	}
	if o.data.at < 0 && o.data.size > 0 {
		f.lacks(o.at, "data that is not there: a fill value")
	}
	c := f.data(o.data, depth)
	switch {
	case !o.space.array:
		f.value(t, jl, c, p, depth)
	case t.text:
		f.words(o, t, c, p)
	case t.refers && t.class != classVarying:
		f.elements(t, jl, c, o.space.count, p, depth)
	default:
		f.array(o, t, jl, p)
	}
	f.behind(jl, p, 0)
}

// inBytes reports whether an array is a text: JLD2 0.1.12 to 0.3.1 wrote its
// bytes as the elements, and all of them as the size of one.
func (f *file) inBytes(o *object, t *typ) bool {
	return f.julia && t.class == classString && o.space.array && o.data.size == o.space.count
}

// array lists an array. Julia's dims are in the opposite order.
func (f *file) array(o *object, t *typ, jl *julia, p *path) {
	x := weights.Tensor{
		Name: f.name(o.at, p), DType: t.dtype, Element: t.element, Shape: slices.Clone(f.dims(o)), Blob: f.blob.Handle(),
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

// dims are those of an array. One of Julia's that has none is written as one
// with a dim of 1, and has an attribute that says so.
func (f *file) dims(o *object) []int64 {
	a, ok := o.attrs["dimensions"]
	if !ok {
		return o.space.dims
	}
	c := a.data
	if t := a.typ; t.class != classInt || t.size != 8 || len(a.space.dims) != 1 || c.Left() != tensor.MulSat(a.space.count, 8) {
		c.Fail("a list of dims that is none")
	}
	if a.space.count > maxRank {
		c.Fail("%d dims", a.space.count)
	}
	dims := []int64{}
	for c.Left() > 0 {
		dims = append(dims, int64(min(c.Uint64(), tensor.MaxBytes)))
	}
	if tensor.Product(dims) != o.space.count {
		f.wrong(o.at, "the dims %d of an array of %d elements", dims, o.space.count)
	}
	return dims
}

// elements lists the elements of an array that lead to other objects.
func (f *file) elements(t *typ, jl *julia, c scan.Cursor, count int64, p *path, depth int) {
	for i := range count {
		e := c.Take(uint64(t.size))
		f.value(t, jl, e, p.element(i+1), depth)
	}
}

// value lists one value.
func (f *file) value(t *typ, jl *julia, c scan.Cursor, p *path, depth int) {
	f.check(jl, p)
	switch at := c.Offset(); {
	case depth >= maxDepth:
		f.wrong(at, "values nested more than %d deep", maxDepth)
	case t.class == classCompound && jl != nil && isType(jl.name):
	case t.class == classCompound && jl != nil && isPair(jl.name) && p.kind == inArray && len(t.members) == 2:
		f.pair(t, jl, c, p, depth+1)
	case t.class == classCompound && jl != nil && isDict(jl.name) && len(t.members) == 1:
		f.value(t.members[0].typ, f.typeOf(jl, 0), c, p, depth+1)
	case t.class == classCompound:
		f.fields(t, jl, c, p, depth+1)
	case t.class == classReference:
		if address := c.Uint64(); address != 0 && address != undefined {
			f.visit(f.place(at, address), p, depth+1)
		}
	case t.dtype != 0 && !f.julia:
		f.out.Tensors = append(f.out.Tensors, weights.Tensor{
			Name: f.name(at, p), DType: t.dtype, Shape: []int64{}, Blob: f.blob.Handle(), At: at, Size: t.size, BigEndian: t.big && t.size > 1,
		})
	case t.dtype != 0:
		f.field(at, p, number(t, c))
	case t.class == classString:
		f.field(at, p, strconv.Quote(f.text(c)))
	case t.text:
		f.field(at, p, strconv.Quote(f.text(f.varying(&c, 1))))
	case t.class == classVarying:
		f.varying(&c, t.base.size)
	}
	f.behind(jl, p, 0)
}

// field lists a value that is no array.
func (f *file) field(at int64, p *path, value string) {
	name := p.String()
	if len(name) > maxName {
		f.wrong(at, "a path of more than %d bytes", maxName)
	}
	f.out.Field(name, value)
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

// maxWords is how many texts of an array of them are shown.
const maxWords = 8

// words lists an array of texts, which is no tensor.
func (f *file) words(o *object, t *typ, c scan.Cursor, p *path) {
	var list []string
	for range min(o.space.count, maxWords) {
		list = append(list, fmt.Sprintf("%.100q", f.text(f.varying(&c, 1))))
	}
	if o.space.count > maxWords {
		list = append(list, "…")
	}
	f.field(o.at, p, fmt.Sprintf("%d texts: %s", o.space.count, strings.Join(list, ", ")))
}

// fields lists the fields of a value in it.
func (f *file) fields(t *typ, jl *julia, c scan.Cursor, p *path, depth int) {
	indexed := jl != nil && isTuple(jl.name) || jl == nil && len(t.members) > 0 && t.members[0].name == "1"
	for i, m := range t.members {
		to := p.field(m.name)
		if indexed {
			to = p.item(m.name)
		}
		f.value(m.typ, f.typeOf(jl, i), m.in(c), to, depth)
	}
}

// pair lists an entry of a dictionary, which is an element of an array, under
// its key if that is a text or a number.
func (f *file) pair(t *typ, jl *julia, c scan.Cursor, p *path, depth int) {
	first, second := t.members[0], t.members[1]
	key := f.key(first.typ, first.in(c), p.up, depth)
	if key == nil || f.keys[*key] {
		f.fields(t, jl, c, p, depth)
		return
	}
	f.keys[*key] = true
	f.value(second.typ, f.typeOf(jl, 1), second.in(c), key, depth)
}

// key is where the entry of a dictionary stands that has a key, or nil.
func (f *file) key(t *typ, c scan.Cursor, in *path, depth int) *path {
	if t.class == classReference {
		at := c.Offset()
		address := c.Uint64()
		if address == 0 || address == undefined {
			return nil
		}
		o := f.object(f.place(at, address))
		if o.typ == nil || o.space == nil || o.data == nil {
			return nil
		}
		if t, _ = f.resolve(o.typ); (o.space.array || o.data.size != t.size) && !f.inBytes(o, t) || t.class == classReference {
			return nil
		}
		c = f.data(o.data, depth)
	}
	if t.text {
		c = f.varying(&c, 1)
	}
	switch {
	case (t.text || t.class == classString) && c.Left() > 0:
		return in.field(f.text(c))
	case t.class == classInt && t.dtype != 0:
		if n, err := strconv.ParseInt(number(t, c), 10, 64); err == nil {
			return in.element(n)
		}
	}
	return nil
}

// number is a number as text.
func number(t *typ, c scan.Cursor) string {
	p := c.Bytes(16)
	if t.big {
		slices.Reverse(p)
	}
	return fmt.Sprint(decode(t.dtype, p))
}
