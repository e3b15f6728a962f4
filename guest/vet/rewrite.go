package vet

import (
	"encoding/binary"
	"fmt"
)

// What the rewriter exports. An engine sets the fuel before it calls a guest
// and when the guest yields; a negative rest is what makes it yield. The
// globals of the guest itself, which may change, are exported as State and
// their number, so that a state can be put back.
const (
	Fuel  = Reserved + "fuel"
	Depth = Reserved + "depth"
	State = Reserved + "g"
)

// MaxDepth is how many calls may be on a guest's stack. Where it is passed the
// guest traps, on every engine at the same call, and Depth stays above it. Our
// guest needs about sixty for the models it was tried on; a thousand frames fit
// into a few megabytes of an engine's stack.
const MaxDepth = 1000

// Rewrite scans a module and adds to it what lets the host stop it:
//
//   - each basic block takes the fuel of its instructions when it is entered;
//   - each function and each turn of a loop yields when no fuel is left, which
//     bounds the fuel between two looks at the clock by what one body takes;
//   - filling, copying and growing memory takes fuel by size, 64 KiB at a time;
//   - calls are counted, and trap where they are nested too deeply.
//
// Custom sections are dropped, and the memory and the table have a maximum.
func Rewrite(wasm []byte, p Policy) ([]byte, error) {
	m, err := Scan(wasm, p)
	if err != nil {
		return nil, err
	}
	w := &rewriter{Module: m, caps: p.caps(), walker: walker{keep: true}, blocks: map[string]uint32{}}
	switch {
	case p.Bare:
		m.segments = nil
	case p.Own:
		m.mergeData()
	}
	w.choose(p.Keep)
	return w.module()
}

// rewriter writes a scanned module anew. What it adds comes behind what is
// there, so no index changes unless a function is dropped.
type rewriter struct {
	*Module
	caps    *caps
	walker  walker
	blocks  map[string]uint32 // types of wrappers by their results
	index   []uint32          // of each function in what is written, or dropped
	kept    int               // functions that are written, imports among them
	added   []signature
	charges []uint64
	frames  []frame
}

// The functions that are added, counted from the last original one.
const (
	helperFill = iota
	helperCopy
	helperGrow
	helpers
)

func (w *rewriter) module() ([]byte, error) {
	move := w.addType(signature{params: []byte{typeI32, typeI32, typeI32}})
	grow := w.addType(signature{params: []byte{typeI32}, results: []byte{typeI32}})
	// The code comes first: it finds out which types are needed.
	code, err := w.code()
	if err != nil {
		return nil, err
	}
	out := make([]byte, 0, len(code)+len(w.file)/2)
	out = append(out, w.file[:8]...)
	out = section(out, 1, w.typeSection())
	out = section(out, 2, append(uleb(nil, len(w.imports)), w.bytes(w.importBytes)...))
	b := uleb(nil, w.kept-len(w.imports)+helpers)
	for k := len(w.imports); k < len(w.functions); k++ {
		if w.index[k] != dropped {
			b = uleb(b, int(w.functions[k]))
		}
	}
	out = section(out, 3, uleb(uleb(uleb(b, int(move)), int(move)), int(grow)))
	if w.table != nil {
		n := int(w.table.min)
		out = section(out, 4, uleb(uleb([]byte{1, 0x70, 1}, n), n))
	}
	out = section(out, 5, uleb(uleb([]byte{1, 1}, int(w.memory.min)), int(w.memory.max)))
	out = section(out, 6, w.globalSection())
	out = section(out, 7, w.exportSection())
	if len(w.elements) > 0 {
		out = section(out, 9, w.elementSection())
	}
	out = section(out, 10, code)
	return section(out, 11, w.dataSection()), nil
}

func (w *rewriter) bytes(s span) []byte { return w.file[s.from:s.to] }

func (w *rewriter) addType(t signature) uint32 {
	w.added = append(w.added, t)
	return uint32(len(w.types) + len(w.added) - 1)
}

func (w *rewriter) typeSection() []byte {
	b := uleb(nil, len(w.types)+len(w.added))
	for _, list := range [][]signature{w.types, w.added} {
		for _, t := range list {
			b = append(b, 0x60)
			b = append(uleb(b, len(t.params)), t.params...)
			b = append(uleb(b, len(t.results)), t.results...)
		}
	}
	return b
}

// fuelIndex and depthIndex are the globals that are added.
func (w *rewriter) fuelIndex() int  { return len(w.globals) }
func (w *rewriter) depthIndex() int { return len(w.globals) + 1 }

func (w *rewriter) globalSection() []byte {
	b := uleb(nil, len(w.globals)+2)
	for _, g := range w.globals {
		b = append(b, w.bytes(g.raw)...)
	}
	b = append(b, typeI64, 1, 0x42, 0, opEnd)
	return append(b, typeI32, 1, 0x41, 0, opEnd)
}

func (w *rewriter) exportSection() []byte {
	list := []export{{Fuel, kindGlobal, w.fuelIndex()}, {Depth, kindGlobal, w.depthIndex()}}
	for k, g := range w.globals {
		if g.mutable {
			list = append(list, export{fmt.Sprint(State, len(list)-2), kindGlobal, k})
		}
	}
	for _, e := range w.exports {
		if e.kind == kindFunction {
			e.index = int(w.index[e.index])
		}
		list = append(list, e)
	}
	b := uleb(nil, len(list))
	for _, e := range list {
		b = append(uleb(b, len(e.name)), e.name...)
		b = uleb(append(b, e.kind), e.index)
	}
	return b
}

func (w *rewriter) dataSection() []byte {
	b := uleb(nil, len(w.segments))
	for _, s := range w.segments {
		b = sleb(append(b, 0, 0x41), int64(int32(s.offset)))
		b = append(uleb(append(b, opEnd), len(s.data)), s.data...)
	}
	return b
}

// gap is how many zeros are cheaper to copy than another segment is to set up.
const gap = 256

// mergeData joins segments that follow each other closely. Go writes tens of
// thousands of them, and an engine handles each in turn.
func (m *Module) mergeData() {
	merged := make([]segment, 0, len(m.segments))
	for _, s := range m.segments {
		if k := len(merged) - 1; k >= 0 {
			end := uint64(merged[k].offset) + uint64(len(merged[k].data))
			if from := uint64(s.offset); from >= end && from-end <= gap {
				merged[k].data = append(append(merged[k].data, make([]byte, from-end)...), s.data...)
				continue
			}
		}
		s.data = append([]byte(nil), s.data...)
		merged = append(merged, s)
	}
	m.segments = merged
}

func section(b []byte, id byte, body []byte) []byte {
	return append(uleb(append(b, id), len(body)), body...)
}

func uleb(b []byte, n int) []byte { return binary.AppendUvarint(b, uint64(n)) }

func sleb(b []byte, n int64) []byte {
	for n < -64 || n > 63 {
		b = append(b, byte(n)|0x80)
		n >>= 7
	}
	return append(b, byte(n)&0x7f)
}
