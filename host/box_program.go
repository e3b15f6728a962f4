package host

import (
	"time"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// errDry ends a dry run where the data decides what comes next.
const errDry Error = "the data decides"

// ProgramNew opens an empty program.
func (b *Box) ProgramNew() (abi.Handle, abi.Errno) {
	if len(b.programs) >= abi.MaxPrograms {
		return 0, abi.ErrCount
	}
	s := &slot{program: newProgram()}
	if err := b.weigh(s, opWeight); err != nil {
		return 0, b.end(err)
	}
	s.hold()
	h := b.handle()
	b.programs[h] = s
	return h, abi.OK
}

// building finds a program that may still grow by one value.
func (b *Box) building(h abi.Handle) (*slot, abi.Errno) {
	p := b.programs[h]
	switch {
	case p == nil:
		return nil, abi.ErrHandle
	case p.sealed:
		return nil, abi.ErrState
	case len(p.ops) >= abi.MaxOps || len(p.values) >= 2*abi.MaxOps || b.built >= abi.MaxBuilt:
		return nil, abi.ErrCount
	}
	if err := b.weigh(p, opWeight); err != nil {
		return nil, b.end(err)
	}
	b.built++
	return p, abi.OK
}

// What a value of a program takes in the host, its plan included, and what each
// byte of the record that seals one does, in bytes.
const (
	opWeight   = 512
	sealWeight = 2
)

// weigh charges for holding more of a program.
func (b *Box) weigh(p *slot, n int64) error {
	if err := b.ledger.charge(n); err != nil {
		return err
	}
	p.weight += n
	b.weight += n
	return nil
}

// unweigh ends the charge for a program that nothing holds any longer.
func (b *Box) unweigh(p *slot) {
	b.ledger.release(p.weight)
	b.weight -= p.weight
	p.weight = 0
}

// ProgramInput appends an input.
func (b *Box) ProgramInput(h abi.Handle, t abi.Type) (abi.Value, abi.Errno) {
	p, e := b.building(h)
	switch {
	case e != abi.OK:
		return 0, e
	case t.Check() != nil:
		return 0, abi.ErrType
	case len(p.inputs) >= abi.MaxArity:
		return 0, abi.ErrCount
	}
	return p.addInput(t), abi.OK
}

// ProgramConst appends a constant: a view of a model blob and nothing else.
func (b *Box) ProgramConst(h, t abi.Handle) (abi.Value, abi.Errno) {
	p, e := b.building(h)
	if e != abi.OK {
		return 0, e
	}
	v := b.tensor(t)
	if v == nil || v.view == nil {
		return 0, abi.ErrHandle
	}
	return p.addConst(v.view), abi.OK
}

// ProgramOp appends the op of one record and answers with its results.
func (b *Box) ProgramOp(h abi.Handle, rec []byte, out []abi.Result) (int, abi.Errno) {
	p, e := b.building(h)
	if e != abi.OK {
		return 0, e
	}
	c, e := abi.DecodeCall(rec)
	if e != abi.OK {
		return 0, e
	}
	body, e := b.body(&c)
	if e != abi.OK {
		return 0, e
	}
	weight := 16 * int64(len(rec))
	if body != nil {
		weight += opWeight * int64(body.size())
	}
	if err := b.weigh(p, weight); err != nil {
		return 0, b.end(err)
	}
	o, e := p.addOp(c, rec, body, len(out))
	if e == abi.ErrSize {
		// A tensor that no size can count is over every limit of memory.
		return 0, b.end(ErrMemory)
	}
	if e != abi.OK {
		return 0, e
	}
	if body != nil {
		body.hold()
	}
	for i, t := range o.plan.Out {
		out[i] = abi.Result{Value: o.first + abi.Value(i), Type: t}
	}
	return len(o.plan.Out), abi.OK
}

// body is the program that a Repeat names, nil for any other op.
func (b *Box) body(c *abi.Call) (*program, abi.Errno) {
	if c.Op != abi.OpRepeat {
		return nil, abi.OK
	}
	if len(c.Words) == 0 || len(c.Symbols) > 0 && c.Symbols[0].At == 0 {
		return nil, abi.ErrRecord
	}
	h := abi.Handle(c.Words[0])
	p := b.programs[h]
	switch {
	case int64(h) != c.Words[0] || p == nil:
		return nil, abi.ErrHandle
	case !p.sealed:
		return nil, abi.ErrState
	}
	return p.program, abi.OK
}

// ProgramSeal checks what the program would cost against the limits and
// freezes it. A program of the same content that the model already has takes
// its place, with its constants made.
func (b *Box) ProgramSeal(h abi.Handle, rec []byte) abi.Errno {
	p := b.programs[h]
	switch {
	case p == nil:
		return abi.ErrHandle
	case p.sealed:
		return abi.ErrState
	}
	if err := b.weigh(p, sealWeight*int64(len(rec))); err != nil {
		return b.end(err)
	}
	s, e := abi.DecodeSeal(rec)
	if e != abi.OK {
		return e
	}
	if e := p.seal(s, rec); e != abi.OK {
		return e
	}
	if err := b.affordable(p.program); err != nil {
		return b.end(err)
	}
	b.prework = addWork(b.prework, p.layout.prework)
	if same := b.m.plans.program(p.id); same != nil {
		b.unweigh(p)
		b.m.drop(p.program)
		p.program = same
	}
	return abi.OK
}

// affordable refuses a program that could not run within the limits, before
// anything is allocated for it.
func (b *Box) affordable(p *program) error {
	l := &p.layout
	switch {
	case tensor.AddSat(tensor.AddSat(l.arena, l.frame), l.outputs) > b.limits.Memory-b.ledger.total():
		return ErrMemory
	case addWork(b.cost.Work, l.work) > b.limits.Work, addWork(b.prework, l.prework) > b.limits.Work:
		return ErrWork
	}
	return nil
}

// ProgramRun runs a sealed program. Its results are new tensors.
func (b *Box) ProgramRun(h abi.Handle, in, out []abi.Handle) (int, abi.Errno) {
	p := b.programs[h]
	switch {
	case p == nil:
		return 0, abi.ErrHandle
	case !p.sealed || !b.running():
		return 0, abi.ErrState
	case len(in) != len(p.inputs) || len(out) < len(p.out):
		return 0, abi.ErrArity
	case len(b.tensors)+len(p.out) > abi.MaxTensors:
		return 0, abi.ErrCount
	}
	args, sources := make([]kernels.Tensor, len(in)), make([]source, len(in))
	for i, ref := range in {
		t := b.tensor(ref)
		if t == nil {
			return 0, abi.ErrHandle
		}
		if t.typ != p.inputs[i] {
			return 0, abi.ErrType
		}
		data, err := b.bytes(ref, t)
		if err != nil {
			return 0, b.end(err)
		}
		if t.view == nil {
			t.used = true
		}
		args[i], sources[i] = kernels.Tensor{Type: t.typ, Data: data}, b.sourceOf(ref, t)
	}
	b.cost.Work = addWork(b.cost.Work, p.layout.work)
	b.cost.Flops = tensor.AddSat(b.cost.Flops, p.layout.flops)
	if err := b.check(); err != nil {
		return 0, b.end(err)
	}
	results := make([]kernels.Tensor, len(p.out))
	mem := make([]*memory, len(p.out))
	var err error
	for i := range results {
		results[i].Type = p.outType(i)
		if mem[i], err = b.take(results[i].Bytes()); err != nil {
			break
		}
		results[i].Data = mem[i].data
	}
	if err == nil && b.rec.open {
		err = b.ledger.charge(stepCost + sourceCost*int64(len(sources)))
	}
	step := b.rec.run(p.program, sources)
	if err == nil {
		err = b.compute(p.program, args, results)
	}
	if err != nil {
		for _, m := range mem {
			m.free()
		}
		if e := refusal(err); e == abi.ErrValue {
			b.rec.close()
			return 0, e
		}
		return 0, b.end(err)
	}
	for i, r := range results {
		out[i], _ = b.addTensor(&held{typ: r.Type, data: r.Data, mem: mem[i], used: true, source: source{step, int32(i)}})
	}
	return len(results), abi.OK
}

// take is memory for a result; in a dry run it is only charged.
func (b *Box) take(n int64) (*memory, error) {
	if !b.dry {
		return allocate(b.ledger, n)
	}
	if err := b.ledger.charge(n); err != nil {
		return nil, err
	}
	return &memory{ledger: b.ledger, n: n}, nil
}

// sourceOf is where a plan finds a tensor. Views are found by their handles, and
// those that the run made are not there in the next.
func (b *Box) sourceOf(h abi.Handle, t *held) source {
	switch {
	case t.view == nil:
		return t.source
	case b.m.tensors[h] != t:
		return source{step: noSource}
	}
	return source{step: fromModel, index: int32(h)}
}

// compute runs p; in a dry run its memory is only charged.
func (b *Box) compute(p *program, in, out []kernels.Tensor) error {
	if b.dry {
		n := tensor.AddSat(p.layout.arena, p.layout.frame)
		err := b.ledger.charge(n)
		if err == nil {
			b.ledger.release(n)
		}
		return err
	}
	start := time.Now()
	err := p.run(b.ctx, b.m, b.ledger, in, out)
	b.kernel += time.Since(start)
	return err
}

// bytes is the memory of a tensor that a program takes; a view of a blob is
// read once a run.
func (b *Box) bytes(h abi.Handle, t *held) ([]byte, error) {
	if t.view == nil || b.dry {
		return t.data, nil
	}
	if m := b.views[h]; m != nil {
		return m.data, nil
	}
	m, err := allocate(b.ledger, t.typ.Bytes())
	if err != nil {
		return nil, err
	}
	b.views[h] = m
	if err := t.view.read(b.ctx, b.m.pool, m.data); err != nil {
		return nil, err
	}
	return m.data, nil
}

// retire lets go of the freed programs that a plan could still have used, once
// there will be none.
func (b *Box) retire() {
	if b.rec.open {
		return
	}
	for _, p := range b.retired {
		b.release(p)
	}
	b.retired = nil
}

// release ends the box's hold of a program.
func (b *Box) release(p *slot) {
	b.unweigh(p)
	b.m.drop(p.program)
}

// ProgramFree gives up a program. Plans that use it keep it.
func (b *Box) ProgramFree(h abi.Handle) abi.Errno {
	p := b.programs[h]
	if p == nil {
		return abi.ErrHandle
	}
	delete(b.programs, h)
	if p.sealed && b.rec.open {
		b.retired = append(b.retired, p)
		return abi.OK
	}
	b.release(p)
	b.retire()
	return abi.OK
}

// ProgramPublish lets the host serve what this run did, without the guest, to
// every request of the same types in which the guest would have read the same
// bytes. The host decides from its own record whether that can be known.
func (b *Box) ProgramPublish() abi.Errno {
	if !b.running() || b.stop != nil {
		return abi.ErrState
	}
	if b.dry {
		return abi.OK
	}
	for i, t := range b.out {
		if t.Data == nil && t.Type == (tensor.Type{}) {
			continue
		}
		if b.outRef[i].step == noSource {
			return abi.OK
		}
	}
	b.m.publish(b)
	return abi.OK
}
