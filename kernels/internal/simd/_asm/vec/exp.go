package vec

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// The constants of ../../exp.go.
const (
	log2e       = 1.44269504088896340736
	ln2Hi       = 0x1.62e43p-1
	ln2Lo       = -0x1.05c61p-29
	shifter     = 0x1.8p23
	shifterBits = 0x4B400000
	expLow      = -87
)

// Exp follows Exp32 in ../../exp.go step by step.
func (f Form) Exp(x V) V {
	return f.ZeroBelow(x, f.Const(expLow), f.ExpWithin(f.MinWhere(f.Large(x), f.Const(89), x)))
}

// ExpWithin is exp in ../../exp.go. Below expLow it gives anything. It uses x up.
func (f Form) ExpWithin(x V) V {
	t := f.FMA(x, f.Const(log2e), f.Const(shifter))
	k := f.Sub(t, f.Const(shifter))
	hi := f.Const(ln2Hi)
	pause()
	VFNMADD231PS(hi, k, x)
	return f.scaled(f.expOfRest(x, k), t, k)
}

// expNegative is ExpWithin of -x, for x up to -expLow.
func (f Form) expNegative(x V) V {
	t := f.FMA(x, f.Const(-log2e), f.Const(shifter))
	k := f.Sub(t, f.Const(shifter))
	hi := f.Const(ln2Hi)
	pause()
	VFNMSUB231PS(hi, k, x)
	p := f.expOfRest(x, k)
	if f.wide {
		return f.scaled(p, t, k)
	}
	return f.Mul(p, f.AddInt(f.Left(t, 23), f.Bits(127<<23))) // nothing subnormal or infinite
}

// expOfRest is eʳ, but for what ln2Hi·k lacks of k·log 2 in r. It uses r up.
func (f Form) expOfRest(r, k V) V {
	lo := f.Const(ln2Lo)
	pause()
	VFNMADD231PS(lo, k, r)
	return f.Horner(r, 0x1.6a23cep-10, 0x1.123a2p-7, 0x1.5558f2p-5, 0x1.555492p-3, 0x1.fffffcp-2, 1, 1)
}

// scaled is 2ᵏ·p, where t is k and the shifter.
func (f Form) scaled(p, t, k V) V {
	if f.wide {
		return f.op2(VSCALEFPS, p, k) // rounds once, as the two factors do
	}
	n := f.SubInt(t, f.Bits(shifterBits))
	half := f.Right(n, 1)
	return f.Mul(f.Mul(p, f.pow2(half)), f.pow2(f.SubInt(n, half)))
}

func (f Form) pow2(n V) V { return f.Left(f.AddInt(n, f.Bits(127)), 23) }

// Sigmoid follows Sigmoid32 in ../../exp.go.
func (f Form) Sigmoid(x V) V {
	e := f.expNegative(f.MinWhere(f.Large(x), f.Const(-expLow), x))
	e = f.Add(e, f.Const(1))
	if !f.wide {
		return f.ZeroBelow(x, f.Const(expLow), f.Div(f.Const(1), e))
	}
	k, y := K(), f.New()
	VCMPPS(U8(NLT), f.Const(expLow), x, k)
	VDIVPS_Z(e, f.Const(1), k, y)
	return y
}
