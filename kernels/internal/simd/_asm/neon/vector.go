package neon

import (
	"fmt"
	"strings"
)

// An encoding is an instruction with vector registers alone. Its operands have
// the places 0, 5 and 16 in the word.
type encoding struct {
	word  uint32
	kinds string // the arrangements of the operands
	tied  bool   // the first operand is read too
}

const (
	floats  = "4s 4s 4s"
	doubles = "2d 2d 2d"
	bytes   = "16b 16b 16b"
)

var encodings = map[string]encoding{
	"fadd": {0x4e20d400, floats, false}, "fsub": {0x4ea0d400, floats, false},
	"fmul": {0x6e20dc00, floats, false}, "fdiv": {0x6e20fc00, floats, false},
	"fmax": {0x4e20f400, floats, false}, "fmin": {0x4ea0f400, floats, false},
	"fmla": {0x4e20cc00, floats, true}, "fmls": {0x4ea0cc00, floats, true},
	"fcmeq": {0x4e20e400, floats, false}, "fcmge": {0x6e20e400, floats, false}, "fcmgt": {0x6ea0e400, floats, false},
	"fabs": {0x4ea0f800, "4s 4s", false}, "fneg": {0x6ea0f800, "4s 4s", false}, "fsqrt": {0x6ea1f800, "4s 4s", false},
	"frintn": {0x4e218800, "4s 4s", false}, "frintm": {0x4e219800, "4s 4s", false},
	"frintp": {0x4ea18800, "4s 4s", false}, "frintz": {0x4ea19800, "4s 4s", false},

	"fadd.2d": {0x4e60d400, doubles, false}, "fsub.2d": {0x4ee0d400, doubles, false},
	"fmul.2d": {0x6e60dc00, doubles, false}, "fdiv.2d": {0x6e60fc00, doubles, false},
	"fmax.2d": {0x4e60f400, doubles, false}, "fmin.2d": {0x4ee0f400, doubles, false},
	"fcmeq.2d": {0x4e60e400, doubles, false}, "fcmge.2d": {0x6e60e400, doubles, false}, "fcmgt.2d": {0x6ee0e400, doubles, false},
	"fabs.2d": {0x4ee0f800, "2d 2d", false}, "fneg.2d": {0x6ee0f800, "2d 2d", false}, "fsqrt.2d": {0x6ee1f800, "2d 2d", false},
	"frintn.2d": {0x4e618800, "2d 2d", false}, "add.2d": {0x4ee08400, doubles, false},
	"fcvtl.2d": {0x0e617800, "2d 2s", false}, "fcvtn.2s": {0x0e616800, "2s 2d", false},

	"add": {0x4ea08400, floats, false}, "sub": {0x6ea08400, floats, false},
	"smax": {0x4ea06400, floats, false}, "smin": {0x4ea06c00, floats, false},
	"cmgt": {0x4ea03400, floats, false}, "cmeq": {0x6ea08c00, floats, false},
	"scvtf": {0x4e21d800, "4s 4s", false},
	"and":   {0x4e201c00, bytes, false}, "bic": {0x4e601c00, bytes, false},
	"orr": {0x4ea01c00, bytes, false}, "eor": {0x6e201c00, bytes, false},
	"bsl": {0x6e601c00, bytes, true},
	"not": {0x6e205800, "16b 16b", false},

	"trn1": {0x4e802800, floats, false}, "trn2": {0x4e806800, floats, false},
	"trn1.2d": {0x4ec02800, doubles, false}, "trn2.2d": {0x4ec06800, doubles, false},

	"fcvtzs": {0x4ea1b800, "4s 4s", false}, "cmeq.16b": {0x6e208c00, bytes, false},
	"uzp2.8h": {0x4e405800, "8h 8h 8h", false},
	"sqxtn":   {0x0e614800, "4h 4s", false}, "sqxtn2": {0x4e614800, "8h 4s", true},
	"sqxtn.8b": {0x0e214800, "8b 8h", false}, "sqxtn2.16b": {0x4e214800, "16b 8h", true},
	"sqxtun.8b": {0x2e212800, "8b 8h", false}, "sqxtun2.16b": {0x6e212800, "16b 8h", true},

	"fcvtl": {0x0e217800, "4s 4h", false}, "fcvtl2": {0x4e217800, "4s 8h", false},
	"fcvtn": {0x0e216800, "4h 4s", false}, "fcvtn2": {0x4e216800, "8h 4s", true},
	"xtn": {0x0e612800, "4h 4s", false}, "xtn2": {0x4e612800, "8h 4s", true},
	"xtn.8b": {0x0e212800, "8b 8h", false}, "xtn2.16b": {0x4e212800, "16b 8h", true},
	"sxtl.8h": {0x0f08a400, "8h 8b", false}, "sxtl2.8h": {0x4f08a400, "8h 16b", false},
	"sxtl": {0x0f10a400, "4s 4h", false}, "sxtl2": {0x4f10a400, "4s 8h", false},
	"uxtl.8h": {0x2f08a400, "8h 8b", false}, "uxtl2.8h": {0x6f08a400, "8h 16b", false},
	"uxtl": {0x2f10a400, "4s 4h", false}, "uxtl2": {0x6f10a400, "4s 8h", false},
}

// Do is the instruction of that name, behind which an arrangement may tell it
// from others.
func (f *Func) Do(name string, dst V, from ...V) {
	e, ok := encodings[name]
	kinds := strings.Fields(e.kinds)
	if !ok || len(kinds) != len(from)+1 {
		panic("instruction " + name)
	}
	mnemonic, _, _ := strings.Cut(name, ".")
	in := instruction{def: []*virtual{dst.virtual}}
	for _, v := range from {
		in.use = append(in.use, v.virtual)
	}
	if e.tied {
		in.use = append(in.use, dst.virtual)
	}
	in.text = func() string {
		word, list := e.word, []string{}
		for i, v := range append([]V{dst}, from...) {
			word |= uint32(v.number) << [...]int{0, 5, 16}[i]
			list = append(list, fmt.Sprintf("v%d.%s", v.number, kinds[i]))
		}
		return line(word, mnemonic+" "+strings.Join(list, ", "))
	}
	f.add(in)
}

func line(word uint32, mnemonic string) string {
	return fmt.Sprintf("WORD $0x%08x // %s", word, mnemonic)
}

// Of makes a vector by an instruction.
func (f *Func) Of(name string, from ...V) V {
	v := f.V()
	f.Do(name, v, from...)
	return v
}

// CopyV is v in a register that may be changed.
func (f *Func) CopyV(v V) V {
	c := f.V()
	f.add(instruction{def: []*virtual{c.virtual}, use: []*virtual{v.virtual}, moves: true, text: func() string {
		if c.number == v.number {
			return ""
		}
		n := uint32(v.number)
		return line(0x4ea01c00|n<<16|n<<5|uint32(c.number), fmt.Sprintf("mov v%d.16b, v%d.16b", c.number, v.number))
	}})
	return c
}

// immediate is an instruction of two vectors and a constant in its word.
func (f *Func) immediate(word uint32, format string, dst, a V, n int) {
	f.add(instruction{def: []*virtual{dst.virtual}, use: []*virtual{a.virtual}, text: func() string {
		return line(word|uint32(a.number)<<5|uint32(dst.number), fmt.Sprintf(format, dst.number, a.number, n))
	}})
}

// Left, Right and RightZero shift integers; Right copies the sign.
func (f *Func) Left(a V, n int) V {
	v := f.V()
	f.immediate(0x4f205400|uint32(n)<<16, "shl v%d.4s, v%d.4s, #%d", v, a, n)
	return v
}

func (f *Func) Right(a V, n int) V {
	v := f.V()
	f.immediate(0x4f000400|uint32(64-n)<<16, "sshr v%d.4s, v%d.4s, #%d", v, a, n)
	return v
}

func (f *Func) RightZero(a V, n int) V {
	v := f.V()
	f.immediate(0x6f000400|uint32(64-n)<<16, "ushr v%d.4s, v%d.4s, #%d", v, a, n)
	return v
}

// Widen16 shifts the lower or upper four of eight 16-bit integers into the upper
// half of 32 bits.
func (f *Func) Widen16(a V, upper bool) V {
	v := f.V()
	if upper {
		f.immediate(0x6e613800, "shll2 v%d.4s, v%d.8h, #%d", v, a, 16)
	} else {
		f.immediate(0x2e613800, "shll v%d.4s, v%d.4h, #%d", v, a, 16)
	}
	return v
}

// Lane is a vector of lane n of a.
func (f *Func) Lane(a V, n int) V {
	v := f.V()
	f.immediate(0x4e040400|uint32(n)<<19, "dup v%d.4s, v%d.s[%d]", v, a, n)
	return v
}

// High is a vector of the upper half of a, twice.
func (f *Func) High(a V) V {
	v := f.V()
	f.immediate(0x4e180400, "dup v%d.2d, v%d.d[%d]", v, a, 1)
	return v
}

// MulAddLane adds a times lane n of b to s, rounded once.
func (f *Func) MulAddLane(s, a, b V, n int) {
	word := uint32(0x4f801000) | uint32(n&1)<<21 | uint32(n>>1)<<11
	f.add(instruction{def: []*virtual{s.virtual}, use: []*virtual{s.virtual, a.virtual, b.virtual}, text: func() string {
		return line(word|uint32(b.number)<<16|uint32(a.number)<<5|uint32(s.number),
			fmt.Sprintf("fmla v%d.4s, v%d.4s, v%d.s[%d]", s.number, a.number, b.number, n))
	}})
}

// Zero is a vector of zeros.
func (f *Func) Zero() V {
	v := f.V()
	f.add(instruction{def: []*virtual{v.virtual}, text: func() string {
		return line(0x6f00e400|uint32(v.number), fmt.Sprintf("movi v%d.2d, #0", v.number))
	}})
	return v
}

// Spread is a vector of the integer in r.
func (f *Func) Spread(r R) V {
	v := f.V()
	f.add(instruction{def: []*virtual{v.virtual}, use: []*virtual{r.virtual}, text: func() string {
		return line(0x4e040c00|uint32(r.number)<<5|uint32(v.number), fmt.Sprintf("dup v%d.4s, w%d", v.number, r.number))
	}})
	return v
}

// ArgV is a vector of a float32 argument.
func (f *Func) ArgV(name string) V {
	v := f.V()
	f.add(instruction{def: []*virtual{v.virtual}, text: func() string { return fmt.Sprintf("FMOVS %s, F%d", f.place(name), v.number) }})
	return f.Lane(v, 0)
}

// Give returns lane 0.
func (f *Func) Give(v V) {
	f.add(instruction{use: []*virtual{v.virtual}, text: func() string { return fmt.Sprintf("FMOVS F%d, %s", v.number, f.place("ret")) }})
	f.Return()
}
