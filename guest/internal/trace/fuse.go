package trace

import (
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
)

// row is one way in which two ops of a program become one, or one becomes a
// better one.
type row struct {
	name string
	// consumer is the op that is looked at, and producer the op of one of its
	// inputs, whose result nobody else uses; 0, if the row is about one op.
	consumer, producer abi.Op
	// merge gives the node that stands for both and gives what the consumer
	// gave; nil, if these two do not fit. at is the consumer's input.
	merge func(f *fusion, r *row, p, m *node, at int) *node
	// inputs is how many inputs the producer has before those of its epilogue.
	inputs int
}

// rows are all fusions there are. They are tried in this order, over and over,
// on each node after the nodes that it depends on.
var rows = []row{
	{"map into map", abi.OpMap, abi.OpMap, mergeMaps, 0},
	{"map before view", abi.OpMap, abi.OpView, mapBeforeView, 1},
	{"map as layer_norm", abi.OpMap, abi.OpReduce, asLayerNorm, 1},
	{"softmax between products as attention", abi.OpMatMul, abi.OpSoftmax, asAttention, 0},
	{"softmax without NaN between products as attention", abi.OpMatMul, abi.OpMap, asOpenAttention, 0},
	{"attention with its heads side by side", abi.OpPermute, abi.OpAttention, asBeside, 0},
	{"products of one operand before attention as one", abi.OpAttention, 0, joinProducts, 0},
	{"map into the epilogue of matmul", abi.OpMap, abi.OpMatMul, mergeEpilogue, 2},
	{"map into the epilogue of conv", abi.OpMap, abi.OpConv, mergeEpilogue, 2},
	{"map into the epilogue of conv_transpose", abi.OpMap, abi.OpConvTranspose, mergeEpilogue, 2},
	{"map into the epilogue of reduce", abi.OpMap, abi.OpReduce, mergeEpilogue, 1},
	{"map into the epilogue of layer_norm", abi.OpMap, abi.OpLayerNorm, mergeEpilogue, 4},
	{"map into the epilogue of group_norm", abi.OpMap, abi.OpGroupNorm, mergeEpilogue, 3},
	{"map of one input into reduce", abi.OpReduce, abi.OpMap, mergePre, 1},
	{"pad of zeros into conv", abi.OpConv, abi.OpPad, padIntoConv, 1},
	{"scale into the weights of matmul", abi.OpMatMul, 0, foldScale, 2},
	{"scale into the weights of conv", abi.OpConv, 0, foldScale, 2},
	{"scale into the weights of conv_transpose", abi.OpConvTranspose, 0, foldScale, 2},
}

// fusion rewrites the nodes of one program.
type fusion struct {
	t     *Tracer
	rows  []row
	done  []*node // each after those it depends on
	count int     // of the fusions of t so far
}

// role is what a result is in a fusion.
type role struct {
	fusion int // the count of the fusion
	maker  *node
	users  int // nodes, outputs and symbols
	needed bool
}

func (f *fusion) role(r *result) *role {
	if r.role.fusion != f.count {
		r.role = role{fusion: f.count}
	}
	return &r.role
}

// maker is the node that gives r, nil if r is not computed here.
func (f *fusion) maker(r *result) *node {
	if r == nil {
		return nil
	}
	return f.role(r).maker
}

func (f *fusion) users(r *result) int { return f.role(r).users }

// fuse rewrites nodes, which are in order, for a program that must give roots.
func fuse(t *Tracer, rows []row, nodes []*node, roots []*result) []*node {
	t.fusions++
	f := &fusion{t: t, rows: rows, count: t.fusions, done: make([]*node, 0, len(nodes)+len(nodes)/4)}
	for _, r := range roots {
		f.role(r).users++
	}
	for _, n := range nodes {
		for i, r := range n.in {
			if r != nil && !slices.Contains(n.in[:i], r) {
				f.role(r).users++
			}
		}
		for _, r := range n.refs {
			f.role(r).users++
		}
	}
	for _, n := range nodes {
		if f.maker(n.out[0]) == nil {
			f.add(f.rewrite(n))
		}
	}
	nodes = f.needed(roots)
	if len(rows) > 0 {
		for _, n := range nodes {
			n.attrs = spoken(n)
		}
	}
	return nodes
}

func (f *fusion) add(n *node) {
	f.done = append(f.done, n)
	for _, r := range n.out {
		f.role(r).maker = n
	}
}

// constant appends a node that computes weights from weights.
func (f *fusion) constant(op abi.Op, a abi.Attrs, in ...*result) *result {
	n := f.t.node(op, a, in)
	if f.maker(n.out[0]) == nil && n.out[0].tensor == 0 {
		f.add(n)
	}
	return n.out[0]
}

// rewrite applies rows to n until none fits.
func (f *fusion) rewrite(n *node) *node {
	for {
		m := f.step(n)
		if m == nil {
			return n
		}
		n = m
	}
}

func (f *fusion) step(n *node) *node {
	for i := range f.rows {
		r := &f.rows[i]
		if r.consumer != n.op {
			continue
		}
		if r.producer == 0 {
			if m := r.merge(f, r, nil, n, 0); m != nil {
				return m
			}
			continue
		}
		for at, x := range n.in {
			p := f.maker(x)
			if p == nil || p.op != r.producer || x != p.out[0] || f.users(x) != 1 || x.con && !n.out[0].con {
				continue
			}
			if m := r.merge(f, r, p, n, at); m != nil {
				f.merged(p, n)
				return m
			}
		}
	}
	return nil
}

// merged takes back what was counted twice now that p is a part of n.
func (f *fusion) merged(p, n *node) {
	for i, x := range p.in {
		if x != nil && !slices.Contains(p.in[:i], x) && slices.Contains(n.in, x) {
			f.role(x).users--
		}
	}
	f.role(p.out[0]).users = 0
}

// needed are the nodes that roots follow from.
func (f *fusion) needed(roots []*result) []*node {
	for _, r := range roots {
		f.role(r).needed = true
	}
	nodes := make([]*node, 0, len(f.done))
	for i := len(f.done) - 1; i >= 0; i-- {
		n := f.done[i]
		if !slices.ContainsFunc(n.out, func(r *result) bool { return f.role(r).needed }) {
			continue
		}
		nodes = append(nodes, n)
		for _, r := range n.in {
			if r != nil {
				f.role(r).needed = true
			}
		}
		for _, r := range n.refs {
			f.role(r).needed = true
		}
	}
	slices.Reverse(nodes)
	return nodes
}

// joiner collects the inputs of a merged micro-program.
type joiner struct{ in []*result }

// reg is the register of x.
func (j *joiner) reg(x *result) uint8 {
	if i := slices.Index(j.in, x); i >= 0 {
		return uint8(i)
	}
	j.in = append(j.in, x)
	return uint8(len(j.in) - 1)
}

// regs are the registers of xs, without that of the one at skip.
func (j *joiner) regs(xs []*result, skip int) []uint8 {
	rs := make([]uint8, len(xs))
	for i, x := range xs {
		if i != skip {
			rs[i] = j.reg(x)
		}
	}
	return rs
}

// then is the program that runs first and gives its result to second as the
// input at. Inputs of the whole are those in j.
func then(j *joiner, first abi.Program, a []uint8, second abi.Program, b []uint8, at int) (abi.Program, bool) {
	if len(j.in) > abi.MaxMapInputs {
		return abi.Program{}, false
	}
	c := newCode(len(j.in), len(first.Code)+len(second.Code))
	b[at] = uint8(c.splice(first, a, nil)[0])
	out := c.splice(second, b, nil)
	return abi.Program{Code: c.instrs, Out: out}, len(c.instrs) <= abi.MaxMapCode
}

func usesIota(p abi.Program) bool {
	return slices.ContainsFunc(p.Code, func(i abi.Instr) bool { return i.Fn == abi.FnIota })
}

// mergeMaps runs two elementwise programs as one. The index that FnIota gives
// is one of the consumer's shape, so the producer may not ask for it.
func mergeMaps(f *fusion, _ *row, p, m *node, at int) *node {
	first, second := p.attrs.(*abi.Map).Program, m.attrs.(*abi.Map).Program
	if len(p.out) != 1 || usesIota(first) || p.out[0].typ.Rank != m.out[0].typ.Rank || p.out[0].typ.Dims != m.out[0].typ.Dims {
		return nil
	}
	var j joiner
	a, b := j.regs(p.in, -1), j.regs(m.in, at)
	prog, ok := then(&j, first, a, second, b, at)
	if !ok {
		return nil
	}
	return &node{op: abi.OpMap, attrs: &abi.Map{Program: prog}, in: j.in, out: m.out}
}

// spoken is the attributes of n with the idioms in its programs replaced.
func spoken(n *node) abi.Attrs {
	if a, ok := n.attrs.(*abi.Map); ok {
		return &abi.Map{Program: idiomatic(a.Program, len(n.in))}
	}
	if p := epilogue(n.attrs); len(p.Code) > 0 {
		return withEpilogue(n.attrs, idiomatic(p, 1+len(n.in)-ownInputs(n.op)))
	}
	return n.attrs
}

// ownInputs is how many inputs an op has before those of its epilogue.
func ownInputs(op abi.Op) int {
	for i := range rows {
		if rows[i].producer == op && rows[i].inputs > 0 && rows[i].consumer == abi.OpMap {
			return rows[i].inputs
		}
	}
	return 0
}

// epilogue is the epilogue among attributes.
func epilogue(a abi.Attrs) abi.Program {
	switch a := a.(type) {
	case *abi.MatMul:
		return a.Epilogue
	case *abi.Conv:
		return a.Epilogue
	case *abi.ConvTranspose:
		return a.Epilogue
	case *abi.Reduce:
		return a.Epilogue
	case *abi.LayerNorm:
		return a.Epilogue
	case *abi.GroupNorm:
		return a.Epilogue
	}
	return abi.Program{}
}

// withEpilogue is a with another epilogue.
func withEpilogue(a abi.Attrs, p abi.Program) abi.Attrs {
	switch a := a.(type) {
	case *abi.MatMul:
		b := *a
		b.Epilogue = p
		return &b
	case *abi.Conv:
		b := *a
		b.Epilogue = p
		return &b
	case *abi.ConvTranspose:
		b := *a
		b.Epilogue = p
		return &b
	case *abi.Reduce:
		b := *a
		b.Epilogue = p
		return &b
	case *abi.LayerNorm:
		b := *a
		b.Epilogue = p
		return &b
	case *abi.GroupNorm:
		b := *a
		b.Epilogue = p
		return &b
	}
	return a
}

// mergeEpilogue runs an elementwise program on the result of an op while that
// is at hand. The types of both results must be one, and then the program's
// other inputs broadcast to it.
func mergeEpilogue(f *fusion, r *row, p, m *node, at int) *node {
	second := m.attrs.(*abi.Map).Program
	if len(m.out) != 1 || m.out[0].typ != p.out[0].typ || usesIota(second) {
		return nil
	}
	for _, other := range p.out[1:] {
		if f.users(other) != 0 {
			return nil
		}
	}
	first := epilogue(p.attrs)
	if len(first.Out) == 0 {
		first.Out = []int64{0}
	}
	own, extra := padded(p.in, r.inputs)
	j := joiner{in: []*result{nil}} // the element computed is register 0
	a := append([]uint8{0}, j.regs(extra, -1)...)
	b := j.regs(m.in, at)
	prog, ok := then(&j, first, a, second, b, at)
	if !ok {
		return nil
	}
	if len(prog.Code) == 0 && prog.Out[0] == 0 {
		prog = abi.Program{}
	}
	out := append([]*result{m.out[0]}, p.out[1:]...)
	return &node{op: p.op, attrs: withEpilogue(p.attrs, prog), in: append(own, j.in[1:]...), refs: p.refs, out: out}
}

// padded splits in into the first n, some of which may be left out, and those
// of the epilogue.
func padded(in []*result, n int) (own, extra []*result) {
	own = make([]*result, n)
	k := copy(own, in)
	return own, in[k:]
}

// mergePre lets a reduction apply a program of one input to its elements as it
// reads them.
func mergePre(f *fusion, _ *row, p, m *node, at int) *node {
	a, pre := *m.attrs.(*abi.Reduce), p.attrs.(*abi.Map).Program
	if at != 0 || len(p.in) != 1 || len(p.out) != 1 || p.in[0].typ != p.out[0].typ || len(a.Pre.Code) != 0 || usesIota(pre) {
		return nil
	}
	a.Pre = pre
	return &node{op: m.op, attrs: &a, in: append([]*result{p.in[0]}, m.in[1:]...), refs: m.refs, out: m.out}
}
