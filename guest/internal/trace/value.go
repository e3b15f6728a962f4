package trace

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Value is what a lowering receives and gives. It is known, when the guest
// holds its contents, or placed, when it is a value of the program; a known
// value is placed when an op needs it. A nil Value is an absent optional
// input.
//
// A placed value may be a permuted reading of what the program computed: the
// permute is done only for ops that cannot look through it.
type Value struct {
	typ   abi.Type
	dims  []Int // the symbols among the dims; nil when all are constant
	known []Int // row-major contents, all integers, or nil
	src   *result
	perm  []int64 // dim i is dim perm[i] of src; nil is the identity
	bits  uint64  // where splat: the pattern of every element
	splat bool
	con   bool
}

// result is a value of the program under construction, and also of those
// that have run, where it has a tensor.
type result struct {
	id     uint32 // from 1; stands for the result in the words of attributes
	typ    abi.Type
	dims   []Int // as in Value
	node   *node // nil for inputs and constants
	index  int   // which of the node's results
	con    bool
	dyn    bool // some dim of an input that the model leaves free reaches it
	freed  bool
	depth  int        // of the loop body it varies with; 0 is none
	tensor abi.Handle // 0 until it has been computed
	file   *Constant
	param  bool     // an input of a loop's body: another in each turn
	turn   *turning // the number of the turn, of which symbols are made; never placed

	draft   abi.Handle // the draft program that draftID is a value of
	draftID abi.Value

	program abi.Handle // the program being emitted that value is a value of
	value   abi.Value

	role role // in the fusion that looked at it last
}

// node is an operation: its results and what they follow from.
type node struct {
	op    abi.Op
	attrs abi.Attrs
	in    []*result // nil is an absent input
	refs  []*result // whose dims the attributes name
	out   []*result
	walk  int // that met it last; see cone
}

// DType is the element type.
func (v *Value) DType() tensor.DType { return v.typ.DType }

// Rank is the number of dims.
func (v *Value) Rank() int { return int(v.typ.Rank) }

// Shape is the dims at the sizes of this trace. What is decided by them holds
// for these sizes only and leaves no guard: Dim is the one to calculate with.
func (v *Value) Shape() []int64 { return append([]int64(nil), v.typ.Shape()...) }

// Elems is the number of elements at the sizes of this trace; see Shape.
func (v *Value) Elems() int64 { return v.typ.Elems() }

// Dim is dim i.
func (v *Value) Dim(i int) Int {
	if v.dims != nil {
		return v.dims[i]
	}
	return Const(v.typ.Shape()[i])
}

// Dims are the dims.
func (v *Value) Dims() []Int {
	ds := make([]Int, v.Rank())
	for i := range ds {
		ds[i] = v.Dim(i)
	}
	return ds
}

// IsKnown reports whether v is of integers or Bool and the guest holds its
// contents.
func (v *Value) IsKnown() bool { return v.known != nil && !v.typ.DType.IsFloat() }

// IsConst reports whether the contents depend on the model alone.
func (v *Value) IsConst() bool { return v.con }

// Known makes an integer or Bool value of contents in row-major order.
func (t *Tracer) Known(d tensor.DType, dims []int64, data []Int) *Value {
	typ := abi.Type(tensor.Of(d, dims...))
	if typ.Check() != nil || typ.Elems() != int64(len(data)) || d.IsFloat() {
		t.Fail(abi.FaultMalformed, "%d integers for %v", len(data), typ)
	}
	return t.hold(typ, data)
}

// hold makes a value of integers, of any type.
func (t *Tracer) hold(typ abi.Type, data []Int) *Value {
	v := &Value{typ: typ, known: make([]Int, len(data)), con: true}
	for i, x := range data {
		v.known[i] = t.wrap(typ.DType, x)
		v.con = v.con && v.known[i].sym == nil
	}
	if v.con && len(data) == 1 {
		v.bits, v.splat = pattern(typ.DType, float64(v.known[0].N)), true
		if !typ.DType.IsFloat() {
			v.bits = low(typ.DType, v.known[0].N)
		}
	}
	return v
}

// Vector is a known vector of int64.
func (t *Tracer) Vector(xs ...Int) *Value { return t.Known(tensor.Int64, []int64{int64(len(xs))}, xs) }

// wrap brings x into the range of d. A symbol that does not fit is pinned.
func (t *Tracer) wrap(d tensor.DType, x Int) Int {
	t.inRange(d, x)
	n := wrapInt(d, x.N)
	if n != x.N {
		t.Pin(x)
		return Const(n)
	}
	return x
}

func wrapInt(d tensor.DType, n int64) int64 {
	switch d {
	case tensor.Int8:
		return int64(int8(n))
	case tensor.Int16:
		return int64(int16(n))
	case tensor.Int32:
		return int64(int32(n))
	case tensor.Uint8:
		return int64(uint8(n))
	case tensor.Uint16:
		return int64(uint16(n))
	case tensor.Uint32:
		return int64(uint32(n))
	case tensor.Bool:
		if n != 0 {
			return 1
		}
	}
	return n
}

// keepSymbols gives dims as they are kept: nil when all are constant.
func keepSymbols(dims []Int) []Int {
	for _, d := range dims {
		if d.sym != nil {
			return dims
		}
	}
	return nil
}
