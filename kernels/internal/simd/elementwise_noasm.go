//go:build (!amd64 && !arm64) || purego

package simd

func (Unary) vector(_, _ []float32) bool               { return false }
func (Binary) vector(_, _, _ []float32) bool           { return false }
func (Tuned) vector(_, _ []float32, _, _ float32) bool { return false }
func mulAdd(_, _, _, _ []float32) bool                 { return false }
