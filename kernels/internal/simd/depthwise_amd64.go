//go:build !purego

package simd

// depthwiseForm is in _asm/depthwise/main.go.
type depthwiseForm func(yLine, xLine, w *float32, count, step, ldy, lines, lineX, lineY int,
	runs *int, n, taps, xNext, wNext, channels int, add bool, bias *float32, clamp bool, low, high, zero float32)

// depthwiseForms are the functions of each level from avx2 on: those for any
// taps, and those for runs of 3 and of 5 taps by how many taps places are apart.
var depthwiseForms = [...]struct {
	any   depthwiseForm
	apart [3][6]depthwiseForm
}{
	{depthwise256, [3][6]depthwiseForm{1: {3: depthwise256_3by1, 5: depthwise256_5by1}, 2: {3: depthwise256_3by2, 5: depthwise256_5by2}}},
	{depthwise512, [3][6]depthwiseForm{1: {3: depthwise512_3by1, 5: depthwise512_5by1}, 2: {3: depthwise512_3by2, 5: depthwise512_5by2}}},
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
	var from *int
	runs := 0
	if len(taps.Runs) > 0 && taps.Len > 0 {
		from, runs = &taps.Runs[0].X, len(taps.Runs)
	}
	form(&y[0], first(x), first(w), at.Count, at.X, at.Y, at.Lines, at.LineX, at.LineY,
		from, runs, taps.Len, taps.X, taps.W, channels, add, first(end.Bias), end.Clamp, end.Low, end.High, end.zero())
}
