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
		list := floats(f, "uxtl", v) // a byte that is not 0 is at least 1 then
		for i, v := range list {
			list[i] = f.Min(v, f.Const(1))
		}
		return list
	})
	widen(file, "fromInt32", "int32", 4, func(f *Func, v V) []V { return []V{f.Of("scvtf", v)} })
	blocks(file, "narrowHalf", "func(dst *uint16, src *float32, n int)", []int{2, 4}, func(f *Func, p []R) {
		for half := range 2 {
			f.Store(narrow(f, "fcvtn", f.Load(Mem{Base: p[1], Disp: 32 * half}, 4), f.Load(Mem{Base: p[1], Disp: 32*half + 16}, 4)),
				Mem{Base: p[0], Disp: 16 * half}, 4)
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

// floats makes 16 float32s of bytes.
func floats(f *Func, extend string, v V) (list []V) {
	for _, half := range []V{f.Of(extend+".8h", v), f.Of(extend+"2.8h", v)} {
		for _, v := range lengthen(f, extend, half) {
			list = append(list, f.Of("scvtf", v))
		}
	}
	return list
}

// narrow makes of two vectors one of elements half as long.
func narrow(f *Func, name string, a, b V) V {
	v := f.Of(name, a)
	f.Do(name+"2", v, b)
	return v
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
		var half [2]V
		for i := range half {
			var quarter [2]V
			for k := range quarter {
				at := 32*i + 16*k
				quarter[k] = holds(f, f.Load(Mem{Base: p[1], Disp: at}, 4), f.Load(Mem{Base: p[2], Disp: at}, 4))
			}
			half[i] = narrow(f, "xtn", quarter[0], quarter[1])
		}
		all := of8(f, half[0], half[1])
		f.Store(f.And(all, f.Bits(0x01010101)), Mem{Base: p[0]}, 4)
	})
}

// of8 makes bytes of 16-bit integers.
func of8(f *Func, a, b V) V {
	v := f.Of("xtn.8b", a)
	f.Do("xtn2.16b", v, b)
	return v
}

// blocks writes a function that goes over blocks of its arguments, which come
// before n and have elements of these sizes.
func blocks(file *File, name, signature string, sizes []int, block func(f *Func, p []R)) {
	file.Func(name, signature, func(f *Func) {
		var p []R
		for _, name := range []string{"dst", "src", "a", "b"} {
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
