// The gemm program writes the tiles of Gemm: for each number of rows and of
// vectors a function that multiplies so many rows by so many vectors of
// columns, with every accumulator in a register.
package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// unroll is how many terms one round of the inner loop adds.
const unroll = 4

// A form is what an instruction set makes of a tile.
type form struct {
	name  string
	bytes int   // in a vector
	tiles []int // the rows of the highest tile of so many vectors
	// leads are where in a line of 64 bytes of code the tiles of so many vectors
	// begin. It decides where their loops do: at other places the highest take up
	// to 5 % longer (measured on Granite Rapids at every eighth byte), and without
	// a lead the place changes from build to build. Measure anew when what comes
	// before the loop changes.
	leads  []int
	vector func() reg.VecVirtual
	zero   func(v reg.VecVirtual)
	// sparing is for processors where each masked store and each fetch of what
	// is in the cache costs much, and where a panel does not fit in the first one.
	sparing bool
	// masks are which columns of each vector are stored.
	masks       func(t *tile) []reg.Register
	loadMasked  func(from Mem, mask reg.Register, v reg.VecVirtual)
	storeMasked func(v reg.VecVirtual, mask reg.Register, to Mem)
}

func main() {
	ConstraintExpr("!purego")
	for _, f := range []form{avx512(), avx2()} {
		peak(f)
		for vectors, rows := range f.tiles {
			for r := 1; r <= rows; r++ {
				t := tile{form: f, rows: r, cols: vectors, every: 4}
				if f.sparing && r < rows {
					t.every = 1
				}
				t.write()
			}
		}
	}
	Generate()
}

func avx512() form {
	return form{
		name: "512", bytes: 64, tiles: []int{0, 8, 8, 8, 6}, leads: []int{0, 8, 8, 8, 40},
		vector: ZMM,
		zero:   func(v reg.VecVirtual) { VPXORD(v, v, v) },
		masks: func(t *tile) (masks []reg.Register) {
			columns := t.load("columns")
			for range t.cols {
				k := K()
				KMOVW(columns.As32(), k)
				SHRQ(Imm(16), columns)
				masks = append(masks, k)
			}
			return masks
		},
		loadMasked:  func(from Mem, mask reg.Register, v reg.VecVirtual) { VMOVUPS_Z(from, mask, v) },
		storeMasked: func(v reg.VecVirtual, mask reg.Register, to Mem) { VMOVUPS(v, mask, to) },
	}
}

func avx2() form {
	// Lane i of vector v holds bit 8·v+i.
	bits := GLOBL("columnBits", RODATA|NOPTR)
	for i := range 16 {
		DATA(4*i, U32(1<<i))
	}
	return form{
		name: "256", bytes: 32, tiles: []int{0, 8, 6}, sparing: true,
		vector: YMM,
		zero:   func(v reg.VecVirtual) { VXORPS(v, v, v) },
		masks: func(t *tile) (masks []reg.Register) {
			all := YMM()
			VPBROADCASTD(t.arg("columns"), all)
			for v := range t.cols {
				bit, mask := YMM(), YMM()
				VMOVDQU(bits.Offset(32*v), bit)
				VPAND(bit, all, mask)
				VPCMPEQD(bit, mask, mask)
				masks = append(masks, mask)
			}
			return masks
		},
		loadMasked: func(from Mem, mask reg.Register, v reg.VecVirtual) {
			if mask == nil {
				VMOVUPS(from, v)
			} else {
				VMASKMOVPS(from, mask, v)
			}
		},
		storeMasked: func(v reg.VecVirtual, mask reg.Register, to Mem) {
			if mask == nil {
				VMOVUPS(v, to)
			} else {
				VMASKMOVPS(v, mask, to)
			}
		},
	}
}
