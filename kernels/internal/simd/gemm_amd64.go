//go:build !purego

package simd

import "math"

// A tile multiplies so many times a few rows by a few panels of columns;
// _asm/gemm/tile.go says what its operands are.
type tile func(times int, c *float32, ldc int, columns uint64, add bool,
	x, zeros *float32, at *int, stride int, lens *int, runs int, b *float32, ldb int, ahead *float32, fetches int,
	bias, plus *float32, clamp bool, low, high, zero float32)

// A sparing tile may begin with sums.
type sparing func(times int, c *float32, ldc int, columns uint64, add bool,
	x, zeros *float32, at *int, stride int, lens *int, runs int, b *float32, ldb int, ahead *float32, fetches int,
	bias, plus *float32, clamp bool, low, high, zero float32, sums *float32)

// tiles512[p] are the tiles of p panels by their number of rows, less one.
var (
	tiles512 = [5][]tile{
		1: {gemm512_1x16, gemm512_2x16, gemm512_3x16, gemm512_4x16, gemm512_5x16, gemm512_6x16, gemm512_7x16, gemm512_8x16},
		2: {gemm512_1x32, gemm512_2x32, gemm512_3x32, gemm512_4x32, gemm512_5x32, gemm512_6x32, gemm512_7x32, gemm512_8x32},
		3: {gemm512_1x48, gemm512_2x48, gemm512_3x48, gemm512_4x48, gemm512_5x48, gemm512_6x48, gemm512_7x48, gemm512_8x48},
		4: {gemm512_1x64, gemm512_2x64, gemm512_3x64, gemm512_4x64, gemm512_5x64, gemm512_6x64},
	}
	tiles256  = []sparing{gemm256_1x16, gemm256_2x16, gemm256_3x16, gemm256_4x16, gemm256_5x16, gemm256_6x16}
	halves256 = []sparing{gemm256_1x8, gemm256_2x8, gemm256_3x8, gemm256_4x8, gemm256_5x8, gemm256_6x8, gemm256_7x8, gemm256_8x8}
)

// across512 is how many panels the next tile takes of so many that are left, or
// more: the widest that leave no narrow one behind.
var across512 = [...]int{1: 1, 2: 2, 3: 3, 4: 4, 5: 3, 6: 3, 7: 4}

// sharing is how many tiles fetch a panel together.
const sharing = 4

func gemm(c []float32, ldc int, a *Rows, b []float32, ldb int, m, n, k int, add bool, end *Ending) {
	switch active {
	case portable:
		gemmPortable(c, ldc, a, b, ldb, m, n, add, end)
		return
	case avx2:
		gemm256(c, ldc, a, b, ldb, m, n, k, add, end)
		return
	}
	low, high := end.bounds()
	zero := zeroFor(low)
	places := placesOf.Get().(*places)
	at, lens := places.list(a, m, Block)
	x, runs := first(a.X), len(a.Lens)
	for j := 0; j < n; {
		wide := across512[min((n-j+Panel-1)/Panel, len(across512)-1)]
		family := tiles512[wide]
		columns := uint64(1)<<min(n-j, wide*Panel) - 1
		panels, bias := first(from(b, j/Panel*ldb)), first(from(end.Bias, j))
		ahead := from(b, (j/Panel+wide)*ldb)
		if j+wide*Panel >= n {
			ahead = after(b, ldb, j/Panel+wide, k)
		}
		fetches := 0
		if ldb > 0 {
			fetches = sharing * ((len(ahead) + ldb - 1) / ldb)
		}
		for i, rows := 0, 0; i < m; i += rows {
			// As few tiles as can be, none more than a row higher than another:
			// one of few rows waits for its columns.
			tiles := (m - i + len(family) - 1) / len(family)
			tall := (m - i + tiles - 1) / tiles
			times := m - i - (tall-1)*tiles
			rows = times * tall
			family[tall-1](times, &c[i*ldc+j], ldc, columns, add,
				x, &zeros[0], &at[i], m, first(lens), runs, panels, ldb, first(ahead), fetches,
				bias, first(from(end.Plus, i*ldc+j)), end.Clamp, low, high, zero)
			ahead, fetches = from(ahead, times/sharing*ldb), fetches-times
		}
		j += wide * Panel
	}
	placesOf.Put(places)
}

// gemm256 is gemm a panel at a time, of which as many terms are added for all
// rows as lie in the first cache, and then those that follow.
func gemm256(c []float32, ldc int, a *Rows, b []float32, ldb int, m, n, k int, add bool, end *Ending) {
	const most = 256
	low, high := end.bounds()
	zero := zeroFor(low)
	places := placesOf.Get().(*places)
	at, lens := places.list(a, m, most)
	for j := 0; j < n; j += Panel {
		sums, wide, family := (*float32)(nil), Panel, tiles256
		if n-j <= half {
			wide, family = half, halves256
		}
		for run, done := 0, 0; ; {
			runs, terms := 0, 0
			for run+runs < len(lens) && terms+lens[run+runs] <= most {
				terms += lens[run+runs]
				runs++
			}
			panel := from(b, j/Panel*ldb+done*Panel)
			ahead, fetches := from(panel, terms*Panel), sharing // by the first tiles alone
			out, apart, columns, then := places.sums[:], wide, uint64(1)<<wide-1, Ending{}
			last := run+runs == len(lens)
			if last {
				out, apart, columns = c[j:], ldc, uint64(1)<<min(n-j, wide)-1
				then = Ending{from(end.Bias, j), from(end.Plus, j), end.Clamp, low, high}
				if ahead = from(b, (j/Panel+1)*ldb); j+Panel >= n {
					ahead = after(b, ldb, j/Panel+1, k)
				}
			}
			for i, rows := 0, 0; i < m; i += rows {
				times, tall := split(m-i, len(family))
				if rows = times * tall; tall < len(family) {
					fetches = min(fetches, 1) // a lower tile shares with none
				}
				family[tall-1](times, &out[i*apart], apart, columns, add && last,
					first(a.X), &zeros[0], first(at[run*m+i:]), m, first(from(lens, run)), runs, first(panel), ldb, first(ahead), fetches,
					first(then.Bias), first(from(then.Plus, i*apart)), then.Clamp, low, high, zero, sums)
				fetches -= times
				if sums != nil {
					sums = &places.sums[min(i+rows, maxRows-1)*wide]
				}
			}
			if last {
				break
			}
			sums = &places.sums[0]
			run, done = run+runs, done+terms
		}
	}
	placesOf.Put(places)
}

// after is what of b is read next behind those panels: the next block of rows
// of the same panels, where there is one, or else the first rows of the panels
// beside them. A wrong guess costs time alone.
func after(b []float32, ldb, panels, k int) []float32 {
	before := ldb - PanelLen(k)
	switch {
	case len(b) <= (panels-1)*ldb+k*Panel:
		return nil
	case before > 0 && k == Block:
		return b[k*Panel:]
	}
	return from(b, panels*ldb-before)
}

// zeroFor is added after the lower bound: 0 makes -0 to 0, as max(-0, 0) is,
// where -0 changes nothing.
func zeroFor(low float32) float32 {
	if low == 0 {
		return 0
	}
	return float32(math.Copysign(0, -1))
}

// peak runs at the level in use and returns the FLOPs of a round.
func peak(rounds int) (flops int) {
	const chains = 12
	switch active {
	case avx512:
		peak512(rounds)
		return 2 * chains * 16
	case avx2:
		peak256(rounds)
		return 2 * chains * 8
	}
	return peakPortable(rounds)
}
