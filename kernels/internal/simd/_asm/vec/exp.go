package vec

import . "github.com/mmcloughlin/avo/build"

// Exp follows Exp32 in ../../exp.go step by step.
func (f Form) Exp(x V) V {
	const (
		log2e       = 1.44269504088896340736
		ln2Hi       = 0.693359375
		ln2Lo       = -2.12194440e-4
		shifter     = 0x1.8p23
		shifterBits = 0x4B400000
	)
	x = f.MinOf(f.Const(89), f.MaxOf(f.Const(-104), x))
	t := f.Add(f.Mul(x, f.Const(log2e)), f.Const(shifter))
	k := f.Sub(t, f.Const(shifter))
	r := f.Sub(x, f.Mul(k, f.Const(ln2Hi)))
	r = f.Sub(r, f.Mul(k, f.Const(ln2Lo)))
	p := f.Horner(r, 1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1)
	y := f.Add(f.Add(r, f.Mul(p, f.Mul(r, r))), f.Const(1))
	if f.wide {
		return f.op2(VSCALEFPS, y, k) // rounds once, as the two factors do
	}
	n := f.SubInt(t, f.Bits(shifterBits))
	half := f.Right(n, 1)
	return f.Mul(f.Mul(y, f.pow2(half)), f.pow2(f.SubInt(n, half)))
}

func (f Form) pow2(n V) V { return f.Left(f.AddInt(n, f.Bits(127)), 23) }
