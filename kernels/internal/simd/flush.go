package simd

import "math"

// What multiplies takes subnormal float32s for zeros of their sign, where they go
// into an operation and where they come out of one. A processor takes up to a
// hundred times as long for a product of a subnormal number, which a hostile
// model could have it do always. What divides does so with its results alone,
// and the rest of a map keeps them.

// normal is x, or the zero of its sign where x is subnormal.
func normal(x float32) float32 {
	if u := math.Float32bits(x); u&0x7f800000 == 0 {
		return math.Float32frombits(u & (1 << 31))
	}
	return x
}

// rounded is the result of an operation that is x exactly or, where that has
// more bits, to odd. An instruction finds out whether a result is subnormal
// after rounding it to 24 bits; on arm64 before, which differs where x is less
// than 2⁻¹⁵¹ below the smallest normal number.
func rounded(x float64) float32 {
	if math.Abs(x) < 0x1p-126-0x1p-151 {
		return float32(math.Copysign(0, x))
	}
	return float32(x)
}

// sumOf, productOf and quotientOf are a+b, a·b and a/b without subnormal float32s.
func sumOf[T float](a, b T) T {
	if a, ok := any(a).(float32); ok {
		return T(rounded(float64(normal(a)) + float64(normal(float32(b)))))
	}
	return a + b
}

func productOf[T float](a, b T) T {
	if a, ok := any(a).(float32); ok {
		return T(rounded(float64(normal(a)) * float64(normal(float32(b)))))
	}
	return T(a * b)
}

func quotientOf[T float](a, b T) T {
	if a, ok := any(a).(float32); ok {
		return T(rounded(float64(normal(a)) / float64(normal(float32(b)))))
	}
	return a / b
}

// FMANormal is FMA without subnormal numbers.
func FMANormal(a, b, c float32) float32 {
	return rounded(exactly(normal(a), normal(b), normal(c)))
}
