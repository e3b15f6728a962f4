package trace

import (
	"encoding/binary"

	"github.com/glovebox-ml/glovebox/guest/abi"
)

// Op appends an operation and gives its results. The host says what their
// types are, or refuses, where that is not plain; a refusal ends the trace. Known inputs are placed. An
// op that was asked for before is not appended again.
func (t *Tracer) Op(op abi.Op, a abi.Attrs, in ...*Value) []*Value {
	if vs := t.through(op, a, in); vs != nil {
		return vs
	}
	rs := make([]*result, len(in))
	for i, v := range in {
		rs[i] = t.place(v)
	}
	n := t.node(op, a, rs)
	vs := make([]*Value, len(n.out))
	for i, r := range n.out {
		vs[i] = placed(r)
	}
	return vs
}

// One is the first result of Op.
func (t *Tracer) One(op abi.Op, a abi.Attrs, in ...*Value) *Value { return t.Op(op, a, in...)[0] }

// node finds or appends the node of an op.
func (t *Tracer) node(op abi.Op, a abi.Attrs, in []*result) *node {
	t.rec = abi.AppendCall(t.rec[:0], op, ids(in), a)
	if len(t.rec) > abi.MaxRecord {
		t.Fail(abi.FaultUnsupported, "op %d: attributes too long", op)
	}
	if n := t.nodes[string(t.rec)]; n != nil && !n.lost() {
		return n
	}
	n := &node{op: op, attrs: a, in: in, refs: t.refs(t.rec)}
	t.nodes[string(t.rec)] = n
	con, dyn, depth := true, false, 0
	for _, r := range in {
		if r != nil {
			con, dyn, depth = con && r.con, dyn || r.dyn, max(depth, r.depth)
		}
	}
	for _, r := range n.refs {
		con, dyn, depth = false, true, max(depth, r.depth)
	}
	answers := t.ask(n, t.rec)
	n.out = make([]*result, len(answers))
	for i, a := range answers {
		r := t.newResult(a.Type)
		r.node, r.index, r.con, r.dyn, r.depth = n, i, con, dyn, depth
		if a.Value != 0 {
			r.draft, r.draftID = t.draft, a.Value
		}
		n.out[i] = r
	}
	if dyn {
		for _, r := range n.out {
			r.dims = t.dimsOf(r)
		}
	}
	return n
}

// lost reports whether a result of n was freed.
func (n *node) lost() bool {
	for _, r := range n.out {
		if r.freed {
			return true
		}
	}
	return false
}

// ask appends the op of rec to the draft and gives the host's answer. The
// draft starts anew when it is full: values reach it when they are used. An op
// whose types are plain is not in the draft.
func (t *Tracer) ask(n *node, rec []byte) []abi.Result {
	if types := mapTypes(n); types != nil {
		for i, typ := range types {
			t.answers[i] = abi.Result{Type: typ}
		}
		return t.answers[:len(types)]
	}
	if t.draft != 0 && (t.draftOps >= abi.MaxOps || t.draftIn+len(n.in)+len(n.refs) > abi.MaxArity) {
		t.must(t.box.ProgramFree(t.draft), "program")
		t.draft = 0
	}
	if t.draft == 0 {
		h, e := t.box.ProgramNew()
		t.must(e, "program")
		t.draft, t.draftOps, t.draftIn = h, 0, 0
	}
	relabel(rec, t.inDraft, t.results)
	k, e := t.box.ProgramOp(t.draft, rec, t.answers[:])
	if e != abi.OK {
		t.Fail(t.blame(e), "op %d refused: %v: %s", n.op, e, describe(n.in))
	}
	t.draftOps++
	return t.answers[:k]
}

// inDraft is the value of r in the draft. Only its type counts there, so what
// an earlier draft computed comes in as an input.
func (t *Tracer) inDraft(r *result) abi.Value {
	if r.draft == t.draft {
		return r.draftID
	}
	var e abi.Errno
	if r.file != nil {
		r.draftID, e = t.box.ProgramConst(t.draft, r.tensor)
	} else {
		r.draftID, e = t.box.ProgramInput(t.draft, r.typ)
		t.draftIn++
	}
	t.must(e, "program")
	r.draft = t.draft
	return r.draftID
}

// Offsets in the record of a call; see abi.Call.
const (
	recIn     = 4
	recWords  = 8
	recSyms   = 12
	recHeader = 24
	symSize   = 40
	symOf     = 4
)

// symbolsAt is where the symbols of a record begin, and how many there are.
func symbolsAt(rec []byte) (off, n int) {
	le := binary.LittleEndian
	nIn := int(le.Uint32(rec[recIn:]))
	return recHeader + 4*(nIn+nIn%2) + 8*int(le.Uint32(rec[recWords:])), int(le.Uint32(rec[recSyms:]))
}

// refs are the results that the symbols of a record name.
func (t *Tracer) refs(rec []byte) []*result {
	off, n := symbolsAt(rec)
	var rs []*result
	for i := range n {
		id := binary.LittleEndian.Uint32(rec[off+symSize*i+symOf:])
		rs = append(rs, t.results[id-1])
	}
	return rs
}

// relabel replaces the ids of results in a record by the values that they have
// in a program.
func relabel(rec []byte, in func(*result) abi.Value, results []*result) {
	le := binary.LittleEndian
	put := func(p []byte) {
		if id := le.Uint32(p); id != 0 {
			le.PutUint32(p, uint32(in(results[id-1])))
		}
	}
	for i := range int(le.Uint32(rec[recIn:])) {
		put(rec[recHeader+4*i:])
	}
	off, n := symbolsAt(rec)
	for i := range n {
		put(rec[off+symSize*i+symOf:])
	}
}
