// The winograd program writes the transforms of Winograd's convolution, which
// go over one tile, one vector of channels after another.
package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/vec"
)

const (
	panel  = 16
	window = 6 // places of x on each side of a tile
	tile   = 4 // places of y
	near   = math.Sqrt2 / 2
	far    = math.Sqrt2
)

func main() {
	ConstraintExpr("!purego")
	for _, f := range Forms {
		weights(f)
		input(f)
		output(f)
	}
	Generate()
}

// A walk goes over the channels, with pointers that follow it.
type walk struct {
	Form
	pointers []reg.GPVirtual
	left     reg.GPVirtual
	ahead    reg.GPVirtual // from a tile to the next one, in bytes
}

func (w *walk) pointer(name string) reg.GPVirtual {
	p := load(name)
	w.pointers = append(w.pointers, p)
	return p
}

func load(name string) reg.GPVirtual {
	r := GP64()
	MOVQ(Arg(name), r)
	return r
}

// lookAhead is for fetching what the next tile needs, four places further on.
func (w *walk) lookAhead() {
	w.ahead = load("channels")
	SHLQ(Imm(4), w.ahead)
}

// each calls do for every vector of channels.
func (w *walk) each(do func(m Mask)) {
	w.left = load("channels")
	SUBQ(Imm(uint64(w.Lanes)), w.left)
	JLT(LabelRef("rest"))
	Label("vector")
	do(w.All())
	for _, p := range w.pointers {
		ADDQ(Imm(uint64(w.Bytes())), p)
	}
	SUBQ(Imm(uint64(w.Lanes)), w.left)
	JGE(LabelRef("vector"))
	Label("rest")
	ADDQ(Imm(uint64(w.Lanes)), w.left)
	JZ(LabelRef("done"))
	do(w.First(w.left))
	Label("done")
	Leave()
}

// temp is where element (i, j) of what lies between the two passes is kept.
func (w *walk) temp(base reg.GPVirtual, i, j int) Mem {
	return Mem{Base: base, Disp: (i*window + j) * w.Bytes()}
}

// weights makes the rows of the result part by part, each for the whole panel:
// lines of all planes at once may compete for few places in a cache.
func weights(f Form) {
	f.Function("winogradWeights", "func(u *float32, plane int, w *float32, ldw int)", func() {
		d := f.Doubles()
		u, plane, ldw := load("u"), load("plane"), load("ldw")
		SHLQ(Imm(2), plane)
		SHLQ(Imm(2), ldw)
		line := []reg.GPVirtual{load("w"), GP64(), GP64()} // of the windows
		for i, p := range line[1:] {
			LEAQ(Mem{Base: line[i], Index: ldw, Scale: 2}, p)
			ADDQ(ldw, p)
		}
		parts := weightsOf(d)
		for _, rows := range parts {
			to := GP64()
			for at := 0; at < 4*panel; at += 4 * d.Lanes {
				var columns [3][]V
				for j := range columns {
					columns[j] = rows(func(i int) V {
						m := Mem{Base: line[i], Disp: at}
						if j > 0 {
							m.Index, m.Scale = ldw, uint8(j)
						}
						return d.Widen(m)
					})
				}
				MOVQ(u, to)
				for i := range columns[0] {
					for _, of := range parts {
						for _, v := range of(func(j int) V { return columns[j][i] }) {
							VMOVUPS(d.Narrow(v), Mem{Base: to, Disp: at})
							ADDQ(plane, to)
						}
					}
				}
			}
			u = to
		}
		Leave()
	})
}

// A part makes one or two of the results of weightsOf from a column.
type part func(g func(i int) V) []V

// weightsOf follows the function of its name in ../../winograd.go step by step.
func weightsOf(d Doubles) []part {
	end := func(i int) part {
		return func(g func(i int) V) []V { return []V{g(i)} }
	}
	pair := func(scale, even, odd float64) part {
		return func(g func(i int) V) []V {
			a := d.Mul(d.Add(g(0), d.Mul(g(2), d.Const(scale))), d.Const(even))
			b := d.Mul(g(1), d.Const(odd))
			return []V{d.Add(a, b), d.Sub(a, b)}
		}
	}
	return []part{end(0), pair(0.5, -1/1.5, -near/1.5), pair(2, 1./6, far/6), end(2)}
}

func input(f Form) {
	f.Function("winogradInput", "func(v *float32, plane int, x, zeros *float32, at *int, temp *float32, channels int)", func() {
		FlushSubnormals()
		w := &walk{Form: f}
		v, x, zeros := w.pointer("v"), w.pointer("x"), w.pointer("zeros")
		plane, at, temp := load("plane"), load("at"), load("temp")
		SHLQ(Imm(2), plane)
		w.lookAhead()
		w.each(func(m Mask) {
			for j := range window {
				var d []V
				for i := range window {
					p := GP64()
					MOVQ(Mem{Base: at, Disp: 8 * (i*window + j)}, p)
					TESTQ(p, p)
					LEAQ(Mem{Base: x, Index: p, Scale: 4}, p)
					CMOVQLT(zeros, p)
					d = append(d, m.Load(Mem{Base: p}))
					if j >= window-tile {
						PREFETCHT0(Mem{Base: p, Index: w.ahead, Scale: 1})
					}
				}
				for i, t := range inward(f, d) {
					VMOVUPS(t, w.temp(temp, i, j))
				}
			}
			to := GP64()
			MOVQ(v, to)
			for i := range window {
				var d []V
				for j := range window {
					d = append(d, f.Load(w.temp(temp, i, j)))
				}
				for _, t := range inward(f, d) {
					m.Store(t, Mem{Base: to})
					ADDQ(plane, to)
				}
			}
		})
	})
}

func output(f Form) {
	f.Function("winogradOutput", "func(y *float32, at *int, m *float32, plane int, temp *float32, channels int, "+
		"bias, plus *float32, clamp bool, low, high, zero float32)", func() {
		FlushSubnormals()
		w := &walk{Form: f}
		y, m := w.pointer("y"), w.pointer("m")
		at, plane, temp := load("at"), load("plane"), load("temp")
		SHLQ(Imm(2), plane)
		w.lookAhead()
		w.each(func(mask Mask) {
			// Down each column of the window; the planes lie row by row.
			column := GP64()
			MOVQ(m, column)
			for j := range window {
				from := GP64()
				MOVQ(column, from)
				var d []V
				for i := range window {
					d = append(d, mask.Load(Mem{Base: from}))
					if i < window-1 {
						for range window {
							ADDQ(plane, from)
						}
					}
				}
				ADDQ(plane, column)
				for i, t := range outward(f, d) {
					VMOVUPS(t, w.temp(temp, i, j))
				}
			}
			for i := range tile {
				var d []V
				for j := range window {
					d = append(d, f.Load(w.temp(temp, i, j)))
				}
				w.finish(outward(f, d), i, at, y, mask)
			}
		})
	})
}

// finish applies the ending to a row of y and stores what lies within it.
func (w *walk) finish(row []V, i int, at, y reg.GPVirtual, mask Mask) {
	moved := GP64()
	MOVQ(y, moved)
	SUBQ(Arg("y"), moved)
	p := GP64()
	end := NewLabel("biased")
	MOVQ(Arg("bias"), p)
	TESTQ(p, p)
	JZ(LabelRef(end))
	bias := mask.Load(Mem{Base: p, Index: moved, Scale: 1})
	for _, v := range row {
		VADDPS(bias, v, v)
	}
	Label(end)
	end = NewLabel("added")
	MOVQ(Arg("plus"), p)
	TESTQ(p, p)
	JZ(LabelRef(end))
	ADDQ(moved, p)
	for j, v := range row {
		skip := NewLabel("skipped")
		o := GP64()
		MOVQ(Mem{Base: at, Disp: 8 * (i*tile + j)}, o)
		TESTQ(o, o)
		JLT(LabelRef(skip))
		plus := mask.Load(Mem{Base: p, Index: o, Scale: 4})
		VADDPS(plus, v, v)
		Label(skip)
	}
	Label(end)
	end = NewLabel("clamped")
	CMPB(Arg("clamp"), Imm(0))
	JEQ(LabelRef(end))
	w.Clamp(row)
	Label(end)
	for j, v := range row {
		skip := NewLabel("outside")
		o := GP64()
		MOVQ(Mem{Base: at, Disp: 8 * (i*tile + j)}, o)
		TESTQ(o, o)
		JLT(LabelRef(skip))
		mask.Store(v, Mem{Base: y, Index: o, Scale: 4})
		LEAQ(Mem{Base: y, Index: o, Scale: 4}, o)
		PREFETCHT0(Mem{Base: o, Index: w.ahead, Scale: 1})
		Label(skip)
	}
}

// inward and outward follow the functions of their names in ../../winograd.go
// step by step.
func inward(f Form, d []V) []V {
	ends := func(a, b, c V) V { return f.Add(f.Sub(a, f.Mul(b, f.Const(2.5))), c) }
	pair := func(scale, of float64) (plus, minus V) {
		even := f.Sub(d[4], f.Mul(d[2], f.Const(of)))
		odd := f.Mul(f.Sub(d[3], f.Mul(d[1], f.Const(of))), f.Const(scale))
		return f.Add(even, odd), f.Sub(even, odd)
	}
	t := make([]V, window)
	t[0], t[5] = ends(d[0], d[2], d[4]), ends(d[1], d[3], d[5])
	t[1], t[2] = pair(near, 2)
	t[3], t[4] = pair(far, 0.5)
	return t
}

func outward(f Form, m []V) []V {
	nearSum, nearDiff := f.Add(m[1], m[2]), f.Sub(m[1], m[2])
	farSum, farDiff := f.Add(m[3], m[4]), f.Sub(m[3], m[4])
	mix := func(a V, by float64, b V, times float64) V {
		return f.Add(f.Mul(a, f.Const(by)), f.Mul(b, f.Const(times)))
	}
	return []V{
		f.Add(f.Add(m[0], nearSum), farSum),
		mix(nearDiff, near, farDiff, far),
		mix(nearSum, 0.5, farSum, 2),
		f.Add(mix(nearDiff, near/2, farDiff, 2*far), m[5]),
	}
}
