// The depthwise program writes Depthwise: sums over taps, several places at a
// time, one vector of channels after another.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/vec"
)

// together is how many places share what is loaded of the weights.
const together = 4

func main() {
	ConstraintExpr("!purego")
	for _, f := range Forms {
		d := depthwise{Form: f}
		d.write()
	}
	Generate()
}

type depthwise struct {
	Form
	y, ldy, x, step, step3, w, left, tap, count, at reg.GPVirtual
}

func (d *depthwise) write() {
	TEXT("depthwise"+d.Name, NOSPLIT, "func(y *float32, ldy int, x *float32, step int, w *float32, "+
		"taps *int, n, places, channels int, add bool, bias *float32, clamp bool, low, high, zero float32)")
	Pragma("noescape")
	d.ldy, d.step, d.step3 = d.load("ldy"), d.load("step"), GP64()
	SHLQ(Imm(2), d.ldy)
	SHLQ(Imm(2), d.step)
	LEAQ(Mem{Base: d.step, Index: d.step, Scale: 2}, d.step3)
	d.y, d.x, d.w = GP64(), GP64(), GP64()
	d.left, d.tap, d.count, d.at = GP64(), GP64(), GP64(), GP64()

	for _, places := range []int{together, 1} {
		next := fmt.Sprintf("places%d", places)
		done := fmt.Sprintf("done%d", places)
		Label(next)
		CMPQ(Arg("places"), Imm(uint64(places)))
		JLT(LabelRef(done))
		d.channels(places)
		SUBQ(Imm(uint64(places)), Arg("places"))
		for range places {
			ADDQ(d.ldy, Arg("y"))
			ADDQ(d.step, Arg("x"))
		}
		JMP(LabelRef(next))
		Label(done)
	}
	VZEROUPPER()
	RET()
}

func (d *depthwise) load(name string) reg.GPVirtual {
	r := GP64()
	MOVQ(Arg(name), r)
	return r
}

// channels computes all channels of some places.
func (d *depthwise) channels(places int) {
	label := func(s string) string { return fmt.Sprint(s, places) }
	MOVQ(Arg("y"), d.y)
	MOVQ(Arg("x"), d.x)
	MOVQ(Arg("w"), d.w)
	MOVQ(Arg("channels"), d.left)
	SUBQ(Imm(uint64(d.Lanes)), d.left)
	JLT(LabelRef(label("rest")))
	Label(label("vector"))
	d.sums(places, label("full"), d.All())
	ADDQ(Imm(uint64(d.Bytes())), d.y)
	ADDQ(Imm(uint64(d.Bytes())), d.x)
	ADDQ(Imm(uint64(d.Bytes())), d.w)
	SUBQ(Imm(uint64(d.Lanes)), d.left)
	JGE(LabelRef(label("vector")))
	Label(label("rest"))
	ADDQ(Imm(uint64(d.Lanes)), d.left)
	JZ(LabelRef(label("next")))
	d.sums(places, label("part"), d.First(d.left))
	Label(label("next"))
}

// sums computes the lanes of a mask at some places.
func (d *depthwise) sums(places int, label string, mask Mask) {
	y := d.along(d.y, d.ldy, places)
	var acc []V
	for range places {
		acc = append(acc, d.Zero())
	}
	CMPB(Arg("add"), Imm(0))
	JEQ(LabelRef(label + "taps"))
	for q := range acc {
		mask.LoadTo(y(q), acc[q])
	}
	Label(label + "taps")
	MOVQ(Arg("n"), d.count)
	MOVQ(Arg("taps"), d.tap)
	TESTQ(d.count, d.count)
	JZ(LabelRef(label + "summed"))
	Label(label + "tap")
	MOVQ(Mem{Base: d.tap, Disp: 8}, d.at)
	w := mask.Load(Mem{Base: d.w, Index: d.at, Scale: 4})
	MOVQ(Mem{Base: d.tap}, d.at)
	LEAQ(Mem{Base: d.x, Index: d.at, Scale: 4}, d.at)
	x := d.along(d.at, d.step, places)
	for q := range acc {
		VFMADD231PS(mask.Operand(x(q)), w, acc[q])
	}
	ADDQ(Imm(16), d.tap)
	DECQ(d.count)
	JNZ(LabelRef(label + "tap"))

	Label(label + "summed")
	MOVQ(Arg("bias"), d.at)
	TESTQ(d.at, d.at)
	JZ(LabelRef(label + "clamp"))
	// y is as far from its beginning as bias is to be.
	ADDQ(d.y, d.at)
	SUBQ(Arg("y"), d.at)
	bias := mask.Load(Mem{Base: d.at})
	for q := range acc {
		VADDPS(bias, acc[q], acc[q])
	}
	Label(label + "clamp")
	CMPB(Arg("clamp"), Imm(0))
	JEQ(LabelRef(label + "store"))
	d.Clamp(acc)
	Label(label + "store")
	for q := range acc {
		mask.Store(acc[q], y(q))
	}
}

// along gives the addresses of places that are step bytes apart.
func (d *depthwise) along(p, step reg.GPVirtual, places int) func(q int) Mem {
	var three reg.GPVirtual
	if places > 3 && step != d.step {
		three = GP64()
		LEAQ(Mem{Base: step, Index: step, Scale: 2}, three)
	} else {
		three = d.step3
	}
	return func(q int) Mem {
		switch q {
		case 0:
			return Mem{Base: p}
		case 3:
			return Mem{Base: p, Index: three, Scale: 1}
		}
		return Mem{Base: p, Index: step, Scale: uint8(q)}
	}
}
