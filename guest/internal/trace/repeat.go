package trace

import (
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Loop is what a model does again and again, once for each entry of what it
// scans.
type Loop struct {
	Turns   Int      // no more than so many
	Carried []*Value // what the first turn is given
	Scanned []*Value // of which a turn is given an entry along dim 0
	Back    []bool   // of each scanned: whether from the end
	// StacksBack says whether the first turn gives the last entry of a stack.
	StacksBack []bool

	// Body makes of the number of the turn, what it is given and entries what
	// the next turn is given, and an entry for each stack.
	Body func(turn *Value, given, entries []*Value) (next, stacked []*Value)
}

// Repeated is what some turns of a loop left.
type Repeated struct {
	Turns   Int
	Carried []*Value
	Stacks  []*Value // [Turns, …]
}

const (
	maxBodies  = 32 // programs of bodies, of those that may be alive
	maxTries   = 8  // traces of a body until all is known of what is carried
	maxCounted = 64 // integers carried in one value that are known in each turn
)

// A carry says how a carried value changes from turn to turn.
type carry struct {
	kind carryKind
	step []Int // of carryCounts: what is added to each element
}

type carryKind uint8

const (
	carryStays   carryKind = iota // it is the same in each turn
	carryCounts                   // its elements are known: each turn adds constants
	carryChanges                  // it is computed
)

// Repeat has the host make as many turns of a loop as are alike, at least a few;
// nil, if they are not: then all is as before. It first takes what is carried
// for unchanged, and traces the body again for what it finds to change.
func (t *Tracer) Repeat(l *Loop) *Repeated {
	if l.Turns.N < minTurns || len(t.bodies) >= maxBodies || slices.ContainsFunc(l.Scanned, func(v *Value) bool { return writtenOut(v, l.Turns) }) {
		return nil
	}
	depth, guards := t.depth, len(t.guards)
	t.trying++
	defer func() { t.trying-- }()
	carries := make([]carry, len(l.Carried))
	for range maxTries {
		var done *Repeated
		var settled bool
		f := scan.Catch(func() {
			r := t.newRepeat(l, carries)
			if settled = r.settle(carries); settled {
				done = r.emit()
			}
		})
		t.depth = depth
		if done != nil {
			return done
		}
		t.retract(guards)
		if f != nil || settled {
			return nil
		}
	}
	return nil
}

// retract takes back the guards since there were n.
func (t *Tracer) retract(n int) {
	for _, g := range t.guards[min(n, len(t.guards)):] {
		delete(t.guarded, g)
	}
	t.guards = t.guards[:min(n, len(t.guards))]
}

// repeat is a body that was traced for all turns.
type repeat struct {
	t       *Tracer
	l       *Loop
	turn    *turning
	number  Int
	params  []*result // of what changes, and of entries
	next    []*Value
	stacked []*Value
	carries []carry
}

// newRepeat traces the body as carries have it.
func (t *Tracer) newRepeat(l *Loop, carries []carry) *repeat {
	t.depth++
	none := t.param(tensor.Of(tensor.Int64, 0), nil)
	none.turn = &turning{turns: l.Turns, counter: placed(t.param(tensor.Of(tensor.Int64), nil))}
	r := &repeat{t: t, l: l, turn: none.turn, carries: carries}
	r.number = Int{sym: &symbol{of: none, a: 1, d: 1}}
	given := make([]*Value, len(carries))
	for i, v := range l.Carried {
		switch given[i] = v; carries[i].kind {
		case carryCounts:
			given[i] = t.hold(v.typ, r.at(i, r.number))
		case carryChanges:
			given[i] = r.input(v.typ, v.Dims())
		}
	}
	var entries []*Value
	for _, v := range l.Scanned {
		entries = append(entries, r.input(tensor.Of(v.typ.DType, v.typ.Dims[1:v.typ.Rank]...), v.Dims()[1:]))
	}
	r.next, r.stacked = l.Body(t.Known(tensor.Int64, nil, []Int{r.number}), given, entries)
	return r
}

// param is a result that is another in each turn.
func (t *Tracer) param(typ abi.Type, dims []Int) *result {
	p := t.newResult(typ)
	p.param, p.depth = true, t.depth
	if p.dims = keepSymbols(dims); p.dims != nil {
		p.dyn = true
	}
	return p
}

func (r *repeat) input(typ abi.Type, dims []Int) *Value {
	p := r.t.param(typ, dims)
	r.params = append(r.params, p)
	return placed(p)
}

// at are the elements of carried value i, which counts, in some turn.
func (r *repeat) at(i int, turn Int) []Int {
	known := r.l.Carried[i].known
	xs := make([]Int, len(known))
	for k, x := range known {
		xs[k] = r.t.Add(x, r.t.Mul(turn, r.carries[i].step[k]))
	}
	return xs
}

// settle compares what is carried on with what it was taken for; false, if it
// was taken for something else.
func (r *repeat) settle(carries []carry) bool {
	settled := true
	for i, v := range r.next {
		was, c := r.l.Carried[i], &carries[i]
		if v.typ != was.typ {
			r.t.Fail(abi.FaultUnsupported, "a carried value has another type in each turn")
		}
		switch {
		case c.kind == carryStays && sameValue(v, was):
		case c.kind == carryStays && steps(v, was) != nil:
			*c, settled = carry{carryCounts, steps(v, was)}, false
		case c.kind == carryCounts && v.known != nil && slices.EqualFunc(v.known, r.at(i, r.t.Add(r.number, Const(1))), identical):
		case c.kind != carryChanges:
			*c, settled = carry{kind: carryChanges}, false
		}
	}
	return settled
}

// sameValue reports whether a and b are one value.
func sameValue(a, b *Value) bool {
	if a.known != nil && b.known != nil {
		return a.typ == b.typ && slices.EqualFunc(a.known, b.known, identical)
	}
	return a == b || a.src != nil && a.src == b.src && samePerm(a.perm, b.perm)
}

// steps are the constants by which the integers of a and b differ, or nil.
func steps(a, b *Value) []Int {
	if a.known == nil || b.known == nil || !a.typ.DType.IsInt() || len(a.known) > maxCounted || len(a.known) != len(b.known) {
		return nil
	}
	ds := make([]Int, len(a.known))
	for i := range ds {
		neg, ok := scaled(b.known[i], -1)
		if ok {
			ds[i], ok = sum(a.known[i], neg)
		}
		if !ok || ds[i].sym != nil {
			return nil
		}
	}
	return ds
}

// emit seals the body and appends what repeats it.
func (r *repeat) emit() *Repeated {
	t, l := r.t, r.l
	floor := t.depth
	var roots []*result
	var started []*Value // what the first turn is given of what changes
	for i, c := range r.carries {
		if c.kind == carryChanges {
			roots, started = append(roots, t.place(r.next[i])), append(started, l.Carried[i])
		}
	}
	for _, v := range r.stacked {
		roots = append(roots, t.place(v))
	}
	guards := t.due(floor)
	needed := append(slices.Clone(roots), guardRoots(guards)...)
	if counter := r.turn.counter; t.needs(needed, counter.src, floor) {
		next := t.Map2(abi.FnAdd, counter, t.Known(tensor.Int64, nil, Consts(1)))
		roots, needed = slices.Insert(roots, 0, next.src), append(needed, next.src)
		r.params = slices.Insert(r.params, 0, counter.src)
		started = slices.Insert(started, 0, t.Known(tensor.Int64, nil, Consts(0)))
	}
	fixed := t.before(needed, floor)
	if len(roots) == 0 || len(roots) > abi.MaxOutputs {
		t.Fail(abi.FaultUnsupported, "a loop with %d results", len(roots))
	}
	t.depth--
	turns := l.Turns
	for _, n := range r.turn.limits {
		turns = t.Min(turns, n)
	}
	if t.Less(turns, Const(minTurns)) || len(l.Scanned) > 0 && !identical(turns, l.Turns) {
		t.Fail(abi.FaultUnsupported, "a loop of few turns")
	}
	p := t.build(slices.Concat(fixed, r.params), roots, guards, floor)
	t.bodies = append(t.bodies, p.handle)

	a := &abi.Repeat{Program: int64(p.handle), N: t.Word(turns), Fixed: int64(len(fixed)), Carried: int64(len(started))}
	for _, back := range slices.Concat(l.Back, l.StacksBack) {
		a.Back = append(a.Back, truth(back).N)
	}
	in := slices.Clone(fixed)
	for _, v := range slices.Concat(started, l.Scanned) {
		in = append(in, t.place(v))
	}
	out := t.node(abi.OpRepeat, a, in).out
	done := &Repeated{Turns: turns, Carried: slices.Clone(l.Carried)}
	out = out[len(started)-r.changing():]
	for i, c := range r.carries {
		switch c.kind {
		case carryCounts:
			done.Carried[i] = t.hold(l.Carried[i].typ, r.at(i, turns))
		case carryChanges:
			out[0].dims = keepSymbols(l.Carried[i].Dims())
			done.Carried[i], out = placed(out[0]), out[1:]
		}
	}
	for i, v := range r.stacked {
		out[i].dims = stackDims(out[i], turns, v.Dims(), floor)
		done.Stacks = append(done.Stacks, placed(out[i]))
	}
	return done
}

func (r *repeat) changing() (n int) {
	for _, c := range r.carries {
		if c.kind == carryChanges {
			n++
		}
	}
	return n
}

// needs reports whether r is computed with on the way to roots.
func (t *Tracer) needs(roots []*result, r *result, floor int) bool {
	if slices.Contains(roots, r) {
		return true
	}
	for _, n := range t.cone(roots, floor) {
		if slices.Contains(n.in, r) || slices.Contains(n.refs, r) {
			return true
		}
	}
	return false
}

// before are the results that a body needs for roots and that are the same in
// every turn. Constants of the model are the body's own.
func (t *Tracer) before(roots []*result, floor int) []*result {
	var rs []*result
	need := func(r *result) {
		if r != nil && r.file == nil && !(r.param && r.depth >= floor) && r.given(floor) && !slices.Contains(rs, r) {
			rs = append(rs, r)
		}
	}
	for _, r := range roots {
		need(r)
	}
	for _, n := range t.cone(roots, floor) {
		for _, r := range n.in {
			need(r)
		}
		for _, r := range n.refs {
			need(r)
		}
	}
	return rs
}

// stackDims are the dims of the entries of a stack behind their number. What
// varies from turn to turn is a dim of the stack itself.
func stackDims(r *result, turns Int, entry []Int, floor int) []Int {
	dims := []Int{turns}
	for i, d := range entry {
		if d.sym != nil && d.sym.of.depth >= floor {
			d = Int{d.N, &symbol{of: r, dim: i + 1, a: 1, d: 1}}
		}
		dims = append(dims, d)
	}
	return keepSymbols(dims)
}
