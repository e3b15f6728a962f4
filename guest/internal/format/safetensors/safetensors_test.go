package safetensors

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// file is a header and the bytes behind it.
func file(header, data string) []byte {
	b := binary.LittleEndian.AppendUint64(nil, uint64(len(header)))
	return append(append(b, header...), data...)
}

// tensors is a file of entries, each of a name and what stands in its object.
func tensors(data string, entries ...string) []byte {
	return file("{"+strings.Join(entries, ",")+"}", data)
}

func entry(name, dtype, shape, span string) string {
	return fmt.Sprintf(`"%s":{"dtype":"%s","shape":[%s],"data_offsets":[%s]}`, name, dtype, shape, span)
}

func load(b []byte) (f *weights.File, fault *abi.Fault) {
	fault = scan.Catch(func() { f = weights.Load(boxtest.New(b), 1, Read) })
	return f, fault
}

func TestRead(t *testing.T) {
	b := tensors("abcdefgh",
		`"__metadata__":{"by":"nobody","\u0061t":""}`,
		entry("second", "U16", "1,2", "2,6"),
		entry("empty", "F32", "0, 7", "2,2"),
		entry("first", "I8", "2", "0,2"),
		entry("sc\\u0061lar", "BF16", "", "6,8"))
	f, fault := load(b)
	if fault != nil {
		t.Fatalf("%+v", *fault)
	}
	var got []string
	for _, x := range f.Tensors {
		got = append(got, fmt.Sprint(x.Name, " ", x.Type(), " ", string(b[x.At:][:x.Size])))
	}
	want := "first int8[2] ab;empty float32[0, 7] ;second uint16[1, 2] cdef;scalar bfloat16[] gh"
	if strings.Join(got, ";") != want || fmt.Sprint(f.Fields) != "[{by nobody} {at }]" {
		t.Errorf("%q %v", got, f.Fields)
	}
}

// TestElements reads each element type that the format has: 8 elements of it.
func TestElements(t *testing.T) {
	for _, e := range elements {
		name, n := e.Name, int(e.bits)
		f, fault := load(tensors(strings.Repeat("x", n), entry("t", name, "2,4", fmt.Sprint("0,", n))))
		if fault != nil {
			t.Errorf("%s: %+v", name, *fault)
			continue
		}
		x := f.Tensors[0]
		refused := scan.Catch(func() { x.Type() })
		switch {
		case x.Element != name || x.DType != e.dtype:
			t.Errorf("%s: read as %+v", name, x)
		case e.dtype == 0 && (refused == nil || !strings.Contains(refused.Text, name)):
			t.Errorf("%s: can be used: %+v", name, refused)
		case e.dtype != 0 && (refused != nil || e.dtype.Size()*8 != n):
			t.Errorf("%s: is %v: %+v", name, e.dtype, refused)
		}
	}
}

const (
	malformed = abi.FaultMalformed
	missing   = abi.FaultUnsupported

	one = "abcd" // the bytes of one float
)

var lies = []struct {
	name string
	file []byte
	kind abi.FaultKind
	at   string // a mark in the file: the fault must name the byte where it stands,
	plus int    // plus this
	text string
}{
	{"header-longer-than-the-file", append([]byte("\xff\x00\x00\x00\x00\x00\x00\x00"), "{}"...), malformed, "", 8, "length 255, but 2 bytes are left"},
	{"header-of-2-to-the-63", append([]byte("\xff\xff\xff\xff\xff\xff\xff\xff"), "{}"...), malformed, "", 0, "over the limit of 100000000"},
	{"header-over-its-cap", append([]byte("\x01\xe1\xf5\x05\x00\x00\x00\x00"), "{}"...), malformed, "", 0, "a header of 100000001 bytes"},
	{"header-that-is-a-list", file("[]", ""), malformed, "", 8, "does not begin with an object"},
	{"header-with-blanks-in-front", file(" {}", ""), malformed, "", 8, "does not begin with an object"},
	{"header-cut-short", file(`{"a`, ""), malformed, `"a`, 0, "without an end"},
	{"two-headers", file("{}{}", ""), malformed, "", 10, "text after the end"},
	{"header-padded-with-zeros", file("{}\x00", ""), malformed, "", 10, "text after the end"},
	{"not-utf8", tensors(one, entry("\xff", "F32", "1", "0,4")), malformed, "\"\xff", 0, "not UTF-8"},

	{"tensor-twice", tensors(one+one, entry("a", "F32", "1", "0,4"), entry("a", "F32", "1", "4,8")), malformed, `"a":{"dtype":"F32","shape":[1],"data_offsets":[4`, 0, `"a" stands twice`},
	{"tensor-twice-by-an-escape", tensors(one+one, entry("a", "F32", "1", "0,4"), entry(`\u0061`, "F32", "1", "4,8")), malformed, `"\u0061"`, 0, `"a" stands twice`},
	{"tensor-twice-by-a-surrogate-pair", tensors(one+one, entry("😀", "F32", "1", "0,4"), entry(`\ud83d\ude00`, "F32", "1", "4,8")), malformed, `"\ud83d`, 0, "stands twice"},
	{"metadata-twice", file(`{"__metadata__":{},"__metadata\u005f_":{}}`, ""), malformed, `"__metadata\`, 0, "stands twice"},
	{"metadata-key-twice", file(`{"__metadata__":{"k":"1","\u006b":"2"}}`, ""), malformed, `"\u006b`, 0, "stands twice"},
	{"metadata-that-is-no-text", file(`{"__metadata__":{"k":1}}`, ""), malformed, "1}}", 0, `'"' expected`},
	{"metadata-that-is-null", file(`{"__metadata__":null}`, ""), malformed, "null", 0, "'{' expected"},
	{"key-twice", file(`{"a":{"dtype":"F32","dtype":"F32"}}`, ""), malformed, `"dtype":"F32"}`, 0, `"dtype" stands twice`},
	{"key-unknown", file(`{"a":{"dtype":"F32","code":"x"}}`, ""), malformed, `"code"`, 0, `key "code" in tensor "a"`},
	{"key-missing", file(`{"a":{"dtype":"F32","shape":[1]}}`, one), malformed, `"a"`, 0, "has 2 of 3 keys"},
	{"tensor-that-is-a-list", file(`{"a":["F32",[1],[0,4]]}`, one), malformed, `["F32`, 0, "'{' expected"},

	{"element-type-unknown", tensors(one, entry("a", "F31", "1", "0,4")), missing, `"a"`, 0, `element type "F31" is not known`},
	{"element-type-in-lower-case", tensors(one, entry("a", "f32", "1", "0,4")), missing, `"a"`, 0, `element type "f32" is not known`},
	{"dimension-negative", tensors(one, entry("a", "F32", "-1", "0,4")), malformed, "-1", 0, "not a whole number"},
	{"dimension-with-a-fraction", tensors(one, entry("a", "F32", "1.0", "0,4")), malformed, "1.0", 0, "not a whole number"},
	{"dimension-over-2-to-the-63", tensors(one, entry("a", "F32", "9223372036854775808", "0,4")), malformed, "9223", 0, "not a whole number"},
	{"size-that-wraps-to-4", tensors(one, entry("a", "F32", "4294967296,4294967296,1", "0,4")), malformed, `"a"`, 0, "does not take 4 bytes"},
	{"size-that-wraps-beside-0", tensors(one, entry("a", "F32", "4294967296,4294967296,0", "0,0"), entry("b", "F32", "1", "0,4")), malformed, `"a"`, 0, "does not take 0 bytes"},
	{"half-a-byte", tensors("ab", entry("a", "F4", "3", "0,2")), malformed, `"a"`, 0, "F4[3] does not take 2 bytes"},
	{"33-dimensions", tensors("a", entry("a", "U8", strings.Repeat("1,", 32)+"1", "0,1")), malformed, `"shape"`, 0, "more than 32 numbers"},
	{"fewer-bytes-than-elements", tensors(one, entry("a", "F32", "2", "0,4")), malformed, `"a"`, 0, "does not take 4 bytes"},
	{"more-bytes-than-elements", tensors(one+one, entry("a", "F32", "1", "0,8")), malformed, `"a"`, 0, "does not take 8 bytes"},
	{"one-offset", tensors(one, entry("a", "F32", "1", "0")), malformed, `"a"`, 0, "data offsets [0]"},
	{"three-offsets", tensors(one, entry("a", "F32", "1", "0,4,4")), malformed, `"data_offsets"`, 0, "more than 2 numbers"},
	{"offsets-backwards", tensors(one, entry("a", "F32", "1", "4,0")), malformed, `"a"`, 0, "data offsets [4 0]"},
	{"offsets-behind-the-end", tensors(one, entry("a", "F32", "2", "0,8")), malformed, `"a"`, 0, "data offsets [0 8], of 4 bytes"},

	{"hole-in-front", tensors("x"+one, entry("a", "F32", "1", "1,5")), malformed, `"a"`, 0, `a hole of 1 bytes before tensor "a"`},
	{"hole-between", tensors(one+"x"+one, entry("a", "F32", "1", "0,4"), entry("b", "F32", "1", "5,9")), malformed, `"b"`, 0, `a hole of 1 bytes before tensor "b"`},
	{"bytes-behind-the-last", tensors(one+"PK\x05\x06", entry("a", "F32", "1", "0,4")), malformed, "PK", 0, "4 bytes that are of no tensor"},
	{"bytes-and-no-tensor", file("{}", "x"), malformed, "", 10, "1 bytes that are of no tensor"},
	{"overlap", tensors(one+"xy", entry("a", "F32", "1", "0,4"), entry("b", "F32", "1", "2,6")), malformed, `"b"`, 0, `"b" overlaps another`},
	{"same-bytes", tensors(one, entry("a", "F32", "1", "0,4"), entry("b", "F32", "1", "0,4")), malformed, `"b"`, 0, `"b" overlaps another`},
	{"empty-inside-another", tensors(one, entry("a", "F32", "1", "0,4"), entry("b", "F32", "0", "2,2")), malformed, `"b"`, 0, `"b" overlaps another`},
}

func TestLies(t *testing.T) {
	for _, lie := range lies {
		t.Run(lie.name, func(t *testing.T) {
			_, fault := load(lie.file)
			if fault == nil {
				t.Fatal("read")
			}
			at := int64(bytes.Index(lie.file, []byte(lie.at)) + lie.plus)
			if fault.Kind != lie.kind || fault.Blob != 1 || fault.Offset != at || !strings.Contains(fault.Text, lie.text) {
				t.Errorf("%+v, want %q at %d", *fault, lie.text, at)
			}
		})
	}
}

// everything is a small valid file with something of each kind in it.
func everything() []byte {
	return tensors("abcdefghij", `"__metadata__":{"k\u00e9":"v"}`, entry("a", "F32", "1", "0,4"), entry("b", "U8", "2,3", "4,10"))
}

// TestDamage cuts a valid file at each byte and changes each byte of it. Each
// is read or refused; any other end is a panic, which fails the test.
func TestDamage(t *testing.T) {
	b := everything()
	if _, fault := load(b); fault != nil {
		t.Fatalf("%+v", *fault)
	}
	for i := range b {
		if _, fault := load(b[:i]); fault == nil {
			t.Errorf("read when cut at byte %d", i)
		}
		for flip := range 8 {
			bad := bytes.Clone(b)
			bad[i] ^= 1 << flip
			load(bad)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(everything())
	for _, lie := range lies {
		f.Add(lie.file)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		got, fault := load(b)
		if fault != nil {
			return
		}
		end := int64(8 + binary.LittleEndian.Uint64(b))
		for _, x := range got.Tensors {
			if x.At != end {
				t.Errorf("%q is at %d, not %d", x.Name, x.At, end)
			}
			if end += x.Size; x.DType != 0 && x.Size != tensor.MulSat(tensor.Product(x.Shape), int64(x.DType.Size())) {
				t.Errorf("%+v", x)
			}
		}
		if end != int64(len(b)) {
			t.Errorf("tensors end at %d of %d", end, len(b))
		}
	})
}
