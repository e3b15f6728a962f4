package main

import . "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/neon"

// cast writes conversions between float32 and narrower types, and comparisons,
// for whole blocks of 16 elements.
func cast(file *File) {
	widen(file, "widenHalf", "uint16", 2, func(f *Func, v V) []V { return lengthen(f, "fcvtl", v) })
	widen(file, "widenBrain", "uint16", 2, func(f *Func, v V) []V {
		return []V{f.Widen16(v, false), f.Widen16(v, true)}
	})
	widen(file, "fromInt8", "int8", 1, func(f *Func, v V) []V { return floats(f, "sxtl", v) })
	widen(file, "fromUint8", "uint8", 1, func(f *Func, v V) []V { return floats(f, "uxtl", v) })
	widen(file, "fromBool", "uint8", 1, func(f *Func, v V) []V {
		// A byte that is not 0 is at least 1.
		return each(floats(f, "uxtl", v), func(v V) V { return f.Min(v, f.Const(1)) })
	})
	widen(file, "fromInt32", "int32", 4, func(f *Func, v V) []V { return []V{f.Of("scvtf", v)} })
	shorten(file, "narrowHalf", "uint16", 2, func(f *Func, x []V) []V {
		return []V{narrow(f, "fcvtn", "fcvtn2", x[0], x[1]), narrow(f, "fcvtn", "fcvtn2", x[2], x[3])}
	})
	shorten(file, "narrowBrain", "uint16", 2, func(f *Func, x []V) []V {
		upper := func(a, b V) V { return f.Of("uzp2.8h", brain(f, a), brain(f, b)) }
		return []V{upper(x[0], x[1]), upper(x[2], x[3])}
	})
	shorten(file, "toInt8", "int8", 1, func(f *Func, x []V) []V { return saturated(f, "sqxtn", x) })
	shorten(file, "toUint8", "uint8", 1, func(f *Func, x []V) []V { return saturated(f, "sqxtun", x) })
	shorten(file, "toInt32", "int32", 4, func(f *Func, x []V) []V { return each(x, func(v V) V { return f.Of("fcvtzs", v) }) })
	shorten(file, "roundHalf", "float32", 4, func(f *Func, x []V) []V {
		return each(x, func(v V) V { return f.Of("fcvtl", f.Of("fcvtn", v)) })
	})
	shorten(file, "roundBrain", "float32", 4, func(f *Func, x []V) []V {
		return each(x, func(v V) V { return f.And(brain(f, v), f.Bits(0xffff0000)) })
	})
	blocks(file, "choose", "func(dst *uint32, a *uint8, b, c *uint32, n int)", []int{4, 1, 4, 4}, func(f *Func, p []R) {
		none := f.Of("cmeq.16b", f.Load(Mem{Base: p[1]}, 4), f.Bits(0))
		for i, mask := range quarters(f, "sxtl", none) {
			at := func(p R) Mem { return Mem{Base: p, Disp: 16 * i} }
			f.Store(f.Select(mask, f.Load(at(p[3]), 4), f.Load(at(p[2]), 4)), at(p[0]), 4)
		}
	})
	compare(file, "equal", "float32", func(f *Func, a, b V) V { return f.Of("fcmeq", a, b) })
	compare(file, "notEqual", "float32", func(f *Func, a, b V) V { return f.Of("not", f.Of("fcmeq", a, b)) })
	compare(file, "less", "float32", func(f *Func, a, b V) V { return f.Of("fcmgt", b, a) })
	compare(file, "lessEqual", "float32", func(f *Func, a, b V) V { return f.Of("fcmge", b, a) })
	compare(file, "equalInts", "int32", func(f *Func, a, b V) V { return f.Of("cmeq", a, b) })
}

// lengthen makes of a vector two of elements twice as long.
func lengthen(f *Func, name string, v V) []V { return []V{f.Of(name, v), f.Of(name+"2", v)} }

// quarters makes 16 integers of 32 bits of bytes.
func quarters(f *Func, extend string, v V) (list []V) {
	for _, half := range []V{f.Of(extend+".8h", v), f.Of(extend+"2.8h", v)} {
		list = append(list, lengthen(f, extend, half)...)
	}
	return list
}

// floats makes 16 float32s of bytes.
func floats(f *Func, extend string, v V) []V {
	return each(quarters(f, extend, v), func(v V) V { return f.Of("scvtf", v) })
}

func each(list []V, of func(v V) V) (results []V) {
	for _, v := range list {
		results = append(results, of(v))
	}
	return results
}

// narrow makes of two vectors one of elements half as long, each by its
// instruction.
func narrow(f *Func, first, second string, a, b V) V {
	v := f.Of(first, a)
	f.Do(second, v, b)
	return v
}

// saturated makes bytes of float32s, toward zero, of which the instruction that
// shortens last knows the range.
func saturated(f *Func, last string, x []V) []V {
	whole := func(i int) V { return f.Of("fcvtzs", x[i]) }
	return []V{narrow(f, last+".8b", last+"2.16b", narrow(f, "sqxtn", "sqxtn2", whole(0), whole(1)), narrow(f, "sqxtn", "sqxtn2", whole(2), whole(3)))}
}

// brain is x rounded to bfloat16, but for the lower half of its bits.
func brain(f *Func, x V) V {
	odd := f.And(f.RightZero(x, 16), f.Bits(1))
	y := f.AddInt(x, f.AddInt(odd, f.Bits(0x7fff)))
	return f.Select(f.Of("fcmeq", x, x), y, f.Of("orr", x, f.Bits(0x400000)))
}

// shorten writes a conversion of float32s to elements of size bytes.
func shorten(file *File, name, to string, size int, convert func(f *Func, x []V) []V) {
	blocks(file, name, "func(dst *"+to+", src *float32, n int)", []int{size, 4}, func(f *Func, p []R) {
		for i, v := range convert(f, Strip{Vectors: Lanes / 4, Lanes: 4}.Load(f, p[1])) {
			f.Store(v, Mem{Base: p[0], Disp: 16 * i}, 4)
		}
	})
}

// widen writes a conversion to float32 of elements of size bytes.
func widen(file *File, name, from string, size int, convert func(f *Func, v V) []V) {
	blocks(file, name, "func(dst *float32, src *"+from+", n int)", []int{4, size}, func(f *Func, p []R) {
		var list []V
		for at := 0; at < size*Lanes; at += 16 {
			list = append(list, convert(f, f.Load(Mem{Base: p[1], Disp: at}, 4))...)
		}
		for i, v := range list {
			f.Store(v, Mem{Base: p[0], Disp: 16 * i}, 4)
		}
	})
}

// compare writes a comparison that gives bytes of 0 and 1.
func compare(file *File, name, of string, holds func(f *Func, a, b V) V) {
	blocks(file, name, "func(dst *uint8, a, b *"+of+", n int)", []int{1, 4, 4}, func(f *Func, p []R) {
		var held []V
		for at := 0; at < 4*Lanes; at += 16 {
			held = append(held, holds(f, f.Load(Mem{Base: p[1], Disp: at}, 4), f.Load(Mem{Base: p[2], Disp: at}, 4)))
		}
		all := narrow(f, "xtn.8b", "xtn2.16b", narrow(f, "xtn", "xtn2", held[0], held[1]), narrow(f, "xtn", "xtn2", held[2], held[3]))
		f.Store(f.And(all, f.Bits(0x01010101)), Mem{Base: p[0]}, 4)
	})
}

// blocks writes a function that goes over blocks of its arguments, which come
// before n and have elements of these sizes.
func blocks(file *File, name, signature string, sizes []int, block func(f *Func, p []R)) {
	file.Func(name, signature, func(f *Func) {
		var p []R
		for _, name := range []string{"dst", "src", "a", "b", "c"} {
			if f.Has(name) {
				p = append(p, f.Arg(name))
			}
		}
		n := f.Arg("n")
		f.Op("LSR", n, Imm(4), n)
		f.Loop(n, func() {
			block(f, p)
			for i, size := range sizes {
				f.Move(p[i], Imm(size*Lanes))
			}
		})
		f.Return()
	})
}
