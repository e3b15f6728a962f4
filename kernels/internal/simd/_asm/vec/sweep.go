package vec

import (
	"math/bits"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A Sweep is a function that goes over places of an image, several at a time,
// one vector of channels after another. Addresses are counted in bytes.
type Sweep struct {
	Form
	// Together are how many places share what a run of taps needs: as many as
	// there are go through the first of these, the rest through the next.
	Together []int

	Step, Step3 reg.GPVirtual // between places of x, once and three times
	XNext       reg.GPVirtual // between taps
	Y           reg.GPVirtual // the vector of the first place that is computed

	at             reg.GPVirtual
	yAt, xAt, left Mem // of a line: where it goes on, and how many places are left
}

// SweepArgs are the arguments that the function has at least, in this order.
const SweepArgs = "yLine, xLine *float32, count, step, ldy, lines, lineX, lineY int, runs *int, n, taps, xNext, channels int"

// Function writes the function. load loads what sums needs, which computes one
// vector of channels of some places, of which the first is at x.
func (s *Sweep) Function(name, signature string, load func(), sums func(places int, x reg.GPVirtual, mask Mask)) {
	s.Form.Function(name, signature, func() { s.body(load, sums) })
}

func (s *Sweep) body(load func(), sums func(places int, x reg.GPVirtual, mask Mask)) {
	stack := AllocLocal(3 * 8)
	s.yAt, s.xAt, s.left = stack, stack.Offset(8), stack.Offset(16)
	s.Step, s.Step3, s.XNext = s.Load("step"), GP64(), s.Load("xNext")
	for _, stride := range []Op{s.Step, s.XNext, Arg("ldy"), Arg("lineX"), Arg("lineY")} {
		SHLQ(Imm(2), stride)
	}
	LEAQ(Mem{Base: s.Step, Index: s.Step, Scale: 2}, s.Step3)
	s.Y, s.at = GP64(), GP64()
	load()

	line := NewLabel("line")
	Label(line)
	for _, copied := range []struct {
		from string
		to   Mem
	}{{"yLine", s.yAt}, {"xLine", s.xAt}, {"count", s.left}} {
		MOVQ(Arg(copied.from), s.at)
		MOVQ(s.at, copied.to)
	}
	for _, places := range s.Together {
		next, done := NewLabel("places"), NewLabel("fewer")
		Label(next)
		CMPQ(s.left, Imm(uint64(places)))
		JLT(LabelRef(done))
		s.channels(places, sums)
		SUBQ(Imm(uint64(places)), s.left)
		s.advance(s.yAt, Arg("ldy"), places)
		s.advance(s.xAt, s.Step, places)
		JMP(LabelRef(next))
		Label(done)
	}
	s.advance(Arg("yLine"), Arg("lineY"), 1)
	s.advance(Arg("xLine"), Arg("lineX"), 1)
	DECQ(Arg("lines"))
	JNZ(LabelRef(line))
	Leave()
}

// advance moves a pointer by a stride for each of some places, a power of two.
func (s *Sweep) advance(pointer Mem, stride Op, places int) {
	MOVQ(stride, s.at)
	SHLQ(U8(bits.TrailingZeros(uint(places))), s.at)
	ADDQ(s.at, pointer)
}

// Load is the argument of that name in a register.
func (s *Sweep) Load(name string) reg.GPVirtual { return get(Arg(name)) }

func get(from Mem) reg.GPVirtual {
	r := GP64()
	MOVQ(from, r)
	return r
}

// channels computes all channels of some places.
func (s *Sweep) channels(places int, sums func(places int, x reg.GPVirtual, mask Mask)) {
	x, left := get(s.xAt), s.Load("channels")
	MOVQ(s.yAt, s.Y)
	next, rest, done := NewLabel("next"), NewLabel("rest"), NewLabel("done")
	SUBQ(Imm(uint64(s.Lanes)), left)
	JLT(LabelRef(rest))
	Label(next)
	sums(places, x, s.All())
	for _, p := range []reg.GPVirtual{s.Y, x} {
		ADDQ(Imm(uint64(s.Bytes())), p)
	}
	SUBQ(Imm(uint64(s.Lanes)), left)
	JGE(LabelRef(next))
	Label(rest)
	ADDQ(Imm(uint64(s.Lanes)), left)
	JZ(LabelRef(done))
	sums(places, x, s.First(left))
	Label(done)
}

// Beside is the vector that lies at the same channels of the row at p.
func (s *Sweep) Beside(p reg.GPVirtual) reg.GPVirtual {
	ADDQ(s.Y, p)
	SUBQ(s.yAt, p)
	return p
}

// Runs writes do for each run of taps; it gets where the run is described, two
// words of which the first is its place in x, and where in x it begins.
func (s *Sweep) Runs(x reg.GPVirtual, do func(run, x reg.GPVirtual)) {
	run, left, at := s.Load("runs"), s.Load("n"), GP64()
	next, done := NewLabel("run"), NewLabel("summed")
	TESTQ(left, left)
	JZ(LabelRef(done))
	Label(next)
	MOVQ(Mem{Base: run}, at)
	LEAQ(Mem{Base: x, Index: at, Scale: 4}, at)
	do(run, at)
	ADDQ(Imm(16), run)
	DECQ(left)
	JNZ(LabelRef(next))
	Label(done)
}

// Taps writes do for each tap of a run that begins at x; it gets where the tap
// of each place is.
func (s *Sweep) Taps(x reg.GPVirtual, places int, do func(at []Mem)) {
	count, next := s.Load("taps"), NewLabel("tap")
	Label(next)
	var list []Mem
	base := x
	for q := range places {
		if q == 4 {
			LEAQ(Mem{Base: x, Index: s.Step, Scale: 4}, s.at)
			base = s.at
		}
		at := Mem{Base: base}
		switch q % 4 {
		case 1, 2:
			at.Index, at.Scale = s.Step, uint8(q%4)
		case 3:
			at.Index, at.Scale = s.Step3, 1
		}
		list = append(list, at)
	}
	do(list)
	ADDQ(s.XNext, x)
	DECQ(count)
	JNZ(LabelRef(next))
}

// Rows does something with each vector and where it lies in y.
func (s *Sweep) Rows(list []V, do func(at Mem, v V)) {
	p, ldy := GP64(), s.Load("ldy")
	MOVQ(s.Y, p)
	for q, v := range list {
		if q > 0 {
			ADDQ(ldy, p)
		}
		do(Mem{Base: p}, v)
	}
}
