//go:build !purego

package simd

// winogradTemp holds a vector for each place of a window.
type winogradTemp [WinogradPlanes * 4]float32

func winogradWeights(u []float32, plane int, w []float32, ldw int) {
	if active == portable {
		winogradWeightsPortable(u, plane, w, ldw)
		return
	}
	winogradWeightsNeon(&u[0], plane, &w[0], ldw)
}

func winogradInput(v []float32, plane int, x []float32, at *[WinogradPlanes]int, channels int) {
	if active == portable {
		winogradInputPortable(v, plane, x, at, channels)
		return
	}
	var temp winogradTemp
	winogradInputNeon(&v[0], plane, first(x), &zeros[0], &at[0], &temp[0], channels)
}

func winogradOutput(y []float32, at *[WinogradTile * WinogradTile]int, m []float32, plane, channels int, end *Ending) {
	if active == portable {
		winogradOutputPortable(y, at, m, plane, channels, end)
		return
	}
	var temp winogradTemp
	low, high := end.bounds()
	winogradOutputNeon(first(y), &at[0], &m[0], plane, &temp[0], channels, first(end.Bias), first(end.Plus), end.Clamp, low, high)
}
