package jld2

import (
	"encoding/binary"
	"math"
)

// le is the numbers of a record, each of its own size, and texts as they are.
func le(vs ...any) []byte {
	var b []byte
	for _, v := range vs {
		switch v := v.(type) {
		case byte:
			b = append(b, v)
		case uint16:
			b = binary.LittleEndian.AppendUint16(b, v)
		case uint32:
			b = binary.LittleEndian.AppendUint32(b, v)
		case uint64:
			b = binary.LittleEndian.AppendUint64(b, v)
		case float32:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(v))
		case string:
			b = append(b, v...)
		case []byte:
			b = append(b, v...)
		default:
			panic(v)
		}
	}
	return b
}

// msg is a message of an object's header.
type msg struct {
	kind, flags byte
	body        []byte
}

// builder writes a file object by object.
type builder struct {
	b        []byte
	base     int
	typeType uint64            // the type of types
	types    map[string]uint64 // types of Julia that were written
	links    []msg             // of the group of types
}

// newFile begins a file of JLD2, or one of HDF5 without its header.
func newFile(julia bool) *builder {
	f := &builder{types: map[string]uint64{}}
	if julia {
		f.base = headerSize
		f.b = append(f.b, headers[0]+"0.1.1\x00 (Julia 1.10.1 64-bit LE)"...)
	}
	f.b = append(f.b, make([]byte, f.base+superblockSize-len(f.b))...)
	return f
}

// here is the address of what is written next.
func (f *builder) here() uint64 { return uint64(len(f.b) - f.base) }

// add writes bytes and gives their address.
func (f *builder) add(p []byte) uint64 {
	at := f.here()
	f.b = append(f.b, p...)
	return at
}

// object writes a header.
func (f *builder) object(messages ...msg) uint64 {
	var body []byte
	for _, m := range messages {
		body = append(body, le(m.kind, uint16(len(m.body)), m.flags, m.body)...)
	}
	p := le("OHDR", byte(2), byte(2), uint32(len(body)), body)
	return f.add(le(p, lookup3(p)))
}

// heap writes entries, which are counted from 1.
func (f *builder) heap(entries ...[]byte) uint64 {
	var body []byte
	for i, e := range entries {
		body = append(body, le(uint16(i+1), uint16(1), uint32(0), uint64(len(e)), e)...)
		body = append(body, make([]byte, -len(body)&7)...)
	}
	body = append(body, make([]byte, 16)...)
	size := uint64(len(body))
	if f.base == 0 {
		size += 16
	}
	return f.add(le("GCOL", uint32(1), size, body))
}

// varying is a value of variable length: entry i of a heap.
func varying(n int, heap uint64, i int) []byte { return le(uint32(n), heap, uint32(i)) }

// finish writes the superblock. root is the root group.
func (f *builder) finish(root uint64) []byte {
	copy(f.b[f.base:], le(signature, byte(2), byte(8), byte(8), byte(0), uint64(f.base), undefined, uint64(len(f.b)), root))
	sign(f.b)
	return f.b
}

// sign puts the right checksum into the superblock and into every header, so
// that what a test changed is what is refused.
func sign(b []byte) {
	put := func(from, to int) {
		if to+4 <= len(b) {
			binary.LittleEndian.PutUint32(b[to:], lookup3(b[from:to]))
		}
	}
	for i := range b {
		switch rest := b[i:]; {
		case len(rest) < 12:
		case string(rest[:8]) == signature:
			put(i, i+superblockSize-4)
		case string(rest[:4]) == "OHDR" && rest[5] == 2:
			if n := binary.LittleEndian.Uint32(rest[6:]); int(n) < len(rest) {
				put(i, i+10+int(n))
			}
		}
	}
}

// Types.
var (
	float32Type = le(byte(0x31), byte(0x20), byte(31), byte(0), uint32(4), uint16(0), uint16(32), byte(23), byte(8), byte(0), byte(23), uint32(127))
	int64Type   = le(byte(0x30), byte(8), byte(0), byte(0), uint32(8), uint16(0), uint16(64))
	boolType    = le(byte(0x34), byte(0), byte(0), byte(0), uint32(1), uint16(0), uint16(8))
	refType     = le(byte(0x37), byte(0), byte(0), byte(0), uint32(8))
	emptyType   = le(byte(0x35), byte(0), byte(0), byte(0), uint32(1))
	byteType    = le(byte(0x30), byte(0), byte(0), byte(0), uint32(1), uint16(0), uint16(8))
	textType    = le(byte(0x39), byte(0x11), byte(1), byte(0), uint32(16), byteType)
	listType    = le(byte(0x39), byte(0), byte(0), byte(0), uint32(16), refType)
	typeType    = compound(32, field{"name", 0, textType}, field{"parameters", 16, listType})
)

func textOf(n int) []byte { return le(byte(0x33), byte(0x11), byte(0), byte(0), uint32(n)) }

// field is a member of a compound type of less than 256 bytes.
type field struct {
	name string
	at   byte
	typ  []byte
}

func compound(size uint32, fields ...field) []byte {
	b := le(byte(0x36), byte(len(fields)), byte(0), byte(0), size)
	for _, m := range fields {
		b = append(b, le(m.name, byte(0), m.at, m.typ)...)
	}
	return b
}

// Messages.
func typed(t []byte) msg        { return msg{msgType, 1, t} }
func shared(address uint64) msg { return msg{msgType, 3, le(byte(3), byte(2), address)} }
func compact(data []byte) msg {
	return msg{msgLayout, 0, le(byte(4), byte(0), uint16(len(data)), data)}
}
func filled() msg  { return msg{msgFill, 0, le(byte(3), byte(9))} }
func scalar() msg  { return msg{msgSpace, 0, le(byte(2), byte(0), byte(0), byte(0))} }
func nothing() msg { return msg{msgSpace, 0, le(byte(2), byte(0), byte(0), byte(2))} }
func linked(n string, a uint64) msg {
	return msg{msgLink, 0, le(byte(1), byte(16), byte(1), byte(len(n)), n, a)}
}

func contiguous(address, size uint64) msg {
	return msg{msgLayout, 0, le(byte(4), byte(1), address, size)}
}

// simple is the space of an array, in the order of HDF5.
func simple(dims ...uint64) msg {
	b := le(byte(2), byte(len(dims)), byte(0), byte(1))
	for _, d := range dims {
		b = append(b, le(d)...)
	}
	return msg{msgSpace, 0, b}
}

// attributed is an attribute. flags 1 says that the type is shared.
func attributed(name string, flags byte, t []byte, space msg, data []byte) msg {
	return msg{msgAttribute, 0, le(byte(2), flags, uint16(len(name)+1), uint16(len(t)), uint16(len(space.body)), name, byte(0), t, space.body, data)}
}

func (f *builder) group(links ...msg) uint64 {
	info := msg{msgLinkInfo, 0, le(byte(0), byte(0), undefined, undefined)}
	return f.object(append([]msg{info, {msgGroupInfo, 0, le(uint16(0))}}, links...)...)
}

// floats is an array of float32.
func (f *builder) floats(values []float32, dims ...uint64) uint64 {
	var data []byte
	for _, v := range values {
		data = append(data, le(v)...)
	}
	return f.object(filled(), simple(dims...), typed(float32Type), compact(data))
}

// expression is a type written down: a name and the types that are parameters.
func (f *builder) expression(name string, params ...uint64) []byte {
	entries := [][]byte{[]byte(name)}
	for i := range params {
		if i == 0 {
			entries = append(entries, nil)
		}
		entries[1] = append(entries[1], le(params[i])...)
	}
	heap := f.heap(entries...)
	if len(params) == 0 {
		return le(varying(len(name), heap, 1), make([]byte, 16))
	}
	return le(varying(len(name), heap, 1), varying(len(params), heap, 2))
}

// typ writes a type of Julia as an object, with attributes of its fields.
func (f *builder) typ(name string, t []byte, params []uint64, attrs ...msg) uint64 {
	if f.typeType == 0 {
		e := f.expression("Core.DataType")
		f.typeType = f.here()
		f.object(typed(typeType), attributed("julia_type", 1, le(byte(3), byte(2), f.typeType), scalar(), e))
		f.links = append(f.links, linked("00000001", f.typeType))
	}
	e := f.expression(name, params...)
	at := f.object(append([]msg{typed(t), attributed("julia_type", 1, le(byte(3), byte(2), f.typeType), scalar(), e)}, attrs...)...)
	f.links = append(f.links, linked(name, at))
	return at
}

// fieldTypes are the attributes that say which types fields have.
func (f *builder) fieldTypes(names []string, types []uint64) []msg {
	var entries [][]byte
	var refs, texts []byte
	for i, n := range names {
		entries = append(entries, []byte(n))
		refs = append(refs, le(types[i])...)
	}
	heap := f.heap(entries...)
	for i, n := range names {
		texts = append(texts, varying(len(n), heap, i+1)...)
	}
	n := uint64(len(names))
	return []msg{
		attributed("field_names", 0, textType, simple(n), texts),
		attributed("field_types", 0, refType, simple(n), refs),
	}
}

// root finishes a file whose variables are links.
func (f *builder) root(links ...msg) []byte {
	if len(f.links) > 0 {
		links = append(links, linked("_types", f.group(f.links...)))
	}
	return f.finish(f.group(links...))
}

// text is a text by itself.
func (f *builder) text(s string) uint64 {
	return f.object(filled(), scalar(), typed(textOf(len(s))), compact([]byte(s)))
}

// value is a scalar of a type of Julia.
func (f *builder) value(typ uint64, data ...any) uint64 {
	return f.object(filled(), scalar(), shared(typ), compact(le(data...)))
}

// list is an array of anything.
func (f *builder) list(refs ...uint64) uint64 {
	var data []byte
	for _, r := range refs {
		data = append(data, le(r)...)
	}
	where := compact(data)
	if len(data) > 8192 {
		where = contiguous(f.add(data), uint64(len(data)))
	}
	return f.object(filled(), simple(uint64(len(refs))), typed(refType), where)
}
