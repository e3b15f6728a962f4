package vet

import (
	"strings"

	"github.com/glovebox-ml/glovebox/guest/abi"
)

// Module is what the scanner keeps of an accepted file: the parts that the
// rewriter needs, and where the rest lies in the file.
type Module struct {
	file      []byte
	types     []signature
	imports   []uint32 // type of each
	functions []uint32 // type of each, imports first
	memory    limits
	table     *limits
	globals   []global
	exports   []export
	elements  []elements
	bodies    []span
	segments  []segment
	yield     int // the import that stops a guest

	importBytes span // without their count
}

// span is a part of the file.
type span struct{ from, to int }

type signature struct{ params, results []byte }

type limits struct{ min, max uint32 }

type global struct {
	typ     byte
	mutable bool
	raw     span // type, mutability and initial value
}

// export is a name for something of the module.
type export struct {
	name  string
	kind  byte
	index int
}

// elements are functions that the table starts with.
type elements struct {
	offset    uint32
	functions []uint32
}

// segment is data that the memory starts with.
type segment struct {
	offset uint32
	data   []byte
}

// Reserved is how the names of the exports start that the rewriter adds.
const Reserved = "glovebox_"

// The kinds of what is imported and exported.
const (
	kindFunction = 0
	kindTable    = 1
	kindMemory   = 2
	kindGlobal   = 3
)

// sections lists what may follow what: number, order and reader. The start
// section is left out, since it would run code before anything is metered.
var sections = map[byte]struct {
	order int
	read  func(*scanner, *reader)
}{
	1:  {1, (*scanner).readTypes},
	2:  {2, (*scanner).readImports},
	3:  {3, (*scanner).readFunctions},
	4:  {4, (*scanner).readTable},
	5:  {5, (*scanner).readMemory},
	6:  {6, (*scanner).readGlobals},
	7:  {7, (*scanner).readExports},
	9:  {8, (*scanner).readElements},
	12: {9, (*scanner).readDataCount},
	10: {10, (*scanner).readCode},
	11: {11, (*scanner).readData},
}

// scanner reads a file into a Module.
type scanner struct {
	*Module
	caps     *caps
	allowed  map[[2]string]Import
	defined  int // functions without imports
	declared int // data segments announced, or -1
	targets  int // of br_tables so far
	work     int // of loops so far
}

// Scan reads a module and refuses what may not be run. It allocates a few
// times the size of the file at most. What it accepts need not be valid: types
// are left to the engine.
func Scan(wasm []byte, p Policy) (*Module, error) {
	s := &scanner{Module: &Module{file: wasm, yield: -1}, caps: p.caps(), allowed: p.allowed(), declared: -1}
	r := &reader{b: wasm, end: len(wasm)}
	s.scan(r)
	if r.bad != nil {
		return nil, r.bad
	}
	return s.Module, nil
}

func (s *scanner) scan(r *reader) {
	if len(r.b) > s.caps.file {
		r.fail(0, "file too large")
		return
	}
	if len(r.b) < 8 || string(r.b[:8]) != "\x00asm\x01\x00\x00\x00" {
		r.fail(0, "not a wasm module of version 1")
		return
	}
	r.at = 8
	last := 0
	hasMemory := false
	for r.more() {
		at := r.at
		id := r.byte()
		size := r.u32()
		if r.ok() && int64(size) > int64(r.end-r.at) {
			r.fail(at, "section past the end of the file")
			return
		}
		part := r.sub(int(size))
		if id == 0 {
			part.name(s.caps.file)
			part.at = part.end
			r.close(part)
			continue
		}
		section, known := sections[id]
		if !known {
			r.fail(at, "section not allowed")
			return
		}
		if section.order <= last {
			r.fail(at, "section twice or out of order")
			return
		}
		last = section.order
		hasMemory = hasMemory || id == 5
		section.read(s, part)
		r.close(part)
	}
	switch {
	case !r.ok():
	case s.defined != len(s.bodies):
		r.fail(r.end, "functions without code")
	case !hasMemory:
		r.fail(r.end, "no memory")
	case s.yield < 0:
		r.fail(r.end, "yield is not imported")
	case s.declared >= 0 && s.declared != len(s.segments):
		r.fail(r.end, "data count differs from data")
	}
}

func (s *scanner) readTypes(r *reader) {
	n := r.count(s.caps.types, 3, "types")
	s.types = make([]signature, 0, n)
	for range n {
		at := r.at
		if r.byte() != 0x60 {
			r.fail(at, "type not allowed")
			return
		}
		s.types = append(s.types, signature{s.values(r), s.values(r)})
	}
}

func (s *scanner) values(r *reader) []byte {
	n := r.count(s.caps.values, 1, "values of a type")
	v := r.b[r.at : r.at+n : r.at+n]
	for range n {
		r.valueType()
	}
	return v
}

func (s *scanner) readImports(r *reader) {
	n := r.count(s.caps.imports, 4, "imports")
	s.importBytes = span{r.at, r.end}
	for range n {
		at := r.at
		name := [2]string{r.name(s.caps.name), r.name(s.caps.name)}
		if kind := r.byte(); r.ok() && kind != kindFunction {
			r.fail(at, "only functions may be imported")
		}
		typ := r.index(len(s.types), "no such type")
		if !r.ok() {
			return
		}
		want, ok := s.allowed[name]
		if !ok {
			r.fail(at, "import not allowed")
			return
		}
		if got := s.types[typ]; !matches(want.Params, got.params) || !matches(want.Results, got.results) {
			r.fail(at, "import has another type")
			return
		}
		if name == yieldName && s.yield < 0 {
			s.yield = len(s.imports)
		}
		s.imports = append(s.imports, uint32(typ))
		s.functions = append(s.functions, uint32(typ))
	}
}

// yieldName is what the rewriter calls when the fuel is spent.
var yieldName = [2]string{abi.Module, "yield"}

// matches compares letters, as in Import, with value types.
func matches(letters string, types []byte) bool {
	if len(letters) != len(types) {
		return false
	}
	for i, t := range types {
		if want := letters[i]; want == 'i' && t != typeI32 || want == 'I' && t != typeI64 {
			return false
		}
	}
	return true
}

func (s *scanner) readFunctions(r *reader) {
	n := r.count(s.caps.functions, 1, "functions")
	s.defined = n
	for range n {
		s.functions = append(s.functions, uint32(r.index(len(s.types), "no such type")))
	}
}

// limits reads a minimum, and a maximum or else the most that there can be.
func (s *scanner) limits(r *reader, most uint32) limits {
	at := r.at
	flags := r.byte()
	if flags > 1 {
		r.fail(at, "limits of an unknown kind")
	}
	l := limits{min: r.u32(), max: most}
	if flags == 1 {
		l.max = min(most, r.u32())
	}
	if r.ok() && l.min > l.max {
		r.fail(at, "minimum over the maximum")
	}
	return l
}

func (s *scanner) readTable(r *reader) {
	if r.count(1, 3, "tables") == 0 {
		return
	}
	at := r.at
	if r.byte() != 0x70 {
		r.fail(at, "table of something other than functions")
	}
	l := s.limits(r, uint32(s.caps.table))
	s.table = &l
}

// pageBytes is the unit of the size of a memory.
const pageBytes = 64 << 10

// maxPages keeps the size of a memory within 32 bits.
const maxPages = 65535

func (s *scanner) readMemory(r *reader) {
	at := r.at
	if r.count(1, 2, "memories") == 0 {
		r.fail(at, "no memory")
		return
	}
	s.memory = s.limits(r, maxPages)
}

func (s *scanner) readGlobals(r *reader) {
	n := r.count(s.caps.globals, 4, "globals")
	for range n {
		at := r.at
		g := global{typ: r.valueType()}
		if m := r.byte(); m > 1 {
			r.fail(at, "unknown mutability")
		} else {
			g.mutable = m == 1
		}
		s.constant(r, g.typ)
		g.raw = span{at, r.at}
		s.globals = append(s.globals, g)
	}
}

// constant reads an initial value: one const instruction and its end.
func (s *scanner) constant(r *reader, typ byte) uint64 {
	at := r.at
	op := r.byte()
	if r.ok() && op != 0x41+(typeI32-typ) {
		r.fail(at, "initial value is not a constant of its type")
		return 0
	}
	var n uint64
	switch typ {
	case typeI32:
		n = r.leb(32, true)
	case typeI64:
		n = r.leb(64, true)
	case typeF32:
		r.sub(4)
	case typeF64:
		r.sub(8)
	}
	if r.byte() != 0x0b {
		r.fail(at, "initial value is not one constant")
	}
	return n
}

func (s *scanner) readExports(r *reader) {
	n := r.count(s.caps.exports, 3, "exports")
	taken := make(map[string]bool, n)
	counts := [...]int{kindFunction: len(s.functions), kindTable: 0, kindMemory: 1, kindGlobal: len(s.globals)}
	if s.table != nil {
		counts[kindTable] = 1
	}
	for range n {
		at := r.at
		name := r.name(s.caps.name)
		kind := r.byte()
		if r.ok() && int(kind) >= len(counts) {
			r.fail(at, "export of an unknown kind")
			return
		}
		index := r.index(counts[kind], "export of something that does not exist")
		switch {
		case !r.ok():
			return
		case strings.HasPrefix(name, Reserved):
			r.fail(at, "export has a reserved name")
			return
		case taken[name]:
			r.fail(at, "export has a name that is taken")
			return
		}
		taken[name] = true
		s.exports = append(s.exports, export{name, kind, index})
	}
}

// readElements accepts segments that fill the one table with functions at a
// constant offset.
func (s *scanner) readElements(r *reader) {
	n := r.count(s.caps.elements, 5, "element segments")
	for range n {
		at := r.at
		if r.u32() != 0 || s.table == nil {
			r.fail(at, "element segment of a kind that is not allowed")
			return
		}
		e := elements{offset: uint32(s.constant(r, typeI32))}
		count := r.count(s.caps.table, 1, "elements")
		if r.ok() && uint64(e.offset)+uint64(count) > uint64(s.table.min) {
			r.fail(at, "elements outside the table")
			return
		}
		for range count {
			e.functions = append(e.functions, uint32(r.index(len(s.functions), "no such function")))
		}
		s.elements = append(s.elements, e)
	}
}

func (s *scanner) readDataCount(r *reader) {
	s.declared = int(r.u32())
}

func (s *scanner) readCode(r *reader) {
	at := r.at
	n := r.count(s.caps.functions, 3, "bodies")
	if r.ok() && n != s.defined {
		r.fail(at, "another number of bodies than functions")
		return
	}
	s.bodies = make([]span, 0, n)
	var w walker
	for k := range n {
		at := r.at
		size := r.count(s.caps.body, 1, "bytes of a body")
		body := span{r.at, r.at + size}
		part := r.sub(size)
		w.walk(s.Module, s.caps, part, s.functions[len(s.imports)+k])
		r.close(part)
		if !r.ok() {
			return
		}
		if s.targets += w.targets; s.targets > s.caps.allTargets {
			r.fail(at, "too many branch targets in all")
			return
		}
		if s.work += w.work; s.work > s.caps.allWork {
			r.fail(at, "too many loops and locals in all")
			return
		}
		s.bodies = append(s.bodies, body)
	}
}

func (s *scanner) readData(r *reader) {
	n := r.count(s.caps.segments, 5, "data segments")
	s.segments = make([]segment, 0, n)
	room, total := uint64(s.memory.min)<<16, 0
	for range n {
		at := r.at
		if r.u32() != 0 {
			r.fail(at, "data segment of a kind that is not allowed")
			return
		}
		offset := uint32(s.constant(r, typeI32))
		size := r.count(s.caps.data, 1, "bytes of data")
		if total += size; total > s.caps.data {
			r.fail(at, "too many bytes of data in all")
			return
		}
		if r.ok() && uint64(offset)+uint64(size) > room {
			r.fail(at, "data outside the memory")
			return
		}
		s.segments = append(s.segments, segment{offset, r.b[r.at : r.at+size]})
		r.at += size
	}
}
