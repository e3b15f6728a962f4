// Package vec writes vector instructions alike for AVX-512 and for AVX2.
package vec

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// V is a vector of float32s or of 32-bit integers.
type V = reg.VecVirtual

// Form is an instruction set.
type Form struct {
	Name   string
	Lanes  int // of 32 bits
	wide   bool
	Paired bool // two bodies share the registers
}

// Forms are those for which each primitive is written.
var Forms = []Form{{Name: "512", Lanes: 16, wide: true}, {Name: "256", Lanes: 8}}

// Bytes is the size of a vector.
func (f Form) Bytes() int { return 4 * f.Lanes }

// New is a register that holds nothing.
func (f Form) New() V {
	pause()
	if f.Lanes == 16 {
		return ZMM()
	}
	return YMM()
}

// Zero is a vector of zeros.
func (f Form) Zero() V {
	v := f.New()
	VXORPS(v, v, v)
	return v
}

// Load is the vector at m.
func (f Form) Load(m Op) V {
	v := f.New()
	VMOVUPS(m, v)
	return v
}

// Copy is v in a register that may be changed.
func (f Form) Copy(v V) V {
	w := f.New()
	VMOVAPS(v, w)
	return w
}

// Broadcast is a vector of the float32 at m.
func (f Form) Broadcast(m Mem) V {
	v := f.New()
	VBROADCASTSS(m, v)
	return v
}

// Op2 makes a function of an instruction that computes dst = a · b. One of its
// operands, b, may be in memory.
func (f Form) op2(i func(...Op), a V, b Op) V {
	v := f.New()
	i(b, a, v)
	return v
}

// Arithmetic, each rounded once.
func (f Form) Add(a V, b Op) V { return f.op2(VADDPS, a, b) }
func (f Form) Sub(a V, b Op) V { return f.op2(VSUBPS, a, b) }
func (f Form) Mul(a V, b Op) V { return f.op2(VMULPS, a, b) }
func (f Form) Div(a V, b Op) V { return f.op2(VDIVPS, a, b) }

// Bitwise operations.
func (f Form) And(a V, b Op) V    { return f.op2(VANDPS, a, b) }
func (f Form) AndNot(a V, b Op) V { return f.op2(VANDNPS, a, b) } // ¬a ∧ b
func (f Form) Or(a V, b Op) V     { return f.op2(VORPS, a, b) }
func (f Form) Xor(a V, b Op) V    { return f.op2(VXORPS, a, b) }

// Integers.
func (f Form) AddInt(a V, b Op) V { return f.op2(VPADDD, a, b) }
func (f Form) SubInt(a V, b Op) V { return f.op2(VPSUBD, a, b) }
func (f Form) Left(a V, n int) V {
	v := f.New()
	VPSLLD(U8(n), a, v)
	return v
}

// Right copies the sign.
func (f Form) Right(a V, n int) V {
	v := f.New()
	VPSRAD(U8(n), a, v)
	return v
}

// RightZero fills with zeros.
func (f Form) RightZero(a V, n int) V {
	v := f.New()
	VPSRLD(U8(n), a, v)
	return v
}

// IntOf is x toward zero, 0 of NaN, and -2³¹ of what is out of range.
func (f Form) IntOf(x V) V {
	v := f.New()
	if f.wide {
		k := K()
		VCMPPS(U8(Ordered), x, x, k)
		VCVTTPS2DQ_Z(x, k, v)
		return v
	}
	VCVTTPS2DQ(x, v)
	ordered := f.New()
	VCMPPS(U8(Ordered), x, x, ordered)
	return f.And(v, ordered)
}

// Sortable is x as integers in the order of the numbers, -0 before 0, with NaNs
// beyond both infinities. It is its own inverse.
func (f Form) Sortable(x V) V {
	return f.Xor(x, f.And(f.Right(x, 31), f.Bits(0x7fffffff)))
}

// FMA is a·b + c, rounded once.
func (f Form) FMA(a, b, c V) V { return f.fused(VFMADD231PS, a, b, c) }

// NegFMA is -a·b + c, rounded once.
func (f Form) NegFMA(a, b, c V) V { return f.fused(VFNMADD231PS, a, b, c) }

func (f Form) fused(i func(...Op), a, b, c V) V {
	v := f.New()
	VMOVAPS(c, v)
	i(b, a, v)
	return v
}

// ZeroBelow is v, or 0 where x is less than low.
func (f Form) ZeroBelow(x, low, v V) V {
	w := f.New()
	if f.wide {
		k := K()
		VCMPPS(U8(NLT), low, x, k)
		VMOVAPS_Z(v, k, w)
		return w
	}
	VCMPPS(U8(NLT), low, x, w)
	VANDPS(v, w, w)
	return w
}

// MaxOf and MinOf are x where x is NaN or both are zero.
func (f Form) MaxOf(bound Op, x V) V { return f.first(VMAXPS, bound, x) }
func (f Form) MinOf(bound Op, x V) V { return f.first(VMINPS, bound, x) }

func (f Form) first(i func(...Op), bound Op, x V) V {
	b, ok := bound.(V)
	if !ok {
		b = f.Load(bound)
	}
	return f.op2(i, b, x)
}

// Predicates of comparisons, none of which traps on NaN.
const (
	EQ        = 0
	LT        = 17
	LE        = 18
	NE        = 4
	GE        = 29
	GT        = 30
	NLT       = 21 // these also where either is NaN
	NLE       = 22
	NGE       = 25
	Unordered = 3
	Ordered   = 7
)

// Select is yes where the comparison of a and b holds, no elsewhere.
func (f Form) Select(predicate int, a V, b Op, yes, no V) V {
	v := f.New()
	if f.wide {
		k := K()
		VCMPPS(U8(predicate), b, a, k)
		VBLENDMPS(yes, no, k, v)
		return v
	}
	mask := f.New()
	VCMPPS(U8(predicate), b, a, mask)
	VBLENDVPS(mask, yes, no, v)
	return v
}

// Max and Min are as in Go: NaN if either is, and -0 before 0.
func (f Form) Max(a, b V) V {
	return f.nanOf(a, b, f.And(f.MaxOf(a, b), f.MaxOf(b, a)))
}

func (f Form) Min(a, b V) V {
	return f.nanOf(a, b, f.Or(f.MinOf(a, b), f.MinOf(b, a)))
}

// nanOf is v, or a NaN where a or b is one.
func (f Form) nanOf(a, b, v V) V { return f.Select(Unordered, a, b, f.Add(a, b), v) }

// Abs and Neg change the sign bit alone.
func (f Form) Abs(x V) V { return f.And(x, f.Bits(0x7fffffff)) }
func (f Form) Neg(x V) V { return f.Xor(x, f.Bits(0x80000000)) }

// CopySign is x with the sign of s.
func (f Form) CopySign(x, s V) V { return f.Or(f.Abs(x), f.And(s, f.Bits(0x80000000))) }

// Round rounds to whole numbers: mode 0 to even, 1 down, 2 up, 3 to zero.
func (f Form) Round(x V, mode int) V {
	v := f.New()
	if f.wide {
		VRNDSCALEPS(U8(8|mode), x, v)
	} else {
		VROUNDPS(U8(8|mode), x, v)
	}
	return v
}

// Sqrt is the square root.
func (f Form) Sqrt(x V) V {
	v := f.New()
	VSQRTPS(x, v)
	return v
}

// Horner is the polynomial of x with coefficients c, highest first, by fused
// multiply-adds.
func (f Form) Horner(x V, c ...float64) V {
	s := f.New()
	VMOVAPS(f.Const(c[0]), s)
	for _, k := range c[1:] {
		k := f.operand(k)
		pause()
		VFMADD213PS(k, x, s)
	}
	return s
}

// A Mask is some of the first lanes.
type Mask struct {
	form Form
	reg  reg.Register // nil for all lanes
}

// All is the mask of all lanes.
func (f Form) All() Mask { return Mask{form: f} }

// First is a mask of the first n lanes, n less than their number.
func (f Form) First(n reg.GPVirtual) Mask {
	if f.wide {
		ones, k := GP32(), K()
		MOVL(U32(0xffff), ones)
		BZHIL(n.As32(), ones, ones)
		KMOVW(ones, k)
		return Mask{f, k}
	}
	lanes, m, count := f.New(), f.New(), f.New()
	x := XMM()
	VMOVD(n.As32(), x)
	VPBROADCASTD(x, count)
	VMOVDQU(lane(), lanes)
	VPCMPGTD(lanes, count, m)
	return Mask{f, m}
}

var lanes *Mem

// lane is the number of each lane in memory.
func lane() Mem {
	if lanes == nil {
		m := GLOBL("lane", RODATA|NOPTR)
		for i := range 16 {
			DATA(4*i, U32(uint32(i)))
		}
		lanes = &m
	}
	return *lanes
}

// Load reads the lanes of the mask; the others are 0.
func (m Mask) Load(from Mem) V {
	v := m.form.New()
	m.LoadTo(from, v)
	return v
}

// LoadTo is Load into a register.
func (m Mask) LoadTo(from Mem, v V) {
	switch {
	case m.reg == nil:
		VMOVUPS(from, v)
	case m.form.wide:
		VMOVUPS_Z(from, m.reg, v)
	default:
		VMASKMOVPS(from, m.reg, v)
	}
}

// Operand is a vector in memory for an instruction that would read all lanes.
func (m Mask) Operand(at Mem) Op {
	if m.reg == nil {
		return at
	}
	return m.Load(at)
}

// Store writes the lanes of the mask.
func (m Mask) Store(v V, to Mem) {
	switch {
	case m.reg == nil:
		VMOVUPS(v, to)
	case m.form.wide:
		VMOVUPS(v, m.reg, to)
	default:
		VMASKMOVPS(v, m.reg, to)
	}
}

// Arg is where an argument of the function lies.
func Arg(name string) Mem {
	b, err := Param(name).Resolve()
	if err != nil {
		panic(err)
	}
	return b.Addr
}

// Clamp brings vectors between the arguments low and high, as Ending says. The
// argument zero is 0 where low is and -0 elsewhere: max(-0, 0) is 0, but the
// instruction gives its first operand of two zeros, as it does of a NaN.
func (f Form) Clamp(list []V) {
	low, high, zero := f.Broadcast(Arg("low")), f.Broadcast(Arg("high")), f.Broadcast(Arg("zero"))
	for _, v := range list {
		VMAXPS(v, low, v)
		VADDPS(zero, v, v)
		VMINPS(v, high, v)
	}
}
