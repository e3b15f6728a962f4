// The cast program writes conversions between float32 and narrower types, and
// comparisons, for whole blocks of 16 elements.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/vec"
)

func main() {
	ConstraintExpr("!purego")
	for _, f := range Forms {
		widen(f, "widenHalf", "uint16", 2, func(m Mem, v V) { VCVTPH2PS(m, v) })
		widen(f, "widenBrain", "uint16", 2, func(m Mem, v V) {
			VPMOVZXWD(m, v)
			VPSLLD(U8(16), v, v)
		})
		widen(f, "fromInt8", "int8", 1, func(m Mem, v V) {
			VPMOVSXBD(m, v)
			VCVTDQ2PS(v, v)
		})
		widen(f, "fromUint8", "uint8", 1, func(m Mem, v V) {
			VPMOVZXBD(m, v)
			VCVTDQ2PS(v, v)
		})
		widen(f, "fromBool", "uint8", 1, func(m Mem, v V) {
			one := f.Const(1)
			VPMOVZXBD(m, v)
			VCVTDQ2PS(v, v) // a byte is at least 1 then
			VMINPS(one, v, v)
		})
		widen(f, "fromInt32", "int32", 4, func(m Mem, v V) { VCVTDQ2PS(m, v) })
		blocks(f, "narrowHalf", "func(dst *uint16, src *float32, n int)", func(f Form, at func(name string, size, v int) Mem) {
			for v := range f.PerBlock() {
				x, h := f.Load(at("src", 4, v)), half(f)
				VCVTPS2PH(U8(0), x, h)
				VMOVDQU(h, at("dst", 2, v))
			}
		})
		narrow(f, "narrowBrain", "uint16", 2, func(f Form, x V) V { return f.RightZero(brain(f, x), 16) }, f.Words)
		narrow(f, "toInt8", "int8", 1, func(f Form, x V) V { return whole(f, x, -128, 127) }, f.SignedBytes)
		narrow(f, "toUint8", "uint8", 1, func(f Form, x V) V { return whole(f, x, 0, 255) }, f.UnsignedBytes)
		blocks(f, "toInt32", "func(dst *int32, src *float32, n int)", func(f Form, at func(name string, size, v int) Mem) {
			for v := range f.PerBlock() {
				x := f.Load(at("src", 4, v))
				n := f.IntOf(x)
				// What is beyond the largest comes out as the least, whose complement
				// the largest is.
				n = f.Choose(f.Compare(GE, x, f.Const(0x1p31)), f.Xor(n, f.Bits(0xffffffff)), n)
				VMOVUPS(n, at("dst", 4, v))
			}
		})
		round(f, "roundHalf", func(x V) V {
			h := half(f)
			VCVTPS2PH(U8(0), x, h)
			VCVTPH2PS(h, x)
			return x
		})
		round(f, "roundBrain", func(x V) V { return f.And(brain(f, x), f.Bits(0xffff0000)) })
		blocks(f, "choose", "func(dst *uint32, a *uint8, b, c *uint32, n int)", func(f Form, at func(name string, size, v int) Mem) {
			for v := range f.PerBlock() {
				truth, c := f.New(), f.Load(at("c", 4, v))
				VPMOVZXBD(at("a", 1, v), truth)
				VMOVUPS(f.Choose(f.EqualInts(truth, f.Zero()), c, f.Load(at("b", 4, v))), at("dst", 4, v))
			}
		})
		for _, c := range []struct {
			name string
			p    int
		}{{"equal", EQ}, {"notEqual", NE}, {"less", LT}, {"lessEqual", LE}} {
			compare(f, c.name, "float32", func(a, b V) Bools { return f.Compare(c.p, a, b) })
		}
		compare(f, "equalInts", "int32", func(a, b V) Bools { return f.EqualInts(a, b) })
	}
	Generate()
}

// half is a register for half as many bits as there are in a vector.
func half(f Form) reg.VecVirtual {
	if f.Lanes == 16 {
		return YMM()
	}
	return XMM()
}

// narrow writes a conversion of float32s to integers of size bytes.
func narrow(f Form, name, to string, size int, of func(f Form, x V) V, pack func(list []V) V) {
	blocks(f, name, "func(dst *"+to+", src *float32, n int)", func(f Form, at func(name string, size, v int) Mem) {
		var list []V
		for v := range f.PerBlock() {
			list = append(list, of(f, f.Load(at("src", 4, v))))
		}
		VMOVDQU(pack(list), at("dst", size, 0))
	})
}

// whole is x between low and high, as an integer; 0 of NaN.
func whole(f Form, x V, low, high float64) V {
	return f.IntOf(f.MinOf(f.Const(high), f.MaxOf(f.Const(low), x)))
}

// brain is x rounded to bfloat16, but for the lower half of its bits.
func brain(f Form, x V) V {
	odd := f.And(f.RightZero(x, 16), f.Bits(1))
	y := f.AddInt(x, f.AddInt(odd, f.Bits(0x7fff)))
	return f.Select(Unordered, x, x, f.Or(x, f.Bits(0x400000)), y)
}

// round writes a conversion of float32s in place to those that a narrower type
// can hold.
func round(f Form, name string, do func(x V) V) {
	blocks(f, name, "func(dst, src *float32, n int)", func(f Form, at func(name string, size, v int) Mem) {
		for v := range f.PerBlock() {
			VMOVUPS(do(f.Load(at("src", 4, v))), at("dst", 4, v))
		}
	})
}

// widen writes a conversion to float32 of elements of size bytes.
func widen(f Form, name, from string, size int, load func(m Mem, v V)) {
	blocks(f, name, "func(dst *float32, src *"+from+", n int)", func(f Form, at func(name string, size, v int) Mem) {
		for v := range f.PerBlock() {
			x := f.New()
			load(at("src", size, v), x)
			VMOVUPS(x, at("dst", 4, v))
		}
	})
}

// compare writes a comparison that gives bytes of 0 and 1.
func compare(f Form, name, of string, holds func(a, b V) Bools) {
	blocks(f, name, "func(dst *uint8, a, b *"+of+", n int)", func(f Form, at func(name string, size, v int) Mem) {
		var found []Bools
		for v := range f.PerBlock() {
			found = append(found, holds(f.Load(at("a", 4, v)), f.Load(at("b", 4, v))))
		}
		VMOVDQU(f.Bytes01(found), at("dst", 1, 0))
	})
}

// blocks writes a function that goes over blocks of its arguments.
func blocks(f Form, name, signature string, block func(f Form, at func(name string, size, v int) Mem)) {
	f.Function(name, signature, func() {
		pointers := map[string]reg.GPVirtual{}
		i, n := GP64(), GP64()
		MOVQ(Arg("n"), n)
		for _, name := range []string{"dst", "src", "a", "b", "c"} {
			if p, err := Param(name).Resolve(); err == nil {
				pointers[name] = GP64()
				MOVQ(p.Addr, pointers[name])
			}
		}
		XORQ(i, i)
		Label("block")
		block(f, func(name string, size, v int) Mem {
			return Mem{Base: pointers[name], Index: i, Scale: uint8(size), Disp: size * v * f.Lanes}
		})
		ADDQ(Imm(Lanes), i)
		SUBQ(Imm(Lanes), n)
		JG(LabelRef("block"))
		Leave()
	})
}
