package vet

import "strings"

// immediate is what follows an opcode.
type immediate uint8

const (
	unlisted    immediate = iota // the zero: what is not listed is refused
	none                         // nothing
	blockType                    // the type of a block
	label                        // a branch
	labels                       // a list of branches
	callee                       // a function
	calleeType                   // a type and the table
	oneType                      // a list of one value type
	localIndex                   // a local
	globalIndex                  // a global
	memoryAt                     // alignment and offset
	zero                         // the number of the memory
	const32                      // s32
	const64                      // s64
	bytes4                       // f32
	bytes8                       // f64
	prefixed                     // another opcode
)

// The opcodes that the walker and the rewriter treat apart.
const (
	opUnreachable  = 0x00
	opNop          = 0x01
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opMemoryGrow   = 0x40
	opPrefix       = 0xfc
	prefixCopy     = 10
	prefixFill     = 11
)

// operation is one opcode: what follows it and the fuel it takes. A unit is
// about the time of an addition.
type operation struct {
	immediate immediate
	fuel      uint8
}

// Left out are: reference types and table instructions, since a table must
// stay as it was compiled for a state to be restored; memory.init and
// data.drop, whose segments are state too; tail calls, exceptions, vectors and
// threads, which the meter does not know.
var operations = [256]operation{
	opUnreachable: {none, 1}, opNop: {none, 1},
	opBlock: {blockType, 0}, opLoop: {blockType, 0}, opIf: {blockType, 1}, opElse: {none, 0}, opEnd: {none, 0},
	opBr: {label, 1}, opBrIf: {label, 1}, opBrTable: {labels, 2}, opReturn: {none, 1},
	opCall: {callee, 4}, opCallIndirect: {calleeType, 8},
	0x1a: {none, 1}, 0x1b: {none, 1}, 0x1c: {oneType, 1},
	0x20: {localIndex, 1}, 0x21: {localIndex, 1}, 0x22: {localIndex, 1}, 0x23: {globalIndex, 1}, 0x24: {globalIndex, 1},
	0x3f: {zero, 1}, opMemoryGrow: {zero, 4},
	0x41: {const32, 1}, 0x42: {const64, 1}, 0x43: {bytes4, 1}, 0x44: {bytes8, 1},
	opPrefix: {prefixed, 4}, // a call, or a conversion of several steps
}

// operationOf looks an opcode up. Loads, stores and arithmetic are ranges.
func operationOf(op byte) operation {
	switch {
	case op >= 0x28 && op <= 0x3e:
		return operation{memoryAt, 1}
	case op >= 0x45 && op <= 0xc4:
		if strings.IndexByte(slow, op) >= 0 {
			return operation{none, 8}
		}
		return operation{none, 1}
	}
	return operations[op]
}

// slow lists divisions, remainders and square roots.
const slow = "\x6d\x6e\x6f\x70\x7f\x80\x81\x82\x91\x95\x9f\xa3"

// prefixedOps is how many bytes of zeros follow an opcode after opPrefix, and
// whether it is allowed.
var prefixedOps = [...]struct {
	zeros   int
	allowed bool
}{
	0: {0, true}, 1: {0, true}, 2: {0, true}, 3: {0, true}, 4: {0, true}, 5: {0, true}, 6: {0, true}, 7: {0, true},
	prefixCopy: {2, true}, prefixFill: {1, true},
}
