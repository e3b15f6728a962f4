package jld2

import (
	"bytes"
	"fmt"

	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// The classes of types of HDF5.
const (
	classInt       = 0
	classFloat     = 1
	classString    = 3
	classBits      = 4
	classOpaque    = 5
	classCompound  = 6
	classReference = 7
	classVarying   = 9
)

// unreadTypes are the classes that are refused, by name.
var unreadTypes = map[byte]string{2: "a time", 8: "an enumeration", 10: "an array in an element"}

// typ is a type of HDF5.
type typ struct {
	class byte
	size  int64 // of an element
	// Of a number: dtype is 0 if no operation takes it.
	dtype   tensor.DType
	big     bool
	element string // what it is called

	text    bool     // of variable length: a string
	base    *typ     // of variable length: of its elements
	members []member // of a compound
	refers  bool     // a value of it leads elsewhere

	committed int64 // where the object is that is this type, or 0
}

// member is a field of a compound.
type member struct {
	name string
	at   int64
	typ  *typ
}

// in is where the member lies in a value of the compound.
func (m *member) in(c scan.Cursor) scan.Cursor {
	c.Take(uint64(m.at))
	return c.Take(uint64(m.typ.size))
}

// typ reads a type, or where the object stands that is one.
func (f *file) typ(c *scan.Cursor, shared bool) *typ {
	if !shared {
		return f.plain(c, 0)
	}
	at := c.Offset()
	if v, kind := c.Byte(), c.Byte(); v != 3 || kind != 2 {
		f.lacks(at, "a shared type of version %d and type %d", v, kind)
	}
	return &typ{committed: f.place(at+2, c.Uint64())}
}

// floats are the properties of the numbers that are read: where the sign
// stands, exponent and mantissa (place and size), the bias.
var floats = map[[6]uint32]tensor.DType{
	{15, 10, 5, 0, 10, 15}:    tensor.Float16,
	{31, 23, 8, 0, 23, 127}:   tensor.Float32,
	{63, 52, 11, 0, 52, 1023}: tensor.Float64,
	{15, 7, 8, 0, 7, 127}:     tensor.BFloat16,
}

var ints = map[int64][2]tensor.DType{
	1: {tensor.Uint8, tensor.Int8}, 2: {tensor.Uint16, tensor.Int16}, 4: {tensor.Uint32, tensor.Int32}, 8: {tensor.Uint64, tensor.Int64},
}

// plain reads a type that stands here.
func (f *file) plain(c *scan.Cursor, depth int) *typ {
	at := c.Offset()
	if depth >= maxDepth {
		f.wrong(at, "types nested more than %d deep", maxDepth)
	}
	head := c.Byte()
	var bits [3]byte
	c.ReadFull(bits[:])
	t := &typ{class: head & 15, size: int64(c.Uint32())}
	if v := head >> 4; v < 1 || v > 3 {
		f.lacks(at, "a type of version %d", v)
	}
	if t.size == 0 && t.class != classString {
		f.wrong(at, "a type of 0 bytes")
	}
	switch t.class {
	case classInt:
		t.big = bits[0]&1 != 0
		t.dtype = ints[t.size][bits[0]>>3&1]
		f.whole(c, t)
		t.element = fmt.Sprintf("int%d", 8*t.size)
		if bits[0]&8 == 0 {
			t.element = "u" + t.element
		}
	case classFloat:
		t.big = bits[0]&1 != 0
		f.whole(c, t)
		key := [6]uint32{uint32(bits[1]), uint32(c.Byte()), uint32(c.Byte()), uint32(c.Byte()), uint32(c.Byte()), c.Uint32()}
		if bits[0]&^1 == 0x20 && int64(floats[key].Size()) == t.size {
			t.dtype = floats[key]
		}
		t.element = fmt.Sprintf("float%d of another layout", 8*t.size)
	case classBits:
		f.whole(c, t)
		if t.element = "bits"; f.julia && t.size == 1 {
			t.dtype = tensor.Bool
		}
	case classString:
		t.element = "text"
	case classOpaque:
		t.element = "opaque"
		c.Take(uint64(bits[0]))
	case classReference:
		if bits[0]&15 != 0 || t.size != 8 {
			f.lacks(at, "a reference to a region")
		}
		t.refers = true
	case classVarying:
		t.text = bits[0]&15 == 1
		if t.base = f.plain(c, depth+1); t.size != 16 {
			f.wrong(at, "a type of variable length of %d bytes", t.size)
		}
		t.refers = true
	case classCompound:
		f.compound(c, t, head>>4, int(bits[0])|int(bits[1])<<8, depth)
	default:
		if what := unreadTypes[t.class]; what != "" {
			f.lacks(at, "%s", what)
		}
		f.wrong(at, "a type of class %d", t.class)
	}
	return t
}

// whole demands that all bits of a number count.
func (f *file) whole(c *scan.Cursor, t *typ) {
	at := c.Offset()
	if offset, precision := c.Uint16(), c.Uint16(); offset != 0 || int64(precision) != 8*t.size {
		f.lacks(at, "a number of %d bits in %d bytes", precision, t.size)
	}
}

// compound reads the members of a type, which follow each other and do not
// overlap.
func (f *file) compound(c *scan.Cursor, t *typ, version byte, count, depth int) {
	at := c.Offset()
	if version != 3 || t.size > 0xffff {
		f.lacks(at, "a compound type of version %d and %d bytes", version, t.size)
	}
	end := int64(0)
	for range count {
		m := member{name: f.zeroed(c)}
		if m.at = int64(c.Byte()); t.size > 0xff {
			m.at |= int64(c.Byte()) << 8
		}
		m.typ = f.plain(c, depth+1)
		if m.at < end || m.typ.size > t.size-m.at || m.typ.size == 0 {
			f.wrong(at, "member %q of %d bytes at byte %d of a type of %d bytes overlaps or is empty", m.name, m.typ.size, m.at, t.size)
		}
		end = m.at + m.typ.size
		t.refers = t.refers || m.typ.refers
		t.members = append(t.members, m)
	}
}

// zeroed reads a text that a zero ends.
func (f *file) zeroed(c *scan.Cursor) string {
	at := c.Offset()
	p := c.Peek(maxName)
	n := bytes.IndexByte(p, 0)
	if n < 0 {
		f.wrong(at, "a name without an end")
	}
	s := string(p[:n])
	c.Take(uint64(n + 1))
	return s
}
