package simd

import "math"

// A cast converts whole blocks of elements in assembly; nil does none.
type cast[D, S any] func(dst *D, src *S, n int)

// convert sets each element of dst to one of that of src: whole blocks by f.
func convert[D, S any](dst []D, src []S, f cast[D, S], one func(S) D) {
	src = src[:len(dst)]
	if f != nil {
		for n := len(dst) &^ (Lanes - 1); n > 0; n = len(dst) &^ (Lanes - 1) {
			n = min(n, maxRun)
			f(&dst[0], &src[0], n)
			dst, src = dst[n:], src[n:]
		}
	}
	for i, v := range src {
		dst[i] = one(v)
	}
}

// WidenHalves is WidenHalf for each element.
func WidenHalves(dst []float32, src []uint16) { convert(dst, src, widenHalf.at(), WidenHalf) }

// WidenBrains is WidenBrain for each element.
func WidenBrains(dst []float32, src []uint16) { convert(dst, src, widenBrain.at(), WidenBrain) }

// NarrowHalves is NarrowHalf for each element.
func NarrowHalves(dst []uint16, src []float32) { convert(dst, src, narrowHalf.at(), NarrowHalf) }

// NarrowBrains is NarrowBrain for each element.
func NarrowBrains(dst []uint16, src []float32) { convert(dst, src, narrowBrain.at(), NarrowBrain) }

// RoundHalves rounds each element to a float16.
func RoundHalves(x []float32) {
	convert(x, x, roundHalf.at(), func(v float32) float32 { return WidenHalf(NarrowHalf(v)) })
}

// RoundBrains rounds each element to a bfloat16.
func RoundBrains(x []float32) {
	convert(x, x, roundBrain.at(), func(v float32) float32 { return WidenBrain(NarrowBrain(v)) })
}

// FromInt8 sets dst to the elements of src.
func FromInt8(dst []float32, src []int8) { convert(dst, src, fromInt8.at(), toFloat32[int8]) }

// FromUint8 sets dst to the elements of src.
func FromUint8(dst []float32, src []uint8) { convert(dst, src, fromUint8.at(), toFloat32[uint8]) }

// FromInt32 sets dst to the elements of src, rounded to nearest.
func FromInt32(dst []float32, src []int32) { convert(dst, src, fromInt32.at(), toFloat32[int32]) }

// ToInt8 sets dst to the elements of src toward zero: to the nearest int8 of
// those outside of its range, and to 0 of NaN.
func ToInt8(dst []int8, src []float32) {
	convert(dst, src, toInt8.at(), func(v float32) int8 { return int8(within(v, math.MinInt8, math.MaxInt8)) })
}

// ToUint8 is ToInt8 for uint8.
func ToUint8(dst []uint8, src []float32) {
	convert(dst, src, toUint8.at(), func(v float32) uint8 { return uint8(within(v, 0, math.MaxUint8)) })
}

// ToInt32 is ToInt8 for int32.
func ToInt32(dst []int32, src []float32) {
	convert(dst, src, toInt32.at(), func(v float32) int32 { return int32(within(v, math.MinInt32, math.MaxInt32)) })
}

// within is the number from low to high that is nearest to v, 0 for NaN.
func within(v float32, low, high float64) float64 {
	if v != v {
		return 0
	}
	return min(max(float64(v), low), high)
}

// FromBool sets dst to 1 where src is not 0, to 0 elsewhere.
func FromBool(dst []float32, src []uint8) { convert(dst, src, fromBool.at(), truth) }

func toFloat32[T int8 | uint8 | int32](v T) float32 { return float32(v) }

func truth(v uint8) float32 { return float32(min(v, 1)) }

// A comparison compares whole blocks of elements in assembly; nil does none.
type comparison[T any] func(dst *uint8, a, b *T, n int)

// compare sets dst to 1 where holds, to 0 elsewhere: whole blocks by f.
func compare[T any](dst []uint8, a, b []T, f comparison[T], holds func(a, b T) bool) {
	a, b = a[:len(dst)], b[:len(dst)]
	if f != nil {
		for n := len(dst) &^ (Lanes - 1); n > 0; n = len(dst) &^ (Lanes - 1) {
			n = min(n, maxRun)
			f(&dst[0], &a[0], &b[0], n)
			dst, a, b = dst[n:], a[n:], b[n:]
		}
	}
	for i := range dst {
		dst[i] = 0
		if holds(a[i], b[i]) {
			dst[i] = 1
		}
	}
}

// Equal sets dst to 1 where a = b, to 0 elsewhere.
func Equal(dst []uint8, a, b []float32) {
	compare(dst, a, b, equal.at(), func(a, b float32) bool { return a == b })
}

// NotEqual sets dst to 1 where a ≠ b, as a NaN always is, to 0 elsewhere.
func NotEqual(dst []uint8, a, b []float32) {
	compare(dst, a, b, notEqual.at(), func(a, b float32) bool { return a != b })
}

// Less sets dst to 1 where a < b, to 0 elsewhere.
func Less(dst []uint8, a, b []float32) {
	compare(dst, a, b, less.at(), func(a, b float32) bool { return a < b })
}

// LessEqual sets dst to 1 where a ≤ b, to 0 elsewhere.
func LessEqual(dst []uint8, a, b []float32) {
	compare(dst, a, b, lessEqual.at(), func(a, b float32) bool { return a <= b })
}

// EqualInts sets dst to 1 where a = b, to 0 elsewhere.
func EqualInts(dst []uint8, a, b []int32) {
	compare(dst, a, b, equalInts.at(), func(a, b int32) bool { return a == b })
}

// A choice chooses whole blocks of elements in assembly; nil does none.
type choice func(dst *uint32, a *uint8, b, c *uint32, n int)

// Choose sets dst to the elements of b where a is not 0, to those of c
// elsewhere.
func Choose(dst []uint32, a []uint8, b, c []uint32) {
	a, b, c = a[:len(dst)], b[:len(dst)], c[:len(dst)]
	if f := choose.at(); f != nil {
		for n := len(dst) &^ (Lanes - 1); n > 0; n = len(dst) &^ (Lanes - 1) {
			n = min(n, maxRun)
			f(&dst[0], &a[0], &b[0], &c[0], n)
			dst, a, b, c = dst[n:], a[n:], b[n:], c[n:]
		}
	}
	ChooseOf(dst, a, b, c)
}

// ChooseOf is Choose for elements of any size.
func ChooseOf[T uint8 | uint16 | uint32 | uint64](dst []T, a []uint8, b, c []T) {
	a, b, c = a[:len(dst)], b[:len(dst)], c[:len(dst)]
	for i := range dst {
		all := -T(min(a[i], 1))
		dst[i] = c[i] ^ (b[i]^c[i])&all
	}
}
