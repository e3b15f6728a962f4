package neon

import "math"

// Arithmetic, each rounded once. Max and Min are as in Go: NaN if either is, and
// -0 before 0.
func (f *Func) Add(a, b V) V { return f.Of("fadd", a, b) }
func (f *Func) Sub(a, b V) V { return f.Of("fsub", a, b) }
func (f *Func) Mul(a, b V) V { return f.Of("fmul", a, b) }
func (f *Func) Div(a, b V) V { return f.Of("fdiv", a, b) }
func (f *Func) Max(a, b V) V { return f.Of("fmax", a, b) }
func (f *Func) Min(a, b V) V { return f.Of("fmin", a, b) }
func (f *Func) Sqrt(a V) V   { return f.Of("fsqrt", a) }
func (f *Func) Abs(a V) V    { return f.Of("fabs", a) }
func (f *Func) Neg(a V) V    { return f.Of("fneg", a) }

// FMA is a·b + c, rounded once.
func (f *Func) FMA(a, b, c V) V {
	s := f.CopyV(c)
	f.Do("fmla", s, a, b)
	return s
}

// NegFMA is -a·b + c, rounded once.
func (f *Func) NegFMA(a, b, c V) V {
	s := f.CopyV(c)
	f.Do("fmls", s, a, b)
	return s
}

// And, and the functions of integers below it, work on bits.
func (f *Func) And(a, b V) V    { return f.Of("and", a, b) }
func (f *Func) AddInt(a, b V) V { return f.Of("add", a, b) }
func (f *Func) SubInt(a, b V) V { return f.Of("sub", a, b) }

// Greater is all ones where a is greater than b, zero elsewhere.
func (f *Func) Greater(a, b V) V { return f.Of("fcmgt", a, b) }

// Select is yes where mask is, no elsewhere.
func (f *Func) Select(mask, yes, no V) V {
	m := f.CopyV(mask)
	f.Do("bsl", m, yes, no)
	return m
}

// CopySign is x with the sign of s.
func (f *Func) CopySign(x, s V) V { return f.Select(f.Bits(1<<31), s, x) }

// ZeroBelow is v, or 0 where x is less than low.
func (f *Func) ZeroBelow(x, low, v V) V { return f.Of("bic", v, f.Greater(low, x)) }

// Round rounds to whole numbers: mode n to even, m down, p up, z to zero.
func (f *Func) Round(x V, mode string) V { return f.Of("frint"+mode, x) }

// Horner is the polynomial of x with coefficients c, highest first, by fused
// multiply-adds.
func (f *Func) Horner(x V, c ...float64) V {
	s := f.Fresh(c[0])
	for _, k := range c[1:] {
		next := f.Fresh(k)
		f.Do("fmla", next, s, x)
		s = next
	}
	return s
}

// Const is a vector of x, which is not to be changed. It stays in its register.
func (f *Func) Const(x float64) V { return f.Bits(math.Float32bits(float32(x))) }

// Bits is Const for the bits of integers.
func (f *Func) Bits(x uint32) V { return f.Words([4]uint32{x, x, x, x}) }

// Words is Const for any lanes.
func (f *Func) Words(w [4]uint32) V {
	v, ok := f.kept[w]
	if !ok {
		v = f.V()
		f.kept[w] = v
		f.atBegin(func() { f.LoadTo(f.datum(w), v, 4) })
	}
	return v
}

// Fresh is a vector of x that may be changed.
func (f *Func) Fresh(x float64) V {
	b := math.Float32bits(float32(x))
	return f.Load(f.datum([4]uint32{b, b, b, b}), 4)
}

// datum is where the constant w lies.
func (f *Func) datum(w [4]uint32) Mem {
	if f.table.virtual == nil {
		f.table = f.R()
		f.atBegin(func() { f.Op("MOVD", f.table, "$constants<>(SB)") })
	}
	for i, other := range f.file.words {
		if other == w {
			return Mem{f.table, 16 * i}
		}
	}
	f.file.words = append(f.file.words, w)
	return Mem{f.table, 16*len(f.file.words) - 16}
}

// atBegin writes what do does before all else.
func (f *Func) atBegin(do func()) {
	code := f.code
	f.code = nil
	do()
	f.begin, f.code = append(f.begin, f.code...), code
}
