//go:build !purego

package simd

// depthwiseForm is in _asm/arm64/depthwise.go.
type depthwiseForm func(yLine, xLine *float32, count, step, ldy, lines, lineX, lineY int, runs *int, n, taps, xNext, channels int,
	w *float32, wNext int, add bool, bias *float32, clamp bool, low, high float32)

// depthwiseForms are the functions for runs of 3 and of 5 taps by how many taps
// places are apart.
var depthwiseForms = [3][6]depthwiseForm{
	1: {3: depthwise3by1Neon, 5: depthwise5by1Neon},
	2: {3: depthwise3by2Neon, 5: depthwise5by2Neon},
}

func depthwise(y, x, w []float32, at *Places, taps *Taps, channels int, add bool, end *Ending) {
	if active == portable {
		depthwisePortable(y, x, w, at, taps, channels, add, end)
		return
	}
	form := depthwiseNeon
	for apart := 1; apart < len(depthwiseForms); apart++ {
		if at.X == apart*taps.X && taps.Len < len(depthwiseForms[apart]) && depthwiseForms[apart][taps.Len] != nil {
			form = depthwiseForms[apart][taps.Len]
			break
		}
	}
	runs, n := taps.first()
	low, high := end.bounds()
	form(&y[0], first(x), at.Count, at.X, at.Y, at.Lines, at.LineX, at.LineY, runs, n, taps.Len, taps.X, channels,
		first(w), taps.W, add, first(end.Bias), end.Clamp, low, high)
}
