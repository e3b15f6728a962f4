package main

import . "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/neon"

// pack writes a function that copies rows of 16 elements, stride apart, next to
// each other.
func pack(file *File) {
	file.Func("pack", "func(dst, src *float32, stride, rows int)", func(f *Func) {
		dst, src, stride := f.Arg("dst"), f.Arg("src"), f.Stride("stride")
		f.Loop(f.Arg("rows"), func() {
			for at := 0; at < 4*columns; at += 32 {
				a, b := f.LoadPair(Mem{Base: src, Disp: at})
				f.StorePair(a, b, Mem{Base: dst, Disp: at})
			}
			f.Move(src, stride)
			f.Move(dst, Imm(4*columns))
		})
		f.Return()
	})
}
