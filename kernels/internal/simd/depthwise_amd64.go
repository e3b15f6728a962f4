//go:build !purego

package simd

// depthwiseForm is in _asm/depthwise/main.go.
type depthwiseForm func(yLine, xLine *float32, count, step, ldy, lines, lineX, lineY int, runs *int, n, taps, xNext, channels int,
	w *float32, wNext int, add bool, bias *float32, clamp bool, low, high, zero float32)

// depthwiseForms are the functions of each level from avx2 on: those for any
// taps, and those for runs of 3 and of 5 taps by how many taps places are apart.
var depthwiseForms = [...]struct {
	any   depthwiseForm
	apart [3][6]depthwiseForm
}{
	{depthwise256, [3][6]depthwiseForm{1: {3: depthwise3by1_256, 5: depthwise5by1_256}, 2: {3: depthwise3by2_256, 5: depthwise5by2_256}}},
	{depthwise512, [3][6]depthwiseForm{1: {3: depthwise3by1_512, 5: depthwise5by1_512}, 2: {3: depthwise3by2_512, 5: depthwise5by2_512}}},
}

func depthwise(y, x, w []float32, at *Places, taps *Taps, channels int, add bool, end *Ending) {
	if active == portable {
		depthwisePortable(y, x, w, at, taps, channels, add, end)
		return
	}
	forms := &depthwiseForms[active-avx2]
	form := forms.any
	for apart := 1; apart < len(forms.apart); apart++ {
		if at.X == apart*taps.X && taps.Len < len(forms.apart[apart]) && forms.apart[apart][taps.Len] != nil {
			form = forms.apart[apart][taps.Len]
			break
		}
	}
	from, runs := taps.first()
	low, high := end.bounds()
	form(&y[0], first(x), at.Count, at.X, at.Y, at.Lines, at.LineX, at.LineY, from, runs, taps.Len, taps.X, channels,
		first(w), taps.W, add, first(end.Bias), end.Clamp, low, high, zeroFor(low))
}
