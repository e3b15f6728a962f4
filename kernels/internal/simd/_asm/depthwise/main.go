// The depthwise program writes Depthwise: sums over taps.
package main

import (
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/vec"
)

func main() {
	ConstraintExpr("!purego")
	for _, f := range Forms {
		for _, d := range []depthwise{{}, {taps: 3, apart: 1}, {taps: 3, apart: 2}, {taps: 5, apart: 1}, {taps: 5, apart: 2}} {
			d.Sweep = Sweep{Form: f, Together: []int{8, 4, 2, 1}}
			d.write()
		}
	}
	Generate()
}

// A depthwise is a function for runs of so many taps where places are so many
// taps apart: an element of x is loaded once for all of them. With neither it
// is for any taps.
type depthwise struct {
	Sweep
	taps, apart int
	wNext       reg.GPVirtual
}

func (d *depthwise) write() {
	name := "depthwise"
	if d.taps > 0 {
		name += fmt.Sprintf("%dby%d_", d.taps, d.apart)
	}
	signature := "func(" + SweepArgs + ", w *float32, wNext int, add bool, bias *float32, clamp bool, low, high, zero float32)"
	d.Function(name, signature, func() {
		FlushSubnormals()
		d.wNext = d.Load("wNext")
		SHLQ(Imm(2), d.wNext)
	}, d.sums)
}

// sums computes a vector of channels at some places.
func (d *depthwise) sums(places int, x reg.GPVirtual, mask Mask) {
	var acc []V
	for range places {
		acc = append(acc, d.Zero())
	}
	fresh := NewLabel("fresh")
	CMPB(Arg("add"), Imm(0))
	JEQ(LabelRef(fresh))
	d.Rows(acc, mask.LoadTo)
	Label(fresh)
	w, at := d.Beside(d.Load("w")), GP64()
	d.Runs(x, func(run, x reg.GPVirtual) {
		MOVQ(Mem{Base: run, Disp: 8}, at)
		LEAQ(Mem{Base: w, Index: at, Scale: 4}, at)
		if d.taps > 0 {
			d.sweep(acc, x, at, mask)
			return
		}
		d.Taps(x, places, func(list []Mem) {
			weights := mask.Load(Mem{Base: at})
			for q, m := range list {
				VFMADD231PS(mask.Operand(m), weights, acc[q])
			}
			ADDQ(d.wNext, at)
		})
	})
	d.finish(acc, mask)
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
		ADDQ(d.XNext, x)
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
	at := d.Load("bias")
	TESTQ(at, at)
	JZ(LabelRef(clamp))
	bias := mask.Load(Mem{Base: d.Beside(at)})
	for _, s := range acc {
		VADDPS(bias, s, s)
	}
	Label(clamp)
	CMPB(Arg("clamp"), Imm(0))
	JEQ(LabelRef(store))
	d.Clamp(acc)
	Label(store)
	d.Rows(acc, func(at Mem, v V) { mask.Store(v, at) })
}
