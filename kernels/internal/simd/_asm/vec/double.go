package vec

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
	"github.com/mmcloughlin/avo/x86"
)

// Doubles is an instruction set on lanes of 64 bits. An operand of type Op may
// be a constant in memory.
type Doubles struct {
	Name  string
	Lanes int
	wide  bool
}

// Doubles is the form on lanes of 64 bits, of which a vector has half as many.
func (f Form) Doubles() Doubles { return Doubles{f.Name, f.Lanes / 2, f.wide} }

// New is a register that holds nothing.
func (d Doubles) New() V {
	if d.wide {
		return ZMM()
	}
	return YMM()
}

// half is a register for a vector of as many lanes of 32 bits.
func (d Doubles) half() V {
	if d.wide {
		return YMM()
	}
	return XMM()
}

// Const is a vector of x.
func (d Doubles) Const(x float64) Mem { return d.Bits(math.Float64bits(x)) }

// Bits is a vector of integers.
func (d Doubles) Bits(x uint64) Mem {
	m, ok := inQuads[x]
	if !ok {
		m = GLOBL(fmt.Sprintf("quad%016x", x), RODATA|NOPTR)
		for i := range 4 { // as many as a ymm has
			DATA(8*i, U64(x))
		}
		inQuads[x] = m
	}
	return m
}

var inQuads = map[uint64]Mem{}

// Load is a constant in a register.
func (d Doubles) Load(c Mem) V {
	v := d.New()
	VBROADCASTSD(c, v)
	return v
}

// Widen is the float32s at m, Narrow those that are nearest to v.
func (d Doubles) Widen(m Mem) V {
	v := d.New()
	VCVTPS2PD(m, v)
	return v
}

func (d Doubles) Narrow(v V) V {
	x := d.half()
	if d.wide {
		VCVTPD2PS(v, x)
	} else {
		VCVTPD2PSY(v, x)
	}
	return x
}

// op2 makes a function of an instruction that computes dst = a · b, and of its
// form that spreads b from memory.
func (d Doubles) op2(i, spread func(...Op), a V, b Op) V {
	v := d.New()
	if _, constant := b.(Mem); constant && d.wide {
		i = spread
	}
	i(b, a, v)
	return v
}

// Arithmetic, each rounded once.
func (d Doubles) Add(a V, b Op) V { return d.op2(VADDPD, VADDPD_BCST, a, b) }
func (d Doubles) Sub(a V, b Op) V { return d.op2(VSUBPD, VSUBPD_BCST, a, b) }
func (d Doubles) Mul(a V, b Op) V { return d.op2(VMULPD, VMULPD_BCST, a, b) }
func (d Doubles) Div(a V, b Op) V { return d.op2(VDIVPD, VDIVPD_BCST, a, b) }

// Sqrt is the square root.
func (d Doubles) Sqrt(a V) V {
	v := d.New()
	VSQRTPD(a, v)
	return v
}

// MaxOf and MinOf are x where x is NaN or both are zero.
func (d Doubles) MaxOf(bound Mem, x V) V { return d.op2(VMAXPD, VMAXPD_BCST, d.Load(bound), x) }
func (d Doubles) MinOf(bound Mem, x V) V { return d.op2(VMINPD, VMINPD_BCST, d.Load(bound), x) }

// Bitwise operations.
func (d Doubles) And(a V, b Op) V { return d.op2(VANDPD, VANDPD_BCST, a, b) }
func (d Doubles) Or(a V, b Op) V  { return d.op2(VORPD, VORPD_BCST, a, b) }
func (d Doubles) Xor(a V, b Op) V { return d.op2(VXORPD, VXORPD_BCST, a, b) }

// AddInt adds integers; Left and Right shift them and fill with zeros.
func (d Doubles) AddInt(a V, b Op) V { return d.op2(VPADDQ, VPADDQ_BCST, a, b) }

func (d Doubles) Left(a V, n int) V {
	v := d.New()
	VPSLLQ(U8(n), a, v)
	return v
}

func (d Doubles) Right(a V, n int) V {
	v := d.New()
	VPSRLQ(U8(n), a, v)
	return v
}

// Within is the integer a, at least low and at most high, all under 2³¹.
func (d Doubles) Within(low, high Mem, a V) V {
	a = d.op2(VPMAXSD, VPMAXSD_BCST, d.Load(low), a)
	return d.op2(VPMINSD, VPMINSD_BCST, d.Load(high), a)
}

// Abs and Neg change the sign bit alone.
func (d Doubles) Abs(x V) V { return d.And(x, d.Bits(1<<63-1)) }
func (d Doubles) Neg(x V) V { return d.Xor(x, d.Bits(1<<63)) }

// CopySign is x with the sign of s.
func (d Doubles) CopySign(x, s V) V { return d.Or(d.Abs(x), d.And(s, d.Bits(1<<63))) }

// Rint rounds to whole numbers, ties to even.
func (d Doubles) Rint(x V) V {
	v := d.New()
	if d.wide {
		VRNDSCALEPD(U8(8), x, v)
	} else {
		VROUNDPD(U8(8), x, v)
	}
	return v
}

// Horner is the polynomial of x with coefficients c, highest first.
func (d Doubles) Horner(x V, c ...float64) V {
	s := d.Load(d.Const(c[0]))
	for _, k := range c[1:] {
		s = d.Add(d.Mul(s, x), d.Const(k))
	}
	return s
}

// Compare is where the comparison of a and b holds.
func (d Doubles) Compare(predicate int, a V, b Op) Bools {
	if !d.wide {
		m := d.New()
		VCMPPD(U8(predicate), b, a, m)
		return Bools{m}
	}
	k := K()
	if _, constant := b.(Mem); constant {
		VCMPPD_BCST(U8(predicate), b, a, k)
	} else {
		VCMPPD(U8(predicate), b, a, k)
	}
	return Bools{k}
}

// Signs is where the sign bit of v is set.
func (d Doubles) Signs(v V) Bools {
	if !d.wide {
		return Bools{v}
	}
	k := K()
	VPMOVQ2M(v, k)
	return Bools{k}
}

// Both is where a and b hold, Either where one of them does, Without where a
// does but not b.
func (d Doubles) Both(a, b Bools) Bools    { return d.join(KANDB, VANDPD, a, b) }
func (d Doubles) Either(a, b Bools) Bools  { return d.join(KORB, VORPD, a, b) }
func (d Doubles) Without(a, b Bools) Bools { return d.join(KANDNB, VANDNPD, b, a) }

func (d Doubles) join(k func(a, b, c Op), i func(...Op), a, b Bools) Bools {
	if d.wide {
		to := K()
		k(b.reg, a.reg, to)
		return Bools{to}
	}
	m := d.New()
	i(b.reg, a.reg, m)
	return Bools{m}
}

// Choose is yes in the lanes where b holds, no elsewhere.
func (d Doubles) Choose(b Bools, yes Op, no V) V {
	v := d.New()
	if !d.wide {
		VBLENDVPD(b.reg, yes, no, v)
		return v
	}
	form := x86.VBLENDMPD
	if _, constant := yes.(Mem); constant {
		form = x86.VBLENDMPD_BCST
	}
	i, err := form(yes, no, b.reg, v)
	if err != nil {
		panic(err)
	}
	// Avo takes what is written under a mask for something that is read before,
	// and would keep a register for it.
	i.Inputs = []Op{yes, no, b.reg}
	Instruction(i)
	return v
}

// Gather is the number at[8·i] in each lane with the integer i.
func (d Doubles) Gather(at reg.GPVirtual, disp int, i V) V {
	v := d.New()
	VXORPD(v, v, v)
	m := Mem{Base: at, Index: i, Scale: 8, Disp: disp}
	if d.wide {
		k, all := K(), GP32()
		MOVL(U32(0xff), all)
		KMOVB(all, k)
		VGATHERQPD(m, k, v)
	} else {
		all := d.New()
		VPCMPEQD(all, all, all)
		VGATHERQPD(all, m, v)
	}
	return v
}

// A DoubleMask is the lanes that are in use.
type DoubleMask struct {
	of  Doubles
	reg reg.Register
}

// All is the mask of all lanes.
func (d Doubles) All() DoubleMask {
	if d.wide {
		k := K()
		KXNORB(k, k, k)
		return DoubleMask{d, k}
	}
	m := XMM()
	VPCMPEQD(m, m, m)
	return DoubleMask{d, m}
}

// First makes it the mask of the first n lanes, n less than their number.
func (m DoubleMask) First(n reg.GPVirtual) {
	if m.of.wide {
		ones := GP32()
		MOVL(U32(0xff), ones)
		BZHIL(n.As32(), ones, ones)
		KMOVB(ones, m.reg)
		return
	}
	VMOVD(n.As32(), m.reg)
	VPBROADCASTD(m.reg, m.reg)
	VPCMPGTD(lane(), m.reg, m.reg)
}

// Load reads the float32s in the lanes of the mask; the others are 0.
func (m DoubleMask) Load(from Mem) V {
	v := m.of.New()
	if m.of.wide {
		VCVTPS2PD_Z(from, m.reg, v)
	} else {
		x := XMM()
		VMASKMOVPS(from, m.reg, x)
		VCVTPS2PD(x, v)
	}
	return v
}

// Store writes the lanes of the mask, rounded to float32.
func (m DoubleMask) Store(v V, to Mem) {
	if x := m.of.Narrow(v); m.of.wide {
		VMOVUPS(x, m.reg, to)
	} else {
		VMASKMOVPS(x, m.reg, to)
	}
}

// Broadcast is a vector of the float32 at m.
func (d Doubles) Broadcast(m Mem) V {
	x, v := XMM(), d.New()
	VCVTSS2SD(m, x, x)
	VBROADCASTSD(x, v)
	return v
}
