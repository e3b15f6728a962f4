package kernels

import (
	"math"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
)

// foldWidth is the least number of columns that vectors of columns are for.
const foldWidth = 8

// ofFloat32 makes folders of x for the functions that have vector code: for
// results whose elements are neighbours, and for rows of many results. There is
// none for others.
func (f *fold) ofFloat32(x []float32, fn int64) func() folder[float32] {
	inRow := f.cols == 1 && f.reduced.rank <= 1
	switch {
	case !inRow && f.width < foldWidth:
		return nil
	case fn == ReduceMax && inRow:
		return always(func(dst []float32, base, _, lo, hi int) {
			dst[0] = simd.Highest(x[base+lo:base+hi], float32(math.Inf(-1)))
		})
	case fn == ReduceMax:
		return func() folder[float32] { return f.highestRows(x) }
	case fn != ReduceSum && fn != ReduceMean:
		return nil
	case inRow:
		return always(func(dst []float32, base, _, lo, hi int) { dst[0] = simd.Sum(x[base+lo : base+hi]) })
	default:
		return func() folder[float32] { return f.sumRows(x) }
	}
}

// always is a folder that keeps nothing.
func always(f folder[float32]) func() folder[float32] { return func() folder[float32] { return f } }

func (f *fold) sumRows(x []float32) folder[float32] {
	lanes, list := make([]float32, foldLanes*f.width), make([]int, 0, foldChunk)
	return func(dst []float32, base, width, lo, hi int) {
		acc := lanes[:foldLanes*width]
		clear(acc)
		for i := lo; i < hi; {
			at := list[:0]
			for ; i < hi && len(at) < foldChunk; i++ {
				at = append(at, base+f.reduced.at(i))
			}
			simd.AddRows(acc, x, at)
		}
		joinLanes(dst, acc, simdJoins[ReduceSum])
	}
}

func (f *fold) highestRows(x []float32) folder[float32] {
	part, list := make([]float32, f.width), make([]int, 0, foldChunk)
	return func(dst []float32, base, width, lo, hi int) {
		simd.HighestOver(dst, x, nil)
		for i := lo; i < hi; {
			at := list[:0]
			for ; i < hi && len(at) < foldChunk; i++ {
				at = append(at, base+f.reduced.at(i))
			}
			simd.HighestOver(part[:width], x, at)
			simd.Max.Map(dst, dst, part[:width])
		}
	}
}

// simdJoins are the joiners of float32.
var simdJoins = [...]joiner[float32]{
	ReduceSum:  func(acc, x []float32) { simd.Add.Map(acc, acc, x) },
	ReduceMean: func(acc, x []float32) { simd.Add.Map(acc, acc, x) },
	ReduceProd: func(acc, x []float32) { simd.Mul.Map(acc, acc, x) },
	ReduceMin:  func(acc, x []float32) { simd.Min.Map(acc, acc, x) },
	ReduceMax:  func(acc, x []float32) { simd.Max.Map(acc, acc, x) },
}
