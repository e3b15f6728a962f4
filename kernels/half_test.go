package kernels

import (
	"math"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// A float16 is its sign, its fraction and a power of two.
func TestHalfIsExactAndRounds(t *testing.T) {
	for _, d := range []tensor.DType{tensor.Float16, tensor.BFloat16} {
		h := halfOf(d)
		bits, bias := 10, 15
		if d == tensor.BFloat16 {
			bits, bias = 7, 127
		}
		var last float64
		for b := range 0x8000 {
			exp, frac := b>>bits, b&(1<<bits-1)
			f := h.widen(uint16(b))
			if exp == 2*bias+1 {
				if frac == 0 != math.IsInf(float64(f), 1) || frac != 0 != (f != f) {
					t.Fatalf("%v %#x: got %v", d, b, f)
				}
			} else {
				want := math.Ldexp(float64(frac+min(exp, 1)<<bits), max(exp, 1)-bias-bits)
				if float64(f) != want {
					t.Fatalf("%v %#x: got %v, want %v", d, b, f, want)
				}
				even := uint16(b)
				if b > 0 {
					if b&1 == 1 {
						even--
					}
					half := float32((want + last) / 2)
					up := math.Nextafter32(half, math.MaxFloat32)
					if got := h.narrow(half); got != even {
						t.Fatalf("%v tie below %#x: got %#x", d, b, got)
					}
					if got := h.narrow(up); got != uint16(b) {
						t.Fatalf("%v above the tie below %#x: got %#x", d, b, got)
					}
				}
				last = want
			}
			for _, s := range []uint16{0, 0x8000} {
				back := h.narrow(h.widen(uint16(b) | s))
				if f == f && back != uint16(b)|s {
					t.Fatalf("%v %#x: back as %#x", d, uint16(b)|s, back)
				}
				if f != f && h.widen(back) == h.widen(back) {
					t.Fatalf("%v %#x: NaN was lost", d, uint16(b)|s)
				}
			}
		}
		if h.narrow(math.MaxFloat32) != h.narrow(float32(math.Inf(1))) {
			t.Errorf("%v: the largest float32 is not infinite", d)
		}
	}
}
