// The pool program writes what folds the taps of windows: the largest of them,
// and their mean.
package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/vec"
)

func main() {
	ConstraintExpr("!purego")
	for _, f := range Forms {
		highest := fold{Sweep{Form: f, Together: []int{f.Lanes / 4, 1}}} // each takes two registers
		highest.Function("highestOfTaps", "func("+SweepArgs+")", func() {}, highest.highest)
		mean := fold{Sweep{Form: f, Together: []int{8, 4, 2, 1}}}
		mean.Function("meanOfTaps", "func("+SweepArgs+", by float32)", FlushSubnormals, mean.mean)
	}
	Generate()
}

type fold struct{ Sweep }

// Floats in the order of Sortable: beyond the infinities lie NaNs.
var (
	lowest  = sortable(math.Float32bits(float32(math.Inf(-1))))
	largest = sortable(math.Float32bits(float32(math.Inf(1))))
)

func sortable(bits uint32) uint32 { return bits ^ uint32(int32(bits)>>31)&0x7fffffff }

func (f *fold) highest(places int, x reg.GPVirtual, mask Mask) {
	var high, low []V
	for range places {
		high, low = append(high, f.Copy(f.Bits(lowest))), append(low, f.Copy(f.Bits(lowest)))
	}
	f.Runs(x, func(_, x reg.GPVirtual) {
		f.Taps(x, places, func(list []Mem) {
			for q, m := range list {
				v := f.Sortable(mask.Load(m))
				VPMAXSD(v, high[q], high[q])
				VPMINSD(v, low[q], low[q])
			}
		})
	})
	for q := range high {
		nan := f.LessInts(low[q], f.Bits(lowest))
		nan.Join(f.LessInts(f.Bits(largest), high[q]))
		high[q] = nan.Choose(f.Const(math.NaN()), f.Sortable(high[q]))
	}
	f.Rows(high, func(at Mem, v V) { mask.Store(v, at) })
}

func (f *fold) mean(places int, x reg.GPVirtual, mask Mask) {
	var sums []V
	for range places {
		sums = append(sums, f.Zero())
	}
	f.Runs(x, func(_, x reg.GPVirtual) {
		f.Taps(x, places, func(list []Mem) {
			for q, m := range list {
				VADDPS(mask.Operand(m), sums[q], sums[q])
			}
		})
	})
	by := f.Broadcast(Arg("by"))
	for q := range sums {
		sums[q] = f.Div(sums[q], by)
	}
	f.Rows(sums, func(at Mem, v V) { mask.Store(v, at) })
}
