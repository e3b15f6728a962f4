package trace

import (
	"math"
	"math/bits"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// low is the bit pattern of n in an element of an integer type or Bool.
func low(d tensor.DType, n int64) uint64 {
	return uint64(n) & (1<<(8*d.Size()) - 1)
}

// pattern is the bit pattern of v as an element of d: rounded to nearest, or
// for integers toward zero and saturated, where NaN is 0.
func pattern(d tensor.DType, v float64) uint64 {
	switch d {
	case tensor.Float32:
		return uint64(math.Float32bits(float32(v)))
	case tensor.Float64:
		return math.Float64bits(v)
	case tensor.Float16:
		return uint64(narrow(v, 5, 10))
	case tensor.BFloat16:
		return uint64(narrow(v, 8, 7))
	case tensor.Bool:
		if v != 0 {
			return 1
		}
		return 0
	}
	return low(d, saturate(d, v))
}

// saturate is v toward zero as an integer of d, its bits in an int64.
func saturate(d tensor.DType, v float64) int64 {
	size := 8 * d.Size()
	lo, hi := -math.Ldexp(1, size-1), math.Ldexp(1, size-1)
	if d.IsUnsigned() {
		lo, hi = 0, math.Ldexp(1, size)
	}
	switch {
	case v != v:
		return 0
	case v >= hi && d.IsUnsigned():
		return int64(uint64(math.MaxUint64) >> (64 - size))
	case v >= hi:
		return math.MaxInt64 >> (64 - size)
	case v <= lo:
		return int64(lo)
	case d == tensor.Uint64:
		return int64(uint64(v))
	}
	return int64(v)
}

// number is the value of an element of d from its bit pattern, where a float64
// holds it exactly.
func number(d tensor.DType, p uint64) (float64, bool) {
	switch d {
	case tensor.Float32:
		return float64(math.Float32frombits(uint32(p))), true
	case tensor.Float64:
		return math.Float64frombits(p), true
	case tensor.Float16:
		return widen(uint16(p), 5, 10), true
	case tensor.BFloat16:
		return widen(uint16(p), 8, 7), true
	}
	n := whole(d, p)
	if d == tensor.Uint64 && n < 0 {
		return 0, false
	}
	return float64(n), n>>53 == 0 || n>>53 == -1
}

// whole is the integer that p is the bit pattern of.
func whole(d tensor.DType, p uint64) int64 {
	n := int64(p)
	if shift := 64 - 8*d.Size(); d.IsSigned() {
		n = n << shift >> shift
	}
	return wrapInt(d, n)
}

// narrow rounds v to a float of 16 bits, to nearest, ties to even.
func narrow(v float64, expBits, fracBits int) uint16 {
	top := 1<<expBits - 1
	sign := uint16(math.Float64bits(v) >> 48 & 0x8000)
	switch a := math.Abs(v); {
	case v != v:
		return uint16(top<<fracBits | 1<<(fracBits-1))
	case a == 0:
		return sign
	default:
		_, exp := math.Frexp(a) // a = f·2^exp with f in [1/2, 1)
		unit := max(exp-1, 2-1<<(expBits-1)) - fracBits
		n := math.RoundToEven(math.Ldexp(a, -unit))
		// n counts units of the last place; the exponent field adds to it, and a
		// carry out of the fraction goes into the exponent by itself.
		p := int(n) + (unit+fracBits-(2-1<<(expBits-1)))<<fracBits
		if math.IsInf(a, 0) || p >= top<<fracBits {
			p = top << fracBits
		}
		return sign | uint16(p)
	}
}

func widen(p uint16, expBits, fracBits int) float64 {
	frac, exp := int(p)&(1<<fracBits-1), int(p)>>fracBits&(1<<expBits-1)
	sign := 1.0
	if p>>15 != 0 {
		sign = -1
	}
	bias := 1<<(expBits-1) - 1
	switch {
	case exp == 1<<expBits-1 && frac != 0:
		return math.NaN()
	case exp == 1<<expBits-1:
		return math.Inf(int(sign))
	case exp == 0:
		return sign * math.Ldexp(float64(frac), 1-bias-fracBits)
	}
	return sign * math.Ldexp(float64(frac|1<<fracBits), exp-bias-fracBits)
}

// exactBits is how many bits an integer may have that d still holds exactly.
func exactBits(d tensor.DType) int {
	switch d {
	case tensor.Float32:
		return 24
	case tensor.Float64:
		return 53
	case tensor.Float16:
		return 11
	case tensor.BFloat16:
		return 8
	}
	return 64
}

// fits reports whether d holds n exactly.
func fits(d tensor.DType, n int64) bool {
	return !d.IsFloat() || bits.Len64(uint64(max(n, -n))) <= exactBits(d)
}
