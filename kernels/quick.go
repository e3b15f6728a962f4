package kernels

import (
	"math"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// quick is an epilogue that a product can apply to its sums while they are in
// registers: a bias for each column, an operand like the result, a clamp, in
// this order and each at most once.
type quick struct {
	ok         bool
	bias, plus int // registers of the epilogue, 0 where there is none
	clamp      bool
	low, high  float32
}

// quicken lets the product that e belongs to apply it itself, if that can.
func (e *epilogue) quicken(p Program, out tensor.Type, extra []tensor.Type) {
	if e != nil {
		e.quick = newQuick(&p, append([]tensor.Type{out}, extra...))
	}
}

// noPlus is for a product that does not add an operand like its result.
func (e *epilogue) noPlus() {
	if e != nil && e.plus != 0 {
		e.quick = quick{}
	}
}

// newQuick reads program p of an epilogue over inputs in, of which the first
// is the result. The zero quick is an epilogue that is none of these.
func newQuick(p *Program, in []tensor.Type) quick {
	if in[0].DType != tensor.Float32 {
		return quick{}
	}
	q := quick{low: float32(math.Inf(-1)), high: float32(math.Inf(1))}
	consts := map[uint8]float32{}
	sum := uint8(0) // the register of what came of the result so far
	for k := range p.Code {
		i, r := &p.Code[k], uint8(len(in)+k)
		if i.DType != tensor.Float32 {
			return quick{}
		}
		if i.Fn == FnConst {
			consts[r] = math.Float32frombits(uint32(i.Imm))
			continue
		}
		other := i.A
		if other == sum {
			other = i.B
		} else if i.B != sum {
			return quick{}
		}
		value, isConst := consts[other]
		switch {
		case i.Fn == FnRelu && i.A == sum:
			q.raise(0)
		case i.Fn == FnMax && isConst && bound(value):
			q.raise(value)
		case i.Fn == FnMin && isConst && bound(value) && value >= q.low:
			q.clamp, q.high = true, min(q.high, value)
		case i.Fn == FnAdd && !q.clamp && other > 0 && int(other) < len(in) && q.addend(in, int(other)):
		default:
			return quick{}
		}
		sum = r
	}
	if len(p.Out) != 1 || p.Out[0] != int64(sum) {
		return quick{}
	}
	q.ok = true
	return q
}

// bound reports whether v can bound a clamp.
func bound(v float32) bool { return v == v && math.Float32bits(v) != 1<<31 }

// raise bounds from below. A bound above one that came before it would be the
// result everywhere; then it bounds from above, too.
func (q *quick) raise(low float32) {
	q.clamp, q.low = true, max(q.low, low)
	q.high = max(q.high, q.low)
}

// addend takes register r to be added next.
func (q *quick) addend(in []tensor.Type, r int) bool {
	x, y := &in[r], &in[0]
	switch n := y.Dims[max(0, y.Rank-1)]; {
	case q.plus != 0:
		return false
	case *x == *y:
		q.plus = r
	case q.bias == 0 && x.Rank > 0 && x.Dims[x.Rank-1] == n && x.Elems() == n:
		q.bias = r
	default:
		return false
	}
	return true
}

// ending is how a patch of g ends whose product's first element is at base in
// the result: not at all where the epilogue comes later.
func (g *gemm) ending(p patch, base int, e *epilogue, extra []Tensor) simd.Ending {
	if !e.quickly() {
		return simd.Ending{}
	}
	at := base + p.row0*g.ldc + p.col0
	end := simd.Ending{Clamp: e.clamp, Low: e.low, High: e.high}
	if e.bias != 0 {
		end.Bias = tensor.View[float32](extra[e.bias-1].Data)[at%g.ldc:]
	}
	if e.plus != 0 {
		end.Plus = tensor.View[float32](extra[e.plus-1].Data)[at:]
	}
	return end
}

// quickly reports whether products apply e themselves.
func (e *epilogue) quickly() bool { return e != nil && e.ok }
