//go:build !purego

package simd

// transpose reports whether it has done what transposePortable does.
func transpose(dst []uint32, da int, src []uint32, sb int, rows, cols int) bool {
	if active == portable || cols < side || rows < 4 {
		return false
	}
	whole := rows &^ 3
	transposeNeon(&dst[0], da, &src[0], sb, whole)
	if whole < rows {
		transposePortable(dst[whole*da:], da, src[whole:], sb, rows-whole, cols)
	}
	return true
}
