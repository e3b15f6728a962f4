package main

import . "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/neon"

// side is how many columns there are.
const side = 8

// transpose writes Transpose for eight columns and a multiple of four rows.
func transpose(file *File) {
	file.Func("transpose", "func(dst *uint32, da int, src *uint32, sb int, rows int)", func(f *Func) {
		dst, da, rows, sb := f.Arg("dst"), f.Stride("da"), f.Arg("rows"), f.Stride("sb")
		from := []R{f.Arg("src")}
		for k := range side - 1 {
			next := f.R()
			f.Op("ADD", next, sb, from[k])
			from = append(from, next)
		}
		f.Op("LSR", rows, Imm(2), rows)
		f.Loop(rows, func() {
			var v []V
			for _, p := range from {
				v = append(v, f.Load(Mem{Base: p}, 4))
				f.Move(p, Imm(16))
			}
			left, right := turn(f, v[:4]), turn(f, v[4:])
			for i := range left {
				f.StorePair(left[i], right[i], Mem{Base: dst})
				f.Move(dst, da)
			}
		})
		f.Return()
	})
}

// turn transposes four vectors.
func turn(f *Func, v []V) []V {
	a, b := f.Of("trn1", v[0], v[1]), f.Of("trn2", v[0], v[1])
	c, d := f.Of("trn1", v[2], v[3]), f.Of("trn2", v[2], v[3])
	return []V{f.Of("trn1.2d", a, c), f.Of("trn1.2d", b, d), f.Of("trn2.2d", a, c), f.Of("trn2.2d", b, d)}
}
