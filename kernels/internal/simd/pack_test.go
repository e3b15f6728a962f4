package simd

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestPack(t *testing.T) {
	memory := [2]fence{newFence(t, 1<<13), newFence(t, 1<<13)}
	eachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(15, 16))
		for n := range 3*Panel + 1 {
			for range 6 {
				k := r.IntN(30)
				row, col := n+r.IntN(3), 1
				switch r.IntN(3) {
				case 0:
					row, col = 1, k+r.IntN(3)
				case 1:
					row, col = 2*n, 2
				}
				testPack(t, r, memory, k, n, row, col)
			}
		}
	})
}

func testPack(t *testing.T, r *rand.Rand, memory [2]fence, k, n, row, col int) {
	t.Helper()
	b := memory[0].take(r, max(0, (k-1)*row+(n-1)*col+1))
	dst := memory[1].take(r, PackedLen(k, n))
	values(r, b)
	values(r, dst)
	Pack(dst, b, k, n, row, col)
	for j := range (n + Panel - 1) / Panel * Panel {
		for i := range k {
			var want float32
			if j < n {
				want = b[i*row+j*col]
			}
			if got := dst[j/Panel*PanelLen(k)+i*Panel+j%Panel]; math.Float32bits(got) != math.Float32bits(want) {
				t.Fatalf("(%d, %d) by %d and %d: element (%d, %d) is %v, want %v", k, n, row, col, i, j, got, want)
			}
		}
	}
}
