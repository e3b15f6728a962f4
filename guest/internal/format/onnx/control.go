package onnx

import (
	"math"
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// maxUnrolled is how many turns of a loop are traced one by one, so that what
// is known stays known from turn to turn. Longer loops have their body traced
// and sealed once.
const maxUnrolled = 64

// maxJoined is how many values are joined at once: fewer than an op may have.
const maxJoined = 1024

// body is the graph that a node runs, with as many inputs and outputs as the
// values that it is to be given and asked for.
func (l *walker) body(n *node, name string) *graph {
	g := n.graph(name)
	if g == nil {
		l.Fail(abi.FaultMalformed, "no graph %q", name)
	}
	return g
}

// scalar is the one integer or truth value that decides how the model goes on.
// Where it is computed from the inputs, it is computed now.
func (l *walker) scalar(v *trace.Value, what string) int64 {
	xs := l.Ints(v)
	if len(xs) != 1 {
		l.Fail(abi.FaultMalformed, "%s has %d elements", what, len(xs))
	}
	return l.Pin(xs[0])
}

// number is a known int64 without dims.
func (l *walker) number(n int64) *trace.Value {
	return l.Known(tensor.Int64, nil, []trace.Int{trace.Const(n)})
}

// branch is If: only the branch that is taken is traced.
func (l *walker) branch(n *node, in []*trace.Value) []*trace.Value {
	yes, no := l.body(n, "then_branch"), l.body(n, "else_branch")
	if len(in) != 1 || in[0] == nil {
		l.Fail(abi.FaultMalformed, "If takes a condition")
	}
	if l.scalar(in[0], "the condition") == 0 {
		yes = no
	}
	return l.subgraph(yes, nil)
}

// loop is Loop. Its body takes the number of the turn, the condition and what
// it carries; it gives the condition, what it carries, and elements of results
// that are joined at the end.
func (l *walker) loop(n *node, in []*trace.Value) []*trace.Value {
	g := l.body(n, "body")
	if len(in) < 2 || len(g.inputs) != len(in) || len(g.outputs) < len(in)-1 {
		l.Fail(abi.FaultMalformed, "a body of %d inputs and %d outputs in a Loop with %d inputs", len(g.inputs), len(g.outputs), len(in))
	}
	turns, going := trace.Const(math.MaxInt64), true
	if in[0] != nil {
		turns = l.integer(in[0])
	}
	if in[1] != nil {
		going = l.scalar(in[1], "the condition") != 0
	}
	carried := append([]*trace.Value(nil), in[2:]...)
	joins := make([]join, len(g.outputs)-1-len(carried))
	// A turn that runs has a true condition. It is given the one before only so
	// that what the loop holds of it ends with the turn.
	yes := l.Known(tensor.Bool, nil, trace.Consts(1))
	held := l.hold(carried, joins)
	first := trace.Const(0)
	if going {
		first = l.repeatLoop(g, turns, yes, carried, joins)
	}
	if !turns.IsConst() && !l.Sub(turns, first).IsConst() {
		turns = trace.Const(l.Pin(turns))
	}
	on := yes
	t := turner{l: l, counters: []*trace.Value{l.Known(tensor.Int64, nil, []trace.Int{first})}, steps: []int64{1}}
	t.trace = func(counters, in []*trace.Value) []*trace.Value {
		return l.subgraph(g, append([]*trace.Value{counters[0], yes}, in[1:]...))
	}
	// A trip count of billions only says that the condition ends the loop.
	left := turns.N - first.N
	t.seal = left > maxUnrolled && turns.N < math.MaxInt32
	for i := int64(0); going && l.Less(l.Add(first, trace.Const(i)), turns); i++ {
		t.seal = t.seal || i == maxUnrolled
		out := t.run(append([]*trace.Value{on}, carried...))
		on = out[0]
		l.complete(g, out)
		copy(carried, out[1:])
		for j := range joins {
			joins[j].add(l, out[1+len(carried)+j], 0)
		}
		t.seal = t.seal || !on.IsKnown()
		going = l.scalar(on, "the condition") != 0
	}
	t.close()
	for j := range joins {
		carried = append(carried, joins[j].done(l, &g.outputs[len(g.outputs)-len(joins)+j], 0, false))
	}
	l.held = l.held[:held]
	return carried
}

// complete demands that a body gave all that it declares.
func (l *walker) complete(g *graph, out []*trace.Value) {
	for i, v := range out {
		if v == nil {
			l.Fail(abi.FaultMalformed, "output %q of the body has no value", g.outputs[i].name)
		}
	}
}

// repeatLoop has the host make the first turns of a Loop, as many as are known
// to be alike, and says how many it made. carried and joins are then as after
// them.
func (l *walker) repeatLoop(g *graph, turns trace.Int, yes *trace.Value, carried []*trace.Value, joins []join) trace.Int {
	done := l.repeat(&trace.Loop{
		Turns: turns, Carried: carried, StacksBack: make([]bool, len(joins)),
		Body: func(turn *trace.Value, given, _ []*trace.Value) (next, stacked []*trace.Value) {
			out := l.subgraph(g, append([]*trace.Value{turn, yes}, given...))
			l.complete(g, out)
			if on := out[0]; !on.IsKnown() || l.scalar(on, "the condition") != 1 {
				l.Fail(abi.FaultUnsupported, "the data decides how long the loop goes on")
			}
			return out[1 : 1+len(given)], out[1+len(given):]
		},
	})
	if done == nil {
		return trace.Const(0)
	}
	copy(carried, done.Carried)
	for j, stack := range done.Stacks {
		joins[j].parts = []*trace.Value{stack}
	}
	return done.Turns
}

// repeat leaves the walker as it was if the loop is not repeated.
func (l *walker) repeat(loop *trace.Loop) *trace.Repeated {
	values, n, params, held := slices.Clone(l.values), l.node, l.params, len(l.held)
	done := l.Repeat(loop)
	l.values, l.node, l.params, l.held = values, n, params, l.held[:held]
	return done
}

// hold keeps what a loop carries and joins alive until l.held is cut back to
// the length that is returned.
func (l *walker) hold(carried []*trace.Value, joins []join) int {
	n := len(l.held)
	l.held = append(l.held, held{carried, joins})
	return n
}

// turner runs the turns of a loop, traced each for itself or sealed. A sealed
// one counts for itself, so that no turn needs a constant of its own.
type turner struct {
	l        *walker
	trace    func(counters, in []*trace.Value) []*trace.Value
	counters []*trace.Value // of int64, without dims
	steps    []int64        // what is added to each after a turn
	seal     bool
	body     *trace.Body
}

// run runs one turn.
func (t *turner) run(in []*trace.Value) []*trace.Value {
	in = append(t.counters[:len(t.counters):len(t.counters)], in...)
	var out []*trace.Value
	if t.seal {
		if t.body == nil {
			t.body = t.l.NewBody(t.turn)
		}
		out = t.body.Run(in)
	} else {
		out = t.turn(in)
	}
	t.counters = out[:len(t.steps)]
	return out[len(t.steps):]
}

func (t *turner) turn(in []*trace.Value) []*trace.Value {
	k := len(t.steps)
	next := make([]*trace.Value, k)
	for i, step := range t.steps {
		next[i] = t.l.Map2(abi.FnAdd, in[i], t.l.number(step))
	}
	return append(next, t.trace(in[:k], in[k:])...)
}

func (t *turner) close() {
	if t.body != nil {
		t.body.Close()
	}
}

// join gathers the elements that the turns of a loop give for one result.
type join struct{ parts []*trace.Value }

// add appends v, which gets a dim of 1 at axis.
func (j *join) add(l *walker, v *trace.Value, axis int) {
	dims := v.Dims()
	dims = append(dims[:axis:axis], append([]trace.Int{trace.Const(1)}, dims[axis:]...)...)
	j.parts = append(j.parts, l.Reshape(v, dims))
}

// done joins the elements along axis. Where there is none, the type is the one
// that the body declares.
func (j *join) done(l *walker, p *port, axis int, reverse bool) *trace.Value {
	parts := j.parts
	if len(parts) == 0 {
		return l.none(p, axis)
	}
	if reverse {
		for a, b := 0, len(parts)-1; a < b; a, b = a+1, b-1 {
			parts[a], parts[b] = parts[b], parts[a]
		}
	}
	for len(parts) > 1 {
		var joined []*trace.Value
		for len(parts) > 0 {
			k := min(len(parts), maxJoined)
			joined = append(joined, l.Concat(axis, parts[:k]...))
			parts = parts[k:]
		}
		parts = joined
	}
	return parts[0]
}

// none is a result of no elements.
func (l *walker) none(p *port, axis int) *trace.Value {
	if p.reason != "" || !p.ranked || axis > len(p.dims) || len(p.dims) == tensor.MaxRank {
		l.Fail(abi.FaultUnsupported, "a loop without a turn whose output %q declares no type is not supported", p.name)
	}
	var dims []trace.Int
	for _, d := range p.dims {
		dims = append(dims, trace.Const(max(d.Size, 0)))
	}
	dims = append(dims[:axis:axis], append([]trace.Int{trace.Const(0)}, dims[axis:]...)...)
	return l.Fill(p.dtype, 0, dims)
}
