package vet

// dropped is the index of a function that is not written.
const dropped = ^uint32(0)

// choose numbers the functions that stay: imports, exports and what keep says.
func (w *rewriter) choose(keep func(int) bool) {
	exported := make(map[int]bool, len(w.exports))
	for _, e := range w.exports {
		exported[e.index] = exported[e.index] || e.kind == kindFunction
	}
	w.index = make([]uint32, len(w.functions))
	for k := range w.index {
		w.index[k] = dropped
		if keep == nil || k < len(w.imports) || exported[k] || keep(k) {
			w.index[k] = uint32(w.kept)
			w.kept++
		}
	}
}

// callTo writes a call. One of a dropped function traps, and whatever follows
// it is of the right type.
func (w *rewriter) callTo(b []byte, function uint32) []byte {
	if w.index[function] == dropped {
		return append(b, opUnreachable)
	}
	return uleb(append(b, opCall), int(w.index[function]))
}

// elementSection leaves the places of dropped functions in the table empty, so
// that a call through one traps.
func (w *rewriter) elementSection() []byte {
	var kept []elements
	for _, e := range w.elements {
		open := false
		for k, f := range e.functions {
			if w.index[f] == dropped {
				open = false
				continue
			}
			if !open {
				kept, open = append(kept, elements{offset: e.offset + uint32(k)}), true
			}
			last := &kept[len(kept)-1]
			last.functions = append(last.functions, w.index[f])
		}
	}
	b := uleb(nil, len(kept))
	for _, e := range kept {
		b = sleb(append(b, 0, 0x41), int64(int32(e.offset)))
		b = uleb(append(b, opEnd), len(e.functions))
		for _, f := range e.functions {
			b = uleb(b, int(f))
		}
	}
	return b
}
