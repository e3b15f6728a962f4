package vet

// frame is an open block while charges are worked out.
type frame struct {
	loop, conditional bool
	target            bool // a branch leads to its end
}

func (w *rewriter) code() ([]byte, error) {
	b := uleb(nil, w.kept-len(w.imports)+helpers)
	var body []byte
	for k, s := range w.bodies {
		if w.index[len(w.imports)+k] == dropped {
			continue
		}
		typ := w.functions[len(w.imports)+k]
		r := &reader{b: w.file, at: s.from, end: s.to}
		w.walker.walk(w.Module, w.caps, r, typ)
		if r.bad != nil {
			return nil, r.bad
		}
		body = w.body(body[:0], s, w.types[typ])
		b = append(uleb(b, len(body)), body...)
	}
	for _, h := range [helpers]func([]byte) []byte{helperFill: w.fill, helperCopy: w.copy, helperGrow: w.grow} {
		body = h(body[:0])
		b = append(uleb(b, len(body)), body...)
	}
	return b, nil
}

// measure works out what each basic block takes: charges[0] where the function
// starts, charges[i+1] behind instruction i. A block is charged where it is
// entered; what only dead code leads to is not charged.
func (w *rewriter) measure() {
	code := w.walker.code
	w.charges = append(w.charges[:0], make([]uint64, len(code)+1)...)
	w.frames = append(w.frames[:0], frame{})
	at := 0 // where the present block was entered, or -1
	branch := func(label uint32) { w.frames[len(w.frames)-1-int(label)].target = true }
	for i, in := range code {
		if at >= 0 {
			w.charges[at] += uint64(operationOf(in.op).fuel)
		}
		switch in.op {
		case opBlock:
			w.frames = append(w.frames, frame{})
		case opLoop:
			w.frames = append(w.frames, frame{loop: true})
			at = i + 1
		case opIf:
			w.frames = append(w.frames, frame{conditional: true})
			at = i + 1
		case opElse:
			at = i + 1
		case opBrIf:
			branch(in.target)
			at = i + 1
		case opBr:
			branch(in.target)
			at = -1
		case opBrTable:
			r := &reader{b: w.file, at: in.from + 1, end: in.to}
			for n := r.u32() + 1; n > 0; n-- {
				branch(r.u32())
			}
			at = -1
		case opReturn, opUnreachable:
			at = -1
		case opEnd:
			top := len(w.frames) - 1
			if f := w.frames[top]; f.conditional || f.target && !f.loop {
				at = i + 1
			}
			w.frames = w.frames[:top]
		}
	}
}

// tiny is the fuel of a function without calls that is too short to yield: a
// body full of calls of it still takes no more than one loop may.
const tiny = 64

// body writes a function with its charges. One that calls others is wrapped
// into a block, to which its returns become branches, so that there is one
// place where the call is counted off again:
//
//	depth++; trap if it is over MaxDepth
//	charge; yield if no fuel is left
//	block results
//	  the body
//	end
//	depth--
func (w *rewriter) body(b []byte, s span, t signature) []byte {
	w.measure()
	code, wrapped := w.walker.code, !w.walker.leaf
	b = append(b, w.file[s.from:w.walker.start]...)
	if wrapped {
		b = w.count(b, 0x6a)
		b = globalGet(b, w.depthIndex())
		b = sleb(append(b, 0x41), MaxDepth)
		b = append(b, 0x4b, opIf, 0x40, opUnreachable, opEnd)
	}
	b = w.charge(b, w.charges[0])
	if wrapped || w.charges[0] > tiny {
		b = w.check(b)
	}
	if wrapped {
		b = append(b, opBlock)
		b = w.results(b, t.results)
	}
	open := 0
	for i, in := range code {
		switch {
		case in.op == opReturn && wrapped:
			b = uleb(append(b, opBr), open)
		case in.op == opCall:
			b = w.callTo(b, in.target)
		case in.op == opMemoryGrow:
			b = w.call(b, helperGrow)
		case in.op == opPrefix && in.sub == prefixCopy:
			b = w.call(b, helperCopy)
		case in.op == opPrefix && in.sub == prefixFill:
			b = w.call(b, helperFill)
		default:
			b = append(b, w.file[in.from:in.to]...)
		}
		switch in.op {
		case opBlock, opLoop, opIf:
			open++
		case opEnd:
			open--
		}
		b = w.charge(b, w.charges[i+1])
		if in.op == opLoop {
			b = w.check(b)
		}
	}
	if wrapped {
		b = append(w.count(b, 0x6b), opEnd)
	}
	return b
}

// results writes the type of a block that leaves the results of a function.
func (w *rewriter) results(b, results []byte) []byte {
	switch len(results) {
	case 0:
		return append(b, 0x40)
	case 1:
		return append(b, results[0])
	}
	k, ok := w.blocks[string(results)]
	if !ok {
		k = w.addType(signature{results: results})
		w.blocks[string(results)] = k
	}
	return sleb(b, int64(k))
}

// charge takes n off the fuel.
func (w *rewriter) charge(b []byte, n uint64) []byte {
	if n == 0 {
		return b
	}
	b = globalGet(b, w.fuelIndex())
	b = sleb(append(b, 0x42), int64(n))
	return globalSet(append(b, 0x7d), w.fuelIndex())
}

// check yields if no fuel is left. The comparison is signed: fuel that a charge
// took below zero must not look like much.
func (w *rewriter) check(b []byte) []byte {
	b = globalGet(b, w.fuelIndex())
	b = append(b, 0x42, 0, 0x53, opIf, 0x40, opCall)
	return append(uleb(b, w.yield), 0x1a, opEnd)
}

// count adds one to the depth of calls, or with i32.sub takes it off.
func (w *rewriter) count(b []byte, op byte) []byte {
	b = globalGet(b, w.depthIndex())
	return globalSet(append(b, 0x41, 1, op), w.depthIndex())
}

func (w *rewriter) call(b []byte, helper int) []byte {
	return uleb(append(b, opCall), w.kept+helper)
}

func globalGet(b []byte, k int) []byte { return uleb(append(b, 0x23), k) }
func globalSet(b []byte, k int) []byte { return uleb(append(b, 0x24), k) }
