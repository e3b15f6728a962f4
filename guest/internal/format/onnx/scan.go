package onnx

import (
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
)

// scanning is how a Scan goes through its inputs and joins its outputs.
type scanning struct {
	g               *graph
	states          int // values that are carried
	inAxes, outAxes []int64
	inBack, outBack []int64 // 1: from the end
}

// scan is Scan: a loop over slices of its inputs.
func (l *walker) scan(n *node, in []*trace.Value) []*trace.Value {
	s := scanning{g: l.body(n, "body")}
	if n.version < 9 {
		if len(in) == 0 || in[0] != nil {
			l.Fail(abi.FaultUnsupported, "Scan with lengths of sequences is not supported")
		}
		in = in[1:]
	}
	scans := n.int("num_scan_inputs", 0)
	s.states = len(in) - int(scans)
	if scans < 1 || scans > int64(len(in)) || len(s.g.inputs) != len(in) || len(s.g.outputs) < s.states {
		l.Fail(abi.FaultMalformed, "a body of %d inputs and %d outputs in a Scan over %d of %d inputs", len(s.g.inputs), len(s.g.outputs), scans, len(in))
	}
	for i, v := range in {
		if v == nil {
			l.Fail(abi.FaultMalformed, "input %d of Scan is absent", i)
		}
	}
	outs := len(s.g.outputs) - s.states
	if n.version < 9 {
		s.inBack = l.perScan(n, "directions", int(scans), 0, 1)
		s.inAxes, s.outAxes, s.outBack = make([]int64, scans), make([]int64, outs), make([]int64, outs)
		return l.batches(&s, in)
	}
	s.inBack = l.perScan(n, "scan_input_directions", int(scans), 0, 1)
	s.outBack = l.perScan(n, "scan_output_directions", outs, 0, 1)
	s.inAxes = l.perScan(n, "scan_input_axes", int(scans), -8, 7)
	s.outAxes = l.perScan(n, "scan_output_axes", outs, -8, 7)
	return l.slices(&s, in)
}

// perScan is an attribute with one number for each of count inputs or outputs;
// it is zeros where it is absent.
func (l *walker) perScan(n *node, name string, count int, low, high int64) []int64 {
	list := n.ints(name)
	if len(list) == 0 {
		return make([]int64, count)
	}
	if len(list) != count {
		l.Fail(abi.FaultMalformed, "attribute %q has %d entries for %d values", name, len(list), count)
	}
	for _, x := range list {
		if x < low || x > high {
			l.Fail(abi.FaultMalformed, "attribute %q has %d", name, x)
		}
	}
	return list
}

// batches is Scan as it was before version 9: everything has a batch in front,
// and its entries are scanned one after another.
func (l *walker) batches(s *scanning, in []*trace.Value) []*trace.Value {
	count := l.Pin(l.dim(in[0], 0))
	joins := make([]join, len(s.g.outputs))
	held := l.hold(nil, joins)
	for b := range count {
		one := make([]*trace.Value, len(in))
		for i, v := range in {
			l.dim(v, 0)
			one[i] = l.pick(v, 0, l.number(b))
		}
		for i, v := range l.slices(s, one) {
			joins[i].add(l, v, 0)
		}
	}
	l.held = l.held[:held]
	out := make([]*trace.Value, len(joins))
	for i := range joins {
		out[i] = joins[i].done(l, &s.g.outputs[i], 0, false)
	}
	return out
}

// dim is dim i of v, which must have it.
func (l *walker) dim(v *trace.Value, i int) trace.Int {
	if i >= v.Rank() {
		l.Fail(abi.FaultMalformed, "an input of rank %d is scanned along dim %d", v.Rank(), i)
	}
	return v.Dim(i)
}

// pick is slice i of v along axis, without that dim.
func (l *walker) pick(v *trace.Value, axis int, i *trace.Value) *trace.Value {
	if !i.IsKnown() {
		return l.Gather(v, i, axis)
	}
	start, size := make([]trace.Int, v.Rank()), v.Dims()
	start[axis], size[axis] = l.Ints(i)[0], trace.Const(1)
	dims := append(v.Dims()[:axis], v.Dims()[axis+1:]...)
	return l.Reshape(l.Slice(v, start, size, nil), dims)
}

// slices runs a Scan of one sequence.
func (l *walker) slices(s *scanning, in []*trace.Value) []*trace.Value {
	carried := append([]*trace.Value(nil), in[:s.states]...)
	seqs := append([]*trace.Value(nil), in[s.states:]...)
	var turns trace.Int
	for i, v := range seqs {
		axis := l.axis(s.inAxes[i], v.Rank())
		k := v.Dim(axis)
		if i > 0 && !l.Equal(k, turns) {
			l.Fail(abi.FaultInput, "sequences of %d and %d are scanned together", turns.N, k.N)
		}
		turns = k
		seqs[i] = l.toFront(v, axis)
	}
	joins := make([]join, len(s.g.outputs)-s.states)
	held := l.hold(carried, joins)
	if !l.repeatScan(s, turns, carried, seqs, joins) {
		l.turns(s, l.Pin(turns), carried, seqs, joins)
	}
	for k := range joins {
		p := &s.g.outputs[s.states+k]
		axis := l.axis(s.outAxes[k], s.outRank(&joins[k], p))
		carried = append(carried, l.fromFront(joins[k].done(l, p, 0, s.outBack[k] == 1), axis))
	}
	l.held = l.held[:held]
	return carried
}

// toFront makes axis the first dim.
func (l *walker) toFront(v *trace.Value, axis int) *trace.Value {
	if axis == 0 {
		return v
	}
	perm := []int64{int64(axis)}
	for i := range v.Rank() {
		if i != axis {
			perm = append(perm, int64(i))
		}
	}
	return l.Permute(v, perm...)
}

// fromFront makes the first dim axis.
func (l *walker) fromFront(v *trace.Value, axis int) *trace.Value {
	if axis == 0 {
		return v
	}
	var perm []int64
	for i := 1; i < v.Rank(); i++ {
		perm = append(perm, int64(i))
	}
	return l.Permute(v, slices.Insert(perm, axis, 0)...)
}

// repeatScan has the host make all turns of a Scan; false, if it cannot.
func (l *walker) repeatScan(s *scanning, turns trace.Int, carried, seqs []*trace.Value, joins []join) bool {
	loop := trace.Loop{
		Turns: turns, Carried: carried, Scanned: seqs,
		Body: func(_ *trace.Value, given, entries []*trace.Value) (next, stacked []*trace.Value) {
			out := l.subgraph(s.g, slices.Concat(given, entries))
			l.complete(s.g, out)
			return out[:s.states], out[s.states:]
		},
	}
	for _, back := range s.inBack {
		loop.Back = append(loop.Back, back == 1)
	}
	for _, back := range s.outBack {
		loop.StacksBack = append(loop.StacksBack, back == 1)
	}
	done := l.repeat(&loop)
	if done == nil {
		return false
	}
	copy(carried, done.Carried)
	for k, stack := range done.Stacks {
		joins[k].parts = []*trace.Value{stack}
	}
	return true
}

// turns makes the turns of a Scan one by one. The body is traced with the number
// of the turn, counted from either end.
func (l *walker) turns(s *scanning, turns int64, carried, seqs []*trace.Value, joins []join) {
	t := turner{l: l, seal: turns > maxUnrolled, counters: []*trace.Value{l.number(0), l.number(turns - 1)}, steps: []int64{1, -1}}
	t.trace = func(at, in []*trace.Value) []*trace.Value {
		args := append([]*trace.Value(nil), in...)
		for i, v := range seqs {
			args = append(args, l.pick(v, 0, at[s.inBack[i]]))
		}
		return l.subgraph(s.g, args)
	}
	for range turns {
		out := t.run(carried)
		l.complete(s.g, out)
		copy(carried, out)
		for k := range joins {
			joins[k].add(l, out[s.states+k], 0)
		}
	}
	t.close()
}

// outRank is the rank of a joined output.
func (s *scanning) outRank(j *join, p *port) int {
	if len(j.parts) > 0 {
		return j.parts[0].Rank()
	}
	return len(p.dims) + 1
}
