package kernels

import (
	"math"
	"sync"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
)

// foldWidth is the least number of columns that vectors of columns are for.
const foldWidth = 8

// vectorFold folds the elements lo … hi of each of width neighbouring results
// of x, the first element of which is at base, and sets dst to what they give.
type vectorFold func(f *fold, w *foldWork, dst, x []float32, base, width, lo, hi int)

// foldWork is what a goroutine needs for rows.
type foldWork struct {
	lanes []float32
	list  []int
}

var foldWorks = sync.Pool{New: func() any {
	return &foldWork{make([]float32, foldChunk), make([]int, 0, foldChunk)}
}}

// ofFloat32 is the vector code of a function: for results whose elements are
// neighbours, and for rows of many results. There is none for others.
func (f *fold) ofFloat32(fn int64) vectorFold {
	inRow := f.cols == 1 && f.reduced.rank <= 1
	switch {
	case !inRow && f.width < foldWidth:
		return nil
	case fn == ReduceMax && inRow:
		return highestInRow
	case fn == ReduceMax:
		return highestRows
	case fn != ReduceSum && fn != ReduceMean:
		return nil
	case inRow:
		return sumInRow
	default:
		return sumRows
	}
}

func highestInRow(_ *fold, _ *foldWork, dst, x []float32, base, _, lo, hi int) {
	dst[0] = simd.Highest(x[base+lo:base+hi], float32(math.Inf(-1)))
}

func sumInRow(_ *fold, _ *foldWork, dst, x []float32, base, _, lo, hi int) {
	dst[0] = simd.Sum(x[base+lo : base+hi])
}

func sumRows(f *fold, w *foldWork, dst, x []float32, base, width, lo, hi int) {
	acc := w.lanes[:foldLanes*width]
	clear(acc)
	for lo < hi {
		var at []int
		at, lo = f.rowsFrom(w, base, lo, hi)
		simd.AddRows(acc, x, at)
	}
	joinLanes(dst, acc, simdJoins[ReduceSum])
}

func highestRows(f *fold, w *foldWork, dst, x []float32, base, width, lo, hi int) {
	part := w.lanes[:width]
	simd.HighestOver(dst, x, nil)
	for lo < hi {
		var at []int
		at, lo = f.rowsFrom(w, base, lo, hi)
		simd.HighestOver(part, x, at)
		simd.Max.Map(dst, dst, part)
	}
}

// rowsFrom lists where the rows lo … hi begin, as many as the list holds, and
// says which comes after them.
func (f *fold) rowsFrom(w *foldWork, base, lo, hi int) (at []int, next int) {
	at = w.list[:0]
	for ; lo < hi && len(at) < foldChunk; lo++ {
		at = append(at, base+f.reduced.at(lo))
	}
	return at, lo
}

// simdJoins are the joiners of float32.
var simdJoins = [...]joiner[float32]{
	ReduceSum:  func(acc, x []float32) { simd.Add.Map(acc, acc, x) },
	ReduceMean: func(acc, x []float32) { simd.Add.Map(acc, acc, x) },
	ReduceProd: func(acc, x []float32) { simd.Mul.Map(acc, acc, x) },
	ReduceMin:  func(acc, x []float32) { simd.Min.Map(acc, acc, x) },
	ReduceMax:  func(acc, x []float32) { simd.Max.Map(acc, acc, x) },
}
