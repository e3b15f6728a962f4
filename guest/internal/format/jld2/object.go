package jld2

import (
	"fmt"
	"unicode/utf8"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// The messages of an object's header.
const (
	msgNil          = 0x00
	msgSpace        = 0x01
	msgLinkInfo     = 0x02
	msgType         = 0x03
	msgOldFill      = 0x04
	msgFill         = 0x05
	msgLink         = 0x06
	msgLayout       = 0x08
	msgGroupInfo    = 0x0a
	msgAttribute    = 0x0c
	msgContinuation = 0x10
	msgTime         = 0x12
	msgAttrInfo     = 0x15
	msgReferences   = 0x16
)

// unread are the messages that are refused, by name.
var unread = map[byte]string{
	0x07: "data in an external file", 0x09: "a bogus message", 0x0b: "a filter, such as compression,", 0x0d: "a comment",
	0x0e: "a modification time of old", 0x0f: "a table of shared messages", 0x11: "a symbol table", 0x13: "a table of B-tree sizes",
	0x14: "a file driver", 0x17: "space management", 0x18: "a message of the file cache",
}

// object is the header of an object, of which nothing but attributes has been
// looked into.
type object struct {
	at    int64
	fault *abi.Fault // why it cannot be read

	group bool
	links []link
	typ   *typ   // of its data, or what it is if it is a type
	space *space // of its data
	data  *data
	attrs map[string]attribute
}

// link is a name in a group.
type link struct {
	at     int64
	fault  *abi.Fault // why it leads nowhere
	name   string
	target uint64
}

// attribute is a value in an object's header.
type attribute struct {
	typ   *typ
	space space
	data  scan.Cursor
}

// space is how many elements there are, in the order of HDF5: the last dim
// runs fastest.
type space struct {
	array bool // also without dims
	null  bool
	dims  []int64
	count int64
}

// data is where the bytes of elements lie: none of them, if at is -1.
type data struct{ at, size int64 }

// object reads the header at an offset, once.
func (f *file) object(at int64) *object {
	o := f.objects[at]
	if o == nil {
		if len(f.objects) == maxObjects {
			f.wrong(at, "more than %d objects", maxObjects)
		}
		o = &object{at: at, attrs: map[string]attribute{}}
		f.objects[at] = o
		o.fault = scan.Catch(func() { f.header(o) })
	}
	if o.fault != nil {
		scan.Refuse(*o.fault)
	}
	return o
}

// header reads a header in all its pieces.
//
//	0      4   5       6          +n              +n+4
//	┌──────┬───┬───────┬──────────┬───────────────┬──────────┐
//	│ OHDR │ 2 │ flags │ length n │ messages      │ checksum │
//	└──────┴───┴───────┴──────────┴───────────────┴──────────┘
//	│ OCHK │ messages …                           │ checksum │  where a continuation leads
func (f *file) header(o *object) {
	c := from(f.blob, o.at)
	start := c
	if string(c.Peek(4)) != "OHDR" {
		c.Fail("no header of an object of version 2")
	}
	c.Take(4)
	if v := c.Byte(); v != 2 {
		f.lacks(o.at+4, "a header of version %d", v)
	}
	flags := c.Byte()
	if flags&^0x3f != 0 {
		f.lacks(o.at+5, "a header with the flags %#x", flags)
	}
	if flags&0x20 != 0 {
		c.Take(16) // four times
	}
	if flags&0x10 != 0 {
		c.Take(4) // when attributes move out of the header
	}
	n := sized(&c, flags&3)
	messages := c.Take(n)
	next := f.chunk(start, messages, c, flags&4 != 0, o)
	for n := 1; len(next) > 0; n++ {
		if n == maxPieces {
			f.wrong(o.at, "the header of an object in more than %d pieces", maxPieces)
		}
		piece := next[0]
		c, start := piece, piece
		if string(c.Peek(4)) != "OCHK" || c.Left() < 8 {
			c.Fail("no continuation of a header")
		}
		c.Take(4)
		messages := c.Take(uint64(c.Left() - 4))
		next = append(next[1:], f.chunk(start, messages, c, flags&4 != 0, o)...)
	}
	if o.space != nil && o.typ == nil || o.data != nil && o.space == nil {
		f.wrong(o.at, "an array without a type or a shape")
	}
}

// chunk reads one piece of a header: from start to end, where its checksum is.
func (f *file) chunk(start, messages, end scan.Cursor, ordered bool, o *object) (next []scan.Cursor) {
	size := end.Offset() - start.Offset()
	f.claim(start.Offset(), size+4)
	summed := start.Take(uint64(size))
	if got, want := lookup3(summed.Bytes(maxChunk)), end.Uint32(); got != want {
		f.wrong(summed.Offset()-size, "the header of an object has the checksum %#x, not %#x", got, want)
	}
	intro := int64(4)
	if ordered {
		intro = 6
	}
	for messages.Left() >= intro {
		at := messages.Offset()
		kind, length, flags := messages.Byte(), messages.Uint16(), messages.Byte()
		if ordered {
			messages.Uint16()
		}
		body := messages.Take(uint64(length))
		if kind == msgContinuation {
			piece := from(f.blob, f.place(body.Offset(), body.Uint64()))
			next = append(next, piece.Take(body.Uint64()))
			continue
		}
		f.message(o, at, kind, flags, body)
	}
	return next
}

func (f *file) message(o *object, at int64, kind, flags byte, c scan.Cursor) {
	if flags&2 != 0 && kind != msgType {
		f.lacks(at, "a shared message of type %#x", kind)
	}
	once := func(have bool) {
		if have {
			f.wrong(at, "a second message of type %#x", kind)
		}
	}
	switch kind {
	case msgNil, msgOldFill, msgFill, msgTime, msgReferences:
		return
	case msgSpace:
		once(o.space != nil)
		s := f.space(&c)
		o.space = &s
	case msgType:
		once(o.typ != nil)
		o.typ = f.typ(&c, flags&2 != 0)
	case msgLayout:
		once(o.data != nil)
		o.data = f.layout(&c)
	case msgLink:
		o.group = true
		o.links = append(o.links, f.link(&c))
	case msgGroupInfo:
		o.group = true
		return
	case msgLinkInfo:
		o.group = true
		f.inHeader(&c, 8, "links")
	case msgAttrInfo:
		f.inHeader(&c, 2, "attributes")
	case msgAttribute:
		if f.julia {
			f.attribute(o, &c)
		}
		return
	default:
		if what := unread[kind]; what != "" {
			f.lacks(at, "%s", what)
		}
		f.wrong(at, "a message of type %#x", kind)
	}
	if c.Left() > 0 {
		c.Fail("%d bytes behind a message of type %#x", c.Left(), kind)
	}
}

// sized reads a number of 1, 2, 4 or 8 bytes.
func sized(c *scan.Cursor, log byte) uint64 {
	switch log {
	case 0:
		return uint64(c.Byte())
	case 1:
		return uint64(c.Uint16())
	case 2:
		return uint64(c.Uint32())
	}
	return c.Uint64()
}

// inHeader demands that links or attributes stand in the header itself, and
// not in a heap with trees over it.
func (f *file) inHeader(c *scan.Cursor, counter uint64, what string) {
	at := c.Offset()
	if v := c.Byte(); v != 0 {
		f.lacks(at, "information of version %d about %s", v, what)
	}
	flags := c.Byte()
	if flags&1 != 0 {
		c.Take(counter)
	}
	trees := 2
	if flags&2 != 0 {
		trees = 3
	}
	for range trees {
		if c.Uint64() != undefined {
			f.lacks(at, "%s in a heap", what)
		}
	}
}

func (f *file) link(c *scan.Cursor) link {
	l := link{at: c.Offset()}
	if v := c.Byte(); v != 1 {
		f.lacks(l.at, "a link of version %d", v)
	}
	flags := c.Byte()
	if flags&^0x1f != 0 {
		f.lacks(l.at+1, "a link with the flags %#x", flags)
	}
	kind := byte(0)
	if flags&8 != 0 {
		kind = c.Byte()
	}
	if flags&4 != 0 {
		c.Take(8) // when it was made
	}
	if flags&16 != 0 {
		c.Byte() // ASCII or UTF-8, of which the first is a part
	}
	text := c.Take(sized(c, flags&3))
	l.name = string(text.Bytes(maxName))
	if l.name == "" || !utf8.ValidString(l.name) {
		f.wrong(l.at, "a link whose name is empty or not UTF-8")
	}
	if kind == 0 {
		l.target = c.Uint64()
		return l
	}
	*c = scan.Cursor{}
	what, ok := unreadLinks[kind]
	if !ok {
		what = fmt.Sprintf("a link of type %d", kind)
	}
	l.fault = scan.Catch(func() { f.lacks(l.at, "%s", what) })
	return l
}

func (f *file) space(c *scan.Cursor) (s space) {
	at := c.Offset()
	if v := c.Byte(); v != 2 {
		f.lacks(at, "a dataspace of version %d", v)
	}
	rank, flags, kind := c.Byte(), c.Byte(), c.Byte()
	switch {
	case rank > maxRank || flags&^1 != 0 || kind > 2 || kind != 1 && rank > 0:
		f.wrong(at, "a dataspace of type %d with %d dims and the flags %#x", kind, rank, flags)
	case kind == 2:
		s.null = true
		return s
	}
	s.array, s.count = kind == 1, 1
	for range rank {
		d := c.Uint64()
		if d > tensor.MaxBytes {
			f.wrong(c.Offset()-8, "a dim of %d", d)
		}
		s.dims = append(s.dims, int64(d))
	}
	if s.count = tensor.Product(s.dims); s.count > tensor.MaxBytes {
		f.wrong(at, "an array of the dims %d", s.dims)
	}
	if flags&1 != 0 {
		for _, d := range s.dims {
			if most := c.Uint64(); most != uint64(d) {
				f.lacks(c.Offset()-8, "an array that can grow")
			}
		}
	}
	return s
}

func (f *file) layout(c *scan.Cursor) *data {
	at := c.Offset()
	if v := c.Byte(); v != 3 && v != 4 {
		f.lacks(at, "a layout of version %d", v)
	}
	switch class := c.Byte(); class {
	case 0:
		d := &data{size: int64(c.Uint16())}
		d.at = c.Offset()
		c.Take(uint64(d.size))
		return d
	case 1:
		address, size := c.Uint64(), c.Uint64()
		if address == undefined || size == 0 {
			return &data{at: -1, size: int64(min(size, tensor.MaxBytes))}
		}
		d := &data{at: f.place(at+2, address)}
		if size > uint64(f.blob.Size()-d.at) {
			f.wrong(at+10, "%d bytes of data at %d, but %d are left", size, d.at, f.blob.Size()-d.at)
		}
		d.size = int64(size)
		f.claim(d.at, d.size)
		return d
	case 2:
		f.lacks(at, "a chunked layout, as of compressed arrays,")
	case 3:
		f.lacks(at, "a virtual layout")
	default:
		f.wrong(at, "a layout of class %d", class)
	}
	return nil
}

// unreadLinks are the types of links that are refused, by name.
var unreadLinks = map[byte]string{1: "a soft link", 64: "a link to another file"}

// telling are the attributes that JLD2 writes and that say something here.
var telling = map[string]bool{"julia_type": true, "field_names": true, "field_types": true, "field_datatypes": true, "dimensions": true}

func (f *file) attribute(o *object, c *scan.Cursor) {
	at := c.Offset()
	v, flags := c.Byte(), c.Byte()
	if v != 2 && v != 3 || flags&^1 != 0 {
		f.lacks(at, "an attribute of version %d with the flags %#x", v, flags)
	}
	lengths := [3]uint64{uint64(c.Uint16()), uint64(c.Uint16()), uint64(c.Uint16())}
	if v == 3 {
		c.Byte() // ASCII or UTF-8
	}
	text, typed, spaced := c.Take(lengths[0]), c.Take(lengths[1]), c.Take(lengths[2])
	name := text.Bytes(maxName)
	if len(name) == 0 || name[len(name)-1] != 0 {
		f.wrong(at, "an attribute without a name")
	}
	key := string(name[:len(name)-1])
	if !telling[key] {
		return
	}
	if _, ok := o.attrs[key]; ok {
		f.wrong(at, "a second attribute %q", key)
	}
	a := attribute{typ: f.typ(&typed, flags&1 != 0), space: f.space(&spaced), data: *c}
	o.attrs[key] = a
}
