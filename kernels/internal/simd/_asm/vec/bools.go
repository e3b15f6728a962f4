package vec

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// Bools are the results of a comparison.
type Bools struct{ reg reg.Register }

// Compare is where the comparison of a and b holds.
func (f Form) Compare(predicate int, a, b V) Bools {
	if f.wide {
		k := K()
		VCMPPS(U8(predicate), b, a, k)
		return Bools{k}
	}
	m := f.New()
	VCMPPS(U8(predicate), b, a, m)
	return Bools{m}
}

// Large is where x is at least 2⁻⁶³ in size. What functions make of less is the
// same as of 0, or follows from x. A processor may take a hundred times as long
// for a product that has to do with a subnormal number.
func (f Form) Large(x V) Bools {
	const exponent = 0x60000000 // has none of these bits where it is less
	if f.wide {
		k := K()
		VPTESTMD(f.Bits(exponent), x, k)
		return Bools{k}
	}
	m := f.New()
	VPAND(f.Bits(exponent), x, m)
	VPCMPGTD(f.Zero(), m, m)
	return Bools{m}
}

// MulWhere is a · b where w holds, MinWhere is MinOf and AbsWhere is Abs there;
// all are 0 elsewhere.
func (f Form) MulWhere(w Bools, a, b V) V {
	if !f.wide {
		return f.Mul(f.And(a, w.reg), b)
	}
	v := f.New()
	VMULPS_Z(b, a, w.reg, v)
	return v
}

func (f Form) MinWhere(w Bools, bound, x V) V {
	if !f.wide {
		return f.And(f.MinOf(bound, x), w.reg)
	}
	v := f.New()
	VMINPS_Z(x, bound, w.reg, v)
	return v
}

func (f Form) AbsWhere(w Bools, x V) V {
	if !f.wide {
		return f.And(f.Abs(x), w.reg)
	}
	v := f.New()
	VANDPS_Z(f.Bits(0x7fffffff), x, w.reg, v)
	return v
}

// EqualInts is where integers are equal.
func (f Form) EqualInts(a, b V) Bools {
	if f.wide {
		k := K()
		VPCMPEQD(b, a, k)
		return Bools{k}
	}
	m := f.New()
	VPCMPEQD(b, a, m)
	return Bools{m}
}

// Choose is yes where b holds, no elsewhere.
func (f Form) Choose(b Bools, yes, no V) V {
	v := f.New()
	if f.wide {
		VBLENDMPS(yes, no, b.reg, v)
	} else {
		VBLENDVPS(b.reg, yes, no, v)
	}
	return v
}

// Grown is x times 2⁶⁴ where x is subnormal or 0, and where that is; elsewhere
// it is x. It needs no arithmetic with subnormal numbers.
func (f Form) Grown(x V) (V, Bools) {
	small := f.EqualInts(f.And(x, f.Bits(0x7f800000)), f.Zero())
	count := f.New()
	VCVTDQ2PS(f.Abs(x), count) // of 2⁻¹⁴⁹
	return f.Choose(small, f.CopySign(f.Mul(count, f.Const(0x1p-85)), x), x), small
}

// ScaleWhere is x·by where w holds, x elsewhere.
func (f Form) ScaleWhere(w Bools, x V, by float64) V {
	if !f.wide {
		return f.Choose(w, f.Mul(x, f.Const(by)), x)
	}
	v := f.Copy(x)
	VMULPS(f.Const(by), x, w.reg, v)
	return v
}

// Words is the lower 16 bits of each lane of a block, as which all of a lane can
// be read; SignedBytes and UnsignedBytes are the lower 8.
func (f Form) Words(list []V) V {
	words := YMM()
	if f.wide {
		VPMOVDW(list[0], words)
		return words
	}
	VPACKUSDW(list[1], list[0], words) // each half by itself
	VPERMQ(U8(0b11_01_10_00), words, words)
	return words
}

func (f Form) SignedBytes(list []V) V   { return f.bytes(VPACKSSWB, list) }
func (f Form) UnsignedBytes(list []V) V { return f.bytes(VPACKUSWB, list) }

func (f Form) bytes(pack func(...Op), list []V) V {
	x := XMM()
	if f.wide {
		VPMOVDB(list[0], x)
		return x
	}
	words, upper := YMM(), XMM()
	VPACKSSDW(list[1], list[0], words) // each half by itself
	VPERMQ(U8(0b11_01_10_00), words, words)
	VEXTRACTI128(Imm(1), words, upper)
	pack(upper, words.AsX(), x)
	return x
}

// Bytes01 is a byte of 0 or 1 for each lane of a block.
func (f Form) Bytes01(list []Bools) V {
	x, ones := XMM(), XMM()
	VMOVDQU(ones16(), ones)
	if f.wide {
		VPMOVM2B(list[0].reg, x)
	} else {
		x = f.SignedBytes([]V{list[0].reg.(V), list[1].reg.(V)})
	}
	VPAND(ones, x, x)
	return x
}

// ones16 is 16 bytes of 1 in memory.
func ones16() Mem {
	if bytes16 == nil {
		m := GLOBL("ones", RODATA|NOPTR)
		for i := range 16 {
			DATA(i, U8(1))
		}
		bytes16 = &m
	}
	return *bytes16
}

var bytes16 *Mem
