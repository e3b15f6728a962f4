package host

import (
	"math"
	"slices"
	"sort"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// align is the alignment of every tensor in an arena: a cache line, and the
// width of the widest vector register.
const align = 64

// minWork is charged for an op whatever it does: planning, dispatch, a tile.
const minWork = 64

// place is where the bytes of a value are during a run.
type place struct {
	kind placeKind
	at   int64 // index of the input, constant value or output; offset in the arena
}

type placeKind uint8

const (
	nowhere placeKind = iota // a value that no run needs
	atInput
	atConst
	atArena
	atOutput
)

// layout is what a run of a sealed program does and needs, known exactly
// before it starts.
type layout struct {
	places   []place // of each value
	steps    []int32 // the ops to run, in order
	prologue []int32 // the constant ops behind them, in order
	arena    int64   // bytes of intermediate values and scratch
	scratch  int64   // its last bytes, shared by all ops
	calls    int     // steps that compute
	args     int     // their inputs and results
	frame    int64   // bytes that the host needs for them
	outputs  int64   // bytes
	kept     []int32 // of each output the input in whose memory it may lie, or -1
	work     uint64
	flops    int64
	prework  uint64 // of the prologue, once a model
}

// work is the charge for one op.
func work(o *op) uint64 {
	if o.body != nil {
		return o.work
	}
	n := tensor.AddSat(o.plan.Flops, o.plan.Bytes)
	return uint64(n/8) + minWork
}

// lay finds which ops a run needs, which of them are constant, and where each
// value lives: an arena in which a value's bytes are free for others after its
// last use. It takes O(n log n) time whatever the program.
func (p *program) lay() layout {
	l := layout{places: make([]place, len(p.values))}
	root := p.roots()
	needed := make([]bool, len(p.values))
	last := make([]int32, len(p.values)) // the last step that reads a root value
	mark := func(v abi.Value, at int32) {
		if v == 0 {
			return
		}
		needed[v-1] = true
		if r := root[v-1]; last[r] < at {
			last[r] = at
		}
	}
	end := int32(len(p.ops))
	for _, v := range p.out {
		mark(v, end)
	}
	for i := len(p.ops) - 1; i >= 0; i-- {
		o := &p.ops[i]
		use := false
		for j := range o.plan.Out {
			use = use || needed[int(o.first)-1+j]
		}
		if !use {
			continue
		}
		for _, v := range o.in {
			mark(v, int32(i))
		}
		if o.konst {
			l.prologue = append(l.prologue, int32(i))
			l.prework = addWork(l.prework, work(o))
		} else {
			l.steps = append(l.steps, int32(i))
			if o.row.memory != alias {
				l.calls++
				l.args += len(o.in) + len(o.plan.Out)
			}
			if b := o.body; b != nil {
				l.frame = tensor.AddSat(l.frame, tensor.AddSat(b.layout.frame, argWeight*int64(len(b.inputs)+len(b.out))))
			}
			l.work = addWork(l.work, work(o))
			l.flops = tensor.AddSat(l.flops, o.plan.Flops)
			l.scratch = max(l.scratch, roundUp(o.scratch(p)))
			if o.packs(p) {
				l.prework = addWork(l.prework, uint64(o.plan.Packed/8)+minWork)
			}
		}
	}
	reverse(l.steps)
	reverse(l.prologue)

	for i := range p.values {
		switch v := &p.values[i]; {
		case v.op == fromInput:
			l.places[i] = place{atInput, int64(v.index)}
		case v.konst:
			l.places[i] = place{atConst, int64(i)}
		}
	}
	for i, v := range p.out {
		l.outputs = tensor.AddSat(l.outputs, roundUp(p.values[v-1].typ.Bytes()))
		if r := root[v-1]; l.places[r].kind == nowhere {
			l.places[r] = place{atOutput, int64(i)}
		}
	}
	var free extents
	dying := make([][]int32, len(p.ops)+1)
	for _, s := range l.steps {
		o := &p.ops[s]
		for j := range o.plan.Out {
			v := int(o.first) - 1 + j
			if int(root[v]) != v {
				l.places[v] = l.places[root[v]]
				continue
			}
			if l.places[v].kind != nowhere {
				continue
			}
			if from := p.overwritten(o, s, j, root, last); from >= 0 && l.places[from].kind == atArena {
				l.places[v] = l.places[from]
				dying[s] = slices.DeleteFunc(dying[s], func(w int32) bool { return w == from })
			} else {
				l.places[v] = place{atArena, free.take(roundUp(p.values[v].typ.Bytes()), &l.arena)}
			}
			d := max(last[v], s)
			dying[d] = append(dying[d], int32(v))
		}
		for _, v := range dying[s] {
			free.put(l.places[v].at, roundUp(p.values[v].typ.Bytes()))
		}
	}
	l.arena = tensor.AddSat(l.arena, l.scratch)
	l.frame = tensor.AddSat(l.frame, int64(l.calls)*callWeight+int64(l.args)*argWeight)
	l.kept = make([]int32, len(p.out))
	for i, v := range p.out {
		l.kept[i] = -1
		r := root[v-1]
		made := &p.values[r]
		if made.op == fromInput {
			l.kept[i] = made.index
		} else if made.op >= 0 && l.places[r] == (place{atOutput, int64(i)}) {
			from := p.overwritten(&p.ops[made.op], made.op, int(made.index), root, last)
			if from >= 0 && p.values[from].op == fromInput {
				l.kept[i] = p.values[from].index
			}
		}
	}
	return l
}

// roots gives for each value the value whose bytes it shares: itself, or for
// the result of a view what was viewed.
func (p *program) roots() []int32 {
	root := make([]int32, len(p.values))
	for i := range root {
		root[i] = int32(i)
		if v := &p.values[i]; v.op >= 0 && !v.konst {
			if o := &p.ops[v.op]; o.row.memory == alias {
				root[i] = root[o.in[0]-1]
			}
		}
	}
	return root
}

// overwritten is the root of input 0 of o, step s, if result j may take its
// memory: an op that goes over it, whose other inputs lie elsewhere, is the last
// to read it; else -1.
func (p *program) overwritten(o *op, s int32, j int, root, last []int32) int32 {
	if j > 0 || o.row.memory != over {
		return -1
	}
	from := root[o.in[0]-1]
	for _, v := range o.in[1:] {
		if v != 0 && root[v-1] == from {
			return -1
		}
	}
	if last[from] != s {
		return -1
	}
	return from
}

// packs reports whether o runs on a packed form of a constant input 1.
func (o *op) packs(p *program) bool {
	return o.plan.Packed > 0 && len(o.in) > 1 && o.in[1] != 0 && p.values[o.in[1]-1].konst
}

// scratch is what a step needs: one that is given a packed form makes none.
func (o *op) scratch(p *program) int64 {
	if o.packs(p) {
		return max(o.plan.Scratch-o.plan.Packed, 0)
	}
	return o.plan.Scratch
}

func roundUp(n int64) int64 {
	if n > math.MaxInt64-align {
		return math.MaxInt64
	}
	return (n + align - 1) &^ (align - 1)
}

func addWork(a, b uint64) uint64 {
	if a+b < a {
		return math.MaxUint64
	}
	return a + b
}

func reverse(s []int32) {
	for i, j := 0, len(s)-1; i < j; i, j = i+1, j-1 {
		s[i], s[j] = s[j], s[i]
	}
}

// extents are the free ranges of an arena, by rising offset. Their number is
// capped: a hostile program that leaves thousands of holes pays with memory,
// not with the host's time.
type extents struct{ list []extent }

type extent struct{ off, n int64 }

const maxExtents = 256

// take finds n bytes: the smallest hole that fits, or the end of the arena.
func (f *extents) take(n int64, size *int64) int64 {
	if n == 0 {
		return 0
	}
	best := -1
	for i := range f.list {
		if f.list[i].n >= n && (best < 0 || f.list[i].n < f.list[best].n) {
			best = i
		}
	}
	if best < 0 {
		off := *size
		if k := len(f.list); k > 0 && f.list[k-1].off+f.list[k-1].n == off {
			off = f.list[k-1].off
			f.list = f.list[:k-1]
		}
		*size = tensor.AddSat(off, n)
		return off
	}
	e := &f.list[best]
	off := e.off
	if e.off, e.n = e.off+n, e.n-n; e.n == 0 {
		f.list = append(f.list[:best], f.list[best+1:]...)
	}
	return off
}

// put gives n bytes back and joins them with their neighbours.
func (f *extents) put(off, n int64) {
	if n == 0 {
		return
	}
	i := sort.Search(len(f.list), func(i int) bool { return f.list[i].off > off })
	if i > 0 && f.list[i-1].off+f.list[i-1].n == off {
		f.list[i-1].n += n
		if i < len(f.list) && off+n == f.list[i].off {
			f.list[i-1].n += f.list[i].n
			f.list = append(f.list[:i], f.list[i+1:]...)
		}
		return
	}
	if i < len(f.list) && off+n == f.list[i].off {
		f.list[i].off, f.list[i].n = off, f.list[i].n+n
		return
	}
	if len(f.list) == maxExtents {
		return
	}
	f.list = append(f.list, extent{})
	copy(f.list[i+1:], f.list[i:])
	f.list[i] = extent{off, n}
}
