package host

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
)

// A frame is the calls of a program's kernels over an arena, ready but for what
// the run itself brings.
type frame struct {
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
	callWeight = 1280
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
