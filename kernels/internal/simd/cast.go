package simd

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
func NarrowBrains(dst []uint16, src []float32) { convert(dst, src, nil, NarrowBrain) }

// FromInt8 sets dst to the elements of src.
func FromInt8(dst []float32, src []int8) { convert(dst, src, fromInt8.at(), toFloat32[int8]) }

// FromUint8 sets dst to the elements of src.
func FromUint8(dst []float32, src []uint8) { convert(dst, src, fromUint8.at(), toFloat32[uint8]) }

// FromInt32 sets dst to the elements of src, rounded to nearest.
func FromInt32(dst []float32, src []int32) { convert(dst, src, fromInt32.at(), toFloat32[int32]) }

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
