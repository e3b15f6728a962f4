package main

import (
	"math"

	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/neon"
)

// fold writes what normalisations do with a row of n elements, n > 0: sums over
// lanes, the largest element, and what becomes of the elements.
func fold(file *File) {
	file.Func("sum", "func(x *float32, n int) float32", func(f *Func) {
		x, sum := f.Arg("x"), lanes(f, 0)
		f.Blocks(f.Arg("n"), []R{x}, func(v int, part Part) {
			f.Do("fadd", sum[v], sum[v], part.Load(x, v))
		})
		f.Give(f.Tree(sum, f.Add))
	})
	file.Func("deviation", "func(x *float32, n int, mean float32) float32", func(f *Func) {
		f.FlushSubnormals()
		x, mean, sum := f.Arg("x"), f.ArgV("mean"), lanes(f, 0)
		f.Blocks(f.Arg("n"), []R{x}, func(v int, part Part) {
			d := f.Sub(part.Load(x, v), mean)
			f.Do("fadd", sum[v], sum[v], part.Or(f.Mul(d, d), f.Const(0)))
		})
		f.Give(f.Tree(sum, f.Add))
	})
	file.Func("highest", "func(x *float32, n int) float32", func(f *Func) {
		x, high := f.Arg("x"), lanes(f, math.Inf(-1))
		f.Blocks(f.Arg("n"), []R{x}, func(v int, part Part) { raise(f, high[v], part.Load(x, v), part) })
		f.Give(f.Tree(high, f.Max))
	})
	file.Func("logits", "func(z, x, mask *float32, n int, scale float32) float32", func(f *Func) {
		f.FlushSubnormals()
		z, x, mask, scale, high := f.Arg("z"), f.Arg("x"), f.Arg("mask"), f.ArgV("scale"), lanes(f, math.Inf(-1))
		either(f, mask, func(masked bool) {
			pointers := []R{z, x}
			if masked {
				pointers = append(pointers, mask)
			}
			f.Blocks(f.Arg("n"), pointers, func(v int, part Part) {
				a := f.Mul(part.Load(x, v), scale)
				if masked {
					a = f.Add(a, part.Load(mask, v))
				}
				part.Store(a, z, v)
				raise(f, high[v], a, part)
			})
		})
		f.Give(f.Tree(high, f.Max))
	})
	file.Func("exponents", "func(dst, z *float32, n int, peak float32) float32", func(f *Func) {
		f.FlushSubnormals()
		dst, z, peak, sum := f.Arg("dst"), f.Arg("z"), f.ArgV("peak"), lanes(f, 0)
		either(f, dst, func(stored bool) {
			pointers := []R{z}
			if stored {
				pointers = append(pointers, dst)
			}
			f.Blocks(f.Arg("n"), pointers, func(v int, part Part) {
				e := f.Exp(f.Sub(part.Load(z, v), peak))
				if stored {
					part.Store(e, dst, v)
				}
				f.Do("fadd", sum[v], sum[v], part.Or(e, f.Const(0)))
			})
		})
		f.Give(f.Tree(sum, f.Add))
	})
	file.Func("divide", "func(z *float32, n int, by float32)", func(f *Func) {
		f.FlushSubnormals()
		z, by := f.Arg("z"), f.ArgV("by")
		f.Strips(f.Arg("n"), several, []R{z}, func(s Strip) {
			list := s.Load(f, z)
			for i, v := range list {
				list[i] = f.Div(v, by)
			}
			s.Store(f, list, z)
		})
		f.Return()
	})
	file.Func("normalize", "func(y, x, gamma, beta *float32, n int, mean, scale float32)", normalize)
	file.Func("highestOver", "func(dst, x *float32, at *int, rows, n int)", highestOver)
	file.Func("addRows", "func(acc, x *float32, at *int, rows, n int)", addRows)
	file.Func("weighedRows", "func(y *float32, ldy int, x *float32, at *int64, stride int, w *float32, rows, taps, n int)", weighedRows)
}

// lanes are those of a block, each x.
func lanes(f *Func, x float64) (list []V) {
	for range Lanes / 4 {
		list = append(list, f.CopyV(f.Const(x)))
	}
	return list
}

// raise makes high the larger of it and x in the lanes of the part.
func raise(f *Func, high, x V, part Part) {
	f.Do("fmax", high, high, part.Or(x, f.Const(math.Inf(-1))))
}

// either writes do for where p is not nil and for where it is.
func either(f *Func, p R, do func(given bool)) {
	without, done := f.NewLabel("without"), f.NewLabel("done")
	f.Jump("CBZ", without, p)
	do(true)
	f.Jump("B", done)
	f.Label(without)
	do(false)
	f.Label(done)
}

func normalize(f *Func) {
	f.FlushSubnormals()
	y, x, gamma, beta := f.Arg("y"), f.Arg("x"), f.Arg("gamma"), f.Arg("beta")
	mean, scale := f.ArgV("mean"), f.ArgV("scale")
	either(f, gamma, func(scaled bool) {
		either(f, beta, func(moved bool) {
			pointers := []R{y, x}
			if scaled {
				pointers = append(pointers, gamma)
			}
			if moved {
				pointers = append(pointers, beta)
			}
			f.Strips(f.Arg("n"), several, pointers, func(s Strip) {
				list := s.Load(f, x)
				for i, v := range list {
					list[i] = f.Mul(f.Sub(v, mean), scale)
				}
				if scaled {
					for i, g := range s.Load(f, gamma) {
						list[i] = f.Mul(list[i], g)
					}
				}
				if moved {
					for i, b := range s.Load(f, beta) {
						list[i] = f.Add(list[i], b)
					}
				}
				s.Store(f, list, y)
			})
		})
	})
	f.Return()
}

// highestOver and addRows fold the rows of n elements that begin at x[at[0]],
// x[at[1]] … into one, and into Lanes rows in turn.

func highestOver(f *Func) {
	dst, x := f.Arg("dst"), f.Arg("x")
	f.Strips(f.Arg("n"), several, []R{dst, x}, func(s Strip) {
		high := lanes(f, math.Inf(-1))[:s.Vectors]
		rows := f.Arg("rows")
		f.Given(rows, func() {
			at := f.Arg("at")
			f.Loop(rows, func() {
				for i, v := range s.Load(f, f.Element(x, Mem{Base: at})) {
					f.Do("fmax", high[i], high[i], v)
				}
				f.Move(at, Imm(8))
			})
		})
		s.Store(f, high, dst)
	})
	f.Return()
}

func addRows(f *Func) {
	acc, at, lane := f.Arg("acc"), f.Arg("at"), f.R()
	f.Op("MOVD", lane, Imm(Lanes))
	f.Loop(f.Arg("rows"), func() {
		x := f.Element(f.Arg("x"), Mem{Base: at})
		f.Strips(f.Arg("n"), several, []R{acc, x}, func(s Strip) {
			list := s.Load(f, acc)
			for i, v := range s.Load(f, x) {
				list[i] = f.Add(list[i], v)
			}
			s.Store(f, list, acc)
		})
		f.Move(at, Imm(8))
		same := f.NewLabel("same")
		f.Op("SUB", lane, Imm(1), lane)
		f.Jump("CBNZ", same, lane)
		f.Op("MOVD", lane, Imm(Lanes))
		f.Op("MOVD", acc, "acc+0(FP)")
		f.Label(same)
	})
	f.Return()
}

// weighedRows sums rows a stride apart with weights.
func weighedRows(f *Func) {
	f.FlushSubnormals()
	y, at, w, ldy, stride := f.Arg("y"), f.Arg("at"), f.Arg("w"), f.Stride("ldy"), f.Stride("stride")
	f.Loop(f.Arg("rows"), func() {
		x, to := f.Element(f.Arg("x"), Mem{Base: at}), f.Copy(y)
		f.Strips(f.Arg("n"), several, []R{to, x}, func(s Strip) {
			tap, weight, sums := f.Copy(x), f.Copy(w), lanes(f, math.Copysign(0, -1))[:s.Vectors]
			f.Loop(f.Arg("taps"), func() {
				by := f.Lane(f.Load(Mem{Base: weight}, 1), 0)
				for i, v := range s.Load(f, tap) {
					f.Do("fadd", sums[i], sums[i], f.Mul(v, by))
				}
				f.Move(tap, stride)
				f.Move(weight, Imm(4))
			})
			s.Store(f, sums, to)
		})
		f.Move(w, f.Stride("taps"))
		f.Move(y, ldy)
		f.Move(at, Imm(8))
	})
	f.Return()
}
