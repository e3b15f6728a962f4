package flux

import (
	"bytes"
	"math"
	"slices"
	"strconv"
	"unicode/utf8"

	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// The limits of a file, beside its size.
const (
	// maxDepth bounds the documents inside each other: a layer takes four, so
	// this is a chain in a chain, sixteen times.
	maxDepth = 64
	// maxNodes bounds the values of a file. A layer takes a few hundred; a node
	// takes 88 bytes here.
	maxNodes = 1 << 20
	// maxKey bounds a key: those of BSON.jl are names of fields and variables.
	maxKey = 1 << 10
	// maxString bounds one string and maxText all of them: they are names of
	// types and texts that a person saved, never numbers.
	maxString = 1 << 20
	maxText   = 16 << 20
)

// kind is the type of a BSON element, by its byte. BSON.jl writes no others.
type kind byte

const (
	kindDouble   kind = 0x01
	kindString   kind = 0x02
	kindDocument kind = 0x03
	kindArray    kind = 0x04
	kindBinary   kind = 0x05
	kindBool     kind = 0x08
	kindNull     kind = 0x0a
	kindInt32    kind = 0x10
	kindInt64    kind = 0x12
)

var kindNames = map[kind]string{
	kindDouble: "a number", kindString: "a string", kindDocument: "a document", kindArray: "an array", kindBinary: "binary data",
	kindBool: "a boolean", kindNull: "null", kindInt32: "an integer", kindInt64: "an integer",
}

func (k kind) String() string { return kindNames[k] }

// node is one BSON value. Binary data is a place in the file, never its bytes.
type node struct {
	kind kind
	at   int64 // offset of the value; of binary data, of its first byte
	// bits is an integer, a boolean, the bits of a number, the length of binary
	// data.
	bits  int64
	text  string
	keys  []string // of a document
	items []node   // of a document or an array
}

func (n *node) number() float64 { return math.Float64frombits(uint64(n.bits)) }

// isInt reports whether n is an integer of either size.
func (n *node) isInt() bool { return n.kind == kindInt32 || n.kind == kindInt64 }

// get is the value of a key of a document, or nil.
func (n *node) get(key string) *node {
	for i, k := range n.keys {
		if k == key {
			return &n.items[i]
		}
	}
	return nil
}

// reader reads one BSON document and nothing else.
type reader struct {
	nodes, text int64
	names       map[string]string // one copy of each key and short string
}

// file reads the whole file.
func (r *reader) file(c scan.Cursor) *node {
	root := &node{kind: kindDocument, at: c.Offset()}
	r.document(&c, root, 0)
	if c.Left() != 0 {
		c.Fail("%d bytes after the end of the document", c.Left())
	}
	return root
}

// document reads a document or an array into n.
func (r *reader) document(c *scan.Cursor, n *node, depth int) {
	at := c.Offset()
	if depth == maxDepth {
		c.Fail("documents nested more than %d deep", maxDepth)
	}
	size := c.Uint32()
	if size < 5 {
		c.FailAt(at, "a document of %d bytes", size)
	}
	body := c.Take(uint64(size) - 4)
	var seen keySet
	var index []byte
	for body.Left() > 1 {
		at := body.Offset()
		k := kind(body.Byte())
		if k == 0 {
			body.FailAt(at, "the document ends %d bytes before its length", body.Left())
		}
		key := key(&body)
		if n.kind == kindArray {
			if index = strconv.AppendInt(index[:0], int64(len(n.items)), 10); !bytes.Equal(key, index) {
				body.FailAt(at, "element %q of an array, not %d", key, len(n.items))
			}
		} else {
			name := r.intern(&body, key)
			if !seen.add(n.keys, name) {
				body.FailAt(at, "key %q stands twice", name)
			}
			n.keys = append(n.keys, name)
		}
		body.Take(uint64(len(key)) + 1)
		if r.nodes++; r.nodes > maxNodes {
			body.FailAt(at, "more than %d values", maxNodes)
		}
		n.items = append(n.items, node{kind: k})
		r.value(&body, at, &n.items[len(n.items)-1], depth)
	}
	if body.Left() != 1 || body.Byte() != 0 {
		body.FailAt(at, "the document does not end with a zero byte")
	}
}

// keySet finds keys that stand twice in a document.
type keySet struct{ many map[string]bool }

// fewKeys is how many keys are compared one by one.
const fewKeys = 8

// add reports whether key is new beside keys, the ones before it.
func (s *keySet) add(keys []string, key string) bool {
	if len(keys) < fewKeys {
		return !slices.Contains(keys, key)
	}
	if s.many == nil {
		s.many = map[string]bool{}
		for _, k := range keys {
			s.many[k] = true
		}
	}
	if s.many[key] {
		return false
	}
	s.many[key] = true
	return true
}

// key is the name before the next zero byte. It is valid until the next read.
func key(c *scan.Cursor) []byte {
	p := c.Peek(maxKey + 1)
	end := bytes.IndexByte(p, 0)
	if end < 0 {
		c.Fail("a key of more than %d bytes, or without an end", len(p)-1)
	}
	return p[:end]
}

// intern gives p as a string. Names repeat: one copy of each is kept.
func (r *reader) intern(c *scan.Cursor, p []byte) string {
	if !utf8.Valid(p) {
		c.Fail("text that is not UTF-8")
	}
	if s, ok := r.names[string(p)]; ok {
		return s
	}
	s := string(p)
	if r.text += int64(len(s)); r.text > maxText {
		c.Fail("more than %d bytes of text", maxText)
	}
	if len(s) <= maxKey {
		r.names[s] = s
	}
	return s
}

// value reads what follows the key of an element that begins at byte at.
func (r *reader) value(c *scan.Cursor, at int64, n *node, depth int) {
	n.at = c.Offset()
	switch n.kind {
	case kindDouble, kindInt64:
		n.bits = int64(c.Uint64())
	case kindInt32:
		n.bits = int64(int32(c.Uint32()))
	case kindNull:
	case kindBool:
		if n.bits = int64(c.Byte()); n.bits > 1 {
			c.FailAt(n.at, "a boolean of %d", n.bits)
		}
	case kindString:
		n.text = r.str(c)
	case kindDocument, kindArray:
		r.document(c, n, depth+1)
	case kindBinary:
		size := c.Uint32()
		if sub := c.Byte(); sub != 0 {
			c.FailAt(n.at, "binary data of subtype %d", sub)
		}
		n.at, n.bits = c.Offset(), int64(size)
		c.Take(uint64(size))
	default:
		c.FailAt(at, "an element of type %#02x, which no value of Julia has", byte(n.kind))
	}
}

// str reads a string with its length, which counts the zero byte at its end.
func (r *reader) str(c *scan.Cursor) string {
	at := c.Offset()
	size := c.Uint32()
	if size < 1 || size > maxString {
		c.FailAt(at, "a string of %d bytes", size)
	}
	body := c.Take(uint64(size))
	text := body.Take(uint64(size) - 1)
	p := text.Bytes(maxString)
	if body.Byte() != 0 {
		body.FailAt(at, "the string does not end with a zero byte")
	}
	return r.intern(c, p)
}
