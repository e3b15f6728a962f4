package vec

import (
	. "github.com/mmcloughlin/avo/build"
	"github.com/mmcloughlin/avo/ir"
	. "github.com/mmcloughlin/avo/operand"
)

// Align has what follows begin at lead, a multiple of 8, in a line of 64 bytes
// of code.
func Align(lead int) {
	raw("PCALIGN", 64)
	for ; lead > 0; lead -= 8 {
		// The instruction of 8 bytes that does nothing.
		raw("LONG", 0x00841f0f)
		raw("LONG", 0)
	}
}

func raw(directive string, v uint32) {
	Instruction(&ir.Instruction{Opcode: directive, Operands: []Op{U32(v)}})
}
