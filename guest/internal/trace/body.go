package trace

import "slices"

// Body is a piece of a model that runs again and again, as a loop's does. It is
// traced and sealed once for each list of input types; what it takes from
// outside the loop is computed before the first turn. A body that asks for the
// contents of a value is traced anew in each turn instead.
//
// The results of a turn belong to the body: what one turn is given of an
// earlier turn's is freed afterwards, so that a loop holds no more than it
// carries. The caller keeps no other value that is computed from it later.
type Body struct {
	t     *Tracer
	trace func(in []*Value) []*Value
	turns []*turn
	last  []*Value         // what was known at the previous turn
	vary  []bool           // inputs whose known contents change from turn to turn
	own   map[*result]bool // results that may be freed
	loose bool             // contents are asked for
}

// turn is a body sealed for inputs of some types.
type turn struct {
	in   []*Value // as they were; those that the program takes have no contents
	prog *program
	out  []source
}

// source says where an output of a turn comes from.
type source struct {
	value *Value // outside the body, or known
	from  int    // otherwise a result of the program, or ^input of the turn
	free  []bool // which dims are not constant; nil for an absent output
	perm  []int64
}

// maxTurns bounds the programs that a body keeps.
const maxTurns = 8

// NewBody makes a body of what trace makes of its inputs. trace is called
// with values of its own and must leave none of them behind.
func (t *Tracer) NewBody(trace func(in []*Value) []*Value) *Body {
	return &Body{t: t, trace: trace, own: map[*result]bool{}}
}

// Run runs the body once.
func (b *Body) Run(in []*Value) []*Value {
	bodies := len(b.t.bodies)
	if b.loose {
		start := len(b.t.results)
		return b.anew(in, start, bodies, b.trace(in))
	}
	b.compare(in)
	args := make([]*Value, len(in)) // known, or with a tensor and nothing else
	var missing []*result
	for i, v := range in {
		args[i] = v
		if v != nil && !b.constant(i, v) {
			r := b.t.place(v)
			args[i], missing = &Value{typ: r.typ, dims: r.dims, src: r}, append(missing, r)
			if v.known != nil && r.tensor == 0 {
				b.own[r] = true
			}
		}
	}
	b.t.run(missing)
	s := b.find(args)
	if s == nil {
		start, params := len(b.t.results), b.params(args)
		var out []*Value
		if s, out = b.seal(args, params, start); s == nil {
			b.loose = true
			return b.anew(nil, start, bodies, out)
		}
		b.keep(s)
	}
	out, made := b.turn(s, args)
	b.release(in, out, made)
	return out
}

// compare notes which known inputs change from turn to turn. A single integer
// does: it counts turns.
func (b *Body) compare(in []*Value) {
	if b.vary == nil {
		b.vary = make([]bool, len(in))
		for i, v := range in {
			b.vary[i] = v != nil && v.known != nil && len(v.known) == 1 && v.typ.DType.IsInt()
		}
	}
	for i, v := range in {
		if b.last != nil && b.constant(i, v) && !sameKnown(v, b.last[i]) {
			b.vary[i] = true
		}
	}
	b.last = slices.Clone(in)
}

// constant reports whether input i is sealed into the program.
func (b *Body) constant(i int, v *Value) bool {
	return v != nil && v.known != nil && v.con && !b.vary[i]
}

func sameKnown(a, b *Value) bool {
	return b != nil && b.known != nil && a.typ == b.typ && slices.Equal(a.known, b.known)
}

// find gives the program for inputs like args.
func (b *Body) find(args []*Value) *turn {
	for _, s := range b.turns {
		if slices.EqualFunc(s.in, args, alike) {
			return s
		}
	}
	return nil
}

// alike reports whether a body that was sealed with one is right for the other.
func alike(a, b *Value) bool {
	switch {
	case a == nil || b == nil:
		return a == b
	case a.known != nil || b.known != nil:
		return a.known != nil && sameKnown(a, b)
	}
	return a.typ == b.typ && slices.Equal(symbolic(a), symbolic(b))
}

// symbolic says which dims of v are not constant.
func symbolic(v *Value) []bool {
	free := make([]bool, v.Rank())
	for i := range free {
		free[i] = v.Dim(i).sym != nil
	}
	return free
}

// keep adds a program, in the place of the oldest if there are many.
func (b *Body) keep(s *turn) {
	if len(b.turns) == maxTurns {
		b.drop(b.turns[0])
		b.turns = b.turns[1:]
	}
	b.turns = append(b.turns, s)
}

func (b *Body) drop(s *turn) {
	if s.prog != nil {
		b.t.must(b.t.box.ProgramFree(s.prog.handle), "program")
	}
}

// params stand for the inputs of every turn.
func (b *Body) params(args []*Value) []*Value {
	params := make([]*Value, len(args))
	b.t.depth++
	for i, v := range args {
		if params[i] = v; v != nil && v.src != nil {
			params[i] = b.t.leaf(v.typ, v.src.tensor, symbolic(v))
		}
	}
	b.t.depth--
	return params
}

// seal traces the body over params. If it asks for contents it has thereby had
// its turn, and seal gives the results of that instead. start is where the
// results of this turn begin.
func (b *Body) seal(args, params []*Value, start int) (*turn, []*Value) {
	t := b.t
	runs := t.runs
	t.depth++
	out := b.trace(params)
	if t.runs != runs {
		t.depth--
		for _, r := range t.results[start:] {
			r.depth = min(r.depth, t.depth)
		}
		return nil, out
	}
	s := &turn{in: args}
	var roots, leaves []*result
	for _, p := range params {
		if p != nil && p.src != nil {
			leaves = append(leaves, p.src)
		}
	}
	for _, v := range out {
		var src source
		switch {
		case v == nil:
		case v.src == nil && v.con:
			src.value = v
		default:
			src, roots = t.source(v, params, roots)
		}
		s.out = append(s.out, src)
	}
	guards := t.due(0)
	outer := t.outside(append(slices.Clone(roots), guardRoots(guards)...))
	t.depth--
	t.run(outer)
	if len(roots) > 0 || len(guards) > 0 {
		s.prog = t.build(leaves, roots, guards, 0)
	}
	return s, nil
}

// source says where v comes from, and adds it to roots where it has to be
// computed in each turn.
func (t *Tracer) source(v *Value, params []*Value, roots []*result) (source, []*result) {
	if v.src == nil {
		t.place(v)
	}
	r := v.src
	if r.depth < t.depth {
		return source{value: v}, roots
	}
	s := source{perm: v.perm, free: symbolic(placed(r))}
	if i := slices.IndexFunc(params, func(p *Value) bool { return p != nil && p.src == r }); i >= 0 {
		s.from = ^i
		return s, roots
	}
	if s.from = slices.Index(roots, r); s.from < 0 {
		s.from, roots = len(roots), append(roots, r)
	}
	return s, roots
}

func guardRoots(guards []guard) []*result {
	var rs []*result
	for _, g := range guards {
		rs = append(rs, g.sym.of)
	}
	return rs
}

// outside are the results that a body needs and that are the same in every
// turn.
func (t *Tracer) outside(roots []*result) []*result {
	var out []*result
	need := func(r *result) {
		if r != nil && r.depth < t.depth && r.tensor == 0 && !r.con && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	for _, r := range roots {
		need(r)
	}
	for _, n := range t.cone(roots, 0) {
		if n.out[0].depth < t.depth {
			continue
		}
		for _, r := range n.in {
			need(r)
		}
		for _, r := range n.refs {
			need(r)
		}
	}
	return out
}

// turn runs a sealed body on args. made are the results that are new.
func (b *Body) turn(s *turn, args []*Value) (out []*Value, made []*result) {
	t := b.t
	if s.prog != nil {
		in, k := handles(s.prog.in), 0
		for _, v := range args {
			if v != nil && v.src != nil {
				in[k] = v.src.tensor
				k++
			}
		}
		t.runs++
		for i, h := range t.execute(s.prog, in) {
			r := s.prog.out[i]
			made = append(made, t.leaf(r.typ, h, symbolic(placed(r))).src)
		}
	}
	out = make([]*Value, len(s.out))
	for i, src := range s.out {
		switch {
		case src.value != nil:
			out[i] = src.value
			continue
		case src.free == nil:
			continue
		case src.from < 0:
			out[i] = placed(args[^src.from].src)
		default:
			out[i] = placed(made[src.from])
		}
		if src.perm != nil {
			out[i] = t.reading(out[i], src.perm)
		}
	}
	return out, made
}

// anew ends a turn that was traced for itself: what it gives is computed, and
// whatever else has been since start is freed, and so are the bodies that it
// repeated.
func (b *Body) anew(in []*Value, start, bodies int, out []*Value) []*Value {
	t := b.t
	var roots, made []*result
	kept := map[*result]bool{}
	for _, v := range out {
		if v == nil || v.src == nil {
			continue
		}
		roots = append(roots, v.src)
		kept[v.src] = true
		for _, d := range v.Dims() {
			if d.sym != nil {
				kept[d.sym.of] = true
			}
		}
	}
	t.run(roots)
	for _, r := range t.results[start:] {
		switch {
		case r.tensor == 0 || r.node == nil:
		case kept[r]:
			made = append(made, r)
		default:
			t.forget(r)
		}
	}
	for _, h := range t.bodies[bodies:] {
		t.must(t.box.ProgramFree(h), "program")
	}
	t.bodies = t.bodies[:bodies]
	b.release(in, out, made)
	return out
}

// release frees what the turn was given and belongs to the body, unless it is
// passed on. Then the results of this turn belong to it, but for those that it
// gave twice, since only one of the two may be carried on.
func (b *Body) release(in, out []*Value, made []*result) {
	count := map[*result]int{}
	for _, v := range out {
		if v != nil && v.src != nil {
			count[v.src]++
		}
	}
	for _, v := range in {
		if v == nil || v.src == nil || !b.own[v.src] {
			continue
		}
		delete(b.own, v.src)
		if count[v.src] == 0 {
			b.t.forget(v.src)
		}
	}
	for _, r := range made {
		if count[r] == 1 {
			b.own[r] = true
		}
	}
}

// forget frees the tensor of r. Nothing may need it from here on, unless it is
// a constant, which can be made again.
func (t *Tracer) forget(r *result) {
	t.must(t.box.TensorFree(r.tensor), "tensor")
	r.tensor, r.freed = 0, !r.con
}

// Close frees what the body holds.
func (b *Body) Close() {
	for _, s := range b.turns {
		b.drop(s)
	}
	b.turns = nil
}
