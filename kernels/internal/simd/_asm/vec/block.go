package vec

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Lanes is how many lanes a sum has; a block has as many elements.
const Lanes = 16

var labels int

// NewLabel makes a name that no other label has.
func NewLabel(name string) string {
	labels++
	return fmt.Sprintf("%s%d", name, labels)
}

// Blocks writes do for the elements i … i+15 of every block of n, and once more
// for what is left. It gets the elements in use of each vector of a block.
func (f Form) Blocks(n Mem, do func(i reg.GPVirtual, where []Mask)) {
	next, rest, done := NewLabel("block"), NewLabel("rest"), NewLabel("done")
	i, left := GP64(), GP64()
	XORQ(i, i)
	MOVQ(n, left)
	SUBQ(Imm(Lanes), left)
	JLT(LabelRef(rest))
	Label(next)
	all := make([]Mask, f.PerBlock())
	for v := range all {
		all[v] = f.All()
	}
	do(i, all)
	ADDQ(Imm(Lanes), i)
	SUBQ(Imm(Lanes), left)
	JGE(LabelRef(next))
	Label(rest)
	ADDQ(Imm(Lanes), left)
	JZ(LabelRef(done))
	do(i, f.firsts(left))
	Label(done)
}

// PerBlock is how many vectors hold a block.
func (f Form) PerBlock() int { return Lanes / f.Lanes }

// At is vector v of the block at element i of p.
func (f Form) At(p, i reg.GPVirtual, v int) Mem {
	return Mem{Base: p, Index: i, Scale: 4, Disp: v * f.Bytes()}
}

// firsts are masks of the first n lanes of a block, n less than their number.
func (f Form) firsts(n reg.GPVirtual) []Mask {
	if f.wide {
		return []Mask{f.First(n)}
	}
	x, count := XMM(), f.New()
	VMOVD(n.As32(), x)
	VPBROADCASTD(x, count)
	masks := make([]Mask, f.PerBlock())
	for v := range masks {
		lanes, m := f.New(), f.New()
		VMOVDQU(lane().Offset(v*f.Bytes()), lanes)
		VPCMPGTD(lanes, count, m)
		masks[v] = Mask{f, m}
	}
	return masks
}

// Or is v with the lanes of other where the mask is not.
func (m Mask) Or(v, other V) V {
	if m.reg == nil {
		return v
	}
	w := m.form.New()
	if m.form.wide {
		VBLENDMPS(v, other, m.reg, w)
	} else {
		VBLENDVPS(m.reg, v, other, w)
	}
	return w
}

// OrZero is v with zeros in the lanes where the mask is not.
func (m Mask) OrZero(v V) V {
	if m.reg == nil {
		return v
	}
	w := m.form.New()
	if m.form.wide {
		VMOVAPS_Z(v, m.reg, w)
	} else {
		VANDPS(v, m.reg, w)
	}
	return w
}

// Tree joins the lanes of a block, 0 with 8, 1 with 9 …, then 0 with 4 and so
// on. The result is in lane 0. A join may use more registers.
func (f Form) Tree(lanes []V, join func(more func() V, a, b, to reg.Register)) V {
	y, x := func() V { return YMM() }, func() V { return XMM() }
	v := y()
	if f.wide {
		high := y()
		VEXTRACTF64X4(Imm(1), lanes[0], high)
		join(y, lanes[0].AsY(), high, v)
	} else {
		join(y, lanes[0], lanes[1], v)
	}
	next, r := x(), x()
	VEXTRACTF128(Imm(1), v, next)
	join(x, v.AsX(), next, r)
	VMOVHLPS(r, r, next)
	join(x, r, next, r)
	VMOVSHDUP(r, next)
	join(x, r, next, r)
	return r
}

// Found is the lanes in which something was found.
type Found struct {
	form Form
	reg  reg.Register
}

// NewFound is no lane.
func (f Form) NewFound() Found {
	if f.wide {
		k := K()
		KXORW(k, k, k)
		return Found{f, k}
	}
	return Found{f, f.Zero()}
}

// Find adds the lanes where the comparison of a and b holds.
func (g Found) Find(predicate int, a, b V) {
	if g.form.wide {
		k := K()
		VCMPPS(U8(predicate), b, a, k)
		KORW(k, g.reg, g.reg)
	} else {
		m := g.form.New()
		VCMPPS(U8(predicate), b, a, m)
		VORPS(m, g.reg, g.reg)
	}
}

// LessInts is where a, as integers, is less than b.
func (f Form) LessInts(a, b V) Found {
	g := Found{f, f.New()}
	if f.wide {
		g.reg = K()
	}
	VPCMPGTD(a, b, g.reg)
	return g
}

// Join adds what was found elsewhere.
func (g Found) Join(other Found) {
	if g.form.wide {
		KORW(other.reg, g.reg, g.reg)
	} else {
		VORPS(other.reg, g.reg, g.reg)
	}
}

// Choose is yes in the lanes that were found, no elsewhere.
func (g Found) Choose(yes, no V) V { return Mask{g.form, g.reg}.Or(yes, no) }

// JumpUnless jumps unless something was found.
func (g Found) JumpUnless(label string) {
	if g.form.wide {
		KORTESTW(g.reg, g.reg)
	} else {
		VTESTPS(g.reg, g.reg)
	}
	JZ(LabelRef(label))
}

// Eight is the form with vectors of eight lanes, masked as the form has it.
func (f Form) Eight() Form {
	f.Lanes = 8
	return f
}
