package main

import (
	"math"

	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/neon"
)

// pool writes what folds the taps of windows: the largest of them, and their
// mean.
func pool(file *File) {
	file.Func("highestOfTaps", "func("+SweepArgs+")", func(f *Func) {
		over(f, "fmax", math.Inf(-1), func(v V) V { return v })
	})
	file.Func("meanOfTaps", "func("+SweepArgs+", by float32)", func(f *Func) {
		f.FlushSubnormals()
		by := f.ArgV("by")
		over(f, "fadd", 0, func(v V) V { return f.Div(v, by) })
	})
}

// over joins the taps of each place to what is start first.
func over(f *Func, join string, start float64, finish func(v V) V) {
	s := Sweep{Func: f, Together: []int{8, 4, 2, 1}}
	s.Write(func(places int, strip Strip, x R) {
		acc := make([][]V, places)
		for q := range acc {
			for range strip.Vectors {
				acc[q] = append(acc[q], f.CopyV(f.Const(start)))
			}
		}
		s.Runs(x, func(_, x R) {
			s.Taps(x, func() {
				s.Places(x, places, func(q int, x R) {
					for i, v := range strip.Load(f, x) {
						f.Do(join, acc[q][i], acc[q][i], v)
					}
				})
			})
		})
		s.Rows(places, func(q int, y R) {
			for i, v := range acc[q] {
				acc[q][i] = finish(v)
			}
			strip.Store(f, acc[q], y)
		})
	})
}
