package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// chains is how many sums that do not wait for each other keep the units for
// multiply-adds busy.
const chains = 12

// peak writes a function that does nothing but multiply and add.
func peak(f form) {
	TEXT("peak"+f.name, NOSPLIT, "func(rounds int)")
	n := Load(Param("rounds"), GP64()).(reg.GPVirtual)
	var sums []reg.VecVirtual
	for range chains {
		v := f.vector()
		f.zero(v)
		sums = append(sums, v)
	}
	a := f.vector()
	f.zero(a)
	Label("round")
	for _, s := range sums {
		VFMADD231PS(a, a, s)
	}
	DECQ(n)
	JNZ(LabelRef("round"))
	VZEROUPPER()
	RET()
}
