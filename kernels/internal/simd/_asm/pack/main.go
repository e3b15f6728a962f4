// The pack program writes the part of Pack for rows as they lie.
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
		pack(f)
	}
	Generate()
}

// pack writes a function that copies rows of up to 16 elements next to each
// other and fills them up with zeros.
func pack(f Form) {
	Begin("pack"+f.Name, "func(dst, src *float32, stride, rows, columns int)")
	dst := Load(Param("dst"), GP64()).(reg.GPVirtual)
	src := Load(Param("src"), GP64()).(reg.GPVirtual)
	stride := Load(Param("stride"), GP64()).(reg.GPVirtual)
	rows := Load(Param("rows"), GP64()).(reg.GPVirtual)
	left := Load(Param("columns"), GP64()).(reg.GPVirtual)
	SHLQ(Imm(2), stride)
	const columns = 16
	var masks []Mask
	for v := range columns / f.Lanes {
		// So many of the lanes: from none to all.
		n, zero, most := GP64(), GP64(), GP64()
		MOVQ(left, n)
		SUBQ(Imm(uint64(v*f.Lanes)), n)
		XORQ(zero, zero)
		TESTQ(n, n)
		CMOVQLT(zero, n)
		MOVQ(U32(uint32(f.Lanes)), most)
		CMPQ(n, most)
		CMOVQGT(most, n)
		masks = append(masks, f.First(n))
	}
	Label("row")
	for v, m := range masks {
		at := v * f.Bytes()
		VMOVUPS(m.Load(Mem{Base: src, Disp: at}), Mem{Base: dst, Disp: at})
	}
	ADDQ(stride, src)
	ADDQ(Imm(4*columns), dst)
	DECQ(rows)
	JNZ(LabelRef("row"))
	Leave()
}
