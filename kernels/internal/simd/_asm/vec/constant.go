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
)

// keepWide and keepNarrow are how many constants stay in registers, of which
// there are 32 and 16.
const (
	keepWide   = 20
	keepNarrow = 6
)

// Function writes a function, whose body leaves by Leave. The constants that the
// body uses are known at its end, so they are loaded there, before it begins.
func (f Form) Function(name, signature string, body func()) {
	TEXT(name+f.Name, NOSPLIT, signature)
	Pragma("noescape")
	kept, control = nil, nil
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
	v, limit := f.New(), keepNarrow
	if f.wide {
		limit = keepWide
	}
	if len(kept) < limit {
		kept = append(kept, constant{x, v})
	} else {
		VBROADCASTSS(f.datum(x), v)
	}
	return v
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
