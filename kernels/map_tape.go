package kernels

import (
	"fmt"
	"math"
	"sync"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// A tape is a checked program, laid out to run on one tile of elements at a
// time while they are in the first-level cache. Its registers are slots: parts
// of a frame, or the memory of inputs and outputs where that can be used as it
// lies. A tape is not changed after newTape and serves any number of runs.
type tape struct {
	in    []access
	out   []result
	code  [3][]step // by level
	slots []slot
	width int64 // bytes in a frame for one element
	tile  int64 // elements
	cost  int64 // of an element
	pool  sync.Pool
}

// A level says how often a register is computed.
type level uint8

const (
	perFrame level = iota // it is a constant
	perRun                // it is the same for all elements
	perTile
)

// step is one instruction for a tile.
type step struct {
	run          loop  // nil to count along a dim of the output
	stride, dim  int64 // of that dim
	dst, a, b, c uint8 // slots
	imm          uint64
	round        tensor.DType // what dst is rounded to after it, or 0
}

// slot is where a register is held: width bytes for each element, at offset
// for each element of the frame, or outside of it.
type slot struct {
	width, offset int64
	outside       bool
}

// result is an output of the program.
type result struct {
	dtype  tensor.DType
	slot   uint8
	direct bool // the slot is the output's own memory
}

// Bounds of a tile.
const (
	minTile   = 64 // elements
	maxTile   = 1024
	frameSize = 32 << 10 // bytes, beyond which the tile becomes shorter
	tileCost  = 64 << 10 // some 50 µs
)

// newTape checks p for those inputs, which broadcast to shape, and lays it out.
// The type of shape's elements does not matter.
func newTape(p Program, in []tensor.Type, shape tensor.Type) (*tape, error) {
	if err := shape.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSize, err)
	}
	types := make([]tensor.DType, len(in))
	for i := range in {
		if types[i] = in[i].DType; !types[i].Valid() {
			return nil, fmt.Errorf("%w: input %d is absent", ErrArity, i)
		}
	}
	regs, err := p.check(types, int(shape.Rank))
	if err != nil {
		return nil, err
	}
	b := layout{tape: &tape{cost: 1}, p: &p, regs: regs, strides: strides(&shape), shape: shape}
	b.live()
	for i := range in {
		b.input(&in[i])
	}
	b.outputs()
	for k := range p.Code {
		if r := len(in) + k; b.last[r] >= 0 {
			b.instruction(r, &p.Code[k])
		}
	}
	for k, r := range p.Out {
		b.tape.out[k].slot = b.slot[r]
	}
	b.tape.size()
	return b.tape, nil
}

// layout is what newTape knows while it works.
type layout struct {
	*tape
	p       *Program
	regs    []tensor.DType
	shape   tensor.Type
	strides [tensor.MaxRank]int64

	last  []int // the last instruction to read each register, -1 if it is dead
	level []level
	slot  []uint8
	free  [9][]uint8 // slots of that width that no register needs any longer
}

// forever is later than any instruction.
const forever = maxMapCode

// live finds the instructions that some output needs.
func (b *layout) live() {
	n := len(b.regs) - len(b.p.Code)
	b.last = make([]int, len(b.regs))
	b.level = make([]level, len(b.regs))
	b.slot = make([]uint8, len(b.regs))
	for r := range b.last {
		b.last[r] = -1
	}
	for _, r := range b.p.Out {
		b.last[r] = forever
	}
	for k := len(b.p.Code) - 1; k >= 0; k-- {
		if b.last[n+k] < 0 {
			continue
		}
		i := &b.p.Code[k]
		for _, r := range i.operands(functions[i.Fn].arity) {
			b.last[r] = max(b.last[r], k)
		}
	}
}

// input gives an input its slot, outside of the frame where the elements can
// be used as they lie.
func (b *layout) input(t *tensor.Type) {
	r := len(b.in)
	a := newAccess(t, &b.shape)
	b.level[r] = perTile
	if a.uniform() {
		b.level[r] = perRun
	}
	a.used = b.last[r] >= 0
	b.in = append(b.in, a)
	b.slot[r] = b.add(held(t.DType), a.direct())
	b.cost++
}

func (b *layout) add(d tensor.DType, outside bool) uint8 {
	s := slot{width: int64(d.Size()), offset: b.width, outside: outside}
	if !outside {
		b.width += s.width
	}
	b.tape.slots = append(b.tape.slots, s)
	return uint8(len(b.tape.slots) - 1)
}

// outputs lists the outputs; place finds those that can be computed in place.
func (b *layout) outputs() {
	for _, r := range b.p.Out {
		b.out = append(b.out, result{dtype: b.regs[r]})
		b.cost++
	}
}

// outputOf is the output that register r may be computed into, or nil.
func (b *layout) outputOf(r int) *result {
	for k, o := range b.p.Out {
		if o == int64(r) && held(b.regs[r]) == b.regs[r] && b.level[r] == perTile {
			return &b.out[k]
		}
	}
	return nil
}

func (b *layout) instruction(r int, i *Instr) {
	f := &functions[i.Fn]
	k := r - (len(b.regs) - len(b.p.Code))
	s := step{imm: i.Imm}
	for n, o := range i.operands(f.arity) {
		b.level[r] = max(b.level[r], b.level[o])
		*[]*uint8{&s.a, &s.b, &s.c}[n] = b.slot[o]
		b.release(int(o), k)
	}
	d := b.regs[r]
	half := held(d) != d
	switch {
	case i.Fn == FnIota:
		b.level[r] = perTile
		s.a = b.count(int(i.Imm))
		s.run = castLoop(tensor.Int64, d)
	case i.Fn == FnCast:
		s.run = castLoop(b.regs[i.A], d)
	case i.Fn == FnConst && half:
		s.imm = uint64(math.Float32bits(halfOf(d).widen(uint16(i.Imm))))
		fallthrough
	default:
		s.run = loopTable[held(i.DType)][i.Fn]
	}
	b.cost += f.of(i.DType)
	if half {
		s.round = d
		b.cost++
	}
	s.dst = b.place(r)
	b.slot[r] = s.dst
	b.code[b.level[r]] = append(b.code[b.level[r]], s)
}

// count lays out the index along an axis of the output, as int64.
func (b *layout) count(axis int) uint8 {
	s := step{dst: b.add(tensor.Int64, false), stride: b.strides[axis], dim: b.shape.Dims[axis]}
	b.code[perTile] = append(b.code[perTile], s)
	return s.dst
}

// release frees the slot of register r after instruction k, its last reader.
// What is computed less often than for each tile stays.
func (b *layout) release(r, k int) {
	if b.last[r] != k || b.level[r] != perTile || r < len(b.in) {
		return
	}
	s := b.slot[r]
	b.last[r] = forever // an instruction may name the register twice
	if w := b.slots[s].width; !b.slots[s].outside {
		b.free[w] = append(b.free[w], s)
	}
}

// place finds a slot for the result in register r.
func (b *layout) place(r int) uint8 {
	if o := b.outputOf(r); o != nil {
		o.direct = true
		return b.add(b.regs[r], true)
	}
	d := held(b.regs[r])
	if list := b.free[d.Size()]; b.level[r] == perTile && len(list) > 0 {
		b.free[d.Size()] = list[:len(list)-1]
		return list[len(list)-1]
	}
	return b.add(d, false)
}

// size chooses the length of a tile: what fits in a frame and takes no longer
// than tileCost, and a whole number of periods of an input that repeats often,
// so that it is laid out only once.
func (t *tape) size() {
	t.tile = min(maxTile, max(minTile, min(frameSize/max(t.width, 1), tileCost/t.cost)))
	for i := range t.in {
		if p := t.in[i].period; p > 0 && p <= t.tile {
			t.tile = t.tile / p * p
			return
		}
	}
}

// chunk is the number of elements that a goroutine takes at once.
func (t *tape) chunk() int64 {
	return max(1, tileCost/(t.cost*t.tile)) * t.tile
}
