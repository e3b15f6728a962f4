//go:build !purego

package simd

// winogradTemp holds a vector for each place of a window.
type winogradTemp [WinogradPlanes * 16]float32

func winogradWeights(u []float32, plane int, w []float32, ldw int) {
	switch active {
	case avx512:
		winogradWeights512(&u[0], plane, &w[0], ldw)
	case avx2:
		winogradWeights256(&u[0], plane, &w[0], ldw)
	default:
		winogradWeightsPortable(u, plane, w, ldw)
	}
}

func winogradInput(v []float32, plane int, x []float32, at *[WinogradPlanes]int, channels int) {
	var temp winogradTemp
	switch active {
	case avx512:
		winogradInput512(&v[0], plane, first(x), &zeros[0], &at[0], &temp[0], channels)
	case avx2:
		winogradInput256(&v[0], plane, first(x), &zeros[0], &at[0], &temp[0], channels)
	default:
		winogradInputPortable(v, plane, x, at, channels)
	}
}

func winogradOutput(y []float32, at *[WinogradTile * WinogradTile]int, m []float32, plane, channels int, end *Ending) {
	var temp winogradTemp
	bias, plus := first(end.Bias), first(end.Plus)
	low, high := end.bounds()
	switch active {
	case avx512:
		winogradOutput512(first(y), &at[0], &m[0], plane, &temp[0], channels, bias, plus, end.Clamp, low, high, zeroFor(low))
	case avx2:
		winogradOutput256(first(y), &at[0], &m[0], plane, &temp[0], channels, bias, plus, end.Clamp, low, high, zeroFor(low))
	default:
		winogradOutputPortable(y, at, m, plane, channels, end)
	}
}
