package vet

import (
	"bytes"
	"context"
	"encoding/binary"
	"reflect"
	"strings"
	"testing"
)

// four is base with a function 3 that load calls where its argument is not
// zero, and run through the table: elements 0 to 2 are load, function 3, run.
func four() []byte {
	m := base()
	m[3] = vec([]byte{1}, []byte{0}, []byte{0})
	m[4] = vec([]byte{0x70, 0, 3})
	m[7] = vec(exportOf("memory", kindMemory, 0), exportOf("load", kindFunction, 1), exportOf("run", kindFunction, 3))
	m[9] = vec(cat(0, 0x41, 0, opEnd, vec([]byte{1}, []byte{2}, []byte{3})))
	m[10] = vec(
		fn(nil, 0x20, 0, opIf, typeI32, opCall, 2, 0x41, 1, 0x6a, opElse, 0x41, 7, opEnd),
		fn(nil, 0x41, 5),
		fn(nil, 0x41, 1, opCallIndirect, 0, 0),
	)
	return m.bytes()
}

func TestDroppedFunctionsTrap(t *testing.T) {
	e := newEngine(t)
	for name, c := range map[string]struct {
		keep func(int) bool
		trap string
	}{
		"all":        {nil, ""},
		"all listed": {func(int) bool { return true }, ""},
		"exports":    {func(int) bool { return false }, "unreachable"},
	} {
		wasm, err := Rewrite(four(), Policy{Keep: c.keep})
		if err != nil {
			t.Fatal(err)
		}
		m := e.start(t, wasm, false)
		ask := func(export string, args ...uint64) (uint64, string) {
			m.ExportedGlobal(Fuel).(interface{ Set(uint64) }).Set(1000)
			r, err := m.ExportedFunction(export).Call(context.Background(), args...)
			if err != nil {
				return 0, err.Error()
			}
			return r[0], ""
		}
		if got, trap := ask("load", 0); got != 7 || trap != "" || fuel(m) != 1000-3 {
			t.Errorf("%s: a call of what stayed: %d %s, %d of fuel left", name, got, trap, fuel(m))
		}
		if got, trap := ask("load", 1); (c.trap == "") != (got == 6 && trap == "") || !strings.Contains(trap, c.trap) {
			t.Errorf("%s: a call: %d %s", name, got, trap)
		}
		if got, trap := ask("run"); (c.trap == "") != (got == 5 && trap == "") || c.trap != "" && !strings.Contains(trap, "invalid table access") {
			t.Errorf("%s: a call through the table: %d %s", name, got, trap)
		}
	}
}

func TestBareHasNoData(t *testing.T) {
	whole, err1 := Rewrite(four(), Policy{})
	bare, err2 := Rewrite(four(), Policy{Bare: true})
	if err1 != nil || err2 != nil || !bytes.Contains(whole, []byte("data")) || bytes.Contains(bare, []byte("data")) {
		t.Error(err1, err2, "the data is in the wrong one")
	}
}

func TestBegun(t *testing.T) {
	memory := make([]byte, 2*pageBytes)
	copy(memory[5:], "start")
	copy(memory[100:], "near")
	copy(memory[pageBytes:], "far")
	memory[len(memory)-1] = 9
	b := Begin(memory, []uint64{1, 1 << 63})
	if b.Size() != int64(len(memory)) {
		t.Errorf("%d bytes", b.Size())
	}
	kept := 0
	for k := range len(memory)/Leaf + 1 {
		leaf := b.Leaf(k)
		if leaf != nil {
			kept++
		} else {
			leaf = make([]byte, Leaf)
		}
		if want := append(memory, make([]byte, Leaf)...)[k*Leaf:][:Leaf]; !bytes.Equal(leaf, want) {
			t.Errorf("leaf %d is not what the memory holds", k)
		}
	}
	if kept != 3 {
		t.Errorf("%d leaves are not zero", kept)
	}
	text := b.Encode()
	got, err := ParseBegun(text)
	if err != nil || !reflect.DeepEqual(got, b) {
		t.Errorf("%+v, %v", got, err)
	}
	for n := range text {
		if _, err := ParseBegun(text[:n]); err != ErrBegun {
			t.Fatalf("%d bytes of %d: %v", n, len(text), err)
		}
	}
	le := binary.LittleEndian
	index := 4 + 4 + 8*len(b.Globals) + 4
	for what, change := range map[string]func(text []byte){
		"a leaf behind the memory": func(text []byte) { le.PutUint32(text, 1) },
		"too many pages":           func(text []byte) { le.PutUint32(text, maxPages+1) },
		"a leaf twice":             func(text []byte) { copy(text[index+4:], text[index:][:4]) },
		"leaves without end":       func(text []byte) { le.PutUint32(text[index-4:], 1<<32-1) },
		"globals without end":      func(text []byte) { le.PutUint32(text[4:], 1<<32-1) },
	} {
		bad := bytes.Clone(text)
		change(bad)
		if _, err := ParseBegun(bad); err != ErrBegun {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, err := ParseBegun(append(text, 0)); err != ErrBegun {
		t.Errorf("a byte more: %v", err)
	}
}
