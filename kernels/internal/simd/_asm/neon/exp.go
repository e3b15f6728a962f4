package neon

// The constants of ../../exp.go.
const (
	log2e   = 1.44269504088896340736
	ln2Hi   = 0x1.62e43p-1
	ln2Lo   = -0x1.05c61p-29
	shifter = 0x1.8p23
	expLow  = -87
)

// Exp follows Exp32 in ../../exp.go step by step.
func (f *Func) Exp(x V) V {
	return f.ZeroBelow(x, f.Const(expLow), f.ExpWithin(f.Min(x, f.Const(89))))
}

// ExpWithin is exp in ../../exp.go. Below expLow it gives anything.
func (f *Func) ExpWithin(x V) V {
	t := f.Fresh(shifter)
	f.Do("fmla", t, x, f.Const(log2e))
	n, k := f.SubInt(t, f.Const(shifter)), f.Sub(t, f.Const(shifter))
	r := f.NegFMA(k, f.Const(ln2Lo), f.NegFMA(k, f.Const(ln2Hi), x))
	y := f.Horner(r, 0x1.6a23cep-10, 0x1.123a2p-7, 0x1.5558f2p-5, 0x1.555492p-3, 0x1.fffffcp-2, 1, 1)
	half := f.Right(n, 1)
	return f.Mul(f.Mul(y, f.pow2(half)), f.pow2(f.SubInt(n, half)))
}

func (f *Func) pow2(n V) V { return f.Left(f.AddInt(n, f.Bits(127)), 23) }

// Sigmoid follows Sigmoid32 in ../../exp.go.
func (f *Func) Sigmoid(x V) V {
	e := f.ExpWithin(f.Neg(f.Min(x, f.Const(-expLow))))
	return f.ZeroBelow(x, f.Const(expLow), f.Div(f.Const(1), f.Add(e, f.Const(1))))
}
