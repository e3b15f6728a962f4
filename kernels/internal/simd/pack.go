package simd

import "github.com/glovebox-ml/glovebox/kernels/tensor"

// A packed matrix is what Gemm takes as its right operand: the columns are
// cut into panels of Panel, and a panel holds its rows one after another, so
// the inner loop of a product reads memory in order, whole cache lines at a
// time. The last panel is filled up with columns of zeros.
//
//	b (k, n)  →  [panel 0: k rows of 16][panel 1: k rows of 16] …
//
// A wider tile reads several panels at once, so the layout does not depend on
// the processor.
const Panel = 16

// PanelLen is how many elements panels of k rows are apart: an odd number of
// rows, so that panels which are read at once do not compete for the same sets
// of a cache.
func PanelLen(k int) int { return (k | 1) * Panel }

// PackedLen is the number of elements of the packed form of b (k, n).
func PackedLen(k, n int) int { return (n + Panel - 1) / Panel * PanelLen(k) }

// Pack writes b (k, n), whose element (i, j) is b[i·row+j·col], in its packed
// form.
func Pack(dst, b []float32, k, n, row, col int) {
	if k <= 0 {
		return
	}
	for j := 0; j < n; j += Panel {
		panel, part, width := dst[j/Panel*PanelLen(k):][:k*Panel], b[j*col:], min(Panel, n-j)
		switch {
		case col == 1:
			packRows(panel, part, row, k, width)
		case row == 1:
			if width < Panel {
				clear(panel)
			}
			Transpose(words(panel), Panel, words(part), col, k, width)
		default:
			for i := range k {
				d := panel[i*Panel:][:Panel]
				for x := range width {
					d[x] = part[i*row+x*col]
				}
				clear(d[width:])
			}
		}
	}
}

func words(x []float32) []uint32 { return tensor.View[uint32](tensor.Bytes(x)) }

// packRows packs a panel whose rows lie stride apart.
func packRows(dst, src []float32, stride, rows, columns int) {
	if stride < 0 {
		panic("simd: a negative stride")
	}
	_ = src[(rows-1)*stride+columns-1]
	for i := 0; i < rows; i += maxRun {
		pack(dst[i*Panel:], src[i*stride:], stride, min(maxRun, rows-i), columns)
	}
}

// packPortable copies rows of columns elements, stride apart, next to each
// other and fills them up with zeros.
func packPortable(dst, src []float32, stride, rows, columns int) {
	for i := range rows {
		d := dst[i*Panel:][:Panel]
		clear(d[copy(d, src[i*stride:][:columns]):])
	}
}
