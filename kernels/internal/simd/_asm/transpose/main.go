// The transpose program writes Transpose for up to eight columns, eight rows at
// a time.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/vec"
)

const side = 8

func main() {
	ConstraintExpr("!purego")
	for _, f := range Forms {
		Begin("transpose"+f.Name, "func(dst *uint32, da int, src *uint32, sb int, rows, cols int)")
		write(f.Eight())
	}
	Generate()
}

func write(f Form) {
	dst, da, rows, cols := load("dst"), load("da"), load("rows"), load("cols")
	SHLQ(Imm(2), da)
	from := columns(cols)
	whole := f.All()
	some := f.First(cols)

	for _, full := range []bool{true, false} {
		next, done := NewLabel("rows"), NewLabel("done")
		if !full {
			TESTQ(rows, rows)
			JZ(LabelRef(done))
		}
		Label(next)
		mask := whole
		if full {
			CMPQ(rows, Imm(side))
			JLT(LabelRef(done))
		} else {
			mask = f.First(rows)
		}
		var v [side]V
		for k := range v {
			v[k] = mask.Load(Mem{Base: from[k]})
		}
		turn(&v)
		narrow, every, stored := NewLabel("narrow"), NewLabel("every"), NewLabel("stored")
		CMPQ(cols, Imm(side))
		JNE(LabelRef(narrow))
		Label(every)
		store(&v, whole, dst, da, rows, full, stored)
		JMP(LabelRef(stored))
		Label(narrow)
		if full && f.Name == "256" {
			// A masked store takes a dozen cycles there. Where the next rows
			// follow at once and are all written, they may be spoilt before.
			masked := NewLabel("masked")
			CMPQ(cols, Arg("da"))
			JNE(LabelRef(masked))
			CMPQ(rows, Imm(2*side))
			JGE(LabelRef(every))
			Label(masked)
			for n := range side {
				if n == 0 {
					continue
				}
				other := NewLabel("other")
				CMPQ(cols, Imm(uint64(n)))
				JNE(LabelRef(other))
				for _, row := range v {
					storeFirst(row, n, Mem{Base: dst})
					ADDQ(da, dst)
				}
				JMP(LabelRef(stored))
				Label(other)
			}
		}
		store(&v, some, dst, da, rows, full, stored)
		Label(stored)
		if full {
			for k := range from {
				ADDQ(Imm(4*side), from[k])
			}
			SUBQ(Imm(side), rows)
			JMP(LabelRef(next))
		}
		Label(done)
	}
	Leave()
}

func load(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }

// columns are where the columns begin. Those that are not there are the first.
func columns(cols reg.GPVirtual) (from [side]reg.GPVirtual) {
	step := load("sb")
	SHLQ(Imm(2), step)
	from[0] = load("src")
	at := GP64()
	MOVQ(from[0], at)
	for k := 1; k < side; k++ {
		ADDQ(step, at)
		from[k] = GP64()
		MOVQ(from[0], from[k])
		CMPQ(cols, Imm(uint64(k)))
		CMOVQGT(at, from[k])
	}
	return from
}

// turn transposes v in registers.
func turn(v *[side]V) {
	var t [side]V
	for i := range t {
		t[i] = YMM()
	}
	for i := 0; i < side; i += 2 {
		VUNPCKLPS(v[i+1], v[i], t[i])
		VUNPCKHPS(v[i+1], v[i], t[i+1])
	}
	var u [side]V
	for i := range u {
		u[i] = YMM()
	}
	for i := 0; i < side; i += 4 {
		for k := range 2 {
			VSHUFPS(U8(0x44), t[i+k+2], t[i+k], u[i+2*k])
			VSHUFPS(U8(0xee), t[i+k+2], t[i+k], u[i+2*k+1])
		}
	}
	for k := range side / 2 {
		v[k], v[k+side/2] = YMM(), YMM()
		VPERM2F128(U8(0x20), u[k+side/2], u[k], v[k])
		VPERM2F128(U8(0x31), u[k+side/2], u[k], v[k+side/2])
	}
}

// store writes rows da bytes apart: all of them if full, as many as there are
// otherwise.
func store(v *[side]V, mask Mask, dst, da, rows reg.GPVirtual, full bool, done string) {
	for _, row := range v {
		mask.Store(row, Mem{Base: dst})
		ADDQ(da, dst)
		if !full {
			DECQ(rows)
			JZ(LabelRef(done))
		}
	}
}

// storeFirst writes the first n lanes of v, fewer than eight, by no mask.
func storeFirst(v V, n int, to Mem) {
	x := v.AsX()
	if n >= 4 {
		VMOVUPS(x, to)
		if n > 4 {
			x = XMM()
			VEXTRACTF128(Imm(1), v, x)
		}
		to, n = to.Offset(16), n-4
	}
	if n >= 2 {
		VMOVLPS(x, to)
		to = to.Offset(8)
	}
	switch n {
	case 1:
		VMOVSS(x, to)
	case 3:
		VEXTRACTPS(Imm(2), x, to)
	}
}
