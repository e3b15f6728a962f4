package main

import (
	"fmt"

	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/neon"
)

// A taps is a function for runs of so many taps where places are so many taps
// apart: an element of x is loaded once for all of them. With neither it is for
// any taps.
type taps struct {
	Sweep
	count, apart int
	wNext        R
}

func depthwise(file *File) {
	for _, d := range []taps{{}, {count: 3, apart: 1}, {count: 3, apart: 2}, {count: 5, apart: 1}, {count: 5, apart: 2}} {
		name := "depthwise"
		if d.count > 0 {
			name += fmt.Sprintf("%dby%d", d.count, d.apart)
		}
		signature := "func(" + SweepArgs + ", w *float32, wNext int, add bool, bias *float32, clamp bool, low, high float32)"
		file.Func(name, signature, func(f *Func) {
			d.Sweep = Sweep{Func: f, Together: []int{8, 4, 2, 1}}
			f.FlushSubnormals()
			d.wNext = f.Stride("wNext")
			d.Write(d.sums)
		})
	}
}

// sums computes a strip of channels at some places.
func (d *taps) sums(places int, strip Strip, x R) {
	acc := make([][]V, places)
	for q := range acc {
		for range strip.Vectors {
			acc[q] = append(acc[q], d.Zero())
		}
	}
	d.Given(d.Arg("add"), func() {
		d.Rows(places, func(q int, y R) {
			for i, s := range acc[q] {
				d.LoadTo(Mem{Base: y, Disp: 16 * i}, s, strip.Lanes)
			}
		})
	})
	w := d.Beside(d.Arg("w"))
	d.Runs(x, func(run, x R) {
		w := d.Element(w, Mem{Base: run, Disp: 8})
		if d.count > 0 {
			d.run(acc, strip, x, w)
			return
		}
		d.Taps(x, func() {
			weights := strip.Load(d.Func, w)
			d.Places(x, places, func(q int, x R) {
				for i, v := range strip.Load(d.Func, x) {
					d.Do("fmla", acc[q][i], v, weights[i])
				}
			})
			d.Move(w, d.wNext)
		})
	})
	d.finish(acc, strip)
}

// run adds a run, element by element of x, each to all sums that take it.
func (d *taps) run(acc [][]V, strip Strip, x, w R) {
	var weights [][]V
	for t := range d.count {
		if t > 0 {
			d.Move(w, d.wNext)
		}
		weights = append(weights, strip.Load(d.Func, w))
	}
	for j := range (len(acc)-1)*d.apart + d.count {
		if j > 0 {
			d.Move(x, d.XNext)
		}
		v := strip.Load(d.Func, x)
		for q, sums := range acc {
			if t := j - q*d.apart; t >= 0 && t < d.count {
				for i, s := range sums {
					d.Do("fmla", s, v[i], weights[t][i])
				}
			}
		}
	}
}

// finish applies the ending to the sums and stores them.
func (d *taps) finish(acc [][]V, strip Strip) {
	bias := d.Arg("bias")
	d.Given(bias, func() {
		for i, b := range strip.Load(d.Func, d.Beside(bias)) {
			for _, sums := range acc {
				d.Do("fadd", sums[i], sums[i], b)
			}
		}
	})
	d.Given(d.Arg("clamp"), func() {
		var all []V
		for _, sums := range acc {
			all = append(all, sums...)
		}
		d.Clamp(all)
	})
	d.Rows(len(acc), func(q int, y R) { strip.Store(d.Func, acc[q], y) })
}
