package trace

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// foldScale takes a multiplication by one constant, or by one for each output
// channel, out of an epilogue and into the weights, and joins the constants that
// are then added one after the other. A normalisation with fixed statistics behind a
// convolution so costs nothing but its bias. The new weights are ops over
// constants, which the host runs once a model.
//
//	(x·W + b)·s + c   →   x·(W·s) + (b·s + c)
func foldScale(f *fusion, r *row, _, m *node, _ int) *node {
	p := epilogue(m.attrs)
	w := m.in[1]
	if len(p.Code) == 0 || !w.con || w.typ.DType != tensor.Float32 || !lastIsOutput(m) {
		return nil
	}
	own, extra := padded(m.in, r.inputs)
	e := tail{f: f, channels: w.typ.Dims[w.typ.Rank-1], in: append([]*result{nil}, extra...)}
	e.prog.Code, e.prog.Out = append(e.prog.Code, p.Code...), append(e.prog.Out, p.Out...)
	if len(e.in) == abi.MaxMapInputs {
		return nil
	}
	scale, ok := e.fold()
	if !ok {
		return nil
	}
	if scale != nil {
		own[1] = e.combine(abi.FnMul, term{in: w}, *scale).in
	}
	prog, in := e.compact()
	return &node{op: m.op, attrs: withEpilogue(m.attrs, prog), in: append(own, in...), refs: m.refs, out: m.out}
}

// lastIsOutput reports whether the last dim of the weights counts the channels
// of the result.
func lastIsOutput(m *node) bool {
	switch a := m.attrs.(type) {
	case *abi.MatMul:
		return !a.TB && m.in[1].typ.Rank >= 2
	case *abi.ConvTranspose:
		return a.Groups == 1
	}
	return true
}

// tail is an epilogue being rewritten.
type tail struct {
	f        *fusion
	channels int64
	in       []*result // by register; the first is the element computed
	prog     abi.Program
}

// term is a constant: one for each channel, or if in is nil one float32 for all.
type term struct {
	in   *result
	bits uint64
}

// fold takes one step off the front of the program: what the weights are to be
// multiplied by, or nil where only constants that are added were joined.
func (e *tail) fold() (scale *term, ok bool) {
	i := e.only(0)
	if i < 0 {
		return nil, false
	}
	first, ok := e.operand(i, 0)
	if !ok {
		return nil, false
	}
	switch code := e.prog.Code; code[i].Fn {
	case abi.FnMul:
		e.replace(i, 0)
		return &first, true
	case abi.FnFma:
		if code[i].C == 0 {
			return nil, false
		}
		code[i] = abi.Instr{Fn: abi.FnAdd, DType: code[i].DType, B: code[i].C}
		return &first, true
	case abi.FnAdd:
		return e.foldBias(i, first)
	}
	return nil, false
}

// foldBias takes the step off that follows on the addition of b by
// instruction i.
func (e *tail) foldBias(i int, b term) (scale *term, ok bool) {
	k := e.only(e.reg(i))
	if k < 0 {
		return nil, false
	}
	second, ok := e.operand(k, e.reg(i))
	if !ok || b.in == nil && second.in == nil {
		return nil, false
	}
	switch next := e.prog.Code[k]; next.Fn {
	case abi.FnAdd:
		b = e.combine(abi.FnAdd, b, second)
	case abi.FnMul:
		b, scale = e.combine(abi.FnMul, b, second), &second
	case abi.FnFma:
		c, ok := e.constant(next.C)
		if !ok {
			return nil, false
		}
		b, scale = e.combine(abi.FnAdd, e.combine(abi.FnMul, b, second), c), &second
	default:
		return nil, false
	}
	e.bias(i, b.in)
	e.replace(k, e.reg(i))
	return scale, true
}

func (e *tail) reg(i int) uint8 { return uint8(len(e.in) + i) }

// only is the one instruction that reads reg, or -1; once, and not as a result.
func (e *tail) only(reg uint8) int {
	at := -1
	for _, r := range e.prog.Out {
		if r == int64(reg) {
			return -1
		}
	}
	for i := range e.prog.Code {
		instr := e.prog.Code[i]
		for _, r := range operands(&instr) {
			if *r != reg {
				continue
			}
			if at >= 0 {
				return -1
			}
			at = i
		}
	}
	return at
}

// operand is what instruction i combines reg with as its first two operands,
// if that is a constant.
func (e *tail) operand(i int, reg uint8) (term, bool) {
	switch in := e.prog.Code[i]; {
	case arity(in.Fn) < 2:
		return term{}, false
	case in.A == reg:
		return e.constant(in.B)
	case in.B == reg:
		return e.constant(in.A)
	}
	return term{}, false
}

// constant is what is in a register, if it is a constant or an input with an
// element for each channel of the last dim.
func (e *tail) constant(reg uint8) (term, bool) {
	if k := int(reg) - len(e.in); k >= 0 {
		i := e.prog.Code[k]
		return term{bits: i.Imm}, i.Fn == abi.FnConst && i.DType == uint8(tensor.Float32)
	}
	if reg == 0 {
		return term{}, false
	}
	r := e.in[reg]
	n := int(r.typ.Rank)
	if !r.con || r.typ.DType != tensor.Float32 || n == 0 || r.typ.Dims[n-1] != e.channels || r.typ.Elems() != e.channels {
		return term{}, false
	}
	if n > 1 {
		r = e.f.constant(abi.OpView, &abi.View{Dims: abi.Consts(e.channels)}, r)
	}
	return term{in: r}, true
}

// combine computes a constant from two, of which one at least is an input.
func (e *tail) combine(fn abi.Fn, terms ...term) term {
	var in []*result
	for _, t := range terms {
		if t.in != nil {
			in = append(in, t.in)
		}
	}
	c := newCode(len(in), 2)
	regs, next := make([]uint8, 2), uint8(0)
	for k, t := range terms {
		if t.in == nil {
			regs[k] = c.add(abi.Instr{Fn: abi.FnConst, DType: uint8(tensor.Float32), Imm: t.bits})
			continue
		}
		regs[k] = next
		next++
	}
	out := c.add(abi.Instr{Fn: fn, DType: uint8(tensor.Float32), A: regs[0], B: regs[1]})
	return term{in: e.f.constant(abi.OpMap, &abi.Map{Program: abi.Program{Code: c.instrs, Out: []int64{int64(out)}}}, in...)}
}

// replace makes every reader of instruction i read reg.
func (e *tail) replace(i int, reg uint8) {
	for k := range e.prog.Code {
		for _, r := range operands(&e.prog.Code[k]) {
			if *r == e.reg(i) {
				*r = reg
			}
		}
	}
	for k, r := range e.prog.Out {
		if r == int64(e.reg(i)) {
			e.prog.Out[k] = int64(reg)
		}
	}
}

// bias makes instruction i the sum of the element computed and b. Registers of
// instructions move up by the new input.
func (e *tail) bias(i int, b *result) {
	n := uint8(len(e.in))
	for k := range e.prog.Code {
		for _, r := range operands(&e.prog.Code[k]) {
			if *r >= n {
				*r++
			}
		}
	}
	for k := range e.prog.Out {
		if e.prog.Out[k] >= int64(n) {
			e.prog.Out[k]++
		}
	}
	e.in = append(e.in, b)
	e.prog.Code[i] = abi.Instr{Fn: abi.FnAdd, DType: uint8(tensor.Float32), A: 0, B: n}
}

// compact drops instructions and inputs that nothing reads.
func (e *tail) compact() (abi.Program, []*result) {
	need := make([]bool, len(e.in)+len(e.prog.Code))
	for _, r := range e.prog.Out {
		need[r] = true
	}
	for k := len(e.prog.Code) - 1; k >= 0; k-- {
		if need[len(e.in)+k] {
			instr := e.prog.Code[k]
			for _, r := range operands(&instr) {
				need[*r] = true
			}
		}
	}
	j := joiner{in: []*result{nil}}
	regs := make([]uint8, len(e.in))
	for i, r := range e.in {
		if i > 0 && need[i] {
			regs[i] = j.reg(r)
		}
	}
	c := newCode(len(j.in), len(e.prog.Code))
	for k, instr := range e.prog.Code {
		if !need[len(e.in)+k] {
			regs = append(regs, 0)
			continue
		}
		for _, r := range operands(&instr) {
			*r = regs[*r]
		}
		regs = append(regs, c.add(instr))
	}
	out := make([]int64, len(e.prog.Out))
	for i, r := range e.prog.Out {
		out[i] = int64(regs[r])
	}
	if len(c.instrs) == 0 && len(out) == 1 && out[0] == 0 {
		return abi.Program{}, nil
	}
	return abi.Program{Code: c.instrs, Out: out}, j.in[1:]
}
