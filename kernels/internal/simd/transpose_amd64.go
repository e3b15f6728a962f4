//go:build !purego

package simd

// transpose reports whether it has done what transposePortable does.
func transpose(dst []uint32, da int, src []uint32, sb int, rows, cols int) bool {
	switch active {
	case avx512:
		transpose512(&dst[0], da, &src[0], sb, rows, cols)
	case avx2:
		transpose256(&dst[0], da, &src[0], sb, rows, cols)
	default:
		return false
	}
	return true
}
