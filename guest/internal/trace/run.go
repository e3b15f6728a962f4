package trace

import (
	"encoding/binary"
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
)

// program is a sealed program and what it takes and gives.
type program struct {
	handle abi.Handle
	in     []*result
	out    []*result
}

// run computes roots, each of which has a tensor afterwards. The decisions
// that the trace took so far become guards of the program.
func (t *Tracer) run(roots []*result) {
	var missing []*result
	for _, r := range roots {
		if r.tensor == 0 && !slices.Contains(missing, r) {
			missing = append(missing, r)
		}
	}
	guards := t.due(0)
	if len(missing) == 0 && len(guards) == 0 {
		return
	}
	if t.trying > 0 {
		t.Fail(abi.FaultUnsupported, "contents are asked for in each turn of a loop")
	}
	t.runs++
	p := t.build(nil, append(missing, t.reused(missing)...), guards, 0)
	for i, h := range t.execute(p, handles(p.in)) {
		p.out[i].tensor = h
	}
	t.must(t.box.ProgramFree(p.handle), "program")
}

func handles(rs []*result) []abi.Handle {
	hs := make([]abi.Handle, len(rs))
	for i, r := range rs {
		hs[i] = r.tensor
	}
	return hs
}

// execute runs p and gives its results.
func (t *Tracer) execute(p *program, in []abi.Handle) []abi.Handle {
	out := make([]abi.Handle, len(p.out))
	n, e := t.box.ProgramRun(p.handle, in, out)
	if e == abi.ErrValue {
		t.Fail(abi.FaultInput, "an index or a value is out of range")
	}
	t.must(e, "run")
	return out[:n]
}

// cone is what has to be computed for roots, in order. What varies with no loop
// of depth floor is computed before that.
func (t *Tracer) cone(roots []*result, floor int) []*node {
	var nodes []*node
	t.walks++
	stack := append([]*result(nil), roots...)
	for len(stack) > 0 {
		r := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if r == nil || r.given(floor) || r.node != nil && r.node.walk == t.walks {
			continue
		}
		if r.freed {
			continue // whoever needs it finds that it has no tensor
		}
		r.node.walk = t.walks
		nodes = append(nodes, r.node)
		stack = append(append(stack, r.node.in...), r.node.refs...)
	}
	// An op is appended after its inputs, so the ids of results are an order.
	slices.SortFunc(nodes, func(a, b *node) int { return int(a.out[0].id) - int(b.out[0].id) })
	return nodes
}

// given reports whether a program for a loop of depth floor takes r from outside.
func (r *result) given(floor int) bool {
	return r.tensor != 0 || r.param || r.depth < floor && !r.con
}

// reused are the results that computing roots passes by and that later nodes
// need again.
func (t *Tracer) reused(roots []*result) []*result {
	if t.Live == nil {
		return nil
	}
	now := map[*node]bool{}
	for _, n := range t.cone(roots, 0) {
		now[n] = true
	}
	var later []*result
	t.Live(func(v *Value) {
		if v != nil && v.src != nil {
			later = append(later, v.src)
		}
	})
	var keep []*result
	need := func(r *result) {
		if r != nil && r.tensor == 0 && !r.con && now[r.node] && !free(r.node.op) && !slices.Contains(keep, r) && !slices.Contains(roots, r) {
			keep = append(keep, r)
		}
	}
	for _, r := range later {
		need(r)
	}
	for _, n := range t.cone(later, 0) {
		if now[n] && !free(n.op) {
			continue
		}
		for _, r := range n.in {
			need(r)
		}
		for _, r := range n.refs {
			need(r)
		}
	}
	return keep
}

// free reports whether making the result again costs nothing to speak of.
func free(op abi.Op) bool {
	switch op {
	case abi.OpView, abi.OpFill, abi.OpIota, abi.OpLiteral:
		return true
	}
	return false
}

// build makes and seals the program that computes roots from params and what
// has tensors already; floor is as for cone.
func (t *Tracer) build(params, roots []*result, guards []guard, floor int) *program {
	var need []*result
	if floor == 0 {
		need = t.proofs()
	}
	need = append(need, roots...)
	for _, g := range guards {
		if !g.sym.of.freed {
			need = append(need, g.sym.of)
		}
	}
	nodes := fuse(t, t.rows, t.cone(need, floor), need)
	e := emitter{t: t, p: &program{out: roots}}
	var err abi.Errno
	e.p.handle, err = t.box.ProgramNew()
	t.must(err, "program")
	for _, r := range params {
		e.take(r)
	}
	for _, n := range nodes {
		e.op(n)
	}
	e.seal(roots, guards)
	return e.p
}

// emitter writes the final form of a program.
type emitter struct {
	t *Tracer
	p *program
}

// value is r in the program; what has a tensor already is taken in.
func (e *emitter) value(r *result) abi.Value {
	if r.program == e.p.handle {
		return r.value
	}
	if r.file == nil {
		return e.input(r)
	}
	v, err := e.t.box.ProgramConst(e.p.handle, r.tensor)
	e.t.must(err, "program")
	r.program, r.value = e.p.handle, v
	return v
}

func (e *emitter) input(r *result) abi.Value {
	if r.tensor == 0 {
		e.t.Fail(abi.FaultUnsupported, "a loop's value is used after its turn")
	}
	return e.take(r)
}

func (e *emitter) take(r *result) abi.Value {
	v, err := e.t.box.ProgramInput(e.p.handle, r.typ)
	e.t.must(err, "program")
	r.program, r.value = e.p.handle, v
	e.p.in = append(e.p.in, r)
	return v
}

// op appends n, whose types the host knows from the draft or works out again.
func (e *emitter) op(n *node) {
	t := e.t
	t.rec = abi.AppendCall(t.rec[:0], n.op, ids(n.in), n.attrs)
	t.settle(t.rec)
	relabel(t.rec, e.value, t.results)
	k, err := t.box.ProgramOp(e.p.handle, t.rec, t.answers[:])
	if err != abi.OK {
		t.Fail(t.blame(err), "op %d refused: %v: %s", n.op, err, describe(n.in))
	}
	for i, a := range t.answers[:k] {
		n.out[i].program, n.out[i].value = e.p.handle, a.Value
	}
}

func (e *emitter) seal(roots []*result, guards []guard) {
	var s abi.Seal
	for _, r := range roots {
		s.Out = append(s.Out, e.value(r))
	}
	for _, g := range guards {
		if g.sym.of.freed {
			e.t.mixed = true
			continue
		}
		w := abi.Word{Of: e.value(g.sym.of), Dim: uint32(g.sym.dim), A: g.sym.a, B: g.sym.b, D: g.sym.d}
		w.N, _ = w.Eval(g.sym.of.typ.Dims[g.sym.dim])
		s.Guards = append(s.Guards, abi.Guard{Cmp: g.cmp, Word: w, Limit: g.limit})
	}
	if err := e.t.box.ProgramSeal(e.p.handle, abi.AppendSeal(nil, s)); err != abi.OK {
		e.t.Fail(e.t.blame(err), "program refused: %v", err)
	}
}

func ids(rs []*result) []abi.Value {
	vs := make([]abi.Value, len(rs))
	for i, r := range rs {
		if r != nil {
			vs[i] = abi.Value(r.id)
		}
	}
	return vs
}

// settle makes constants of the symbols of a record whose value a loop has
// freed; the programs of such a run serve no other.
func (t *Tracer) settle(rec []byte) {
	for _, r := range t.refs(rec) {
		if !r.freed {
			continue
		}
		t.mixed = true
		le := binary.LittleEndian
		off, n := symbolsAt(rec)
		kept := rec[:off]
		for i := range n {
			s := rec[off+symSize*i:][:symSize]
			if !t.results[le.Uint32(s[symOf:])-1].freed {
				kept = append(kept, s...)
			}
		}
		le.PutUint32(rec[recSyms:], uint32((len(kept)-off)/symSize))
		t.rec = kept
		return
	}
}
