package kernels

import (
	"math"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// quick is the beginning of an epilogue that a product can apply to its sums
// while they are in registers: a bias for each column, an operand like the
// result, a clamp, in this order and each at most once.
type quick struct {
	steps      int // instructions of the epilogue, 0 for none
	bias, plus int // registers of the epilogue, 0 where there is none
	clamp      bool
	low, high  float32
}

// quicken lets the product that e belongs to apply of program p what it can, so
// that only the rest is left to do; without plus it does not add an operand like
// its result.
func (e *epilogue) quicken(p Program, out tensor.Type, extra []tensor.Type, plus bool) {
	if e == nil {
		return
	}
	in := append([]tensor.Type{out}, extra...)
	q, sum := newQuick(&p, in, plus)
	if q.steps == 0 {
		return
	}
	if q.steps == len(p.Code) && p.Out[0] == int64(sum) {
		e.quick, e.tape = q, nil
		return
	}
	// What is left has the sum for its element. It was checked as a part of p.
	if t, err := newTape(p.after(q.steps, sum, len(in)), in, out); err == nil {
		e.quick, e.tape = q, t
	}
}

// after is p without its first instructions, of which nothing but register sum
// and constants are read by the others. It is register 0 of the rest.
func (p *Program) after(steps int, sum uint8, inputs int) Program {
	rest := Program{}
	regs := map[uint8]uint8{sum: 0}
	reg := func(r uint8) uint8 {
		to, ok := regs[r]
		switch {
		case ok:
			return to
		case int(r) < inputs:
			return r
		}
		rest.Code = append(rest.Code, p.Code[int(r)-inputs])
		regs[r] = uint8(inputs + len(rest.Code) - 1)
		return regs[r]
	}
	for k := steps; k < len(p.Code); k++ {
		i := p.Code[k]
		for n, r := range []*uint8{&i.A, &i.B, &i.C} {
			if n < functions[i.Fn].arity {
				*r = reg(*r)
			}
		}
		rest.Code = append(rest.Code, i)
		regs[uint8(inputs+k)] = uint8(inputs + len(rest.Code) - 1)
	}
	for _, r := range p.Out {
		rest.Out = append(rest.Out, int64(reg(uint8(r))))
	}
	return rest
}

// newQuick reads program p of an epilogue over inputs in, of which the first
// is the result. What it took so far is in register sum. The zero quick is the
// beginning of no step.
func newQuick(p *Program, in []tensor.Type, plus bool) (best quick, bestSum uint8) {
	if in[0].DType != tensor.Float32 {
		return best, 0
	}
	q := quick{low: float32(math.Inf(-1)), high: float32(math.Inf(1))}
	consts := map[uint8]float32{}
	sum := uint8(0) // the register of what came of the result so far
	for k := range p.Code {
		i, r := &p.Code[k], uint8(len(in)+k)
		if i.DType != tensor.Float32 {
			break
		}
		if i.Fn == FnConst {
			consts[r] = math.Float32frombits(uint32(i.Imm))
			continue
		}
		if !q.take(i, sum, in, consts, plus) {
			break
		}
		sum = r
		if q.steps = k + 1; p.needs(q.steps, sum, len(in)) {
			best, bestSum = q, sum
		}
	}
	return best, bestSum
}

// needs reports whether the instructions behind the first ones, and the
// outputs, need nothing of those but sum and constants.
func (p *Program) needs(steps int, sum uint8, inputs int) bool {
	fine := func(r uint8) bool {
		k := int(r) - inputs
		return r == sum || k >= steps || k < 0 && r > 0 || k >= 0 && p.Code[k].Fn == FnConst
	}
	for k := steps; k < len(p.Code); k++ {
		i := &p.Code[k]
		for _, r := range i.operands(functions[i.Fn].arity) {
			if !fine(r) {
				return false
			}
		}
	}
	for _, r := range p.Out {
		if !fine(uint8(r)) || int(r) < inputs {
			return false
		}
	}
	return true
}

// take adds instruction i of what is in sum.
func (q *quick) take(i *Instr, sum uint8, in []tensor.Type, consts map[uint8]float32, plus bool) bool {
	other := i.A
	if other == sum {
		other = i.B
	} else if i.B != sum {
		return false
	}
	value, isConst := consts[other]
	switch {
	case i.Fn == FnRelu && i.A == sum:
		q.raise(0)
	case i.Fn == FnMax && isConst && bound(value):
		q.raise(value)
	case i.Fn == FnMin && isConst && bound(value) && value >= q.low:
		q.clamp, q.high = true, min(q.high, value)
	case i.Fn == FnAdd && !q.clamp && other > 0 && int(other) < len(in):
		return q.addend(in, int(other), plus)
	default:
		return false
	}
	return true
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
func (q *quick) addend(in []tensor.Type, r int, plus bool) bool {
	x, y := &in[r], &in[0]
	switch n := y.Dims[max(0, y.Rank-1)]; {
	case q.plus != 0:
		return false
	case *x == *y && plus:
		q.plus = r
	case q.bias == 0 && x.Rank > 0 && x.Dims[x.Rank-1] == n && x.Elems() == n:
		q.bias = r
	default:
		return false
	}
	return true
}

// ending is how a patch of g ends whose product's first element is at base in
// the result.
func (g *gemm) ending(p patch, base int, e *epilogue, extra []Tensor) simd.Ending {
	if e == nil || e.steps == 0 {
		return simd.Ending{}
	}
	at := base + p.row0*g.ldc + p.col0
	end := simd.Ending{Clamp: e.clamp, Low: e.low, High: e.high}
	if e.bias != 0 {
		bias := tensor.View[float32](extra[e.bias-1].Data)
		end.Bias = bias[at%len(bias):]
	}
	if e.plus != 0 {
		end.Plus = tensor.View[float32](extra[e.plus-1].Data)[at:]
	}
	return end
}
