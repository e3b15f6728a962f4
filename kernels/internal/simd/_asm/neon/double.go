package neon

import (
	"fmt"
	"math"
)

// Doubles writes instructions on two lanes of 64 bits.
type Doubles struct{ *Func }

// Widen makes float64s of the first two float32s, Narrow the reverse.
func (d Doubles) Widen(x V) V  { return d.Of("fcvtl.2d", x) }
func (d Doubles) Narrow(x V) V { return d.Of("fcvtn.2s", x) }

// Arithmetic, each rounded once, as of float32s.
func (d Doubles) Add(a, b V) V { return d.Of("fadd.2d", a, b) }
func (d Doubles) Sub(a, b V) V { return d.Of("fsub.2d", a, b) }
func (d Doubles) Mul(a, b V) V { return d.Of("fmul.2d", a, b) }
func (d Doubles) Div(a, b V) V { return d.Of("fdiv.2d", a, b) }
func (d Doubles) Max(a, b V) V { return d.Of("fmax.2d", a, b) }
func (d Doubles) Min(a, b V) V { return d.Of("fmin.2d", a, b) }
func (d Doubles) Sqrt(a V) V   { return d.Of("fsqrt.2d", a) }
func (d Doubles) Abs(a V) V    { return d.Of("fabs.2d", a) }
func (d Doubles) Neg(a V) V    { return d.Of("fneg.2d", a) }

// Rint rounds to whole numbers, ties to even.
func (d Doubles) Rint(a V) V { return d.Of("frintn.2d", a) }

// Comparisons are all ones where they hold, zero elsewhere, also for NaN.
func (d Doubles) Equal(a, b V) V   { return d.Of("fcmeq.2d", a, b) }
func (d Doubles) Greater(a, b V) V { return d.Of("fcmgt.2d", a, b) }
func (d Doubles) AtLeast(a, b V) V { return d.Of("fcmge.2d", a, b) }

// Signs is where the sign bit of a is set.
func (d Doubles) Signs(a V) V {
	v := d.V()
	d.immediate(0x4f000400|(128-63)<<16, "sshr v%d.2d, v%d.2d, #%d", v, a, 63)
	return v
}

// AddInt adds integers; Left and Right shift them and fill with zeros.
func (d Doubles) AddInt(a, b V) V { return d.Of("add.2d", a, b) }

func (d Doubles) Left(a V, n int) V {
	v := d.V()
	d.immediate(0x4f405400|uint32(n)<<16, "shl v%d.2d, v%d.2d, #%d", v, a, n)
	return v
}

func (d Doubles) Right(a V, n int) V {
	v := d.V()
	d.immediate(0x6f000400|uint32(128-n)<<16, "ushr v%d.2d, v%d.2d, #%d", v, a, n)
	return v
}

// Within is the integer a, at least low and at most high, all under 2³¹.
func (d Doubles) Within(low, high uint64, a V) V {
	return d.Of("smin", d.Of("smax", a, d.Bits(low)), d.Bits(high))
}

// CopySign is x with the sign of s.
func (d Doubles) CopySign(x, s V) V { return d.Select(d.Bits(1<<63), s, x) }

// Const is a vector of x, read anew each time.
func (d Doubles) Const(x float64) V { return d.Bits(math.Float64bits(x)) }

// Bits is a vector of integers, read anew each time.
func (d Doubles) Bits(x uint64) V {
	return d.Load(d.datum([4]uint32{uint32(x), uint32(x >> 32), uint32(x), uint32(x >> 32)}), 4)
}

// Horner is the polynomial of x with coefficients c, highest first.
func (d Doubles) Horner(x V, c ...float64) V {
	s := d.Const(c[0])
	for _, k := range c[1:] {
		s = d.Add(d.Mul(s, x), d.Const(k))
	}
	return s
}

// Rows are the first three numbers of row i of a table with rows of four, for
// each lane of i.
func (d Doubles) Rows(table string, i V) (first, second, third V) {
	at := d.R()
	d.Op("MOVD", at, "$"+table+"(SB)")
	var pairs, singles [2]V
	for lane := range pairs {
		row, lane := d.R(), lane
		d.add(instruction{def: []*virtual{row.virtual}, use: []*virtual{i.virtual}, text: func() string {
			return line(0x4e083c00|uint32(lane)<<20|uint32(i.number)<<5|uint32(row.number),
				fmt.Sprintf("umov x%d, v%d.d[%d]", row.number, i.number, lane))
		}})
		d.Op("ADD", row, Times{row, 32}, at)
		pairs[lane], singles[lane] = d.Load(Mem{row, 0}, 4), d.Load(Mem{row, 16}, 2)
	}
	return d.Of("trn1.2d", pairs[0], pairs[1]), d.Of("trn2.2d", pairs[0], pairs[1]), d.Of("trn1.2d", singles[0], singles[1])
}
