package host

import (
	"sync"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
)

// A frame is what one run of a program computes in: its arena, and the calls of
// its kernels, ready but for what the run itself brings. Frames of a program
// wait for its next run, so a served run takes no memory and touches pages that
// are there. A kernel writes every byte of its results, so nothing of an
// earlier run is ever read.
type frame struct {
	arena  *memory
	calls  []kernels.Call
	ops    []*op            // of each call
	args   []kernels.Tensor // of all calls
	turns  map[int]*turns   // of calls that are no kernel's
	binds  []bind
	copies []copied
}

// bind is an argument whose bytes the run brings: input or output at.
type bind struct {
	arg, at int32
	out     bool
}

// copied is an output that no step computes in its own place: it is input or
// output at, or else has the bytes from.
type copied struct {
	place
	out  int
	from []byte
}

// What a call and an argument of one take in a frame, in bytes.
const (
	callWeight = 256
	argWeight  = 128
)

// newFrame makes the calls of a prepared program over an arena.
func (p *program) newFrame(arena []byte, pool *kernels.Pool) *frame {
	lay := &p.layout
	f := &frame{
		calls: make([]kernels.Call, 0, lay.calls), ops: make([]*op, 0, lay.calls),
		args: make([]kernels.Tensor, 0, lay.args),
	}
	scratch := arena[lay.arena-lay.scratch:]
	for _, s := range lay.steps {
		o := &p.ops[s]
		if o.row.memory == alias {
			continue
		}
		from, packed := len(f.args), o.packs(p)
		for i, v := range o.in {
			f.add(p, v, arena, i == 1 && packed)
		}
		mid := len(f.args)
		for j := range o.plan.Out {
			f.add(p, o.first+abi.Value(j), arena, false)
		}
		to := len(f.args)
		if o.body != nil {
			if f.turns == nil {
				f.turns = map[int]*turns{}
			}
			f.turns[len(f.calls)] = newTurns(o, scratch, pool)
		}
		f.ops = append(f.ops, o)
		f.calls = append(f.calls, kernels.Call{
			Plan: &o.plan, Pool: pool, In: f.args[from:mid:mid], Out: f.args[mid:to:to],
			Packed: p.ready.packed[s], Scratch: scratch[:o.scratch(p)],
		})
	}
	for i, v := range p.out {
		if at := lay.places[v-1]; at != (place{atOutput, int64(i)}) {
			f.copies = append(f.copies, copied{at, i, p.bytes(v, arena)})
		}
	}
	return f
}

// add appends an argument: nothing for value 0, and no bytes where the kernel
// has a packed form of them.
func (f *frame) add(p *program, v abi.Value, arena []byte, packed bool) {
	var t kernels.Tensor
	if v != 0 {
		t.Type = p.values[v-1].typ
		switch at := p.layout.places[v-1]; {
		case packed:
		case at.kind == atInput || at.kind == atOutput:
			f.binds = append(f.binds, bind{int32(len(f.args)), int32(at.at), at.kind == atOutput})
		default:
			t.Data = p.bytes(v, arena)
		}
	}
	f.args = append(f.args, t)
}

// bytes are those of a value that does not depend on the run, or nil.
func (p *program) bytes(v abi.Value, arena []byte) []byte {
	switch at := p.layout.places[v-1]; at.kind {
	case atConst:
		return p.ready.data[at.at]
	case atArena:
		n := p.values[v-1].typ.Bytes()
		return arena[at.at : at.at+n : at.at+n]
	}
	return nil
}

// frames are those of one program that wait, charged to the model.
type frames struct {
	mu   sync.Mutex
	idle []*frame
}

// maxIdle is how many frames of a program wait: more runs at once than that
// take fresh ones.
const maxIdle = 4

// frame takes a waiting frame of a prepared program, or a new one, charged to l.
func (m *Model) frame(p *program, l *ledger) (*frame, error) {
	p.frames.mu.Lock()
	var f *frame
	if n := len(p.frames.idle); n > 0 {
		f = p.frames.idle[n-1]
		p.frames.idle = p.frames.idle[:n-1]
	}
	p.frames.mu.Unlock()
	if f == nil {
		arena, err := allocate(l, p.layout.arena)
		if err != nil {
			return nil, err
		}
		if err := arena.add(p.layout.frame); err != nil {
			arena.free()
			return nil, err
		}
		f := p.newFrame(arena.data, m.pool)
		f.arena = arena
		return f, nil
	}
	m.spare.Add(-f.arena.n)
	if !f.arena.move(l) {
		f.arena.free()
		return nil, ErrMemory
	}
	return f, nil
}

// rest lets a frame wait, if the model has room for it. It keeps nothing of the
// run.
func (m *Model) rest(p *program, f *frame) {
	f.forget()
	p.frames.mu.Lock()
	defer p.frames.mu.Unlock()
	if len(p.frames.idle) == maxIdle || p.life.holders.Load() == 0 || !f.arena.move(&m.ledger) {
		f.arena.free()
		return
	}
	m.spare.Add(f.arena.n)
	p.frames.idle = append(p.frames.idle, f)
}

// forget lets go of what the run brought.
func (f *frame) forget() {
	for _, b := range f.binds {
		f.args[b.arg].Data = nil
	}
	for i := range f.calls {
		f.calls[i].Ctx = nil
	}
	for _, t := range f.turns {
		t.forget()
	}
}

// unrest frees the frames of p that wait.
func (m *Model) unrest(p *program) {
	p.frames.mu.Lock()
	defer p.frames.mu.Unlock()
	for _, f := range p.frames.idle {
		m.spare.Add(-f.arena.n)
		f.arena.free()
	}
	p.frames.idle = nil
}

// unrestAll frees the waiting frames of every plan.
func (m *Model) unrestAll() {
	m.plans.mu.Lock()
	defer m.plans.mu.Unlock()
	for _, t := range m.plans.trees {
		t.each(m.unrest)
	}
}

// share is what a run may not take: the model's own memory, without what only
// waits for a run.
func (m *Model) share() int64 { return m.ledger.total() - m.spare.Load() }
