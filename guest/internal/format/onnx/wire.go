package onnx

import (
	"iter"
	"math"
	"unicode/utf8"

	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"google.golang.org/protobuf/encoding/protowire"
)

// message says which fields a protobuf message has, as sets of field numbers:
// those that stand at most once, those that may repeat, and those that are
// passed over because they cannot change a result. Any other field is refused.
type message struct {
	name                     string
	single, repeated, passed uint64
}

// set is a set of field numbers below 64.
func set(numbers ...int) uint64 {
	var s uint64
	for _, n := range numbers {
		s |= 1 << n
	}
	return s
}

// field is one field of a message.
type field struct {
	number int
	offset int64 // of its tag
	typ    protowire.Type
	value  uint64      // of the types with a fixed size and of varints
	body   scan.Cursor // of the type with a length
}

// fields gives the fields of the message that fills c. A malformed one ends
// the reading of the file.
func (m *message) fields(c scan.Cursor) iter.Seq[field] {
	return func(yield func(field) bool) {
		var seen uint64
		for c.Left() > 0 {
			f := field{offset: c.Offset()}
			num, typ := c.Tag()
			if num >= 64 || (m.single|m.repeated|m.passed)&(1<<num) == 0 {
				c.FailAt(f.offset, "field %d is not one of a %s", num, m.name)
			}
			f.number, f.typ, f.body = int(num), typ, c.Take(0)
			switch typ {
			case protowire.VarintType:
				f.value = c.Varint()
			case protowire.Fixed32Type:
				f.value = uint64(c.Uint32())
			case protowire.Fixed64Type:
				f.value = c.Uint64()
			case protowire.BytesType:
				f.body = c.Take(c.Varint())
			default:
				c.FailAt(f.offset, "field %d of %s has wire type %d", num, m.name, typ)
			}
			if m.single&seen&(1<<num) != 0 {
				c.FailAt(f.offset, "field %d of %s stands twice", num, m.name)
			}
			seen |= 1 << num
			if m.passed&(1<<num) != 0 {
				f.want(protowire.BytesType)
			} else if !yield(f) {
				return
			}
		}
	}
}

// want refuses a field of another wire type.
func (f *field) want(typ protowire.Type) {
	if f.typ != typ {
		f.body.FailAt(f.offset, "field %d has wire type %d, not %d", f.number, f.typ, typ)
	}
}

func (f *field) int() int64 {
	f.want(protowire.VarintType)
	return int64(f.value)
}

func (f *field) float() float32 {
	f.want(protowire.Fixed32Type)
	return math.Float32frombits(uint32(f.value))
}

func (f *field) message() scan.Cursor {
	f.want(protowire.BytesType)
	return f.body
}

func (f *field) bytes(limit int64) string {
	f.want(protowire.BytesType)
	c := f.body
	return string(c.Bytes(limit))
}

// text reads a name, or another text that may be shown.
func (f *field) text(limit int64) string {
	s := f.bytes(limit)
	if !utf8.ValidString(s) {
		f.body.Fail("field %d is not UTF-8", f.number)
	}
	return s
}

// scalars gives the numbers of one field of a repeated scalar, which is packed
// or holds a single one. typ is the wire type of an element.
func (f *field) scalars(typ protowire.Type) iter.Seq[uint64] {
	return func(yield func(uint64) bool) {
		if f.typ != protowire.BytesType {
			f.want(typ)
			yield(f.value)
			return
		}
		for c := f.body; c.Left() > 0; {
			var v uint64
			switch typ {
			case protowire.VarintType:
				v = c.Varint()
			case protowire.Fixed32Type:
				v = uint64(c.Uint32())
			case protowire.Fixed64Type:
				v = c.Uint64()
			}
			if !yield(v) {
				return
			}
		}
	}
}
