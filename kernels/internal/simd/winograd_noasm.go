//go:build (!amd64 && !arm64) || purego

package simd

func winogradWeights(u []float32, plane int, w []float32, ldw int) {
	winogradWeightsPortable(u, plane, w, ldw)
}

func winogradInput(v []float32, plane int, x []float32, at *[WinogradPlanes]int, channels int) {
	winogradInputPortable(v, plane, x, at, channels)
}

func winogradOutput(y []float32, at *[WinogradTile * WinogradTile]int, m []float32, plane, channels int, end *Ending) {
	winogradOutputPortable(y, at, m, plane, channels, end)
}
