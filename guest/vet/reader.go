package vet

import (
	"fmt"
	"unicode/utf8"
)

// Refusal says why a module was refused, and where in the file.
type Refusal struct {
	Offset int
	Reason string
}

func (r *Refusal) Error() string { return fmt.Sprintf("wasm byte %#x: %s", r.Offset, r.Reason) }

// reader walks over part of a file. The first thing that is wrong is kept, and
// from then on there are no bytes left, so loops that ask for ok end.
type reader struct {
	b   []byte // the whole file
	at  int
	end int
	bad *Refusal
}

func (r *reader) ok() bool   { return r.bad == nil }
func (r *reader) more() bool { return r.bad == nil && r.at < r.end }

func (r *reader) fail(at int, reason string) {
	if r.bad == nil {
		r.bad = &Refusal{at, reason}
	}
	r.at = r.end
}

// sub is a reader of the next n bytes, which r skips.
func (r *reader) sub(n int) *reader {
	at := r.at
	if n > r.end-at {
		r.fail(at, "size past the end")
		return &reader{bad: r.bad}
	}
	r.at += n
	return &reader{b: r.b, at: at, end: at + n}
}

// close takes over the fault of a part that should be read to its end.
func (r *reader) close(part *reader) {
	if part.ok() && part.at != part.end {
		part.fail(part.at, "bytes left over")
	}
	if !part.ok() && r.ok() {
		r.fail(part.bad.Offset, part.bad.Reason)
	}
}

func (r *reader) byte() byte {
	if r.at >= r.end {
		r.fail(r.at, "unexpected end")
		return 0
	}
	r.at++
	return r.b[r.at-1]
}

// leb reads an integer of at most the given bits. Longer forms than needed are
// allowed, as the format allows them, up to the bytes that the bits fill.
func (r *reader) leb(bits uint, signed bool) uint64 {
	from, n := r.at, uint64(0)
	for shift := uint(0); shift < bits; shift += 7 {
		b := r.byte()
		if !r.ok() {
			return 0
		}
		n |= uint64(b&0x7f) << shift
		if used := bits - shift; b < 0x80 {
			if used < 7 && !fits(b, used, signed) {
				break
			}
			if shift += 7; signed && b&0x40 != 0 && shift < 64 {
				n |= ^uint64(0) << shift
			}
			return n
		}
	}
	r.fail(from, "integer too long")
	return 0
}

// fits reports whether the bits of a last byte above the used ones are zero,
// or copies of the sign.
func fits(b byte, used uint, signed bool) bool {
	if !signed {
		return b>>used == 0
	}
	top := int8(b<<1) >> 1 >> (used - 1)
	return top == 0 || top == -1
}

func (r *reader) u32() uint32 { return uint32(r.leb(32, false)) }

// index reads an index below n.
func (r *reader) index(n int, reason string) int {
	at := r.at
	i := r.u32()
	if r.ok() && uint64(i) >= uint64(n) {
		r.fail(at, reason)
		return 0
	}
	return int(i)
}

// count reads how many entries follow, of at least size bytes each.
func (r *reader) count(limit, size int, what string) int {
	at := r.at
	n := int64(r.u32())
	switch {
	case !r.ok():
		return 0
	case n > int64((r.end-r.at)/size):
		r.fail(at, "more "+what+" than bytes")
		return 0
	case n > int64(limit):
		r.fail(at, "too many "+what)
		return 0
	}
	return int(n)
}

func (r *reader) name(limit int) string {
	n := r.count(limit, 1, "bytes of a name")
	if !r.ok() {
		return ""
	}
	s := string(r.b[r.at : r.at+n])
	if !utf8.ValidString(s) {
		r.fail(r.at, "name is not UTF-8")
	}
	r.at += n
	return s
}

// The value types that a guest may use. References stay out: nothing but the
// one table holds functions.
const (
	typeI32 = 0x7f
	typeI64 = 0x7e
	typeF32 = 0x7d
	typeF64 = 0x7c
)

func (r *reader) valueType() byte {
	at := r.at
	t := r.byte()
	if r.ok() && (t < typeF64 || t > typeI32) {
		r.fail(at, "value type not allowed")
	}
	return t
}
