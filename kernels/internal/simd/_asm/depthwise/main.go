// The depthwise program writes Depthwise: sums over taps, several places at a
// time, one vector of channels after another.
package main

import (
	"fmt"
	"math/bits"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/vec"
)

// together are how many places share what is loaded of the weights: as many as
// there are go through the first of these, the rest through the next.
var together = []int{8, 4, 2, 1}

func main() {
	ConstraintExpr("!purego")
	for _, f := range Forms {
		for _, s := range []depthwise{{}, {taps: 3, apart: 1}, {taps: 3, apart: 2}, {taps: 5, apart: 1}, {taps: 5, apart: 2}} {
			s.Form = f
			s.write()
		}
	}
	Generate()
}

// A depthwise is a function for runs of so many taps where places are so many
// taps apart: an element of x is loaded once for all of them. With neither it
// is for any taps. Addresses are counted in bytes.
type depthwise struct {
	Form
	taps, apart                      int
	step, step3, xNext, wNext, y, at reg.GPVirtual
	yAt, xAt, left                   Mem // of a line: where it goes on, and how many places are left
}

func (d *depthwise) write() {
	name := "depthwise" + d.Name
	if d.taps > 0 {
		name += fmt.Sprintf("_%dby%d", d.taps, d.apart)
	}
	TEXT(name, NOSPLIT, "func(yLine, xLine, w *float32, count, step, ldy, lines, lineX, lineY int, "+
		"runs *int, n, taps, xNext, wNext, channels int, add bool, bias *float32, clamp bool, low, high, zero float32)")
	Pragma("noescape")
	stack := AllocLocal(3 * 8)
	d.yAt, d.xAt, d.left = stack, stack.Offset(8), stack.Offset(16)
	d.step, d.step3, d.xNext, d.wNext = d.load("step"), GP64(), d.load("xNext"), d.load("wNext")
	for _, stride := range []Op{d.step, d.xNext, d.wNext, Arg("ldy"), Arg("lineX"), Arg("lineY")} {
		SHLQ(Imm(2), stride)
	}
	LEAQ(Mem{Base: d.step, Index: d.step, Scale: 2}, d.step3)
	d.y, d.at = GP64(), GP64()

	Label("line")
	MOVQ(Arg("yLine"), d.at)
	MOVQ(d.at, d.yAt)
	MOVQ(Arg("xLine"), d.at)
	MOVQ(d.at, d.xAt)
	MOVQ(Arg("count"), d.at)
	MOVQ(d.at, d.left)
	for _, places := range together {
		next, done := NewLabel("places"), NewLabel("fewer")
		Label(next)
		CMPQ(d.left, Imm(uint64(places)))
		JLT(LabelRef(done))
		d.channels(places)
		SUBQ(Imm(uint64(places)), d.left)
		d.advance(d.yAt, Arg("ldy"), places)
		d.advance(d.xAt, d.step, places)
		JMP(LabelRef(next))
		Label(done)
	}
	d.advance(Arg("yLine"), Arg("lineY"), 1)
	d.advance(Arg("xLine"), Arg("lineX"), 1)
	DECQ(Arg("lines"))
	JNZ(LabelRef("line"))
	VZEROUPPER()
	RET()
}

// advance moves a pointer by a stride for each of some places, a power of two.
func (d *depthwise) advance(pointer Mem, stride Op, places int) {
	MOVQ(stride, d.at)
	SHLQ(U8(bits.TrailingZeros(uint(places))), d.at)
	ADDQ(d.at, pointer)
}

func (d *depthwise) load(name string) reg.GPVirtual { return d.get(Arg(name)) }

func (d *depthwise) get(from Mem) reg.GPVirtual {
	r := GP64()
	MOVQ(from, r)
	return r
}

// channels computes all channels of some places.
func (d *depthwise) channels(places int) {
	x, w, left := d.get(d.xAt), d.load("w"), d.load("channels")
	MOVQ(d.yAt, d.y)
	next, rest, done := NewLabel("next"), NewLabel("rest"), NewLabel("done")
	SUBQ(Imm(uint64(d.Lanes)), left)
	JLT(LabelRef(rest))
	Label(next)
	d.sums(places, x, w, d.All())
	for _, p := range []reg.GPVirtual{d.y, x, w} {
		ADDQ(Imm(uint64(d.Bytes())), p)
	}
	SUBQ(Imm(uint64(d.Lanes)), left)
	JGE(LabelRef(next))
	Label(rest)
	ADDQ(Imm(uint64(d.Lanes)), left)
	JZ(LabelRef(done))
	d.sums(places, x, w, d.First(left))
	Label(done)
}

// sums computes a vector of channels at some places.
func (d *depthwise) sums(places int, x, w reg.GPVirtual, mask Mask) {
	var acc []V
	for range places {
		acc = append(acc, d.Zero())
	}
	taps, done := NewLabel("taps"), NewLabel("summed")
	CMPB(Arg("add"), Imm(0))
	JEQ(LabelRef(taps))
	d.rows(acc, mask.LoadTo)
	Label(taps)

	run, left := d.load("runs"), d.load("n")
	xAt, wAt := GP64(), GP64()
	nextRun := NewLabel("run")
	TESTQ(left, left)
	JZ(LabelRef(done))
	Label(nextRun)
	MOVQ(Mem{Base: run}, xAt)
	LEAQ(Mem{Base: x, Index: xAt, Scale: 4}, xAt)
	MOVQ(Mem{Base: run, Disp: 8}, wAt)
	LEAQ(Mem{Base: w, Index: wAt, Scale: 4}, wAt)
	if d.taps > 0 {
		d.sweep(acc, xAt, wAt, mask)
	} else {
		d.one(acc, xAt, wAt, mask)
	}
	ADDQ(Imm(16), run)
	DECQ(left)
	JNZ(LabelRef(nextRun))
	Label(done)
	d.finish(acc, mask)
}

// one adds a run, tap by tap.
func (d *depthwise) one(acc []V, x, w reg.GPVirtual, mask Mask) {
	count, next := d.load("taps"), NewLabel("tap")
	Label(next)
	weights := mask.Load(Mem{Base: w})
	at := Mem{Base: x}
	for q, s := range acc {
		if q == 4 {
			LEAQ(Mem{Base: x, Index: d.step, Scale: 4}, d.at)
			at.Base = d.at
		}
		VFMADD231PS(mask.Operand(d.nth(at, d.step, d.step3, q%4)), weights, s)
	}
	ADDQ(d.xNext, x)
	ADDQ(d.wNext, w)
	DECQ(count)
	JNZ(LabelRef(next))
}

// nth is the address n strides from at on; three is three of them.
func (d *depthwise) nth(at Mem, stride, three reg.GPVirtual, n int) Mem {
	switch n {
	case 1, 2:
		at.Index, at.Scale = stride, uint8(n)
	case 3:
		at.Index, at.Scale = three, 1
	}
	return at
}

// sweep adds a run, element by element of x, each to all sums that take it.
func (d *depthwise) sweep(acc []V, x, w reg.GPVirtual, mask Mask) {
	var weights []V
	for range d.taps {
		weights = append(weights, mask.Load(Mem{Base: w}))
		ADDQ(d.wNext, w)
	}
	for j := range (len(acc)-1)*d.apart + d.taps {
		v := mask.Load(Mem{Base: x})
		ADDQ(d.xNext, x)
		for q, s := range acc {
			if t := j - q*d.apart; t >= 0 && t < d.taps {
				VFMADD231PS(v, weights[t], s)
			}
		}
	}
}

// finish applies the ending to the sums and stores them.
func (d *depthwise) finish(acc []V, mask Mask) {
	clamp, store := NewLabel("clamp"), NewLabel("store")
	MOVQ(Arg("bias"), d.at)
	TESTQ(d.at, d.at)
	JZ(LabelRef(clamp))
	// y is as far from its beginning as bias is to be.
	ADDQ(d.y, d.at)
	SUBQ(d.yAt, d.at)
	bias := mask.Load(Mem{Base: d.at})
	for _, s := range acc {
		VADDPS(bias, s, s)
	}
	Label(clamp)
	CMPB(Arg("clamp"), Imm(0))
	JEQ(LabelRef(store))
	d.Clamp(acc)
	Label(store)
	d.rows(acc, func(at Mem, v V) { mask.Store(v, at) })
}

// rows does something with each sum and where it lies in y.
func (d *depthwise) rows(acc []V, do func(at Mem, v V)) {
	p, ldy := GP64(), d.load("ldy")
	MOVQ(d.y, p)
	for q, s := range acc {
		if q > 0 {
			ADDQ(ldy, p)
		}
		do(Mem{Base: p}, s)
	}
}
