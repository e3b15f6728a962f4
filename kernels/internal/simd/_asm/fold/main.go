// The fold program writes what normalisations do with a row: sums over lanes,
// the largest element, and what becomes of the elements.
package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/vec"
)

// A row is a function over n elements, n > 0.
type row struct {
	name, signature string
	write           func(f Form)
}

var rows = []row{
	{"sum", "func(x *float32, n int) float32", func(f Form) {
		x, sum := pointer("x"), zeros(f)
		f.Blocks(Arg("n"), func(i reg.GPVirtual, where []Mask) {
			for v, w := range where {
				VADDPS(w.Operand(f.At(x, i, v)), sum[v], sum[v])
			}
		})
		giveSum(f, sum)
	}},
	{"deviation", "func(x *float32, n int, mean float32) float32", func(f Form) {
		FlushSubnormals()
		x, mean, sum := pointer("x"), f.Broadcast(Arg("mean")), zeros(f)
		f.Blocks(Arg("n"), func(i reg.GPVirtual, where []Mask) {
			for v, w := range where {
				d := f.Sub(w.Load(f.At(x, i, v)), mean)
				VADDPS(w.OrZero(f.Mul(d, d)), sum[v], sum[v])
			}
		})
		giveSum(f, sum)
	}},
	{"highest", "func(x *float32, n int) float32", func(f Form) {
		x, p := pointer("x"), newPeaks(f)
		f.Blocks(Arg("n"), func(i reg.GPVirtual, where []Mask) {
			for v, w := range where {
				p.raise(v, w.Load(f.At(x, i, v)), w)
			}
		})
		p.give()
	}},
	{"logits", "func(z, x, mask *float32, n int, scale float32) float32", func(f Form) {
		FlushSubnormals()
		z, x, mask, p := pointer("z"), pointer("x"), pointer("mask"), newPeaks(f)
		scale := f.Broadcast(Arg("scale"))
		f.Blocks(Arg("n"), func(i reg.GPVirtual, where []Mask) {
			for v, w := range where {
				a := f.Mul(w.Load(f.At(x, i, v)), scale)
				given(mask, func() { VADDPS(w.Operand(f.At(mask, i, v)), a, a) })
				w.Store(a, f.At(z, i, v))
				p.raise(v, a, w)
			}
		})
		p.give()
	}},
	{"exponents", "func(dst, z *float32, n int, peak float32) float32", func(f Form) {
		FlushSubnormals()
		dst, z, peak, sum := pointer("dst"), pointer("z"), f.Broadcast(Arg("peak")), zeros(f)
		f.Blocks(Arg("n"), func(i reg.GPVirtual, where []Mask) {
			for v, w := range where {
				e := f.Exp(f.Sub(w.Load(f.At(z, i, v)), peak))
				given(dst, func() { w.Store(e, f.At(dst, i, v)) })
				VADDPS(w.OrZero(e), sum[v], sum[v])
			}
		})
		giveSum(f, sum)
	}},
	{"divide", "func(z *float32, n int, by float32)", func(f Form) {
		FlushSubnormals()
		z, by := pointer("z"), f.Broadcast(Arg("by"))
		f.Blocks(Arg("n"), func(i reg.GPVirtual, where []Mask) {
			for v, w := range where {
				w.Store(f.Div(w.Load(f.At(z, i, v)), by), f.At(z, i, v))
			}
		})
		Leave()
	}},
	{"normalize", "func(y, x, gamma, beta *float32, n int, mean, scale float32)", func(f Form) {
		FlushSubnormals()
		y, x, gamma, beta := pointer("y"), pointer("x"), pointer("gamma"), pointer("beta")
		mean, scale := f.Broadcast(Arg("mean")), f.Broadcast(Arg("scale"))
		f.Blocks(Arg("n"), func(i reg.GPVirtual, where []Mask) {
			for v, w := range where {
				a := f.Mul(f.Sub(w.Load(f.At(x, i, v)), mean), scale)
				given(gamma, func() { VMULPS(w.Operand(f.At(gamma, i, v)), a, a) })
				given(beta, func() { VADDPS(w.Operand(f.At(beta, i, v)), a, a) })
				w.Store(a, f.At(y, i, v))
			}
		})
		Leave()
	}},
}

func main() {
	ConstraintExpr("!purego")
	for _, f := range Forms {
		for _, r := range append(rows, overs...) {
			f.Function(r.name, r.signature, func() { r.write(f) })
		}
	}
	Generate()
}

func pointer(name string) reg.GPVirtual { return Load(Param(name), GP64()).(reg.GPVirtual) }

// given writes then for where p is not nil.
func given(p reg.GPVirtual, then func()) {
	skip := NewLabel("skip")
	TESTQ(p, p)
	JZ(LabelRef(skip))
	then()
	Label(skip)
}

// zeros are the lanes of a sum.
func zeros(f Form) (sum []V) {
	for range f.PerBlock() {
		sum = append(sum, f.Zero())
	}
	return sum
}

// giveSum returns the sum of lanes.
func giveSum(f Form, sum []V) {
	give(f.Tree(sum, func(_ func() V, a, b, to reg.Register) { VADDPS(b, a, to) }))
}

// give returns lane 0.
func give(v V) {
	to, err := ReturnIndex(0).Resolve()
	if err != nil {
		panic(err)
	}
	VMOVSS(v.AsX(), to.Addr)
	Leave()
}

// peaks are the largest elements so far. The instruction for it loses NaNs,
// which are noted beside it, and takes either of equal zeros, of which the bits
// are joined.
type peaks struct {
	Form
	lowest V
	high   []V
	nan    []Found
}

func newPeaks(f Form) *peaks {
	p := &peaks{Form: f, lowest: f.Const(math.Inf(-1))}
	for range f.PerBlock() {
		p.high, p.nan = append(p.high, f.Load(p.lowest)), append(p.nan, f.NewFound())
	}
	return p
}

// raise takes those elements of vector v of a block.
func (p *peaks) raise(v int, x V, w Mask) { p.lane(v, w.Or(x, p.lowest)) }

// lane takes each element of vector v of a block to its own lane.
func (p *peaks) lane(v int, x V) {
	p.nan[v].Find(Unordered, x, x)
	p.join(p.New, p.high[v], x, p.high[v])
}

func (p *peaks) join(more func() V, a, b, to reg.Register) {
	t, u := more(), more()
	VMAXPS(b, a, t)
	VMAXPS(a, b, u)
	VANDPS(t, u, to)
}

func (p *peaks) give() {
	ordered := NewLabel("ordered")
	for _, n := range p.nan[1:] {
		p.nan[0].Join(n)
	}
	p.nan[0].JumpUnless(ordered)
	give(p.Const(math.NaN()))
	Label(ordered)
	give(p.Tree(p.high, p.join))
}
