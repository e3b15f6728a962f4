package vet

import (
	"bytes"
	"encoding/binary"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"
)

func refused(t *testing.T, name string, wasm []byte, reason string) {
	t.Helper()
	_, err := Scan(wasm, Policy{})
	var r *Refusal
	if !errors.As(err, &r) || !strings.Contains(r.Reason, reason) || r.Offset < 0 || r.Offset > len(wasm) {
		t.Errorf("%s: %v, not %q", name, err, reason)
	}
}

func TestBaseIsAccepted(t *testing.T) {
	if _, err := Scan(base().bytes(), Policy{}); err != nil {
		t.Fatal(err)
	}
	custom := section(base().bytes(), 0, []byte("\x04name\xff\xff"))
	if _, err := Scan(custom, Policy{}); err != nil {
		t.Errorf("a custom section: %v", err)
	}
	out, err := Rewrite(custom, Policy{})
	if err != nil || bytes.Contains(out, []byte("\x04name")) {
		t.Errorf("a custom section is kept, %v", err)
	}
}

func TestRefusals(t *testing.T) {
	b := base()
	for _, c := range []struct {
		name   string
		m      module
		reason string
	}{
		{"section 13", b.with(13, []byte{0}), "section not allowed"},
		{"section 14", b.with(14, []byte{0}), "section not allowed"},
		{"start section", b.with(8, []byte{2}), "section not allowed"},
		{"bytes after types", b.with(1, append(b[1], 0)), "left over"},
		{"array type", b.with(1, vec([]byte{0x5e, typeI32, 0})), "type not allowed"},
		{"vector value", b.with(1, vec([]byte{0x60, 1, 0x7b, 0})), "value type"},
		{"reference value", b.with(1, vec([]byte{0x60, 1, 0x70, 0})), "value type"},

		{"import of a memory", b.with(2, vec(cat(str("glovebox_v1"), str("yield"), kindMemory, 0))), "only functions"},
		{"import of a table", b.with(2, vec(cat(str("glovebox_v1"), str("yield"), kindTable, 0))), "only functions"},
		{"import of a global", b.with(2, vec(cat(str("glovebox_v1"), str("yield"), kindGlobal, 0))), "only functions"},
		{"import of another module", b.with(2, vec(importOf("env", "yield", 0))), "import not allowed"},
		{"import of WASI", b.with(2, vec(importOf("wasi_snapshot_preview1", "sched_yield", 0))), "import not allowed"},
		{"import of no function", b.with(2, vec(importOf("glovebox_v1", "open", 0))), "import not allowed"},
		{"import with another type", b.with(2, vec(importOf("glovebox_v1", "yield", 1))), "another type"},
		{"no yield", b.with(2, vec(importOf("glovebox_v1", "tensor_free", 1))), "yield is not imported"},
		{"name that is not UTF-8", b.with(2, vec(importOf("glovebox_v1", "\xff", 0))), "UTF-8"},

		{"two tables", b.with(4, vec([]byte{0x70, 0, 2}, []byte{0x70, 0, 2})), "too many tables"},
		{"table of externs", b.with(4, vec([]byte{0x6f, 0, 2})), "other than functions"},
		{"table over its maximum", b.with(4, vec([]byte{0x70, 1, 2, 1})), "minimum over"},
		{"two memories", b.with(5, vec([]byte{0, 1}, []byte{0, 1})), "too many memories"},
		{"no memory", b.with(5, vec()), "no memory"},
		{"no memory section", b.without(5).without(7).without(11), "no memory"},
		{"shared memory", b.with(5, vec([]byte{3, 1, 2})), "unknown kind"},
		{"64-bit memory", b.with(5, vec([]byte{4, 1})), "unknown kind"},
		{"memory of 4 GiB", b.with(5, vec(cat(0, uleb(nil, 65536)))), "minimum over"},

		{"global of another type", b.with(6, vec([]byte{typeI32, 1, 0x42, 0, opEnd})), "constant of its type"},
		{"global from a global", b.with(6, vec([]byte{typeI32, 1, 0x23, 0, opEnd})), "constant of its type"},
		{"global from a sum", b.with(6, vec([]byte{typeI32, 1, 0x41, 0, 0x41, 0, 0x6a, opEnd})), "not one constant"},
		{"global half mutable", b.with(6, vec([]byte{typeI32, 2, 0x41, 0, opEnd})), "mutability"},
		{"reserved export", b.with(7, vec(exportOf("glovebox_fuel", kindGlobal, 0))), "reserved"},
		{"reserved prefix", b.with(7, vec(exportOf("glovebox_", kindFunction, 0))), "reserved"},
		{"export twice", b.with(7, vec(exportOf("run", 0, 1), exportOf("run", 0, 2))), "taken"},
		{"export of a tag", b.with(7, vec(exportOf("run", 4, 0))), "unknown kind"},

		{"passive elements", b.with(9, vec(cat(1, 0, vec([]byte{1}, []byte{1})))), "not allowed"},
		{"elements as expressions", b.with(9, vec(cat(4, 0x41, 0, opEnd, vec()))), "not allowed"},
		{"elements without a table", b.without(4), "not allowed"},
		{"elements outside the table", b.with(9, vec(cat(0, 0x41, 1, opEnd, vec([]byte{1}, []byte{1})))), "outside the table"},
		{"elements at -1", b.with(9, vec(cat(0, 0x41, 0x7f, opEnd, vec([]byte{1})))), "outside the table"},
		{"passive data", b.with(11, vec(cat(1, str("data")))), "not allowed"},
		{"data of memory 1", b.with(11, vec(cat(2, 1, 0x41, 0, opEnd, str("data")))), "not allowed"},
		{"data outside the memory", b.with(11, vec(cat(0, 0x41, sleb(nil, 8*65536-3), opEnd, str("data")))), "outside the memory"},
		{"data at -1", b.with(11, vec(cat(0, 0x41, 0x7f, opEnd, str("data")))), "outside the memory"},
		{"wrong data count", b.with(12, []byte{2}), "data count"},

		{"fewer bodies", b.with(10, vec(fn(nil, 0x20, 0))), "another number"},
		{"no bodies", b.without(10), "without code"},
		{"bodies without functions", b.without(3).without(7).without(9), "another number"},
		{"body past the section", b.with(10, cat(2, 5, 0, opEnd, 2, 0, opEnd)), "left over"},
		{"code after the end", load(nil, 0x20, 0, opEnd, 0x41, 0), "left over"},
		{"code without an end", b.with(10, cat(2, 3, 0, 0x20, 0, 2, 0, opEnd)), "unexpected end"},
		{"else without if", load(nil, opBlock, 0x40, opElse, opEnd, 0x20, 0), "else without if"},
		{"two elses", load(nil, 0x20, 0, opIf, 0x40, opElse, opElse, opEnd, 0x20, 0), "else without if"},
		{"call of table 1", load(nil, 0x20, 0, opCallIndirect, 0, 1), "no such table"},
		{"call without a table", load(nil, 0x20, 0, opCallIndirect, 0, 0).without(4).without(9), "no such table"},
		{"block of an unknown type", load(nil, opBlock, 0x7b, opEnd, 0x20, 0), "block type"},
		{"block of a reference", load(nil, opBlock, 0x70, opEnd, 0x20, 0), "block type"},
		{"memory 1", load(nil, 0x3f, 1), "no such memory"},
		{"copy to memory 1", load(nil, 0x20, 0, 0x20, 0, 0x20, 0, opPrefix, prefixCopy, 1, 0, 0x20, 0), "no such memory"},
		{"integer over 32 bits", load(nil, 0x20, "\xff\xff\xff\xff\x1f"), "too long"},
		{"integer of 6 bytes", load(nil, 0x20, "\x80\x80\x80\x80\x80\x00"), "too long"},
		{"signed integer over 32 bits", load(nil, 0x41, "\xff\xff\xff\xff\x4f"), "too long"},
		{"signed integer over 64 bits", load(nil, 0x42, "\x80\x80\x80\x80\x80\x80\x80\x80\x80\x02", 0xa7), "too long"},
	} {
		refused(t, c.name, c.m.bytes(), c.reason)
	}
	whole := base().bytes()
	for _, c := range []struct {
		name   string
		wasm   []byte
		reason string
	}{
		{"nothing", nil, "not a wasm module"},
		{"version 2", []byte("\x00asm\x02\x00\x00\x00"), "not a wasm module"},
		{"header alone", whole[:8], "no memory"},
		{"section past the end", append(whole[:8:8], 1, 100), "past the end"},
		{"types twice", section(section(whole[:8:8], 1, vec()), 1, vec()), "twice or out of order"},
		{"out of order", section(section(whole[:8:8], 3, vec()), 1, vec()), "twice or out of order"},
		{"after data", section(whole, 10, vec()), "twice or out of order"},
	} {
		refused(t, c.name, c.wasm, c.reason)
	}
	for n := range whole {
		if n == len(base().without(11).bytes()) {
			continue
		}
		if _, err := Scan(whole[:n], Policy{}); err == nil {
			t.Errorf("the first %d bytes are accepted", n)
		}
	}
}

// TestUnknownInstructions asks for every opcode that is not on the list.
func TestUnknownInstructions(t *testing.T) {
	allowed := map[byte]bool{}
	for op := range 256 {
		if operationOf(byte(op)).immediate != unlisted {
			allowed[byte(op)] = true
		}
	}
	for _, op := range []byte{0x06, 0x07, 0x08, 0x09, 0x0a, 0x12, 0x13, 0x14, 0x15, 0x18, 0x19, 0x1f, 0x25, 0x26, 0xd0, 0xd1, 0xd2, 0xfb, 0xfd, 0xfe, 0xff} {
		if allowed[op] {
			t.Errorf("opcode %#x is allowed", op)
		}
	}
	for op := range 256 {
		if !allowed[byte(op)] {
			refused(t, "an opcode", load(nil, op, 0, 0, 0, 0).bytes(), "instruction not allowed")
		}
	}
	for sub := range 32 {
		if sub > 7 && sub != prefixCopy && sub != prefixFill {
			refused(t, "a prefixed opcode", load(nil, opPrefix, sub, 0, 0, 0).bytes(), "instruction not allowed")
		}
	}
}

// TestIndexes takes each kind of index to the last one there is, which is
// accepted, and one further, which would come to mean something that the
// rewriter adds.
func TestIndexes(t *testing.T) {
	b := base()
	for _, c := range []struct {
		name string
		last int
		with func(index int) module
	}{
		{"type of a function", 4, func(k int) module { return b.with(3, vec([]byte{1}, []byte{byte(k)})) }},
		{"type of an import", 4, func(k int) module { return b.with(2, vec(importOf("glovebox_v1", "yield", k))) }},
		{"type of a block", 4, func(k int) module { return load(nil, opBlock, k, opEnd, 0x20, 0) }},
		{"type of an indirect call", 4, func(k int) module { return load(nil, 0x20, 0, opCallIndirect, k, 0) }},
		{"function", 2, func(k int) module { return load(nil, opCall, k) }},
		{"function in the table", 2, func(k int) module { return b.with(9, vec(cat(0, 0x41, 0, opEnd, vec([]byte{byte(k)})))) }},
		{"exported function", 2, func(k int) module { return b.with(7, vec(exportOf("f", kindFunction, k))) }},
		{"exported table", 0, func(k int) module { return b.with(7, vec(exportOf("f", kindTable, k))) }},
		{"exported memory", 0, func(k int) module { return b.with(7, vec(exportOf("f", kindMemory, k))) }},
		{"exported global", 1, func(k int) module { return b.with(7, vec(exportOf("f", kindGlobal, k))) }},
		{"global that is read", 1, func(k int) module { return load(nil, 0x23, k) }},
		{"global that is written", 1, func(k int) module { return load(nil, 0x42, 9, 0x24, k, 0x20, 0) }},
		{"local that is read", 2, func(k int) module { return load([]byte{2, typeI32}, 0x20, k) }},
		{"local that is written", 2, func(k int) module { return load([]byte{2, typeI32}, 0x20, 0, 0x21, k, 0x20, 0) }},
		{"local that is kept", 2, func(k int) module { return load([]byte{2, typeI32}, 0x20, 0, 0x22, k) }},
		{"label", 1, func(k int) module { return load(nil, opBlock, 0x40, 0x20, 0, opBr, k, opEnd, 0x20, 0) }},
		{"label of br_if", 1, func(k int) module { return load(nil, opBlock, 0x40, 0x20, 0, 0x20, 0, opBrIf, k, opEnd, 0x20, 0) }},
		{"label of br_table", 1, func(k int) module { return load(nil, opBlock, 0x40, 0x20, 0, opBrTable, 1, k, 0, opEnd, 0x20, 0) }},
		{"default of br_table", 1, func(k int) module { return load(nil, opBlock, 0x40, 0x20, 0, opBrTable, 1, 0, k, opEnd, 0x20, 0) }},
	} {
		_, err := Scan(c.with(c.last).bytes(), Policy{})
		if err != nil && c.name != "type of an import" {
			t.Errorf("%s %d: %v", c.name, c.last, err)
		}
		_, err = Scan(c.with(c.last+1).bytes(), Policy{})
		if err == nil {
			t.Errorf("%s %d is accepted", c.name, c.last+1)
		}
	}
}

// TestBombs has small files that cost an engine gigabytes or seconds. They are
// refused at once.
func TestBombs(t *testing.T) {
	lie := func(id byte) []byte {
		return section([]byte("\x00asm\x01\x00\x00\x00"), id, binary.AppendUvarint(nil, 1<<32-1))
	}
	whole := base()
	tables := cat(8)
	for range 8 {
		tables = cat(tables, 0x70, 0, uleb(nil, 1<<27))
	}
	for name, wasm := range map[string][]byte{
		"imports that are not there":   lie(2),
		"types that are not there":     lie(1),
		"functions that are not there": lie(3),
		"bodies that are not there":    lie(10),
		"exports that are not there":   lie(7),
		"a hundred million locals":     whole.with(10, vec(cat(8, 1, uleb(nil, 100_000_000), typeI32, 0x20, 0, opEnd), fn(nil, 0x41, 0))).bytes(),
		"eight tables of a gigabyte":   whole.with(4, tables).bytes(),
		"a table of a gigabyte":        whole.with(4, vec(cat(0x70, 0, uleb(nil, 1<<27)))).bytes(),
		"table.grow":                   load(nil, 0xd0, 0x70, 0x20, 0, opPrefix, 15, 0).bytes(),
		"a million nested blocks":      load(nil, repeat(100_000, opBlock, 0x40), repeat(100_000, opEnd), 0x20, 0).bytes(),
		"loops around locals":          whole.with(10, vec(wide(999, 300), fn(nil, 0x41, 0))).bytes(),
		"loops beside loops":           whole.with(10, vec(wide(1, 37000), fn(nil, 0x41, 0))).bytes(),
		"a type of many values":        whole.with(1, vec(cat(0x60, uleb(nil, 100_000), bytes.Repeat([]byte{typeI32}, 100_000), 0))).bytes(),
		"branch tables":                load(nil, repeat(70, opBlock, 0x40, 0x20, 0, opBrTable, uleb(nil, 4000), make([]byte, 4001), opEnd), 0x20, 0).bytes(),
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		start := time.Now()
		_, err := Scan(wasm, Policy{})
		took := time.Since(start)
		runtime.ReadMemStats(&after)
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
		if took > 20*10*time.Millisecond {
			t.Errorf("%s: refused after %v", name, took)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 8<<20 {
			t.Errorf("%s: refused with %d bytes", name, n)
		}
	}
}

// wide is a body with locals and loops.
func wide(locals, loops int) []byte {
	body := cat(1, uleb(nil, locals), typeI32, repeat(loops, opLoop, 0x40, 0x20, 0, opBrIf, 0, opEnd), 0x20, 0, opEnd)
	return append(uleb(nil, len(body)), body...)
}

// TestCaps goes to each cap and past it.
func TestCaps(t *testing.T) {
	b := base()
	c := foreign
	body := func(code []byte) module { return load(nil, code, 0x20, 0) }
	for _, k := range []struct {
		name string
		cap  int
		with func(n int) module
	}{
		{"types", c.types - 5, func(n int) module {
			return b.with(1, cat(uleb(nil, n+5), b[1][1:], bytes.Repeat([]byte{0x60, 0, 0}, n)))
		}},
		{"imports", c.imports, func(n int) module {
			return b.with(2, many(n, importOf("glovebox_v1", "yield", 0))).without(7).without(9)
		}},
		{"functions", c.functions, func(n int) module {
			return b.with(3, many(n, []byte{1})).with(10, many(n, fn(nil, 0x20, 0)))
		}},
		{"bytes of a body", c.body - 4, func(n int) module { return body(bytes.Repeat([]byte{opNop}, n)) }},
		{"locals", c.locals - 1, func(n int) module { return b.with(10, vec(wide(n, 0), fn(nil, 0x41, 0))) }},
		{"loops", 446, func(n int) module { return b.with(10, vec(wide(1, n), fn(nil, 0x41, 0))) }},
		{"loops around locals", 170, func(n int) module { return b.with(10, vec(wide(999, n), fn(nil, 0x41, 0))) }},
		{"loops in all", 392, func(n int) module {
			return b.with(3, many(n, []byte{1})).with(10, many(n, wide(1, 100))).without(7).without(9)
		}},
		{"nesting", c.nesting - 1, func(n int) module {
			return body(cat(repeat(n, opBlock, 0x40), repeat(n, opEnd)))
		}},
		{"branch targets", c.targets - 1, func(n int) module {
			return body(cat(opBlock, 0x40, 0x20, 0, opBrTable, uleb(nil, n), make([]byte, n+1), opEnd))
		}},
		{"branch targets in all", c.allTargets / 1024, func(n int) module {
			return b.with(3, many(n, []byte{1})).with(10, many(n, fn(nil, opBlock, 0x40, 0x20, 0, opBrTable, uleb(nil, 1023), make([]byte, 1024), opEnd, 0x20, 0))).without(7).without(9)
		}},
		{"values", c.values, func(n int) module {
			return b.with(1, cat(6, b[1][1:], 0x60, uleb(nil, n), bytes.Repeat([]byte{typeI32}, n), 0))
		}},
		{"globals", c.globals, func(n int) module { return b.with(6, many(n, []byte{typeI32, 1, 0x41, 0, opEnd})) }},
		{"table", c.table, func(n int) module { return b.with(4, vec(cat(0x70, 0, uleb(nil, n)))) }},
		{"element segments", c.elements, func(n int) module { return b.with(9, many(n, cat(0, 0x41, 0, opEnd, 0))) }},
		{"data segments", c.segments, func(n int) module { return b.with(11, many(n, cat(0, 0x41, 0, opEnd, 0))) }},
		{"exports", c.exports, func(n int) module {
			names := make([][]byte, n)
			for k := range names {
				names[k] = exportOf(string(rune('a'+k)), kindFunction, 1)
			}
			return b.with(7, vec(names...))
		}},
		{"bytes of a name", c.name, func(n int) module { return b.with(7, vec(exportOf(strings.Repeat("x", n), kindFunction, 1))) }},
	} {
		if _, err := Scan(k.with(k.cap).bytes(), Policy{}); err != nil {
			t.Errorf("%s: %d are refused: %v", k.name, k.cap, err)
		}
		if _, err := Scan(k.with(k.cap+1).bytes(), Policy{}); err == nil {
			t.Errorf("%s: %d are accepted", k.name, k.cap+1)
		}
	}
	large := section(base().bytes(), 0, make([]byte, c.file))
	refused(t, "file", large, "file too large")
	data := b.with(5, vec(cat(0, uleb(nil, 1000)))).with(11, many(5, cat(0, 0x41, 0, opEnd, uleb(nil, c.data/4), make([]byte, c.data/4))))
	if _, err := Scan(data.bytes(), Policy{Own: true}); err != nil {
		t.Errorf("data of our own: %v", err)
	}
}

func TestWASIIsForOurOwn(t *testing.T) {
	b := base()
	wasm := b.with(2, vec(importOf("glovebox_v1", "yield", 0), importOf("wasi_snapshot_preview1", "sched_yield", 0))).without(7).without(9).bytes()
	if _, err := Scan(wasm, Policy{Own: true}); err != nil {
		t.Error(err)
	}
	refused(t, "WASI", wasm, "import not allowed")
	if _, err := Scan(b.bytes(), Policy{Imports: []Import{}}); err == nil {
		t.Error("an import that the policy does not have is accepted")
	}
}
