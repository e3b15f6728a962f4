package simd

// Lanes is how many accumulators a sum has: element i joins lane i mod Lanes,
// then the lanes join in a tree, 0 with 8, 0 with 4 and so on. It is part of
// what a sum means.
const Lanes = 16

type float interface{ float32 | float64 }

// Sum is the sum of x.
func Sum[T float](x []T) T {
	var lane [Lanes]T
	for ; len(x) >= Lanes; x = x[Lanes:] {
		for i, v := range x[:Lanes] {
			lane[i] += v
		}
	}
	for i, v := range x {
		lane[i] += v
	}
	return joined(&lane)
}

// Deviation is the sum of (x[i]-mean)².
func Deviation[T float](x []T, mean T) T {
	var lane [Lanes]T
	for ; len(x) >= Lanes; x = x[Lanes:] {
		for i, v := range x[:Lanes] {
			v -= mean
			lane[i] += T(v * v)
		}
	}
	for i, v := range x {
		v -= mean
		lane[i] += T(v * v)
	}
	return joined(&lane)
}

func joined[T float](lane *[Lanes]T) T {
	for n := Lanes / 2; n > 0; n /= 2 {
		for i := range n {
			lane[i] += lane[i+n]
		}
	}
	return lane[0]
}

// Highest is the largest element of x, or low where that is larger; a NaN if one
// is in x.
func Highest[T float](x []T, low T) T {
	for _, v := range x {
		low = max(low, v)
	}
	return low
}
