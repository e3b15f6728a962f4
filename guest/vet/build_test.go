package vet

import (
	"bytes"
	"maps"
	"slices"
)

// module is a wasm module as its sections, by number. With stretched set, a
// section claims to be longer than it is.
type module map[byte][]byte

// bytes writes the sections in their order.
func (m module) bytes() []byte {
	order := []byte{1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11, 14}
	b := []byte("\x00asm\x01\x00\x00\x00")
	for _, id := range order {
		if body, ok := m[id]; ok {
			b = section(b, id, body)
		}
	}
	return b
}

// with is m with one section exchanged.
func (m module) with(id byte, body []byte) module {
	c := maps.Clone(m)
	c[id] = body
	return c
}

func (m module) without(id byte) module {
	c := maps.Clone(m)
	delete(c, id)
	return c
}

func vec(items ...[]byte) []byte { return append(uleb(nil, len(items)), bytes.Join(items, nil)...) }

func str(s string) []byte { return append(uleb(nil, len(s)), s...) }

func cat(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case int:
			b = append(b, byte(p))
		case string:
			b = append(b, p...)
		case []byte:
			b = append(b, p...)
		}
	}
	return b
}

// fn is a body with its locals: pairs of a count and a type.
func fn(locals []byte, code ...any) []byte {
	body := cat(uleb(nil, len(locals)/2), locals, cat(code...), opEnd)
	return append(uleb(nil, len(body)), body...)
}

// base is a small module of which tests exchange parts. Its types are
// 0: () → i32, 1: (i32) → i32, 2: () → (), 3: (i32, i32, i32) → (),
// 4: () → (i32, i64). Function 0 is yield, 1 is load, 2 is run.
func base() module {
	return module{
		1: vec(
			[]byte{0x60, 0, 1, typeI32},
			[]byte{0x60, 1, typeI32, 1, typeI32},
			[]byte{0x60, 0, 0},
			[]byte{0x60, 3, typeI32, typeI32, typeI32, 0},
			[]byte{0x60, 0, 2, typeI32, typeI64},
		),
		2: vec(importOf("glovebox_v1", "yield", 0)),
		3: vec([]byte{1}, []byte{0}),
		4: vec([]byte{0x70, 0, 2}),
		5: vec([]byte{0, 8}),
		6: vec([]byte{typeI32, 1, 0x41, 0, opEnd}, []byte{typeI64, 0, 0x42, 5, opEnd}),
		7: vec(exportOf("memory", kindMemory, 0), exportOf("load", kindFunction, 1), exportOf("run", kindFunction, 2)),
		9: vec(cat(0, 0x41, 0, opEnd, vec([]byte{1}, []byte{2}))),
		10: vec(
			fn(nil, 0x20, 0),
			fn(nil, 0x41, 0),
		),
		11: vec(cat(0, 0x41, 8, opEnd, str("data"))),
	}
}

func importOf(mod, name string, typ int) []byte { return cat(str(mod), str(name), kindFunction, typ) }

func exportOf(name string, kind, index int) []byte { return cat(str(name), kind, index) }

// load is base with another load, of one i32 to one.
func load(locals []byte, code ...any) module {
	return base().with(10, vec(fn(locals, code...), fn(nil, 0x41, 0)))
}

func repeat(n int, code ...any) []byte { return bytes.Repeat(cat(code...), n) }

func many(n int, item []byte) []byte { return append(uleb(nil, n), slices.Repeat(item, n)...) }
