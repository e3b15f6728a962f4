// Package npy reads numpy's files: an .npy, which is one array, and an .npz,
// which is a zip archive of them.
package npy

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Magic is what an .npy begins with.
const Magic = "\x93NUMPY"

// maxHeader bounds the header of an .npy, which is a line of some 100 bytes.
const maxHeader = 64 << 10

// dtypes are the element types, without the byte order.
var dtypes = map[string]tensor.DType{
	"f2": tensor.Float16, "f4": tensor.Float32, "f8": tensor.Float64, "b1": tensor.Bool,
	"i1": tensor.Int8, "i2": tensor.Int16, "i4": tensor.Int32, "i8": tensor.Int64,
	"u1": tensor.Uint8, "u2": tensor.Uint16, "u4": tensor.Uint32, "u8": tensor.Uint64,
}

// ReadArray reads an .npy that takes all of c: a header, which is the text of a
// Python dictionary with exactly three keys, and the elements.
//
//	0           6     7     8        10 or 12
//	┌───────────┬─────┬─────┬────────┬────────────────────┬──────────┐
//	│ \x93NUMPY │ 1–3 │ 0   │ length │ {'descr': '<f4', … │ elements │
//	└───────────┴─────┴─────┴────────┴────────────────────┴──────────┘
func ReadArray(c scan.Cursor) weights.Tensor {
	start := c.Offset()
	if head := c.Take(uint64(len(Magic))); string(head.Bytes(maxHeader)) != Magic {
		c.FailAt(start, "no npy")
	}
	major, minor := c.Byte(), c.Byte()
	if major < 1 || major > 3 || minor != 0 {
		c.FailAt(start+6, "npy version %d.%d", major, minor)
	}
	length := uint64(0)
	if major == 1 {
		length = uint64(c.Uint16())
	} else {
		length = uint64(c.Uint32())
	}
	text := c.Take(length)
	h := header{cursor: text}
	h.text = string(text.Bytes(maxHeader))
	h.read()
	typ := tensor.Of(h.dtype, h.dims...)
	if err := typ.Check(); err != nil {
		h.fail("%v", err)
	}
	if c.Left() != typ.Bytes() {
		c.Fail("%s takes %d bytes, but %d follow", typ, typ.Bytes(), c.Left())
	}
	return weights.Tensor{
		DType: h.dtype, Shape: h.dims, Blob: c.Blob().Handle(), At: c.Offset(), Size: c.Left(),
		BigEndian: h.big, ColumnMajor: h.fortran,
	}
}

// header reads the text of a header.
type header struct {
	cursor scan.Cursor
	text   string
	pos    int

	dtype        tensor.DType
	big, fortran bool
	dims         []int64
}

func (h *header) fail(format string, args ...any) {
	h.cursor.FailAt(h.cursor.Offset()+int64(h.pos), "npy header: "+format, args...)
}

// rulePickle is the rule by which pickles are refused: they are programs.
const rulePickle = "pickle"

// lacks refuses a header that is as it should be, but says what is not there.
func (h *header) lacks(at int, format string, args ...any) {
	h.refuse(at, abi.FaultUnsupported, "", format, args...)
}

func (h *header) refuse(at int, kind abi.FaultKind, rule, format string, args ...any) {
	c := &h.cursor
	scan.Refuse(abi.Fault{Kind: kind, Blob: c.Blob().Handle(), Offset: c.Offset() + int64(at), Text: fmt.Sprintf(format, args...), Rule: rule})
}

func (h *header) skip() {
	for h.pos < len(h.text) && h.text[h.pos] == ' ' {
		h.pos++
	}
}

// take passes over s, if it is next.
func (h *header) take(s string) bool {
	h.skip()
	if !strings.HasPrefix(h.text[h.pos:], s) {
		return false
	}
	h.pos += len(s)
	return true
}

func (h *header) expect(s string) {
	if !h.take(s) {
		h.fail("%q expected", s)
	}
}

// quoted reads a text in single quotes, which has no escapes.
func (h *header) quoted() string {
	h.expect("'")
	n := strings.IndexAny(h.text[h.pos:], "'\\\n")
	if n < 0 || h.text[h.pos+n] != '\'' {
		h.fail("a text without an end")
	}
	s := h.text[h.pos:][:n]
	h.pos += n + 1
	return s
}

func (h *header) read() {
	seen := map[string]bool{}
	for h.expect("{"); !h.take("}"); {
		key := h.quoted()
		h.expect(":")
		switch {
		case seen[key]:
			h.fail("%q stands twice", key)
		case key == "descr":
			h.descr()
		case key == "fortran_order":
			if h.fortran = h.take("True"); !h.fortran {
				h.expect("False")
			}
		case key == "shape":
			h.shape()
		default:
			h.fail("key %q", key)
		}
		seen[key] = true
		if !h.take(",") {
			h.expect("}")
			break
		}
	}
	if len(seen) != 3 {
		h.fail("%d of 3 keys", len(seen))
	}
	if h.skip(); strings.TrimRight(h.text[h.pos:], "\n") != "" {
		h.fail("text after the dictionary")
	}
}

func (h *header) descr() {
	h.skip()
	at := h.pos
	if h.take("[") {
		h.lacks(at, "an npy of records is not supported")
	}
	s := h.quoted()
	order := strings.IndexByte("|<>", (s + " ")[0])
	if order < 0 {
		h.fail("element type %q", s)
	}
	if strings.HasPrefix(s[1:], "O") {
		h.refuse(at, abi.FaultUnsafe, rulePickle, "elements of type %q are a pickle, which is code: it is not run", s)
	}
	var ok bool
	if h.dtype, ok = dtypes[s[1:]]; !ok {
		h.lacks(at, "an npy of element type %q is not supported", s)
	}
	if order == 0 && h.dtype.Size() != 1 {
		h.fail("element type %q has no byte order", s)
	}
	h.big = order == 2
}

func (h *header) shape() {
	for h.expect("("); !h.take(")"); {
		h.skip()
		n := 0
		for n < len(h.text)-h.pos && h.text[h.pos+n] >= '0' && h.text[h.pos+n] <= '9' {
			n++
		}
		d, err := strconv.ParseInt(h.text[h.pos:][:n], 10, 64)
		if err != nil {
			h.fail("a dimension expected")
		}
		h.pos += n
		if h.pos < len(h.text) && h.text[h.pos] == 'L' { // of Python 2
			h.pos++
		}
		if h.dims = append(h.dims, d); len(h.dims) > tensor.MaxRank {
			h.lacks(h.pos, "an npy of more than %d dims is not supported", tensor.MaxRank)
		}
		if !h.take(",") {
			h.expect(")")
			break
		}
	}
}
