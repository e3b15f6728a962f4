//go:build !purego

package simd

func pack(dst, src []float32, stride, rows, columns int) {
	switch active {
	case avx512:
		pack512(&dst[0], &src[0], stride, rows, columns)
	case avx2:
		pack256(&dst[0], &src[0], stride, rows, columns)
	default:
		packPortable(dst, src, stride, rows, columns)
	}
}
