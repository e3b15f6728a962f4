package simd

// Peak does rounds of independent multiply-adds in registers, about 50 µs a
// million, and returns their FLOPs: twice the multiply-adds. It is what the
// processor could do at best.
func Peak(rounds int) (flops int) {
	if rounds <= 0 {
		return 0
	}
	return rounds * peak(rounds)
}

func peakPortable(rounds int) (flops int) {
	x := [4]float32{}
	for range rounds {
		for i := range x {
			x[i] += float32(x[i] * x[i])
		}
	}
	return 2 * len(x)
}
