package kernels

import (
	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

type signed interface{ int8 | int16 | int32 | int64 }

type unsigned interface {
	uint8 | uint16 | uint32 | uint64
}

type integer interface{ signed | unsigned }

type number interface{ integer | float32 | float64 }

// numberLoops are the functions that Go's operators give for all numbers.
func numberLoops[T number]() *loops {
	l := &loops{
		FnConst: constant[T],
		FnAdd: with2(func(dst, a, b []T) {
			a, b = a[:len(dst)], b[:len(dst)]
			for i := range dst {
				dst[i] = a[i] + b[i]
			}
		}),
		FnSub: with2(func(dst, a, b []T) {
			a, b = a[:len(dst)], b[:len(dst)]
			for i := range dst {
				dst[i] = a[i] - b[i]
			}
		}),
		FnMul: with2(func(dst, a, b []T) {
			a, b = a[:len(dst)], b[:len(dst)]
			for i := range dst {
				dst[i] = a[i] * b[i]
			}
		}),
		// Go's min and max give NaN if either is, and order -0 before 0.
		FnMin: with2(func(dst, a, b []T) {
			a, b = a[:len(dst)], b[:len(dst)]
			for i := range dst {
				dst[i] = min(a[i], b[i])
			}
		}),
		FnMax: with2(func(dst, a, b []T) {
			a, b = a[:len(dst)], b[:len(dst)]
			for i := range dst {
				dst[i] = max(a[i], b[i])
			}
		}),
		FnNeg: with1(func(dst, a []T) {
			a = a[:len(dst)]
			for i := range dst {
				dst[i] = -a[i]
			}
		}),
		FnSign: with1(func(dst, a []T) {
			a = a[:len(dst)]
			for i, x := range a {
				dst[i] = T(bit(x > 0)) - T(bit(x < 0))
			}
		}),
		FnRelu: with1(func(dst, a []T) {
			a = a[:len(dst)]
			for i := range dst {
				dst[i] = max(a[i], 0)
			}
		}),
		FnEq: with2(func(dst []uint8, a, b []T) {
			a, b = a[:len(dst)], b[:len(dst)]
			for i := range dst {
				dst[i] = bit(a[i] == b[i])
			}
		}),
		FnNe: with2(func(dst []uint8, a, b []T) {
			a, b = a[:len(dst)], b[:len(dst)]
			for i := range dst {
				dst[i] = bit(a[i] != b[i])
			}
		}),
		FnLt: with2(func(dst []uint8, a, b []T) {
			a, b = a[:len(dst)], b[:len(dst)]
			for i := range dst {
				dst[i] = bit(a[i] < b[i])
			}
		}),
		FnLe: with2(func(dst []uint8, a, b []T) {
			a, b = a[:len(dst)], b[:len(dst)]
			for i := range dst {
				dst[i] = bit(a[i] <= b[i])
			}
		}),
	}
	l[FnGt], l[FnGe] = swapped(l[FnLt]), swapped(l[FnLe])
	return l
}

// swapped is f of the second operand and the first.
func swapped(f loop) loop {
	return func(dst, a, b, c []byte, imm uint64) { f(dst, b, a, c, imm) }
}

// both is f with its operand as both of two.
func both(f loop) loop {
	return func(dst, a, _, c []byte, imm uint64) { f(dst, a, a, c, imm) }
}

// constant fills dst with the element whose bits are the low ones of imm,
// which are its little-endian bytes.
func constant[T tensor.Element](dst, _, _, _ []byte, imm uint64) {
	d := tensor.View[T](dst)
	one := tensor.Bytes(d[:1])
	for i := range one {
		one[i] = byte(imm >> (8 * i))
	}
	for i := range d {
		d[i] = d[0]
	}
}

// selects are the loops of FnSelect by the size of an element.
var selects = [...]loop{
	1: with3(simd.ChooseOf[uint8]), 2: with3(simd.ChooseOf[uint16]), 4: with3(simd.Choose), 8: with3(simd.ChooseOf[uint64]),
}

func bit(b bool) uint8 {
	if b {
		return 1
	}
	return 0
}

// boolLoops are the functions on Bool, a byte that is true unless it is 0.
func boolLoops() *loops {
	return &loops{
		FnConst:  constant[uint8],
		FnAnd:    scalar2(func(a, b uint8) uint8 { return bit(a != 0) & bit(b != 0) }),
		FnOr:     scalar2(func(a, b uint8) uint8 { return bit(a|b != 0) }),
		FnXor:    scalar2(func(a, b uint8) uint8 { return bit((a != 0) != (b != 0)) }),
		FnNot:    scalar1(func(a uint8) uint8 { return bit(a == 0) }),
		FnEq:     scalar2(func(a, b uint8) uint8 { return bit((a != 0) == (b != 0)) }),
		FnNe:     scalar2(func(a, b uint8) uint8 { return bit((a != 0) != (b != 0)) }),
		FnSelect: selects[1],
	}
}

// integerLoops are the functions on one integer type of that many bits.
func integerLoops[T integer](width uint64) *loops {
	l := numberLoops[T]()
	l[FnSelect] = selects[width/8]
	switch width {
	case 8: // where the lesser and the larger of two would be a branch
		l[FnMin] = scalar2(func(a, b T) T { return T(min(int(a), int(b))) })
		l[FnMax] = scalar2(func(a, b T) T { return T(max(int(a), int(b))) })
		if ^T(0) < 0 {
			l[FnRelu] = scalar1(func(a T) T { return T(max(int(a), 0)) })
		}
	case 32: // equality is that of the bits, whatever their sign
		l[FnEq] = with2(simd.EqualInts)
	}
	l[FnDiv] = scalar2(divide[T])
	l[FnMod] = scalar2(func(a, b T) T {
		r := remainder(a, b)
		if r != 0 && (r < 0) != (b < 0) {
			r += b
		}
		return r
	})
	l[FnFmod] = scalar2(remainder[T])
	l[FnPow] = scalar2(power[T])
	l[FnFma] = with3(func(dst, a, b, c []T) {
		a, b, c = a[:len(dst)], b[:len(dst)], c[:len(dst)]
		for i := range dst {
			dst[i] = a[i]*b[i] + c[i]
		}
	})
	l[FnAnd] = scalar2(func(a, b T) T { return a & b })
	l[FnOr] = scalar2(func(a, b T) T { return a | b })
	l[FnXor] = scalar2(func(a, b T) T { return a ^ b })
	l[FnNot] = scalar1(func(a T) T { return ^a })
	// Go panics when a count is negative. As uint64 it is large, and like any
	// count that is out of range gives 0.
	l[FnShl] = scalar2(func(a, b T) T { return a << uint64(b) })
	l[FnShr] = scalar2(func(a, b T) T { return a >> uint64(b) & -T(bit(uint64(b) < width)) })
	l[FnAbs] = scalar1(func(a T) T {
		sign := -T(bit(a < 0))
		return (a ^ sign) - sign
	})
	return l
}

// divide is a/b toward zero. x/0 is 0; MIN/-1 wraps to MIN, as Go has it.
func divide[T integer](a, b T) T {
	if b == 0 {
		return 0
	}
	return a / b
}

// remainder is what a/b leaves, with the sign of a; 0 where b is 0.
func remainder[T integer](a, b T) T {
	if b == 0 {
		return 0
	}
	return a % b
}

// power is aᵇ, wrapped around. A negative exponent gives 1/a^-b toward zero,
// and 0 where a is 0.
func power[T integer](a, b T) T {
	if b < 0 {
		switch {
		case a == 1, a < 0 && a+1 == 0 && b&1 == 0:
			return 1
		case a < 0 && a+1 == 0:
			return a
		}
		return 0
	}
	p := T(1)
	for ; b != 0; b >>= 1 {
		if b&1 != 0 {
			p *= a
		}
		a *= a
	}
	return p
}
