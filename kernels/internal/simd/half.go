package simd

import "math"

// WidenBrain is a bfloat16 as a float32.
func WidenBrain(h uint16) float32 { return math.Float32frombits(uint32(h) << 16) }

// NarrowBrain is the nearest bfloat16, ties to even.
func NarrowBrain(f float32) uint16 {
	b := math.Float32bits(f)
	if f != f {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

// WidenHalf is a float16 as a float32.
func WidenHalf(h uint16) float32 {
	sign, exp, frac := uint32(h&0x8000)<<16, uint32(h>>10&31), uint32(h&0x3ff)
	switch exp {
	case 31:
		return math.Float32frombits(sign | 0x7f800000 | frac<<13)
	case 0:
		// The fraction counts 2⁻²⁴, a product that float32 holds exactly.
		return math.Float32frombits(math.Float32bits(float32(frac)*0x1p-24) | sign)
	default:
		return math.Float32frombits(sign | (exp+112)<<23 | frac<<13)
	}
}

// NarrowHalf is the nearest float16, ties to even.
func NarrowHalf(f float32) uint16 {
	b := math.Float32bits(f)
	sign, mag := uint16(b>>16&0x8000), b&0x7fffffff
	switch {
	case f != f:
		return sign | 0x7e00 | uint16(mag>>13&0x3ff)
	case mag >= 0x477ff000: // half way from the largest float16 to 2¹⁶
		return sign | 0x7c00
	case mag < 0x38800000: // under 2⁻¹⁴: adding 1/2 leaves a multiple of 2⁻²⁴
		return sign | uint16(math.Float32bits(math.Float32frombits(mag)+0.5)-math.Float32bits(0.5))
	default:
		return sign | uint16((mag+0xfff+mag>>13&1-112<<23)>>13)
	}
}
