package trace

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// A body that is traced once for all turns of a loop knows integers that follow
// from the number of the turn: symbols of that. A decision about one is taken
// for the first turn, and holds for as many turns as is noted with it. Such an
// integer is no attribute of an op, but may be what an op computes with.

// turning is the number of the turn of a loop, which stands for a dim in symbols.
type turning struct {
	turns   Int    // no more than so many
	counter *Value // the number, as the body computes with it
	limits  []Int  // turns for which the decisions hold
}

// A constant of which each turn has a part is better written out, turn by turn:
// then the parts are weights, which are packed once.
const (
	maxWritten = 64       // turns
	minWeights = 64 << 10 // bytes of the constant
)

func writtenOut(x *Value, turns Int) bool {
	return x.con && x.typ.Bytes() >= minWeights && turns.IsConst() && turns.N <= maxWritten
}

// part fails where x is better written out.
func (t *Tracer) part(x *Value, ix *turning) {
	if ix != nil && writtenOut(x, ix.turns) {
		t.Fail(abi.FaultUnsupported, "each turn has weights of its own")
	}
}

// minTurns is how many turns there are at least for a loop to be repeated by the
// host: fewer are written out, which lets each be simplified for itself.
const minTurns = 4

// maxTurnCoef keeps such symbols from wrapping within 2^31 turns.
const maxTurnCoef = 1 << 31

// turn is what a varies with from turn to turn, or nil.
func (a Int) turn() *turning {
	if a.sym == nil {
		return nil
	}
	return a.sym.of.turn
}

// turnOf is what one of xs varies with.
func turnOf(xs []Int) *turning {
	for _, x := range xs {
		if ix := x.turn(); ix != nil {
			return ix
		}
	}
	return nil
}

// Turning reports whether v is known as a function of the number of a turn.
func (v *Value) Turning() bool { return turnOf(v.known) != nil }

// until notes for how many turns a, compared with limit, stays as true as it is
// in the first.
func (t *Tracer) until(cmp abi.Cmp, a, limit Int) {
	s, one := a.sym, Const(1)
	if s.d != 1 && limit.sym != nil {
		t.Fail(abi.FaultUnsupported, "a quotient of the number of the turn meets a dim")
	}
	if cmp == abi.CmpNe {
		cmp = abi.CmpLt
		if a.N > limit.N {
			cmp, limit = abi.CmpGe, t.Add(limit, one)
		}
	}
	// floor((s.a·i + s.b)/s.d) < l just when s.a·i + s.b < l·s.d.
	bound, turns := t.Mul(limit, Const(s.d)), one
	switch {
	case cmp == abi.CmpEq:
	case (cmp == abi.CmpLt) == (s.a < 0):
		// It moves away from the limit, if it begins on this side of it.
		t.Less(Const(a.N), limit)
		return
	case cmp == abi.CmpLt:
		turns = t.FloorDiv(t.Add(bound, Const(s.a-1-s.b)), Const(s.a))
	default:
		turns = t.Add(t.FloorDiv(t.Sub(Const(s.b), bound), Const(-s.a)), one)
	}
	if turns.N < minTurns {
		t.Fail(abi.FaultUnsupported, "a loop turns to something else")
	}
	a.turn().limits = append(a.turn().limits, turns)
}

// lessInTurn decides a < b, of which a varies from turn to turn and b with a dim.
func (t *Tracer) lessInTurn(a, b Int) bool {
	less := a.N < b.N
	if less {
		t.until(abi.CmpLt, a, b)
	} else {
		t.until(abi.CmpGe, a, b)
	}
	return less
}

// inRange notes for how many turns d holds x exactly.
func (t *Tracer) inRange(d tensor.DType, x Int) {
	if x.turn() == nil || d == tensor.Int64 || d == tensor.Bool {
		return
	}
	low, high := int64(0), int64(1)<<min(8*d.Size(), 62)
	switch {
	case d.IsFloat():
		high = int64(1) << min(exactBits(d), 62)
		low = -high
	case d.IsSigned():
		high /= 2
		low = -high
	}
	t.until(abi.CmpGe, x, Const(low))
	t.until(abi.CmpLt, x, Const(high))
}

// counted appends what computes known integers from the number of the turn.
func (t *Tracer) counted(ix *turning, v *Value) *result {
	scale, shift := make([]Int, len(v.known)), make([]Int, len(v.known))
	for i, x := range v.known {
		switch {
		case x.turn() == nil:
			shift[i] = x
		case x.turn() != ix || x.sym.d != 1:
			t.Fail(abi.FaultUnsupported, "a quotient of the number of the turn")
		default:
			scale[i], shift[i] = Const(x.sym.a), Const(x.sym.b)
		}
	}
	dims := v.typ.Shape()
	if len(scale) == 1 && scale[0] == Const(1) && shift[0] == Const(0) {
		return t.place(t.Cast(t.Reshape(ix.counter, Consts(dims...)), v.typ.DType))
	}
	n := t.Map2(abi.FnMul, ix.counter, t.Known(tensor.Int64, dims, scale))
	n = t.Map2(abi.FnAdd, n, t.Known(tensor.Int64, dims, shift))
	return t.place(t.Cast(n, v.typ.DType))
}
