package vec

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// control is where the caller's control word lies, of a function that has its
// own.
var control *Mem

// FlushSubnormals has the instructions from here to Leave take subnormal
// numbers for zeros. Go does not stop a goroutine within assembly, so nothing
// else runs meanwhile.
func FlushSubnormals() {
	const operands, results = 1 << 6, 1 << 15
	words := AllocLocal(8)
	control = &words
	own := GP32()
	STMXCSR(words)
	MOVL(words, own)
	ORL(U32(operands|results), own)
	MOVL(own, words.Offset(4))
	LDMXCSR(words.Offset(4))
}

// Leave leaves the function.
func Leave() {
	if control != nil {
		LDMXCSR(*control)
	}
	VZEROUPPER()
	RET()
}
