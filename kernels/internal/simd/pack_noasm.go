//go:build (!amd64 && !arm64) || purego

package simd

func pack(dst, src []float32, stride, rows, columns int) {
	packPortable(dst, src, stride, rows, columns)
}
