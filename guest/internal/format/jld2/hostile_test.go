package jld2

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

const (
	malformed = abi.FaultMalformed
	missing   = abi.FaultUnsupported
)

// holding is a file of one variable x, whose object has these messages.
func holding(messages ...msg) []byte {
	f := newFile(true)
	return f.root(linked("x", f.object(messages...)))
}

// ofType is a file of one array of two elements of a type.
func ofType(t []byte, size int) []byte {
	return holding(simple(2), typed(t), compact(make([]byte, 2*size)))
}

// put changes bytes of a valid file and signs it again.
func put(at int, record ...any) []byte {
	b := state()
	copy(b[at:], le(record...))
	sign(b)
	return b
}

// nested is a type of variable length of one of variable length and so on.
func nested(n int) []byte {
	t := byteType
	for range n {
		t = le(byte(0x39), byte(0), byte(0), byte(0), uint32(16), t)
	}
	return t
}

// unsigned changes a byte and leaves the checksum as it was.
func unsigned(at int) []byte {
	b := state()
	b[at]++
	return b
}

// linksTo is a root group with the links that a function makes of an array's
// address.
func linksTo(links func(f *builder, array uint64) []msg) []byte {
	f := newFile(true)
	return f.root(links(f, f.floats([]float32{1}, 1))...)
}

// chunks is an object whose header goes on elsewhere, with the continuation that
// a function makes.
func chunks(continued func(f *builder) (address, size uint64)) []byte {
	f := newFile(true)
	address, size := continued(f)
	return f.root(linked("x", f.object(simple(1), typed(float32Type), compact(le(float32(1))), msg{msgContinuation, 0, le(address, size)})))
}

// deep is a chain of references, n long.
func deep(n int) []byte {
	f := newFile(true)
	at := f.floats([]float32{1}, 1)
	for range n {
		at = f.object(simple(1), typed(refType), compact(le(at)))
	}
	return f.root(linked("x", at))
}

// circle is a list that holds itself.
func circle() []byte {
	f := newFile(true)
	at := f.here()
	f.object(simple(1), typed(refType), compact(le(at)))
	return f.root(linked("x", at))
}

// typedBy is an array whose type is the object that a function writes.
func typedBy(object func(f *builder) uint64) []byte {
	f := newFile(true)
	at := object(f)
	return f.root(linked("x", f.object(simple(1), shared(at), compact(le(float32(1))))))
}

// overlapping are two arrays of the same bytes, or bytes of a header.
func overlapping(back uint64) []byte {
	f := newFile(true)
	data := f.add(make([]byte, 64))
	one := f.object(simple(16), typed(float32Type), contiguous(data, 64))
	two := f.object(simple(16), typed(float32Type), contiguous(data+back, 64))
	return f.root(linked("x", one), linked("y", two))
}

var lies = []struct {
	name string
	file []byte
	kind abi.FaultKind
	text string
}{
	{"header-alone", state()[:headerSize], malformed, "no signature"},
	{"version-of-the-future", put(len(headers[0]), "9.0.0"), missing, `version "9.0.0"`},
	{"signature-of-nothing", put(headerSize, "PK\x03\x04"), malformed, "no signature of HDF5"},
	{"superblock-4", put(headerSize+8, byte(4)), missing, "a superblock of version 4"},
	{"superblock-3-left-open", put(headerSize+8, byte(3), byte(8), byte(8), byte(1)), missing, "a file that its writer did not close"},
	{"superblock-0", put(headerSize+8, byte(0)), missing, "a superblock of version 0"},
	{"addresses-of-4-bytes", put(headerSize+9, byte(4)), missing, "addresses of 4"},
	{"superblock-checksum", unsigned(headerSize + 44), malformed, "the superblock has the checksum"},
	{"another-base", put(headerSize+12, uint64(0)), malformed, "addresses count from 0, not 512"},
	{"superblock-extension", put(headerSize+20, uint64(48)), missing, "an extension of the superblock"},
	{"end-before-the-end", put(headerSize+28, uint64(1000)), malformed, "not 1000"},
	{"end-behind-the-end", append(state(), "PK\x05\x06"...), malformed, "the file ends at"},
	{"root-behind-the-end", put(headerSize+36, uint64(1<<40)), malformed, "address 0x10000000000, behind the end"},
	{"root-of-2-to-the-64", put(headerSize+36, uint64(undefined)), malformed, "address 0xffffffffffffffff"},
	{"root-in-the-superblock", put(headerSize+36, uint64(0)), malformed, "no header of an object"},
	{"user-block", append(make([]byte, 1024), newFile(false).root()...), missing, "HDF5 behind a user block"},

	{"header-checksum", unsigned(headerSize + superblockSize + 20), malformed, "the header of an object has the checksum"},
	{"header-of-version-3", linksTo(func(f *builder, a uint64) []msg { f.b[f.base+int(a)+4] = 3; return []msg{linked("x", a)} }), missing, "a header of version 3"},
	{"header-with-unknown-flags", linksTo(func(f *builder, a uint64) []msg { f.b[f.base+int(a)+5] = 0x80; return []msg{linked("x", a)} }), missing, "a header with the flags 0x80"},
	{"header-longer-than-the-file", linksTo(func(f *builder, a uint64) []msg {
		copy(f.b[f.base+int(a)+6:], "\xff\xff\xff\xff")
		return []msg{linked("x", a)}
	}), malformed, "length 4294967295"},
	{"message-longer-than-the-header", holding(simple(1), typed(float32Type), msg{msgFill, 0, nil}, compact(le(float32(1))), msg{kind: 0, body: nil}, msg{msgContinuation, 0, []byte("x")}), malformed, "8 bytes expected, but 1 are left"},
	{"message-unknown", holding(msg{0x7f, 0, nil}), malformed, "a message of type 0x7f"},
	{"message-twice", holding(simple(1), simple(2), typed(float32Type), compact(le(float32(1)))), malformed, "a second message of type 0x1"},
	{"message-with-more-in-it", holding(msg{msgSpace, 0, le(byte(2), byte(0), byte(0), byte(0), "hidden")}), malformed, "6 bytes behind a message of type 0x1"},
	{"message-shared", holding(msg{msgSpace, 2, make([]byte, 10)}), missing, "a shared message"},
	{"symbol-table", holding(msg{0x11, 0, make([]byte, 16)}), missing, "a symbol table"},
	{"external-file", holding(simple(1), typed(float32Type), msg{0x07, 0, make([]byte, 16)}, contiguous(undefined, 4)), missing, "data in an external file"},
	{"filter", holding(simple(1), typed(float32Type), msg{0x0b, 0, make([]byte, 8)}, compact(le(float32(1)))), missing, "a filter"},
	{"continuation-in-a-circle", chunks(func(f *builder) (uint64, uint64) {
		at := f.here()
		p := le("OCHK", byte(msgContinuation), uint16(16), byte(0), at, uint64(28))
		return f.add(le(p, lookup3(p))), 28
	}), malformed, "objects overlap"},
	{"continuation-that-is-none", chunks(func(f *builder) (uint64, uint64) { return f.add(make([]byte, 32)), 32 }), malformed, "no continuation"},
	{"continuation-checksum", chunks(func(f *builder) (uint64, uint64) { return f.add([]byte("OCHK\x00\x00\x00\x00")), 8 }), malformed, "the header of an object has the checksum"},
	{"continuation-behind-the-end", chunks(func(*builder) (uint64, uint64) { return 64, 1 << 40 }), malformed, "length 1099511627776"},
	{"continuation-of-one-byte", chunks(func(f *builder) (uint64, uint64) { return f.add([]byte("OCHK\x00\x00\x00\x00")), 1 }), malformed, "no continuation"},

	{"links-in-a-heap", holding(msg{msgLinkInfo, 0, le(byte(0), byte(0), uint64(48), undefined)}), missing, "links in a heap"},
	{"attributes-in-a-heap", holding(msg{msgAttrInfo, 0, le(byte(0), byte(0), uint64(48), undefined)}), missing, "attributes in a heap"},
	{"link-twice", linksTo(func(_ *builder, a uint64) []msg { return []msg{linked("x", a), linked("x", a)} }), malformed, `the link "x" stands twice`},
	{"link-to-nowhere", linksTo(func(*builder, uint64) []msg { return []msg{linked("x", 1<<50)} }), malformed, "behind the end"},
	{"link-into-an-array", linksTo(func(_ *builder, a uint64) []msg { return []msg{linked("x", a+8)} }), malformed, "no header of an object"},
	{"link-without-name", linksTo(func(_ *builder, a uint64) []msg { return []msg{linked("", a)} }), malformed, "whose name is empty"},
	{"link-not-utf8", linksTo(func(_ *builder, a uint64) []msg { return []msg{linked("\xff", a)} }), malformed, "not UTF-8"},
	{"soft-link", linksTo(func(*builder, uint64) []msg {
		return []msg{{msgLink, 0, le(byte(1), byte(24), byte(1), byte(1), byte(1), "x", uint16(1), "y")}}
	}), missing, "a soft link"},
	{"external-link", linksTo(func(*builder, uint64) []msg {
		return []msg{{msgLink, 0, le(byte(1), byte(24), byte(64), byte(1), byte(1), "x", uint16(1), "y")}}
	}), missing, "a link to another file"},

	{"array-without-type", holding(simple(1), compact(le(float32(1)))), malformed, "without a type or a shape"},
	{"array-without-shape", holding(typed(float32Type), compact(le(float32(1)))), malformed, "without a type or a shape"},
	{"dim-of-2-to-the-63", holding(simple(1<<63), typed(float32Type), compact(nil)), malformed, "a dim of"},
	{"dims-that-wrap", holding(simple(1<<40, 1<<40), typed(float32Type), compact(nil)), malformed, "an array of the dims"},
	{"dims-that-wrap-beside-0", holding(simple(1<<32, 1<<32, 1<<32, 0), typed(float32Type), compact(le(float32(1)))), malformed, "0 elements of 4 bytes, but 4 bytes of data"},
	{"100-dims", holding(simple(make([]uint64, 100)...), typed(float32Type), compact(nil)), malformed, "100 dims"},
	{"scalar-with-dims", holding(msg{msgSpace, 0, le(byte(2), byte(1), byte(0), byte(0), uint64(1))}, typed(float32Type), compact(nil)), malformed, "a dataspace of type 0 with 1 dims"},
	{"dataspace-1", holding(msg{msgSpace, 0, le(byte(1), byte(0), byte(0), byte(0))}), missing, "a dataspace of version 1"},
	{"array-that-grows", holding(msg{msgSpace, 0, le(byte(2), byte(1), byte(1), byte(1), uint64(1), undefined)}, typed(float32Type), compact(le(float32(1)))), missing, "an array that can grow"},
	{"fewer-bytes-than-elements", holding(simple(2), typed(float32Type), compact(le(float32(1)))), malformed, "2 elements of 4 bytes, but 4 bytes of data"},
	{"more-bytes-than-elements", holding(simple(1), typed(float32Type), compact(make([]byte, 8))), malformed, "1 elements of 4 bytes, but 8 bytes of data"},
	{"data-behind-the-end", holding(simple(1<<20), typed(float32Type), contiguous(0, 4<<20)), malformed, "bytes of data at 512, but"},
	{"data-of-2-to-the-64", holding(simple(1), typed(float32Type), contiguous(8, undefined)), malformed, "18446744073709551615 bytes of data"},
	{"data-that-is-not-there", holding(simple(1), typed(float32Type), contiguous(undefined, 4)), missing, "data that is not there"},
	{"layout-1", holding(simple(1), typed(float32Type), msg{msgLayout, 0, le(byte(1), make([]byte, 30))}), missing, "a layout of version 1"},
	{"chunked", holding(simple(1), typed(float32Type), msg{msgLayout, 0, le(byte(4), byte(2), make([]byte, 30))}), missing, "a chunked layout"},
	{"virtual", holding(simple(1), typed(float32Type), msg{msgLayout, 0, le(byte(4), byte(3), make([]byte, 12))}), missing, "a virtual layout"},
	{"layout-of-class-9", holding(simple(1), typed(float32Type), msg{msgLayout, 0, le(byte(4), byte(9))}), malformed, "a layout of class 9"},
	{"arrays-of-the-same-bytes", overlapping(0), malformed, "objects overlap"},
	{"arrays-that-overlap", overlapping(8), malformed, "objects overlap"},
	{"array-over-a-header", overlapping(64), malformed, "objects overlap"},

	{"type-of-0-bytes", ofType(le(byte(0x35), byte(0), byte(0), byte(0), uint32(0)), 0), malformed, "a type of 0 bytes"},
	{"type-of-class-15", ofType(le(byte(0x3f), byte(0), byte(0), byte(0), uint32(4)), 4), malformed, "a type of class 15"},
	{"type-of-version-0", ofType(le(byte(0x00), byte(0), byte(0), byte(0), uint32(4)), 4), missing, "a type of version 0"},
	{"time", ofType(le(byte(0x32), byte(0), byte(0), byte(0), uint32(4), uint16(32)), 4), missing, "a time"},
	{"enumeration", ofType(le(byte(0x38), byte(0), byte(0), byte(0), uint32(1), byteType), 1), missing, "an enumeration"},
	{"array-in-an-element", ofType(le(byte(0x3a), byte(0), byte(0), byte(0), uint32(1), byteType), 1), missing, "an array in an element"},
	{"number-of-12-bits", ofType(le(byte(0x30), byte(0), byte(0), byte(0), uint32(2), uint16(0), uint16(12)), 2), missing, "a number of 12 bits"},
	{"reference-to-a-region", ofType(le(byte(0x37), byte(1), byte(0), byte(0), uint32(8)), 8), missing, "a reference to a region"},
	{"types-without-bottom", ofType(nested(110), 16), malformed, "types nested more than 100 deep"},
	{"compound-of-version-1", ofType(append(le(byte(0x16)), compound(4, field{"a", 0, float32Type})[1:]...), 4), missing, "a compound type of version 1"},
	{"member-behind-the-end", ofType(compound(4, field{"a", 2, float32Type}), 4), malformed, `member "a" of 4 bytes at byte 2 of a type of 4 bytes`},
	{"members-that-overlap", ofType(compound(6, field{"a", 0, float32Type}, field{"b", 2, float32Type}), 6), malformed, `member "b" of 4 bytes at byte 2`},
	{"member-of-0-bytes", ofType(compound(4, field{"a", 0, textOf(0)}), 4), malformed, `member "a" of 0 bytes`},
	{"member-without-end", ofType(le(byte(0x36), byte(1), byte(0), byte(0), uint32(4), "abc"), 4), malformed, "a name without an end"},
	{"type-that-is-an-array", typedBy(func(f *builder) uint64 { return f.floats([]float32{1}, 1) }), malformed, "no type of Julia"},
	{"type-that-is-a-group", typedBy(func(f *builder) uint64 { return f.group() }), malformed, "no type of Julia"},
	{"type-without-a-name", typedBy(func(f *builder) uint64 { return f.object(typed(float32Type)) }), malformed, "no type of Julia"},
	{"type-of-a-type", typedBy(func(f *builder) uint64 { return f.object(shared(f.typ("Core.Float32", float32Type, nil))) }), malformed, "no type of Julia"},
	{"type-name-in-no-heap", typedBy(func(f *builder) uint64 {
		return f.object(typed(float32Type), attributed("julia_type", 0, typeType, scalar(), le(varying(3, 48, 1), make([]byte, 16))))
	}), malformed, "no heap"},
	{"type-name-longer-than-its-entry", typedBy(func(f *builder) uint64 {
		return f.object(typed(float32Type), attributed("julia_type", 0, typeType, scalar(), le(varying(300, f.heap([]byte("abc")), 1), make([]byte, 16))))
	}), malformed, "300 elements of 1 bytes in entry 1 of a heap, which has 3 bytes"},
	{"type-name-in-no-entry", typedBy(func(f *builder) uint64 {
		return f.object(typed(float32Type), attributed("julia_type", 0, typeType, scalar(), le(varying(3, f.heap([]byte("abc")), 9), make([]byte, 16))))
	}), malformed, "entry 9 of a heap"},
	{"heap-longer-than-the-file", typedBy(func(f *builder) uint64 {
		h := f.heap([]byte("abc"))
		copy(f.b[f.base+int(h)+8:], le(uint64(1<<40)))
		return f.object(typed(float32Type), attributed("julia_type", 0, typeType, scalar(), le(varying(3, h, 1), make([]byte, 16))))
	}), malformed, "a heap of 1099511627776 bytes"},
	{"heap-entry-twice", typedBy(func(f *builder) uint64 {
		h := f.heap([]byte("abc"), []byte("def"))
		f.b[f.base+int(h)+40] = 1
		return f.object(typed(float32Type), attributed("julia_type", 0, typeType, scalar(), le(varying(3, h, 1), make([]byte, 16))))
	}), malformed, "is there twice or too long"},
	{"attribute-twice", typedBy(func(f *builder) uint64 {
		a := attributed("julia_type", 0, typeType, scalar(), make([]byte, 32))
		return f.object(typed(float32Type), a, a)
	}), malformed, `a second attribute "julia_type"`},
	{"more-types-than-fields", typedBy(func(f *builder) uint64 {
		attrs := f.fieldTypes([]string{"1"}, []uint64{0})
		attrs[1] = attributed("field_types", 0, refType, simple(2), make([]byte, 16))
		return f.typ("Core.Tuple", compound(4, field{"1", 0, float32Type}), nil, attrs...)
	}), malformed, "2 types of 1 fields"},

	{"arrays-of-one-name", linksTo(func(f *builder, a uint64) []msg {
		inner := f.object(filled(), scalar(), typed(compound(8, field{"y", 0, refType})), compact(le(a)))
		return []msg{linked("x", inner), linked("x.y", f.floats([]float32{1}, 1))}
	}), malformed, `a second array is called "x.y"`},
	{"path-of-5000-bytes", linksTo(func(f *builder, a uint64) []msg {
		inner := f.object(filled(), scalar(), typed(compound(8, field{strings.Repeat("y", 4000), 0, refType})), compact(le(a)))
		return []msg{linked("x", f.object(filled(), scalar(), typed(compound(8, field{strings.Repeat("z", 800), 0, refType})), compact(le(inner))))}
	}), malformed, "a path of more than 4096 bytes"},
	{"values-that-share-a-heap", linksTo(func(f *builder, a uint64) []msg {
		text := f.heap(make([]byte, 2000))
		var links []msg
		for i := range 40 {
			links = append(links, linked(strconv.Itoa(i), f.object(filled(), scalar(), typed(textType), compact(varying(2000, text, 1)))))
		}
		return links
	}), malformed, "share their bytes"},
	{"values-without-bottom", deep(110), malformed, "values nested more than 100 deep"},
	{"types-without-values-or-bottom", typedBy(func(f *builder) uint64 {
		at := f.typ("Core.Tuple", emptyType, nil)
		for range 110 {
			at = f.typ("Core.Tuple", float32Type, nil, f.fieldTypes([]string{"1"}, []uint64{at})...)
		}
		return at
	}), malformed, "types nested more than 100 deep"},
	{"name-of-a-foreign-type", typedBy(func(f *builder) uint64 { return f.typ("Main.Mine", float32Type, nil) }), malformed, "a value of the type Main.Mine, which is not known"},
	{"closure", typedBy(func(f *builder) uint64 { return f.typ("Main.#3#4", float32Type, nil) }), malformed, "a function, Main.#3#4"},
	{"layer-of-flux", typedBy(func(f *builder) uint64 { return f.typ("Flux.Dense", float32Type, nil) }), malformed, "a value of the type Flux.Dense"},
	{"module", typedBy(func(f *builder) uint64 { return f.typ("Core.Module", float32Type, nil) }), malformed, "a module"},
	{"type-as-a-value", typedBy(func(f *builder) uint64 { return f.typ("Core.DataType", float32Type, nil) }), malformed, "a type"},
	{"array-on-a-gpu", typedBy(func(f *builder) uint64 { return f.typ("CUDA.CuArray", float32Type, nil) }), malformed, "an array on a GPU"},
	{"function", typedBy(func(f *builder) uint64 { return f.typ("Base.#system", float32Type, nil) }), malformed, "a function, Base.#system"},
	{"pointer", typedBy(func(f *builder) uint64 { return f.typ("Core.Ptr", int64Type, nil) }), malformed, "a pointer"},
	{"code", typedBy(func(f *builder) uint64 { return f.typ("Core.CodeInfo", float32Type, nil) }), malformed, "a value of the type Core.CodeInfo"},
}

func TestLies(t *testing.T) {
	for _, lie := range lies {
		t.Run(lie.name, func(t *testing.T) {
			f := &weights.File{}
			fault := scan.Catch(func() { f = weights.Load(boxtest.New(lie.file), 1, inspected) })
			if fault == nil {
				t.Fatalf("read: %+v", f.Tensors)
			}
			if fault.Kind != lie.kind || fault.Blob != 1 || fault.Offset < 0 || fault.Offset > int64(len(lie.file)) || !strings.Contains(fault.Text, lie.text) {
				t.Errorf("%+v, want %q", *fault, lie.text)
			}
		})
	}
}

// TestCircle: what holds itself is listed once.
func TestCircle(t *testing.T) { expect(t, circle()) }

// TestObjects: a file may have only so many.
func TestObjects(t *testing.T) {
	f := newFile(true)
	var refs []byte
	for range 3 {
		for range maxObjects / 2 {
			refs = append(refs, le(f.here())...)
			f.object()
		}
	}
	far := f.add(refs)
	list := f.object(simple(uint64(len(refs)/8)), typed(refType), contiguous(far, uint64(len(refs))))
	_, fault := readLines(f.root(linked("x", list)))
	if fault == nil || !strings.Contains(fault.Text, "more than 100000 objects") {
		t.Errorf("%+v", fault)
	}
}

// FuzzRead reads files as they are, and with their checksums put right.
func FuzzRead(f *testing.F) {
	f.Add(state())
	for _, lie := range lies {
		f.Add(lie.file)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		for range 2 {
			lines, fault := readLines(b)
			if fault == nil && len(lines) > len(b) {
				t.Errorf("%d lines of %d bytes", len(lines), len(b))
			}
			b = bytes.Clone(b)
			sign(b)
		}
	})
}
