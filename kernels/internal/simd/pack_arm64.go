//go:build !purego

package simd

func pack(dst, src []float32, stride, rows, columns int) {
	if active == portable || columns < Panel {
		packPortable(dst, src, stride, rows, columns)
		return
	}
	packNeon(&dst[0], &src[0], stride, rows)
}
