package main

import (
	"math"

	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/neon"
)

const (
	window   = 6 // places of x on each side of a tile
	tileSide = 4 // places of y
	near     = math.Sqrt2 / 2
	far      = math.Sqrt2
)

// winograd writes the transforms of Winograd's convolution, which go over one
// tile, one vector of channels after another.
func winograd(file *File) {
	file.Func("winogradWeights", "func(u *float32, plane int, w *float32, ldw int)", winogradWeights)
	file.Func("winogradInput", "func(v *float32, plane int, x, zeros *float32, at *int, temp *float32, channels int)", winogradInput)
	file.Func("winogradOutput", "func(y *float32, at *int, m *float32, plane int, temp *float32, channels int, "+
		"bias, plus *float32, clamp bool, low, high float32)", winogradOutput)
}

// temp is where element (i, j) of what lies between the two passes is kept.
func temp(base R, i, j int) Mem { return Mem{Base: base, Disp: 16 * (i*window + j)} }

// winogradWeights goes over a panel, two windows at a time.
func winogradWeights(f *Func) {
	d := Doubles{Func: f}
	u, plane, w, ldw := f.Arg("u"), f.Stride("plane"), f.Arg("w"), f.Stride("ldw")
	pairs := f.R()
	f.Op("MOVD", pairs, Imm(16/2))
	f.Loop(pairs, func() {
		from, to := f.Copy(w), f.Copy(u)
		var g []V
		for range 9 {
			g = append(g, d.Widen(f.Load(Mem{Base: from}, 2)))
			f.Move(from, ldw)
		}
		parts := weightsOf(d)
		for _, rows := range parts {
			var columns [3][]V
			for j := range columns {
				columns[j] = rows(g[j], g[3+j], g[6+j])
			}
			for i := range columns[0] {
				for _, of := range parts {
					for _, v := range of(columns[0][i], columns[1][i], columns[2][i]) {
						f.Store(d.Narrow(v), Mem{Base: to}, 2)
						f.Move(to, plane)
					}
				}
			}
		}
		f.Move(w, Imm(8))
		f.Move(u, Imm(8))
	})
	f.Return()
}

// A part makes one or two of the results of weightsOf from a column.
type part func(a, b, c V) []V

// weightsOf follows the function of its name in ../../winograd.go step by step.
func weightsOf(d Doubles) []part {
	pair := func(scale, even, odd float64) part {
		return func(a, b, c V) []V {
			a = d.Mul(d.Add(a, d.Mul(c, d.Const(scale))), d.Const(even))
			b = d.Mul(b, d.Const(odd))
			return []V{d.Add(a, b), d.Sub(a, b)}
		}
	}
	return []part{
		func(a, _, _ V) []V { return []V{a} },
		pair(0.5, -1/1.5, -near/1.5),
		pair(2, 1./6, far/6),
		func(_, _, c V) []V { return []V{c} },
	}
}

func winogradInput(f *Func) {
	f.FlushSubnormals()
	v, x, zeros := f.Arg("v"), f.Arg("x"), f.Arg("zeros")
	plane, at, kept := f.Stride("plane"), f.Arg("at"), f.Arg("temp")
	f.Strips(f.Arg("channels"), single, []R{v, x, zeros}, func(s Strip) {
		for j := range window {
			var d []V
			for i := range window {
				place, p := f.R(), f.R()
				f.Op("MOVD", place, Mem{Base: at, Disp: 8 * (i*window + j)})
				f.Op("ADD", p, Times{R: place, By: 4}, x)
				f.Op("CMP", R{}, Imm(0), place)
				f.Op("CSEL", p, "LT", zeros, p)
				d = append(d, f.Load(Mem{Base: p}, s.Lanes))
			}
			for i, t := range inward(f, d) {
				f.Store(t, temp(kept, i, j), 4)
			}
		}
		to := f.Copy(v)
		for i := range window {
			for j, t := range inward(f, rowOf(f, kept, i)) {
				if i+j > 0 {
					f.Move(to, plane)
				}
				f.Store(t, Mem{Base: to}, s.Lanes)
			}
		}
	})
	f.Return()
}

// rowOf is row i of what was kept.
func rowOf(f *Func, kept R, i int) (d []V) {
	for j := range window {
		d = append(d, f.Load(temp(kept, i, j), 4))
	}
	return d
}

func winogradOutput(f *Func) {
	f.FlushSubnormals()
	y, m, bias, plus := f.Arg("y"), f.Arg("m"), f.Arg("bias"), f.Arg("plus")
	at, plane, kept, behind := f.Arg("at"), f.Stride("plane"), f.Arg("temp"), f.R()
	f.Op("MOVD", behind, Imm(0))
	row := f.R() // from a row of planes to the next
	f.Op("ADD", row, Times{R: plane, By: 2}, plane)
	f.Op("LSL", row, Imm(1), row)
	f.Strips(f.Arg("channels"), single, []R{y, m, behind}, func(s Strip) {
		column := f.Copy(m)
		for j := range window {
			from := f.Copy(column)
			var d []V
			for i := range window {
				if i > 0 {
					f.Move(from, row)
				}
				d = append(d, f.Load(Mem{Base: from}, s.Lanes))
			}
			f.Move(column, plane)
			for i, t := range outward(f, d) {
				f.Store(t, temp(kept, i, j), 4)
			}
		}
		for i := range tileSide {
			list := outward(f, rowOf(f, kept, i))
			f.Given(bias, func() {
				p := f.Copy(bias)
				f.Move(p, behind)
				b := f.Load(Mem{Base: p}, s.Lanes)
				for _, v := range list {
					f.Do("fadd", v, v, b)
				}
			})
			f.Given(plus, func() {
				p := f.Copy(plus)
				f.Move(p, behind)
				within(f, at, i, p, func(j int, p R) { f.Do("fadd", list[j], list[j], f.Load(Mem{Base: p}, s.Lanes)) })
			})
			f.Given(f.Arg("clamp"), func() { f.Clamp(list) })
			within(f, at, i, y, func(j int, p R) { f.Store(list[j], Mem{Base: p}, s.Lanes) })
		}
	})
	f.Return()
}

// within writes do for each place of row i that is not outside; it gets where
// the place lies behind p.
func within(f *Func, at R, i int, p R, do func(j int, p R)) {
	for j := range tileSide {
		outside, place := f.NewLabel("outside"), f.R()
		f.Op("MOVD", place, Mem{Base: at, Disp: 8 * (i*tileSide + j)})
		f.Jump("TBNZ", outside, Imm(63), place)
		f.Op("ADD", place, Times{R: place, By: 4}, p)
		do(j, place)
		f.Label(outside)
	}
}

// inward and outward follow the functions of their names in ../../winograd.go
// step by step.
func inward(f *Func, d []V) []V {
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

func outward(f *Func, m []V) []V {
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
