package main

import (
	"fmt"

	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/neon"
)

// unroll is how many terms one round of the inner loop adds: as many as a vector
// of a row of a holds.
const unroll = 4

// chains is how many sums that do not wait for each other keep the units for
// multiply-adds busy.
const chains = 24

// tallest is the rows of the highest tile of so many panels: of the 32
// registers the sums take up to 24, the rows 6, and two are left for b.
var tallest = []int{1: 6, 2: 3, 4: 1}

func gemm(file *File) {
	file.Func("peak", "func(rounds int)", func(f *Func) {
		n, a := f.Arg("rounds"), f.Zero()
		var sums []V
		for range chains {
			sums = append(sums, f.Zero())
		}
		f.Loop(n, func() {
			for _, s := range sums {
				f.Do("fmla", s, a, a)
			}
		})
		f.Return()
	})
	for panels, rows := range tallest {
		for r := 1; r <= rows; r++ {
			file.Func(fmt.Sprintf("gemm%dx%d", r, panels*columns), signature, func(f *Func) {
				t := &tile{Func: f, rows: r, panels: panels}
				t.write()
			})
		}
	}
}

// columns is how many a panel has.
const columns = 16

// A tile is one function. It adds up a[i, k]·b[k, j] for its rows i and
// columns j, k ascending, each sum in one accumulator from zero, and stores
// the sums in c or adds them to it. It does so many times, each time for the
// rows below.
//
// Row i of a is given in runs: run r has lens[r] elements that begin at
// x[at[r·stride+i]], or at zeros where that is negative. The columns come as
// panels of 16 that are ldb elements apart. What becomes of a sum is in store.
// The inner loop of the highest tile takes 114 instructions for 96 multiply-adds.
type tile struct {
	*Func
	rows, panels int

	acc         [][]V // by row and vector of columns
	c, ldc      R
	at, plus    R
	from, panel []R // where the run of each row begins, and the next term of each panel
}

const signature = "func(times int, c *float32, ldc int, add bool, " +
	"x, zeros *float32, at *int, stride int, lens *int, runs int, b *float32, ldb int, " +
	"bias, plus *float32, clamp bool, low, high float32)"

func (t *tile) write() {
	t.FlushSubnormals()
	t.c, t.ldc, t.at, t.plus = t.Arg("c"), t.Stride("ldc"), t.Arg("at"), t.Arg("plus")
	t.Loop(t.Arg("times"), func() {
		t.begin()
		runs := t.Arg("runs")
		t.Given(runs, func() {
			at, lens := t.Copy(t.at), t.Arg("lens")
			t.Loop(runs, func() { t.sum(t.point(at, lens)) })
		})
		t.store()
		t.Move(t.at, Imm(8*t.rows))
	})
	t.Return()
}

// begin sets the sums to zero and finds the panels.
func (t *tile) begin() {
	t.acc, t.panel = make([][]V, t.rows), []R{t.Arg("b")}
	for i := range t.acc {
		for range t.panels * columns / 4 {
			t.acc[i] = append(t.acc[i], t.Zero())
		}
	}
	if t.panels > 1 {
		ldb := t.Stride("ldb")
		for p := range t.panels - 1 {
			next := t.R()
			t.Op("ADD", next, ldb, t.panel[p])
			t.panel = append(t.panel, next)
		}
	}
}

// point finds where the next run begins in each row, and its length.
func (t *tile) point(at, lens R) (n R) {
	x, zeros, stride := t.Arg("x"), t.Arg("zeros"), t.Arg("stride")
	t.from = nil
	for i := range t.rows {
		place, p := t.R(), t.R()
		t.Op("MOVD", place, Mem{Base: at, Disp: 8 * i})
		t.Op("ADD", p, Times{R: place, By: 4}, x)
		t.Op("CMP", R{}, Imm(0), place)
		t.Op("CSEL", p, "LT", zeros, p)
		t.from = append(t.from, p)
	}
	t.Move(at, Times{R: stride, By: 8})
	n = t.R()
	t.Op("MOVD", n, Mem{Base: lens})
	t.Move(lens, Imm(8))
	return n
}

// sum adds the n terms of a run, some at a time and then one by one.
func (t *tile) sum(n R) {
	k := t.R()
	t.Op("MOVD", k, Imm(0))
	terms, rest := t.NewLabel("terms"), t.NewLabel("rest")
	t.Op("SUBS", n, Imm(unroll), n)
	t.Jump("BLT", rest)
	t.Label(terms)
	t.terms(k, unroll)
	t.Op("SUBS", n, Imm(unroll), n)
	t.Jump("BGE", terms)
	t.Label(rest)
	t.Move(n, Imm(unroll))
	t.Given(n, func() { t.Loop(n, func() { t.terms(k, 1) }) })
}

// terms adds some terms, k bytes behind where the run begins.
func (t *tile) terms(k R, count int) {
	var a []V
	for _, p := range t.from {
		a = append(a, t.LoadAt(p, k, count))
	}
	for u := range count {
		for p, b := range t.panel {
			for at := 0; at < columns/4; at += 2 {
				b0, b1 := t.LoadPair(Mem{Base: b, Disp: 4*columns*u + 16*at})
				for v, b := range []V{b0, b1} {
					for i, sums := range t.acc {
						t.MulAddLane(sums[p*columns/4+at+v], b, a[i], u)
					}
				}
			}
		}
	}
	t.Move(k, Imm(4*count))
	for _, b := range t.panel {
		t.Move(b, Imm(4*columns*count))
	}
}

// store finishes the sums: each is added to c if add is set, then bias of its
// column is added, then the element of plus that lies as its own does in c,
// then it is brought between low and high if clamp is set.
func (t *tile) store() {
	t.Given(t.Arg("add"), func() { t.addMatrix(t.Copy(t.c)) })
	bias := t.Arg("bias")
	t.Given(bias, func() {
		t.pairs(func(v int) {
			b0, b1 := t.LoadPair(Mem{Base: bias, Disp: 16 * v})
			for _, sums := range t.acc {
				t.Do("fadd", sums[v], sums[v], b0)
				t.Do("fadd", sums[v+1], sums[v+1], b1)
			}
		})
	})
	t.Given(t.plus, func() { t.addMatrix(t.plus) })
	t.Given(t.Arg("clamp"), func() {
		var all []V
		for _, sums := range t.acc {
			all = append(all, sums...)
		}
		t.Clamp(all)
	})
	for _, sums := range t.acc {
		t.pairs(func(v int) { t.StorePair(sums[v], sums[v+1], Mem{Base: t.c, Disp: 16 * v}) })
		t.Move(t.c, t.ldc)
	}
}

// addMatrix adds the matrix at p to the sums and moves p to the rows below.
func (t *tile) addMatrix(p R) {
	for _, sums := range t.acc {
		t.pairs(func(v int) {
			m0, m1 := t.LoadPair(Mem{Base: p, Disp: 16 * v})
			t.Do("fadd", sums[v], sums[v], m0)
			t.Do("fadd", sums[v+1], sums[v+1], m1)
		})
		t.Move(p, t.ldc)
	}
}

// pairs calls do for every second vector of columns.
func (t *tile) pairs(do func(v int)) {
	for v := 0; v < t.panels*columns/4; v += 2 {
		do(v)
	}
}
