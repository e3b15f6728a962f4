package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/vec"
)

// overs are of the rows of n elements that begin at x[at[0]], x[at[1]] …: they
// fold them into one, or weigh those that follow each.
var overs = []row{
	{"highestOver", "func(dst, x *float32, at *int, rows, n int)", func(f Form) {
		dst := pointer("dst")
		f.Blocks(Arg("n"), func(i reg.GPVirtual, where []Mask) {
			p := newPeaks(f)
			each(f, i, where, p.lane)
			for v, w := range where {
				w.Store(p.nan[v].Choose(f.Const(math.NaN()), p.high[v]), f.At(dst, i, v))
			}
		})
		Leave()
	}},
	{"addRows", "func(acc, x *float32, at *int, rows, n int)", func(f Form) {
		next, again := NewLabel("row"), NewLabel("again")
		acc, at, size, x, lane := GP64(), pointer("at"), pointer("n"), GP64(), GP64()
		SHLQ(Imm(2), size)
		Label(again)
		MOVQ(Arg("acc"), acc)
		MOVQ(U32(Lanes), lane)
		Label(next)
		MOVQ(Mem{Base: at}, x)
		SHLQ(Imm(2), x)
		ADDQ(Arg("x"), x)
		f.Blocks(Arg("n"), func(i reg.GPVirtual, where []Mask) {
			for v, w := range where {
				to := f.At(acc, i, v)
				w.Store(f.Add(w.Load(f.At(x, i, v)), w.Operand(to)), to)
			}
		})
		done := NewLabel("done")
		ADDQ(size, acc)
		ADDQ(Imm(8), at)
		DECQ(Arg("rows"))
		JZ(LabelRef(done))
		DECQ(lane)
		JNZ(LabelRef(next))
		JMP(LabelRef(again))
		Label(done)
		Leave()
	}},
	{"weighedRows", "func(y *float32, ldy int, x *float32, at *int64, stride int, w *float32, rows, taps, n int)", func(f Form) {
		FlushSubnormals()
		next, from, tap, weight, left := NewLabel("row"), GP64(), GP64(), GP64(), GP64()
		y, at, w, stride := pointer("y"), pointer("at"), pointer("w"), pointer("stride")
		SHLQ(Imm(2), stride)
		Label(next)
		MOVQ(Mem{Base: at}, from)
		SHLQ(Imm(2), from)
		ADDQ(Arg("x"), from)
		f.Blocks(Arg("n"), func(i reg.GPVirtual, where []Mask) {
			again, done := NewLabel("tap"), NewLabel("taps")
			MOVQ(from, tap)
			MOVQ(w, weight)
			MOVQ(Arg("taps"), left)
			by, sums := f.Broadcast(Mem{Base: weight}), []V{}
			for v, m := range where {
				sums = append(sums, f.Mul(by, m.Operand(f.At(tap, i, v))))
			}
			Label(again)
			DECQ(left)
			JZ(LabelRef(done))
			ADDQ(stride, tap)
			ADDQ(Imm(4), weight)
			VBROADCASTSS(Mem{Base: weight}, by)
			for v, m := range where {
				VADDPS(f.Mul(by, m.Operand(f.At(tap, i, v))), sums[v], sums[v])
			}
			JMP(LabelRef(again))
			Label(done)
			for v, m := range where {
				m.Store(sums[v], f.At(y, i, v))
			}
		})
		MOVQ(Arg("taps"), left)
		LEAQ(Mem{Base: w, Index: left, Scale: 4}, w)
		MOVQ(Arg("ldy"), left)
		LEAQ(Mem{Base: y, Index: left, Scale: 4}, y)
		ADDQ(Imm(8), at)
		DECQ(Arg("rows"))
		JNZ(LabelRef(next))
		Leave()
	}},
}

// each writes take for the vectors of the block at i of every row.
func each(f Form, i reg.GPVirtual, where []Mask, take func(v int, x V)) {
	next, done := NewLabel("row"), NewLabel("rows")
	at, left, x, p := pointer("at"), pointer("rows"), pointer("x"), GP64()
	LEAQ(Mem{Base: x, Index: i, Scale: 4}, x)
	TESTQ(left, left)
	JZ(LabelRef(done))
	Label(next)
	MOVQ(Mem{Base: at}, p)
	for v, w := range where {
		take(v, w.Load(f.At(x, p, v)))
	}
	ADDQ(Imm(8), at)
	DECQ(left)
	JNZ(LabelRef(next))
	Label(done)
}
