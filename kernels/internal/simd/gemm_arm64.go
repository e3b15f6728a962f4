//go:build !purego

package simd

import "sync"

// A tile multiplies so many times a few rows by a few panels of columns;
// _asm/arm64/gemm.go says what its operands are.
type tile func(times int, c *float32, ldc int, add bool,
	x, zeros *float32, at *int, stride int, lens *int, runs int, b *float32, ldb int,
	bias, plus *float32, clamp bool, low, high float32)

// tiles[p] are the tiles of p panels by their number of rows, less one.
var tiles = [...][]tile{
	1: {gemm1x16Neon, gemm2x16Neon, gemm3x16Neon, gemm4x16Neon, gemm5x16Neon, gemm6x16Neon},
	2: {gemm1x32Neon, gemm2x32Neon, gemm3x32Neon},
	4: {gemm1x64Neon},
}

// A margin is for columns that are no whole panel: room for a panel.
type margin struct {
	c, plus [maxRows * Panel]float32
	bias    [Panel]float32
}

var margins = sync.Pool{New: func() any { return new(margin) }}

func gemm(c []float32, ldc int, a *Rows, b []float32, ldb int, m, n, _ int, add bool, end *Ending) {
	if active == portable {
		gemmPortable(c, ldc, a, b, ldb, m, n, add, end)
		return
	}
	places := placesOf.Get().(*places)
	at, _ := places.list(a, m, Block)
	for j, wide := 0, 0; j < n; j += wide * Panel {
		panels, then := from(b, j/Panel*ldb), Ending{from(end.Bias, j), from(end.Plus, j), end.Clamp, end.Low, end.High}
		if wide = 1; n-j < Panel {
			edge(c[j:], ldc, a, at, panels, ldb, m, n-j, add, &then)
			break
		}
		for p, family := range tiles {
			if m <= len(family) && p*Panel <= n-j {
				wide = p // few rows need more columns to keep all units busy
			}
		}
		multiply(tiles[wide], c[j:], ldc, a, at, panels, ldb, m, add, &then)
	}
	placesOf.Put(places)
}

// multiply is gemm for as many columns as the family has.
func multiply(family []tile, c []float32, ldc int, a *Rows, at []int, b []float32, ldb, m int, add bool, end *Ending) {
	low, high := end.bounds()
	for i, rows := 0, 0; i < m; i += rows {
		times, tall := split(m-i, len(family))
		rows = times * tall
		family[tall-1](times, &c[i*ldc], ldc, add,
			first(a.X), &zeros[0], &at[i], m, first(a.Lens), len(a.Lens), first(b), ldb,
			first(end.Bias), first(from(end.Plus, i*ldc)), end.Clamp, low, high)
	}
}

// edge is gemm for less columns than a panel.
func edge(c []float32, ldc int, a *Rows, at []int, b []float32, ldb, m, n int, add bool, end *Ending) {
	room := margins.Get().(*margin)
	then := Ending{nil, nil, end.Clamp, end.Low, end.High}
	if len(end.Bias) > 0 {
		copy(room.bias[:], end.Bias[:n])
		then.Bias = room.bias[:]
	}
	if len(end.Plus) > 0 {
		copyRows(room.plus[:], Panel, end.Plus, ldc, m, n)
		then.Plus = room.plus[:]
	}
	if add {
		copyRows(room.c[:], Panel, c, ldc, m, n)
	}
	multiply(tiles[1], room.c[:], Panel, a, at, b, ldb, m, add, &then)
	copyRows(c, ldc, room.c[:], Panel, m, n)
	margins.Put(room)
}

func copyRows(dst []float32, dn int, src []float32, sn, m, n int) {
	for i := range m {
		copy(dst[i*dn:][:n], src[i*sn:])
	}
}

// peak runs at the level in use and returns the FLOPs of a round.
func peak(rounds int) (flops int) {
	if active == portable {
		return peakPortable(rounds)
	}
	peakNeon(rounds)
	return 2 * 24 * 4
}
