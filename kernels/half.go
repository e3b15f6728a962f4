package kernels

import (
	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// half converts one of the two 16-bit float types to float32, which is exact,
// and back, which rounds to nearest, ties to even.
type half struct {
	widen  func(uint16) float32
	narrow func(float32) uint16
	// load widens elements, store narrows them, round does both.
	load  func(dst []float32, src []uint16)
	store func(dst []uint16, src []float32)
	round func(x []float32)
}

func halfOf(d tensor.DType) half {
	if d == tensor.Float16 {
		return half{simd.WidenHalf, simd.NarrowHalf, simd.WidenHalves, simd.NarrowHalves, simd.RoundHalves}
	}
	return half{simd.WidenBrain, simd.NarrowBrain, simd.WidenBrains, simd.NarrowBrains, simd.RoundBrains}
}
