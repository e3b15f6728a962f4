package trace

import (
	"math"
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// An idiom is a function that exporters write out in smaller ones. It has a
// loop of its own in the host, which goes over the elements once. The result
// differs by rounding alone: by 2⁻²¹ of the largest of |x|, |y| and 1.
type idiom struct {
	name string
	is   form
	fn   abi.Fn
}

// idioms are all that are known, each a function of the one register x.
var idioms = []idiom{
	{"silu", product(1, itself, call(abi.FnSigmoid, itself)), abi.FnSilu},
	{"hardswish", product(1.0/6, itself, clip(sumOf(itself, always(3)), 0, 6)), abi.FnHardSwish},
	{"hardswish of hardsigmoid", product(1, itself, form{fn: abi.FnHardSigmoid, args: []form{itself}, alpha: 1.0 / 6, beta: 0.5}), abi.FnHardSwish},
	{"gelu", product(0.5, itself, sumOf(call(abi.FnErf, product(math.Sqrt2/2, itself)), always(1))), abi.FnGelu},
	{"gelu by tanh", product(0.5, itself, sumOf(call(abi.FnTanh, product(2/math.SqrtPi*math.Sqrt2/2,
		sumOf(itself, product(0.044715, itself, itself, itself)))), always(1))), abi.FnGeluTanh},
	{"gelu by tanh of a product", product(0.5, itself, sumOf(call(abi.FnTanh, product(2/math.SqrtPi*math.Sqrt2/2,
		itself, sumOf(product(0.044715, itself, itself), always(1)))), always(1))), abi.FnGeluTanh},
	{"mish", product(1, itself, call(abi.FnTanh, call(abi.FnSoftplus, itself))), abi.FnMish},
}

// A form is what a register is computed by: a function, a constant, the
// product of factors in any order with a constant, or the register x itself.
type form struct {
	fn          abi.Fn
	args        []form
	alpha, beta float64 // of a function with parameters
	number      float64 // with FnConst
	coef        float64 // of a product; 0 for what is none
}

var itself = form{}

func always(v float64) form { return form{fn: abi.FnConst, number: v} }

func call(fn abi.Fn, args ...form) form { return form{fn: fn, args: args} }

func sumOf(a, b form) form { return call(abi.FnAdd, a, b) }

func product(coef float64, factors ...form) form { return form{coef: coef, args: factors} }

func clip(a form, low, high float64) form {
	return call(abi.FnMin, call(abi.FnMax, a, always(low)), always(high))
}

// idiomatic is p with every idiom in it replaced, and what then nothing reads
// left out.
func idiomatic(p abi.Program, inputs int) abi.Program {
	m := matcher{inputs: inputs, code: p.Code}
	code, found := slices.Clone(p.Code), false
	for k := range code {
		if i := &code[k]; i.DType == uint8(tensor.Float32) && (i.Fn == abi.FnMul || i.Fn == abi.FnDiv) {
			if fn, of, ok := m.idiom(uint8(inputs + k)); ok {
				code[k], found = abi.Instr{Fn: fn, DType: i.DType, A: of}, true
				m.code = code
			}
		}
	}
	if !found {
		return p
	}
	return withoutDead(abi.Program{Code: code, Out: p.Out}, inputs)
}

// withoutDead is p without the instructions that nothing reads.
func withoutDead(p abi.Program, inputs int) abi.Program {
	need := make([]bool, inputs+len(p.Code))
	for _, r := range p.Out {
		need[r] = true
	}
	for k := len(p.Code) - 1; k >= 0; k-- {
		for _, r := range operands(&p.Code[k]) {
			need[*r] = need[*r] || need[inputs+k]
		}
	}
	c := newCode(inputs, len(p.Code))
	regs := make([]uint8, inputs, inputs+len(p.Code))
	for r := range regs {
		regs[r] = uint8(r)
	}
	for k, i := range p.Code {
		if !need[inputs+k] {
			regs = append(regs, 0)
			continue
		}
		for _, r := range operands(&i) {
			*r = regs[*r]
		}
		regs = append(regs, c.add(i))
	}
	out := make([]int64, len(p.Out))
	for k, r := range p.Out {
		out[k] = int64(regs[r])
	}
	return abi.Program{Code: c.instrs, Out: out}
}

// matcher finds idioms in a program of float32.
type matcher struct {
	inputs int
	code   []abi.Instr
}

// maxFactors is how many factors a product of an idiom has at most.
const maxFactors = 3

// idiom is the function that the product in reg is, and the register it is of.
func (m *matcher) idiom(reg uint8) (fn abi.Fn, of uint8, ok bool) {
	candidates := m.candidates(nil, reg, maxFactors)
	for _, d := range idioms {
		for _, of := range candidates {
			if m.is(reg, d.is, of) {
				return d.fn, of, true
			}
		}
	}
	return 0, 0, false
}

// candidates are what a product may be a function of: what it is made from, at
// so many levels.
func (m *matcher) candidates(list []uint8, reg uint8, levels int) []uint8 {
	if i := m.instr(reg); i != nil && levels > 0 && (i.Fn == abi.FnMul || i.Fn == abi.FnDiv) {
		for _, r := range [...]uint8{i.A, i.B} {
			if !slices.Contains(list, r) {
				list = m.candidates(append(list, r), r, levels-1)
			}
		}
	}
	return list
}

// product takes reg apart: a constant, and registers that are no products. It
// leaves x whole.
func (m *matcher) product(reg, x uint8) (coef float64, factors []uint8, ok bool) {
	coef = 1
	var take func(reg uint8, up bool) bool
	take = func(reg uint8, up bool) bool {
		if v, is := m.constant(reg); is {
			if !up {
				v = 1 / v
			}
			coef *= v
			return true
		}
		if i := m.instr(reg); i != nil && up && reg != x && (i.Fn == abi.FnMul || i.Fn == abi.FnDiv) {
			return take(i.A, true) && take(i.B, i.Fn == abi.FnMul)
		}
		factors = append(factors, reg)
		return up && len(factors) <= maxFactors
	}
	return coef, factors, take(reg, true)
}

// instr is the instruction that writes reg, nil for an input.
func (m *matcher) instr(reg uint8) *abi.Instr {
	if int(reg) < m.inputs {
		return nil
	}
	return &m.code[int(reg)-m.inputs]
}

func (m *matcher) constant(reg uint8) (float64, bool) {
	i := m.instr(reg)
	if i == nil || i.Fn != abi.FnConst || i.DType != uint8(tensor.Float32) {
		return 0, false
	}
	return float64(math.Float32frombits(uint32(i.Imm))), true
}

// is reports whether reg is computed as p says, of the register x.
func (m *matcher) is(reg uint8, p form, x uint8) bool {
	if p.coef != 0 {
		coef, factors, ok := m.product(reg, x)
		return ok && nearly(coef, p.coef) && len(factors) == len(p.args) && m.match(factors, p.args, x)
	}
	if p.fn == 0 {
		return reg == x
	}
	if p.fn == abi.FnConst {
		v, ok := m.constant(reg)
		return ok && nearly(v, p.number)
	}
	i := m.instr(reg)
	if i == nil || i.Fn != p.fn || i.DType != uint8(tensor.Float32) || !nearly(parameter(i.Imm), p.alpha) || !nearly(parameter(i.Imm>>32), p.beta) {
		return false
	}
	if len(p.args) == 1 {
		return m.is(i.A, p.args[0], x)
	}
	return m.match([]uint8{i.A, i.B}, p.args, x) // all of them commute
}

// match pairs registers with forms, in any order.
func (m *matcher) match(regs []uint8, ps []form, x uint8) bool {
	if len(regs) == 0 {
		return true
	}
	for k, r := range regs {
		if m.is(r, ps[0], x) && m.match(slices.Delete(slices.Clone(regs), k, k+1), ps[1:], x) {
			return true
		}
	}
	return false
}

// parameter is the parameter in the lower half of an immediate.
func parameter(imm uint64) float64 { return float64(math.Float32frombits(uint32(imm))) }

// nearly reports whether a and b are one number, but for how they were rounded.
func nearly(a, b float64) bool { return math.Abs(a-b) <= 1e-6*math.Abs(b) }
