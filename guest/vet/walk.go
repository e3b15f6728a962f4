package vet

// instr is one instruction of a body: its opcode, where it lies in the file,
// and for a branch the number of its label, for a call that of the function.
type instr struct {
	op       byte
	sub      byte // the second opcode after opPrefix
	from, to int
	target   uint32
}

// walker reads one body after another, keeping its buffers.
type walker struct {
	keep    bool // whether code is wanted
	code    []instr
	labels  []bool // open blocks: whether each is an if that may have an else
	start   int    // where the first instruction lies
	targets int    // of br_tables
	loops   int
	work    int  // as the caps count it
	leaf    bool // no calls
}

// walk reads a body that r holds, of a function of type typ. Every index is
// checked against m, every label against the open blocks.
func (w *walker) walk(m *Module, c *caps, r *reader, typ uint32) {
	w.code, w.labels = w.code[:0], append(w.labels[:0], false)
	w.targets, w.loops, w.leaf = 0, 0, true
	locals := len(m.types[typ].params)
	for range r.count(c.locals, 2, "groups of locals") {
		at := r.at
		n := r.u32()
		r.valueType()
		if int64(n) > int64(c.locals-locals) {
			r.fail(at, "too many locals")
			return
		}
		locals += int(n)
	}
	w.start = r.at
	for len(w.labels) > 0 && r.ok() {
		w.instruction(m, c, r, locals)
	}
	if w.work = w.loops * (w.loops + locals); w.work > c.work {
		r.fail(w.start, "too many loops and locals")
	}
}

func (w *walker) instruction(m *Module, c *caps, r *reader, locals int) {
	in := instr{from: r.at}
	in.op = r.byte()
	switch operationOf(in.op).immediate {
	case unlisted:
		r.fail(in.from, "instruction not allowed")
	case blockType:
		w.block(m, r)
		w.labels = append(w.labels, in.op == opIf)
		if len(w.labels) > c.nesting {
			r.fail(in.from, "blocks nested too deeply")
		}
		if in.op == opLoop {
			w.loops++
		}
	case label:
		in.target = uint32(r.index(len(w.labels), "no such label"))
	case labels:
		n := r.count(c.targets-w.targets-1, 1, "branch targets") + 1
		w.targets += n
		for range n {
			r.index(len(w.labels), "no such label")
		}
	case callee:
		in.target = uint32(r.index(len(m.functions), "no such function"))
		w.leaf = false
	case calleeType:
		r.index(len(m.types), "no such type")
		if r.byte() != 0 || m.table == nil {
			r.fail(in.from, "no such table")
		}
		w.leaf = false
	case oneType:
		if r.byte() != 1 {
			r.fail(in.from, "select of several values")
		}
		r.valueType()
	case localIndex:
		r.index(locals, "no such local")
	case globalIndex:
		r.index(len(m.globals), "no such global")
	case memoryAt:
		r.u32()
		r.u32()
	case zero:
		w.zeros(r, 1)
	case const32:
		r.leb(32, true)
	case const64:
		r.leb(64, true)
	case bytes4:
		r.sub(4)
	case bytes8:
		r.sub(8)
	case prefixed:
		n := r.u32()
		if uint64(n) >= uint64(len(prefixedOps)) || !prefixedOps[n].allowed {
			r.fail(in.from, "instruction not allowed")
			return
		}
		in.sub = byte(n)
		w.zeros(r, prefixedOps[n].zeros)
	}
	switch top := len(w.labels) - 1; in.op {
	case opElse:
		if !w.labels[top] {
			r.fail(in.from, "else without if")
		}
		w.labels[top] = false
	case opEnd:
		w.labels = w.labels[:top]
	}
	if in.to = r.at; w.keep {
		w.code = append(w.code, in)
	}
}

// block reads the type of a block: nothing, one value, or a function type.
func (w *walker) block(m *Module, r *reader) {
	at := r.at
	n := int64(r.leb(33, true))
	if n >= 0 && n < int64(len(m.types)) || n == -64 || n >= -4 && n < 0 {
		return
	}
	r.fail(at, "no such block type")
}

// zeros reads the numbers of memories, of which there is one.
func (w *walker) zeros(r *reader, n int) {
	for range n {
		at := r.at
		if r.byte() != 0 {
			r.fail(at, "no such memory")
		}
	}
}
