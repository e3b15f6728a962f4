package host

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash"
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// key names a constant by what it is: a view of a blob, or the result of an op
// over other constants. Equal keys are equal bytes, within one model.
type key [sha256.Size]byte

// value is what a program computes with.
type value struct {
	typ   tensor.Type
	op    int32 // the op that makes it, or one of the sources below
	index int32 // which input, constant or result it is
	key   key   // of a constant
	konst bool
}

const (
	fromInput int32 = -1
	fromConst int32 = -2
)

// op is one step of a program: the record it was made from, so that it can be
// made again for other sizes, and its plan.
type op struct {
	row     *row
	number  abi.Op
	in      []abi.Value
	words   []int64
	now     []int64 // words at the sizes of the program
	symbols []abi.Symbol
	plan    kernels.Plan
	first   abi.Value // its results are first, first+1, …
	konst   bool      // all inputs are constants: runs once a model

	// Of a Repeat: what it runs, with what attributes, and the work of it.
	body   *program
	repeat abi.Repeat
	work   uint64
}

// program is a straight line of planned ops. It is built by one guest and
// frozen by seal; after that any number of goroutines run it.
type program struct {
	inputs []tensor.Type
	consts []*constant
	values []value // values[v-1] is value v
	ops    []op
	out    []abi.Value
	guards []abi.Guard
	bodies []*program // of its ops; held for as long as it is
	within int        // ops and values of these
	nested int        // how deep they are nested

	sealed bool
	sum    hash.Hash // over every record, while building
	id     key       // its content, once sealed
	layout layout
	ready  readiness
	life   life
}

func newProgram() *program { return &program{sum: sha256.New()} }

func (p *program) value(v abi.Value) *value {
	if v == 0 || int64(v) > int64(len(p.values)) {
		return nil
	}
	return &p.values[v-1]
}

func (p *program) add(v value) abi.Value {
	p.values = append(p.values, v)
	return abi.Value(len(p.values))
}

func (p *program) note(tag byte, bs ...[]byte) {
	p.sum.Write([]byte{tag})
	for _, b := range bs {
		p.sum.Write(b)
	}
}

func (p *program) addInput(t tensor.Type) abi.Value {
	p.note('i', abi.AppendType(nil, t))
	p.inputs = append(p.inputs, t)
	return p.add(value{typ: t, op: fromInput, index: int32(len(p.inputs) - 1)})
}

func (p *program) addConst(c *constant) abi.Value {
	p.note('c', c.key[:])
	p.consts = append(p.consts, c)
	return p.add(value{typ: c.typ, op: fromConst, index: int32(len(p.consts) - 1), key: c.key, konst: true})
}

// addOp checks and appends the op of one decoded record, which has no more than
// room results; body is what a Repeat runs.
func (p *program) addOp(c abi.Call, rec []byte, body *program, room int) (*op, abi.Errno) {
	r := table(c.Op)
	if r == nil {
		return nil, abi.ErrUnknown
	}
	o, e := p.append(op{row: r, number: c.Op, in: c.In, words: c.Words, symbols: c.Symbols, body: body}, room, nil)
	switch {
	case e != abi.OK: // what was refused is no part of the content
	case body == nil:
		p.note('o', rec)
	default:
		// A handle says nothing of the content.
		at := abi.WordsAt(len(c.In))
		p.note('r', rec[:at], body.id[:], rec[at+8:])
	}
	return o, e
}

// append plans o against the values so far: symbols are evaluated, attributes
// decoded, and the kernel's own rule gives the types of the results. With a
// context to do it in, a body is bound to the types that it is given.
func (p *program) append(o op, room int, bind context.Context) (*op, abi.Errno) {
	types := make([]tensor.Type, len(o.in))
	o.konst = len(o.symbols) == 0
	for i, v := range o.in {
		if v == 0 {
			continue
		}
		val := p.value(v)
		if val == nil {
			return nil, abi.ErrHandle
		}
		types[i] = val.typ
		o.konst = o.konst && val.konst
	}
	o.now = o.words
	if len(o.symbols) > 0 {
		o.now = slices.Clone(o.words)
		for _, s := range o.symbols {
			n, ok := p.eval(&s.Word)
			if !ok {
				return nil, abi.ErrRefused
			}
			o.now[s.At] = n
		}
	}
	attrs, e := o.row.attrs(o.now)
	if e != abi.OK {
		return nil, e
	}
	var plan kernels.Plan
	if o.body == nil {
		var err error
		if plan, err = o.row.kernel.Plan(types, attrs); err != nil {
			return nil, refusal(err)
		}
	} else {
		o.konst, o.repeat = false, attrs.(abi.Repeat)
		turn, e := turnTypes(types, &o.repeat)
		if e == abi.OK && bind != nil && len(turn) == len(o.body.inputs) && !equalTypes(turn, o.body.inputs) {
			if o.body = o.body.bind(bind, turn); o.body == nil {
				return nil, abi.ErrRefused
			}
		}
		if e == abi.OK {
			plan, o.work, e = planRepeat(turn, &o.repeat, o.body)
		}
		if e != abi.OK {
			return nil, e
		}
		if o.body.nested >= abi.MaxNested-1 || p.within+o.body.size() > maxWithin {
			return nil, abi.ErrCount
		}
	}
	switch {
	case len(plan.Out) == 0 || len(plan.Out) > abi.MaxOutputs:
		return nil, abi.ErrRefused
	case len(plan.Out) > room:
		return nil, abi.ErrCount
	}
	o.plan = plan
	o.first = abi.Value(len(p.values) + 1)
	for i, t := range plan.Out {
		v := value{typ: t, op: int32(len(p.ops)), index: int32(i), konst: o.konst}
		if o.konst {
			v.key = p.keyOf('r', i, &o, o.in)
		}
		p.values = append(p.values, v)
	}
	p.ops = append(p.ops, o)
	if o.body != nil {
		p.bodies = append(p.bodies, o.body)
		p.within += o.body.size()
		p.nested = max(p.nested, o.body.nested+1)
	}
	return &p.ops[len(p.ops)-1], abi.OK
}

// keyOf names result i of an op, or the packed form of its input i, by the op,
// its attributes and the names of the inputs that it is made of.
func (p *program) keyOf(what byte, i int, o *op, in []abi.Value) key {
	h := sha256.New()
	b := []byte{what, byte(i)}
	b = binary.LittleEndian.AppendUint32(b, uint32(o.number))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(o.now)))
	for _, w := range o.now {
		b = binary.LittleEndian.AppendUint64(b, uint64(w))
	}
	h.Write(b)
	for _, v := range in {
		var k key
		if v != 0 {
			k = p.value(v).key
		}
		h.Write(k[:])
	}
	return key(h.Sum(nil))
}

func (p *program) packKey(o *op) key { return p.keyOf('p', 1, o, o.in[1:2]) }

// eval is the value of a symbol at the sizes of this program.
func (p *program) eval(w *abi.Word) (int64, bool) {
	v := p.value(w.Of)
	if v == nil || w.Dim >= uint32(v.typ.Rank) {
		return 0, false
	}
	return w.Eval(v.typ.Dims[w.Dim])
}

// guarded reports whether every guard holds at the sizes of this program.
func (p *program) guarded() bool {
	for i := range p.guards {
		g := &p.guards[i]
		v := p.value(g.Word.Of)
		if v == nil || g.Word.Dim >= uint32(v.typ.Rank) || !g.Holds(v.typ.Dims[g.Word.Dim]) {
			return false
		}
	}
	return true
}

// seal fixes the outputs and guards and lays out memory. Nothing about the
// program changes afterwards.
func (p *program) seal(s abi.Seal, rec []byte) abi.Errno {
	p.out, p.guards = s.Out, s.Guards
	for _, v := range s.Out {
		if p.value(v) == nil {
			return abi.ErrHandle
		}
	}
	if !p.guarded() {
		return abi.ErrRefused
	}
	p.note('s', rec)
	p.id = key(p.sum.Sum(nil))
	p.layout = p.lay()
	p.sealed = true
	return abi.OK
}

// bind makes the program again for other input types: symbols are evaluated
// anew, and every op that they or other types reach is planned anew. It answers
// nil when a guard or an op says that the program does not hold for these sizes,
// or when ctx ends.
func (p *program) bind(ctx context.Context, inputs []tensor.Type) *program {
	if len(inputs) != len(p.inputs) {
		return nil
	}
	q := &program{
		inputs: inputs, consts: p.consts, out: p.out, guards: p.guards,
		values: make([]value, 0, len(p.values)), ops: make([]op, 0, len(p.ops)),
	}
	for i := 0; i < len(p.values); {
		if ctx.Err() != nil {
			return nil
		}
		v := p.values[i]
		if v.op >= 0 {
			o := &p.ops[v.op]
			if q.plannedAs(p, o) {
				q.ops = append(q.ops, *o)
				q.values = append(q.values, p.values[i:i+len(o.plan.Out)]...)
				i += len(o.plan.Out)
				continue
			}
			made, e := q.append(op{row: o.row, number: o.number, in: o.in, words: o.words, symbols: o.symbols, body: o.body}, len(o.plan.Out), ctx)
			if e != abi.OK || len(made.plan.Out) != len(o.plan.Out) {
				return nil
			}
			i += len(o.plan.Out)
			continue
		}
		if v.op == fromInput {
			v.typ = inputs[v.index]
		}
		q.values = append(q.values, v)
		i++
	}
	if !q.guarded() {
		return nil
	}
	h := sha256.New()
	h.Write(p.id[:])
	for _, t := range inputs {
		h.Write(abi.AppendType(nil, t))
	}
	q.id = key(h.Sum(nil))
	q.layout = q.lay()
	q.sealed = true
	return q
}

// plannedAs reports whether o, an op of the program that this one is made of, is
// planned alike here: a plan depends on types and attributes alone.
func (p *program) plannedAs(from *program, o *op) bool {
	if len(o.symbols) > 0 || o.body != nil {
		return false
	}
	for _, v := range o.in {
		if v != 0 && p.values[v-1].typ != from.values[v-1].typ {
			return false
		}
	}
	return true
}

// outType is the type of output i.
func (p *program) outType(i int) tensor.Type { return p.value(p.out[i]).typ }

// refusal is the errno of a kernel's refusal.
func refusal(err error) abi.Errno {
	for _, r := range [...]struct {
		why kernels.Refusal
		e   abi.Errno
	}{
		{kernels.ErrArity, abi.ErrArity}, {kernels.ErrDType, abi.ErrDType}, {kernels.ErrRank, abi.ErrRank},
		{kernels.ErrAttr, abi.ErrAttr}, {kernels.ErrShape, abi.ErrShape}, {kernels.ErrSize, abi.ErrSize}, {kernels.ErrValue, abi.ErrValue},
	} {
		if errors.Is(err, r.why) {
			return r.e
		}
	}
	return abi.ErrRefused
}
