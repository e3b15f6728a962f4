package trace

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// arity is how many registers an instruction of fn reads.
func arity(fn abi.Fn) int {
	switch {
	case fn == abi.FnConst || fn == abi.FnIota:
		return 0
	case fn == abi.FnSelect || fn == abi.FnFma:
		return 3
	case fn == abi.FnNot || fn == abi.FnIsNaN || fn == abi.FnIsInf:
		return 1
	case fn >= abi.FnAdd && fn <= abi.FnGe:
		return 2
	}
	return 1
}

// operands are the registers that i reads.
func operands(i *abi.Instr) []*uint8 {
	all := [...]*uint8{&i.A, &i.B, &i.C}
	return all[:arity(i.Fn)]
}

// code is a micro-program being written. An instruction that it has already
// is not written again.
type code struct {
	inputs int
	instrs []abi.Instr
}

// newCode has room for n instructions.
func newCode(inputs, n int) code { return code{inputs, make([]abi.Instr, 0, n)} }

// add writes an instruction and gives the register that it writes.
func (c *code) add(i abi.Instr) uint8 {
	switch {
	case i.Fn == abi.FnPow && c.is(2, i.B):
		i = abi.Instr{Fn: abi.FnMul, DType: i.DType, A: i.A, B: i.A}
	case (i.Fn == abi.FnMul || i.Fn == abi.FnDiv) && c.is(1, i.B):
		return i.A
	case i.Fn == abi.FnMul && c.is(1, i.A):
		return i.B
	}
	for k, have := range c.instrs {
		if have == i {
			return uint8(c.inputs + k)
		}
	}
	c.instrs = append(c.instrs, i)
	return uint8(c.inputs + len(c.instrs) - 1)
}

// is reports whether a register holds the constant n.
func (c *code) is(n float64, reg uint8) bool {
	k := int(reg) - c.inputs
	if k < 0 || c.instrs[k].Fn != abi.FnConst {
		return false
	}
	v, ok := number(tensor.DType(c.instrs[k].DType), c.instrs[k].Imm)
	return ok && v == n
}

// splice writes p with its inputs in regs, and gives the registers of its
// results. change may be nil.
func (c *code) splice(p abi.Program, regs []uint8, change func(abi.Instr) abi.Instr) []int64 {
	regs = append(make([]uint8, 0, len(regs)+len(p.Code)), regs...)
	for _, i := range p.Code {
		for _, r := range operands(&i) {
			*r = regs[*r]
		}
		if change != nil {
			i = change(i)
		}
		regs = append(regs, c.add(i))
	}
	out := make([]int64, len(p.Out))
	for k, r := range p.Out {
		out[k] = int64(regs[r])
	}
	return out
}

// sound reports whether every register of p is written before it is read. The
// host checks this too; here it keeps splice within its bounds.
func sound(p abi.Program, inputs int) bool {
	for k, i := range p.Code {
		for _, r := range operands(&i) {
			if int(*r) >= inputs+k {
				return false
			}
		}
	}
	for _, r := range p.Out {
		if r < 0 || r >= int64(inputs+len(p.Code)) {
			return false
		}
	}
	return inputs <= 2*abi.MaxMapCode && len(p.Code) <= abi.MaxMapCode && len(p.Out) <= abi.MaxMapOutputs
}

// Expr applies a micro-program to in, which broadcast as in numpy. Programs of
// integers over known values are worked out here.
func (t *Tracer) Expr(p abi.Program, in ...*Value) []*Value {
	t.present(in...)
	if !sound(p, len(in)) {
		t.Fail(abi.FaultMalformed, "a program of %d inputs reads a register too early", len(in))
	}
	if vs := t.fold(p, in); vs != nil {
		return vs
	}
	// Constants of one element become instructions, equal inputs one register.
	rank := 0
	for _, v := range in {
		rank = max(rank, v.Rank())
	}
	var kept []*Value
	regs := make([]uint8, len(in))
	written := make([]bool, len(in))
	for i, v := range in {
		written[i] = v.splat && v.dims == nil && v.typ.Elems() == 1
	}
	if !keepsRank(in, written, rank) {
		written[widest(in)] = false
	}
	for i, v := range in {
		if written[i] {
			continue
		}
		at := -1
		for k, w := range kept {
			if w == v || w.src != nil && w.src == v.src && samePerm(w.perm, v.perm) {
				at = k
			}
		}
		if at < 0 {
			at, kept = len(kept), append(kept, v)
		}
		regs[i] = uint8(at)
	}
	c := newCode(len(kept), len(in)+len(p.Code))
	for i, v := range in {
		if written[i] {
			regs[i] = c.add(abi.Instr{Fn: abi.FnConst, DType: uint8(v.typ.DType), Imm: v.bits})
		}
	}
	perm := layoutOf(kept, rank)
	out := c.splice(p, regs, func(i abi.Instr) abi.Instr {
		if i.Fn == abi.FnIota && perm != nil && i.Imm < uint64(rank) {
			i.Imm = uint64(perm[i.Imm])
		}
		return i
	})
	p = abi.Program{Code: c.instrs, Out: out}
	rs := make([]*result, len(kept))
	for i, v := range kept {
		rs[i] = t.place(t.joined(v, perm))
	}
	n := t.node(abi.OpMap, &abi.Map{Program: p}, rs)
	vs := make([]*Value, len(n.out))
	for i, r := range n.out {
		vs[i] = placed(r)
		if perm != nil {
			vs[i] = t.reading(vs[i], perm)
		}
	}
	return vs
}

// keepsRank reports whether the inputs that stay have one of the full rank.
func keepsRank(in []*Value, written []bool, rank int) bool {
	for i, v := range in {
		if !written[i] && v.Rank() == rank {
			return true
		}
	}
	return false
}

func widest(in []*Value) int {
	at := 0
	for i, v := range in {
		if v.Rank() > in[at].Rank() {
			at = i
		}
	}
	return at
}

// layoutOf chooses the permutation by which an elementwise op reads all its
// inputs: that of its largest. Between one that is as it was computed and one
// read channels-first over channels-last the latter wins, since what follows
// is most likely channels-last again; other permutes do not spread.
func layoutOf(in []*Value, rank int) []int64 {
	var best *Value
	for _, v := range in {
		if v.Rank() != rank || v.con {
			continue
		}
		switch {
		case best == nil || v.Elems() > best.Elems():
			best = v
		case v.Elems() < best.Elems():
		case best.perm == nil && channelsFirst(v.perm) || v.perm == nil && best.perm != nil && !channelsFirst(best.perm):
			best = v
		}
	}
	if best == nil {
		return nil
	}
	return best.perm
}

// channelsFirst reports whether perm reads [n, sp…, c] as [n, c, sp…], for two
// and more spatial dims.
func channelsFirst(perm []int64) bool {
	n := len(perm)
	if n < 4 || perm[0] != 0 || perm[1] != int64(n-1) {
		return false
	}
	for i := 2; i < n; i++ {
		if perm[i] != int64(i-1) {
			return false
		}
	}
	return true
}

// joined reads v so that it broadcasts against values that perm reads.
func (t *Tracer) joined(v *Value, perm []int64) *Value {
	if perm == nil {
		return v
	}
	if samePerm(v.perm, perm) {
		return placed(v.src)
	}
	if n := len(perm) - v.Rank(); n > 0 && v.Rank() > 0 {
		v = t.Reshape(v, append(Consts(ones(n)...), v.Dims()...))
	}
	if v.Rank() == 0 {
		return v
	}
	if wide := wideDim(v); wide >= 0 {
		// At most one dim is not 1, so no element moves.
		at := perm[wide]
		dims := Consts(ones(len(perm) - int(at))...)
		dims[0] = v.Dim(wide)
		return t.Reshape(v, dims)
	}
	return t.Permute(v, invert(perm)...)
}

func ones(n int) []int64 {
	xs := make([]int64, n)
	for i := range xs {
		xs[i] = 1
	}
	return xs
}

// wideDim is the only dim of v that is not always 1, or -1 if there are more.
func wideDim(v *Value) int {
	at := -1
	for i, d := range v.Dims() {
		if d == Const(1) {
			continue
		}
		if at >= 0 {
			return -1
		}
		at = i
	}
	return max(at, 0)
}

// Map1 applies fn to each element of x.
func (t *Tracer) Map1(fn abi.Fn, imm uint64, x *Value) *Value {
	return t.apply(fn, imm, x)
}

// Map2 applies fn to a and b, which broadcast as in numpy.
func (t *Tracer) Map2(fn abi.Fn, a, b *Value) *Value { return t.apply(fn, 0, a, b) }

// Map3 applies fn to a, b and c, which broadcast as in numpy.
func (t *Tracer) Map3(fn abi.Fn, a, b, c *Value) *Value { return t.apply(fn, 0, a, b, c) }

func (t *Tracer) apply(fn abi.Fn, imm uint64, in ...*Value) *Value {
	t.present(in...)
	if arity(fn) != len(in) {
		t.Fail(abi.FaultMalformed, "function %d takes %d operands", fn, arity(fn))
	}
	last := in[len(in)-1].typ.DType
	i := abi.Instr{Fn: fn, DType: uint8(last), Imm: imm}
	for k, r := range operands(&i) {
		*r = uint8(k)
	}
	return t.Expr(abi.Program{Code: []abi.Instr{i}, Out: []int64{int64(len(in))}}, in...)[0]
}

// Cast converts the elements of x to d as FnCast does.
func (t *Tracer) Cast(x *Value, d tensor.DType) *Value {
	t.present(x)
	if x.typ.DType == d {
		return x
	}
	if x.splat && x.known == nil {
		if n, ok := number(x.typ.DType, x.bits); ok {
			return t.splat(d, pattern(d, n), x.Dims())
		}
	}
	p := abi.Program{Code: []abi.Instr{{Fn: abi.FnCast, DType: uint8(d)}}, Out: []int64{1}}
	return t.Expr(p, x)[0]
}
