package cli

import (
	"fmt"
	"math"
	"slices"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

// difference is how far two tensors are apart at most.
type difference struct{ abs, rel float64 }

// compare holds got against want: the same type, integers exactly, floats
// within atol + rtol·|want|, and NaN equals NaN. why is empty when they agree.
func compare(got, want glovebox.Tensor, rtol, atol float64) (d difference, why string) {
	if got.DType() != want.DType() || !slices.Equal(got.Shape(), want.Shape()) {
		return d, fmt.Sprintf("is %v, want %v", got.Type(), want.Type())
	}
	a, b := elements(got), elements(want)
	for i := range size(got) {
		x, y := a(i), b(i)
		if x.integer {
			if x.i != y.i {
				if why == "" {
					why = fmt.Sprintf("[%d] is %s, want %s", i, x.text(9), y.text(9))
				}
				d.abs = max(d.abs, math.Abs(x.f-y.f))
			}
			continue
		}
		if x.f == y.f || math.IsNaN(x.f) && math.IsNaN(y.f) {
			continue
		}
		off := math.Abs(x.f - y.f)
		if math.IsNaN(off) || math.IsInf(off, 0) || off > atol+rtol*math.Abs(y.f) {
			if why == "" {
				why = fmt.Sprintf("[%d] is %s, want %s", i, x.text(9), y.text(9))
			}
		}
		if !math.IsNaN(off) && !math.IsInf(off, 0) {
			d.abs = max(d.abs, off)
			if y.f != 0 {
				d.rel = max(d.rel, off/math.Abs(y.f))
			}
		}
	}
	return d, why
}
