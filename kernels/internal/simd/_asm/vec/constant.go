package vec

import (
	"fmt"
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// A constant of the function that is being written.
type constant struct {
	bits uint32
	reg  V
}

var (
	kept   []constant
	inData = map[uint32]Mem{}
	// vectors are of eight.
	vectors = map[uint32]Mem{}
)

// keepWide and keepNarrow are how many constants stay in registers, of which
// there are 32 and 16.
const (
	keepWide   = 20
	keepNarrow = 6
	keepPaired = 2 // where two bodies are written together
)

// Begin begins a function that leaves by Leave.
func Begin(name, signature string) {
	TEXT(name, NOSPLIT, signature)
	Pragma("noescape")
	control = nil
}

// Function writes a function, whose body leaves by Leave. The constants that the
// body uses are known at its end, so they are loaded there, before it begins.
func (f Form) Function(name, signature string, body func()) {
	Begin(name+f.Name, signature)
	kept = nil
	JMP(LabelRef("constants"))
	Label("begin")
	body()
	Label("constants")
	for _, c := range kept {
		VBROADCASTSS(f.datum(c.bits), c.reg)
	}
	JMP(LabelRef("begin"))
}

// Const is a vector of x, which is not to be changed.
func (f Form) Const(x float64) V { return f.Bits(math.Float32bits(float32(x))) }

// Bits is a vector of integers, which is not to be changed.
func (f Form) Bits(x uint32) V {
	for _, c := range kept {
		if c.bits == x {
			return c.reg
		}
	}
	v := f.New()
	for _, c := range kept {
		if c.bits == x { // meanwhile
			return c.reg
		}
	}
	if len(kept) < f.keep() {
		kept = append(kept, constant{x, v})
	} else {
		VBROADCASTSS(f.datum(x), v)
	}
	return v
}

// keep is how many constants stay in registers.
func (f Form) keep() int {
	switch {
	case f.wide:
		return keepWide
	case f.Paired:
		return keepPaired
	}
	return keepNarrow
}

// operand is Const for an instruction that takes it from memory too.
func (f Form) operand(x float64) Op {
	bits := math.Float32bits(float32(x))
	for _, c := range kept {
		if c.bits == bits {
			return c.reg
		}
	}
	if f.wide || len(kept) < f.keep() {
		return f.Bits(bits)
	}
	m, ok := vectors[bits]
	if !ok {
		m = GLOBL(fmt.Sprintf("words%08x", bits), RODATA|NOPTR)
		for i := range 8 {
			DATA(4*i, U32(bits))
		}
		vectors[bits] = m
	}
	return m
}

// datum is x in memory.
func (f Form) datum(x uint32) Mem {
	m, ok := inData[x]
	if !ok {
		m = ConstData(fmt.Sprintf("word%08x", x), U32(x))
		inData[x] = m
	}
	return m
}
