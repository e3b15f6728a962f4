package neon

import (
	"fmt"
	"math/bits"
	"strings"
)

// Imm is a constant operand.
type Imm int

// Times is a register times a power of two.
type Times struct {
	R
	By int
}

// Mem is the word in memory at a register.
type Mem struct {
	Base R
	Disp int
}

// Op is an instruction of Go's assembler that sets dst, if there is one, from
// operands that are written in the order of that assembler.
func (f *Func) Op(name string, dst R, from ...any) {
	use, operands := f.operands(from)
	in := instruction{use: use, moves: name == "MOVD" && len(use) == 1}
	if dst.virtual != nil {
		in.def = []*virtual{dst.virtual}
	}
	if in.moves {
		_, in.moves = from[0].(R)
	}
	in.text = func() string {
		list := operands()
		if in.moves && use[0].number == dst.number {
			return ""
		}
		if dst.virtual != nil {
			list = append(list, general(dst.virtual))
		}
		return name + " " + strings.Join(list, ", ")
	}
	f.add(in)
}

func general(v *virtual) string { return fmt.Sprintf("R%d", v.number) }

func times(o Times) string {
	if o.By == 1 {
		return general(o.virtual)
	}
	return fmt.Sprintf("R%d<<%d", o.number, bits.TrailingZeros(uint(o.By)))
}

// operands are the registers in a list of operands, and what writes them.
func (f *Func) operands(from []any) (use []*virtual, text func() []string) {
	for _, o := range from {
		switch o := o.(type) {
		case R:
			use = append(use, o.virtual)
		case Times:
			use = append(use, o.virtual)
		case Mem:
			use = append(use, o.Base.virtual)
		}
	}
	return use, func() (list []string) {
		for _, o := range from {
			switch o := o.(type) {
			case R:
				list = append(list, general(o.virtual))
			case Times:
				list = append(list, times(o))
			case Mem:
				list = append(list, fmt.Sprintf("%d(R%d)", o.Disp, o.Base.number))
			case Imm:
				list = append(list, fmt.Sprintf("$%d", o))
			case string:
				list = append(list, o)
			default:
				panic(fmt.Sprintf("operand %v", o))
			}
		}
		return list
	}
}

// Jump jumps to a label, by an instruction that may have operands.
func (f *Func) Jump(name, label string, from ...any) {
	use, operands := f.operands(from)
	f.add(instruction{use: use, target: label, ends: name == "B", text: func() string {
		return name + " " + strings.Join(append(operands(), label), ", ")
	}})
}

// Arg is the argument of that name in a register, unless it is a float32.
func (f *Func) Arg(name string) R {
	r := f.R()
	op := "MOVD"
	if f.args[name].size == 1 {
		op = "MOVBU"
	}
	f.Op(op, r, f.place(name))
	return r
}

// Stride is an argument that counts elements of 4 bytes, in bytes.
func (f *Func) Stride(name string) R {
	r := f.Arg(name)
	f.Op("LSL", r, Imm(2), r)
	return r
}

func (f *Func) place(name string) string {
	a, ok := f.args[name]
	if !ok {
		panic(f.name + ": no argument " + name)
	}
	return fmt.Sprintf("%s+%d(FP)", name, a.offset)
}

// Copy is r in a register that may be changed.
func (f *Func) Copy(r R) R {
	c := f.R()
	f.Op("MOVD", c, r)
	return c
}

// Move adds n, which may be an Imm, to r.
func (f *Func) Move(r R, n any) { f.Op("ADD", r, n, r) }

// Given writes then for where r is not zero.
func (f *Func) Given(r R, then func()) {
	skip := f.NewLabel("skip")
	f.Jump("CBZ", skip, r)
	then()
	f.Label(skip)
}

// Loop writes do and does it n times, n > 0, which it counts down.
func (f *Func) Loop(n R, do func()) {
	again := f.NewLabel("again")
	f.Label(again)
	do()
	f.Op("SUB", n, Imm(1), n)
	f.Jump("CBNZ", again, n)
}

// FlushSubnormals has the instructions from here to Return take subnormal
// numbers for zeros.
func (f *Func) FlushSubnormals() {
	const operandsAndResults = 1 << 24
	f.control = f.R()
	f.Op("MRS", f.control, "FPCR")
	own := f.R()
	f.Op("ORR", own, Imm(operandsAndResults), f.control)
	f.Op("MSR", R{}, own, "FPCR")
}

// Return leaves the function.
func (f *Func) Return() {
	if f.control.virtual != nil {
		f.Op("MSR", R{}, f.control, "FPCR")
	}
	f.add(instruction{text: func() string { return "RET" }, ends: true})
}

// Has reports whether there is an argument of that name.
func (f *Func) Has(name string) bool {
	_, ok := f.args[name]
	return ok
}
