package simd

import "math"

// FMA is a·b+c rounded once, as the instruction of that name gives it.
//
// The product of two float32 is exact in float64, so the sum is rounded twice:
// to 53 bits and to 24. The second rounding goes wrong only where the first
// made a tie (the low 29 bits are exactly half of the last place) or where the
// result is subnormal and its last place lies higher. There the 53-bit sum is
// moved to its odd neighbour on the side of the exact one, which no longer
// rounds like a tie. Where Go fuses a step of this itself nothing changes,
// since the product is exact.
func FMA(a, b, c float32) float32 { return float32(exactly(a, b, c)) }

// exactly is a·b+c in so many bits that float32 rounds it as it would the sum.
func exactly(a, b, c float32) float64 {
	p, q := float64(a)*float64(b), float64(c)
	s := p + q
	if math.Float64bits(s)&(1<<29-1) == 1<<28 || math.Abs(s) < 0x1p-126 {
		s = toOdd(s, p, q)
	}
	return s
}

// toOdd is s = p + q rounded to odd: s itself where the sum is exact.
func toOdd(s, p, q float64) float64 {
	// The error of a sum is itself a float64, and these six operations find it.
	v := s - p
	rest := (p - (s - v)) + (q - v)
	bits := math.Float64bits(s)
	if rest == 0 || rest != rest || bits&1 == 1 {
		return s
	}
	if (rest > 0) == (s > 0) {
		return math.Float64frombits(bits + 1)
	}
	return math.Float64frombits(bits - 1)
}
