//go:build (!amd64 && !arm64) || purego

package simd

func gemm(c []float32, ldc int, a *Rows, b []float32, ldb int, m, n, _ int, add bool, end *Ending) {
	gemmPortable(c, ldc, a, b, ldb, m, n, add, end)
}

func peak(rounds int) (flops int) { return peakPortable(rounds) }
