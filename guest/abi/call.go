package abi

import (
	"encoding/binary"
	"math"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Type is an element type and shape.
type Type = tensor.Type

// TypeSize is the size of an encoded Type: u32 dtype, u32 rank, 8 × i64 dims.
const TypeSize = 8 + 8*tensor.MaxRank

// AppendType encodes t.
func AppendType(b []byte, t Type) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(t.DType))
	b = binary.LittleEndian.AppendUint32(b, uint32(t.Rank))
	for _, d := range t.Dims {
		b = binary.LittleEndian.AppendUint64(b, uint64(d))
	}
	return b
}

// DecodeType reads an encoded Type. The result is checked.
func DecodeType(b []byte) (Type, Errno) {
	if len(b) < TypeSize {
		return Type{}, ErrRecord
	}
	dt, rank := binary.LittleEndian.Uint32(b), binary.LittleEndian.Uint32(b[4:])
	if dt > math.MaxUint8 || rank > tensor.MaxRank {
		return Type{}, ErrRecord
	}
	t := Type{DType: tensor.DType(dt), Rank: uint8(rank)}
	for i := range t.Dims {
		t.Dims[i] = int64(binary.LittleEndian.Uint64(b[8+8*i:]))
	}
	if t.Check() != nil {
		return Type{}, ErrType
	}
	return t, OK
}

// Word is an attribute word: the constant N, or where Of is not 0 the symbol
//
//	floor((A·dim(Of, Dim) + B) / D)
//
// over a dim of an earlier value of the program, with N its value at the sizes
// of the trace. D is positive.
type Word struct {
	N       int64
	Of      Value
	Dim     uint32
	A, B, D int64
}

// Const is a constant word.
func Const(n int64) Word { return Word{N: n} }

// Consts are constant words.
func Consts(ns ...int64) []Word {
	w := make([]Word, len(ns))
	for i, n := range ns {
		w[i].N = n
	}
	return w
}

// Eval is the value of the symbol when its dim is d, and whether it stayed
// within an int64.
func (w *Word) Eval(d int64) (int64, bool) {
	const limit = 1 << 46
	if w.D <= 0 || w.A < -limit || w.A > limit || w.B < -1<<62 || w.B > 1<<62 || d < 0 || d > limit {
		return 0, false
	}
	p := w.A * d
	if w.A != 0 && p/w.A != d {
		return 0, false
	}
	s := p + w.B
	if (s > p) != (w.B > 0) {
		return 0, false
	}
	q := s / w.D
	if s%w.D != 0 && s < 0 {
		q--
	}
	return q, true
}

// Call is the record of program_op. Encoded, all little-endian:
//
//	0       4       8       12        16        20       24
//	┌───────┬───────┬───────┬─────────┬─────────┬────────┬──────────────┬──────────────┬─────────────────┐
//	│ op    │ nIn   │ nWord │ nSymbol │ 0       │ 0      │ nIn × u32    │ nWord × i64  │ nSymbol × 40 B  │
//	└───────┴───────┴───────┴─────────┴─────────┴────────┴──────────────┴──────────────┴─────────────────┘
//	a symbol: u32 word, u32 value, u32 dim, u32 0, i64 a, i64 b, i64 d
//
// The inputs are padded to 8 bytes. Symbols stand in rising order of word.
type Call struct {
	Op      Op
	In      []Value
	Words   []int64
	Symbols []Symbol
}

// Symbol says that word At of a call is not constant.
type Symbol struct {
	At   uint32
	Word Word
}

const (
	callHeader = 24
	symbolSize = 40
)

// WordsAt is where the words begin in the record of a call with so many inputs.
func WordsAt(inputs int) int { return callHeader + 4*(inputs+inputs%2) }

// AppendCall encodes a call with the attributes a (nil for none).
func AppendCall(b []byte, op Op, in []Value, a Attrs) []byte {
	le := binary.LittleEndian
	start := len(b)
	for _, u := range [...]int{int(op), len(in), 0, 0, 0, 0} {
		b = le.AppendUint32(b, uint32(u))
	}
	for _, v := range in {
		b = le.AppendUint32(b, uint32(v))
	}
	if len(in)%2 == 1 {
		b = le.AppendUint32(b, 0)
	}
	c := coder{enc: true, out: b}
	if a != nil {
		a.code(&c)
	}
	b = c.out
	le.PutUint32(b[start+8:], uint32(c.count))
	le.PutUint32(b[start+12:], uint32(len(c.symbols)))
	for _, s := range c.symbols {
		b = appendSymbol(b, s)
	}
	return b
}

func appendSymbol(b []byte, s Symbol) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, s.At)
	b = le.AppendUint32(b, uint32(s.Word.Of))
	b = le.AppendUint32(b, s.Word.Dim)
	b = le.AppendUint32(b, 0)
	b = le.AppendUint64(b, uint64(s.Word.A))
	b = le.AppendUint64(b, uint64(s.Word.B))
	return le.AppendUint64(b, uint64(s.Word.D))
}

func decodeSymbol(b []byte) (Symbol, bool) {
	le := binary.LittleEndian
	s := Symbol{At: le.Uint32(b), Word: Word{
		Of: Value(le.Uint32(b[4:])), Dim: le.Uint32(b[8:]),
		A: int64(le.Uint64(b[16:])), B: int64(le.Uint64(b[24:])), D: int64(le.Uint64(b[32:])),
	}}
	return s, le.Uint32(b[12:]) == 0 && s.Word.Of != 0 && s.Word.Dim < tensor.MaxRank && s.Word.D > 0
}

// DecodeCall reads one call and nothing else; every length is checked against
// the bytes that are there before anything is allocated.
func DecodeCall(b []byte) (Call, Errno) {
	if len(b) < callHeader || len(b) > MaxRecord {
		return Call{}, ErrRecord
	}
	le := binary.LittleEndian
	nIn, nWord, nSym := int64(le.Uint32(b[4:])), int64(le.Uint32(b[8:])), int64(le.Uint32(b[12:]))
	if nIn > MaxArity || nWord > MaxWords || nSym > nWord || le.Uint32(b[16:]) != 0 || le.Uint32(b[20:]) != 0 {
		return Call{}, ErrRecord
	}
	inBytes := (nIn + nIn%2) * 4
	if int64(len(b)) != callHeader+inBytes+8*nWord+symbolSize*nSym {
		return Call{}, ErrRecord
	}
	c := Call{Op: Op(le.Uint32(b)), In: make([]Value, nIn), Words: make([]int64, nWord)}
	b = b[callHeader:]
	for i := range c.In {
		c.In[i] = Value(le.Uint32(b[4*i:]))
	}
	b = b[inBytes:]
	for i := range c.Words {
		c.Words[i] = int64(le.Uint64(b[8*i:]))
	}
	b = b[8*nWord:]
	if nSym > 0 {
		c.Symbols = make([]Symbol, nSym)
	}
	for i := range c.Symbols {
		s, ok := decodeSymbol(b[symbolSize*i:])
		if !ok || int64(s.At) >= nWord || i > 0 && s.At <= c.Symbols[i-1].At {
			return Call{}, ErrRecord
		}
		c.Symbols[i] = s
	}
	return c, OK
}

// DecodeAttrs reads the words of a call into a, and refuses words left over.
func DecodeAttrs(words []int64, a Attrs) Errno {
	c := coder{in: words}
	a.code(&c)
	if c.bad || len(c.in) != 0 {
		return ErrRecord
	}
	return OK
}

// Seal is the record of program_seal: the values that the program gives, and
// what must hold of dims for it to be bound to other sizes.
//
//	u32 nOut, u32 nGuard, nOut × u32 (padded to 8), nGuard × 56 B
//	a guard: a symbol of 40 B whose first u32 is the Cmp, then i64 limit, i64 0
type Seal struct {
	Out    []Value
	Guards []Guard
}

// Cmp is a comparison that the tracer branched on.
type Cmp uint32

const (
	CmpEq Cmp = 1
	CmpNe Cmp = 2
	CmpLt Cmp = 3
	CmpGe Cmp = 4
)

// Guard holds of a bound program when its word, compared with Limit, is true.
type Guard struct {
	Cmp   Cmp
	Word  Word
	Limit int64
}

// Holds evaluates the guard for a dim of d.
func (g *Guard) Holds(d int64) bool {
	n, ok := g.Word.Eval(d)
	if !ok {
		return false
	}
	switch g.Cmp {
	case CmpEq:
		return n == g.Limit
	case CmpNe:
		return n != g.Limit
	case CmpLt:
		return n < g.Limit
	case CmpGe:
		return n >= g.Limit
	}
	return false
}

const guardSize = symbolSize + 16

// AppendSeal encodes s.
func AppendSeal(b []byte, s Seal) []byte {
	le := binary.LittleEndian
	b = le.AppendUint32(b, uint32(len(s.Out)))
	b = le.AppendUint32(b, uint32(len(s.Guards)))
	for _, v := range s.Out {
		b = le.AppendUint32(b, uint32(v))
	}
	if len(s.Out)%2 == 1 {
		b = le.AppendUint32(b, 0)
	}
	for _, g := range s.Guards {
		b = appendSymbol(b, Symbol{At: uint32(g.Cmp), Word: g.Word})
		b = le.AppendUint64(b, uint64(g.Limit))
		b = le.AppendUint64(b, 0)
	}
	return b
}

// DecodeSeal reads one Seal and nothing else.
func DecodeSeal(b []byte) (Seal, Errno) {
	le := binary.LittleEndian
	if len(b) < 8 {
		return Seal{}, ErrRecord
	}
	nOut, nGuard := int64(le.Uint32(b)), int64(le.Uint32(b[4:]))
	if nOut > MaxArity || nGuard > MaxGuards {
		return Seal{}, ErrCount
	}
	outBytes := (nOut + nOut%2) * 4
	if int64(len(b)) != 8+outBytes+guardSize*nGuard {
		return Seal{}, ErrRecord
	}
	s := Seal{Out: make([]Value, nOut), Guards: make([]Guard, nGuard)}
	for i := range s.Out {
		s.Out[i] = Value(le.Uint32(b[8+4*i:]))
	}
	b = b[8+outBytes:]
	for i := range s.Guards {
		p := b[guardSize*i:]
		sym, ok := decodeSymbol(p)
		g := Guard{Cmp: Cmp(sym.At), Word: sym.Word, Limit: int64(le.Uint64(p[symbolSize:]))}
		if !ok || g.Cmp < CmpEq || g.Cmp > CmpGe || le.Uint64(p[symbolSize+8:]) != 0 {
			return Seal{}, ErrRecord
		}
		s.Guards[i] = g
	}
	return s, OK
}
