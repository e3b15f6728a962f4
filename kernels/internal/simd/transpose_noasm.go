//go:build (!amd64 && !arm64) || purego

package simd

func transpose(_ []uint32, _ int, _ []uint32, _, _, _ int) bool { return false }
