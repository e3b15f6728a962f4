// Package strictjson reads JSON text as RFC 8259 has it and no other: no
// comments, no key twice, however it is spelt, and no text that is not UTF-8.
// It holds no more than the string it is at, so a header of any length is read
// in a few kilobytes; the caller says what it expects and bounds its depth.
package strictjson

import (
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

const (
	// maxKeys bounds the keys of one object, all of which are remembered. Files
	// of the largest models name some 20,000 tensors.
	maxKeys = 100_000
	// maxNumber bounds the text of a number. The shortest text that gives a
	// float64 back has at most 24 bytes.
	maxNumber = 64
)

// Reader reads one JSON text from a range of a blob. What does not fit ends
// the reading with a fault at its byte.
type Reader struct {
	behind scan.Cursor // what was not read ahead
	ahead  []byte      // what was, and is unread
	buf    [4096]byte  // ahead is of this
	last   [32]string  // texts that were read
	what   string      // of which text faults speak
}

// New reads the JSON text in c, which is called what in faults.
func New(c scan.Cursor, what string) *Reader { return &Reader{behind: c, what: what} }

// Offset is the place in the blob of the next byte.
func (r *Reader) Offset() int64 { return r.behind.Offset() - int64(len(r.ahead)) }

// Refuse refuses the text at a byte of the blob.
func (r *Reader) Refuse(at int64, format string, args ...any) {
	r.behind.FailAt(at, r.what+": "+format, args...)
}

// look gives the next bytes: n of them, or as many as there are.
func (r *Reader) look(n int) []byte {
	if len(r.ahead) < n && r.behind.Left() > 0 {
		kept := copy(r.buf[:], r.ahead)
		r.ahead = r.buf[:min(int64(len(r.buf)), int64(kept)+r.behind.Left())]
		r.behind.ReadFull(r.ahead[kept:])
	}
	return r.ahead[:min(n, len(r.ahead))]
}

// skip passes over bytes that were looked at.
func (r *Reader) skip(n int) { r.ahead = r.ahead[n:] }

// Next passes over blanks and is the byte that the next value begins with, or
// 0 at the end.
func (r *Reader) Next() byte {
	for {
		if len(r.ahead) == 0 && len(r.look(1)) == 0 {
			return 0
		}
		if b := r.ahead[0]; b != ' ' && b != '\n' && b != '\r' && b != '\t' {
			return b
		}
		r.skip(1)
	}
}

// take passes over b, if it is next.
func (r *Reader) take(b byte) bool {
	if r.Next() != b || len(r.ahead) == 0 {
		return false
	}
	r.skip(1)
	return true
}

func (r *Reader) expect(b byte) {
	if !r.take(b) {
		r.Refuse(r.Offset(), "%q expected", b)
	}
}

// Object reads an object. It calls value with each key, where the key stands,
// and r at its value, which value must read.
func (r *Reader) Object(limit int64, value func(key string, at int64)) {
	r.expect('{')
	if r.take('}') {
		return
	}
	var seen keys
	for {
		r.Next()
		at := r.Offset()
		key := r.String(limit)
		switch {
		case !seen.add(key):
			r.Refuse(at, "key %q stands twice", key)
		case seen.count > maxKeys:
			r.Refuse(at, "more than %d keys", maxKeys)
		}
		r.expect(':')
		value(key, at)
		if !r.take(',') {
			r.expect('}')
			return
		}
	}
}

// keys are the keys of an object. Most objects have a few, for which a map is
// more work than comparing.
type keys struct {
	count int
	few   [4]string
	many  map[string]bool
}

// add reports whether a key is new.
func (k *keys) add(key string) bool {
	for _, have := range k.few[:min(k.count, len(k.few))] {
		if have == key {
			return false
		}
	}
	if k.count < len(k.few) {
		k.few[k.count] = key
	} else {
		if k.many == nil {
			k.many = map[string]bool{}
		}
		if k.many[key] {
			return false
		}
		k.many[key] = true
	}
	k.count++
	return true
}

// Array reads an array. It calls value with r at each element.
func (r *Reader) Array(value func(i int)) {
	r.expect('[')
	if r.take(']') {
		return
	}
	for i := 0; ; i++ {
		value(i)
		if !r.take(',') {
			r.expect(']')
			return
		}
	}
}

// End passes over blanks up to the end of the text.
func (r *Reader) End() {
	if r.Next() != 0 || len(r.ahead) > 0 {
		r.Refuse(r.Offset(), "text after the end")
	}
}

// number reads the text of a number, which is valid until the next is read.
func (r *Reader) number() (text []byte, at int64) {
	r.Next()
	at = r.Offset()
	p := r.look(maxNumber)
	n := 0
	digits := func() {
		from := n
		for n < len(p) && p[n] >= '0' && p[n] <= '9' {
			n++
		}
		if n == from {
			r.Refuse(at, "a number expected")
		}
	}
	sign := func(signs string) {
		for i := range signs {
			if n < len(p) && p[n] == signs[i] {
				n++
				return
			}
		}
	}
	sign("-")
	zero := n < len(p) && p[n] == '0'
	first := n
	digits()
	if zero && n > first+1 {
		r.Refuse(at, "a number with a zero in front")
	}
	if n < len(p) && p[n] == '.' {
		n++
		digits()
	}
	if n < len(p) && (p[n] == 'e' || p[n] == 'E') {
		n++
		sign("+-")
		digits()
	}
	if n == maxNumber {
		r.Refuse(at, "a number of more than %d bytes", maxNumber-1)
	}
	r.skip(n)
	return p[:n], at
}

// Uint reads a whole number from 0 to 2⁶³-1, without a fraction or exponent.
func (r *Reader) Uint() int64 {
	text, at := r.number()
	n := uint64(0)
	for _, b := range text {
		d := uint64(b - '0') // more than 9 for a sign, a point and an e
		if d > 9 || n > math.MaxInt64/10 || n*10+d > math.MaxInt64 {
			r.Refuse(at, "%s is not a whole number from 0 to 2⁶³-1", text)
		}
		n = n*10 + d
	}
	return int64(n)
}

// Int reads a whole number without a fraction or exponent.
func (r *Reader) Int() int64 {
	text, at := r.number()
	n, err := strconv.ParseInt(string(text), 10, 64)
	if err != nil {
		r.Refuse(at, "%s is not a whole number from -2⁶³ to 2⁶³-1", text)
	}
	return n
}

// Float reads a number that a float64 can hold.
func (r *Reader) Float() float64 {
	text, at := r.number()
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		r.Refuse(at, "%s is out of range", text)
	}
	return f
}

// Bool reads true or false.
func (r *Reader) Bool() bool {
	switch {
	case r.literal("true"):
		return true
	case r.literal("false"):
		return false
	}
	r.Refuse(r.Offset(), "true or false expected")
	return false
}

// Null passes over null, if it is next.
func (r *Reader) Null() bool { return r.literal("null") }

func (r *Reader) literal(s string) bool {
	r.Next()
	if string(r.look(len(s))) != s {
		return false
	}
	r.skip(len(s))
	return true
}

// String reads a text of at most limit bytes.
func (r *Reader) String(limit int64) string {
	r.Next()
	at := r.Offset()
	r.expect('"')
	var s []byte
	for {
		r.look(1)
		p := r.ahead
		n := 0
		for n < len(p) && p[n] != '"' && p[n] != '\\' && p[n] >= ' ' {
			n++
		}
		if int64(len(s)+n) > limit {
			r.Refuse(at, "a text of more than %d bytes", limit)
		}
		r.skip(n)
		if s == nil && n < len(p) && p[n] == '"' {
			s = p[:n]
		} else {
			s = append(s, p[:n]...)
		}
		if n == len(p) {
			if n == 0 {
				r.Refuse(at, "a text without an end")
			}
			continue
		}
		r.skip(1)
		switch b := p[n]; b {
		case '"':
			if !utf8.Valid(s) {
				r.Refuse(at, "a text that is not UTF-8")
			}
			return r.keep(s)
		case '\\':
			s = r.escape(s)
		default:
			r.Refuse(r.Offset()-1, "control character %#x in a text", b)
		}
	}
}

// escapes are the characters that a backslash and a letter stand for.
var escapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// keep is s as a string. Most texts are the same few keys, so the last text of
// a length and first byte is given again rather than made anew.
func (r *Reader) keep(s []byte) string {
	if len(s) == 0 {
		return ""
	}
	last := &r.last[(len(s)+int(s[0]))%len(r.last)]
	if *last != string(s) {
		*last = string(s)
	}
	return *last
}

func (r *Reader) byte() byte {
	p := r.look(1)
	if len(p) == 0 {
		r.Refuse(r.Offset(), "a text without an end")
	}
	r.skip(1)
	return p[0]
}

func (r *Reader) escape(s []byte) []byte {
	at := r.Offset() - 1
	b := r.byte()
	if c, ok := escapes[b]; ok {
		return append(s, c)
	}
	if b != 'u' {
		r.Refuse(at, "escape \\%c", b)
	}
	c := r.unit()
	if utf16.IsSurrogate(c) {
		if string(r.look(2)) != `\u` {
			r.Refuse(at, "half of a surrogate pair")
		}
		r.skip(2)
		if c = utf16.DecodeRune(c, r.unit()); c == utf8.RuneError {
			r.Refuse(at, "half of a surrogate pair")
		}
	}
	return utf8.AppendRune(s, c)
}

// unit reads the four hexadecimal digits of an escape.
func (r *Reader) unit() rune {
	at := r.Offset()
	n := rune(0)
	for range 4 {
		b := r.byte()
		switch {
		case b >= '0' && b <= '9':
			n = n<<4 | rune(b-'0')
		case b|0x20 >= 'a' && b|0x20 <= 'f':
			n = n<<4 | rune(b|0x20-'a'+10)
		default:
			r.Refuse(at, "%q is not hexadecimal", b)
		}
	}
	return n
}
