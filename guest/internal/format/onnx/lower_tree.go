package onnx

import (
	"math"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// maxForest bounds the weights of a forest, which has one for each node and
// class; large published ones have a tenth of it.
const maxForest = 1 << 22

// forest is a set of decision trees. All rows of x go down all trees at once,
// one level at a time; a leaf leads to itself.
type forest struct {
	feature, yes, no, tracks []int64 // by node
	value                    []float32
	test                     abi.Fn
	at                       map[[2]int64]int64 // (tree, node) to its place in the lists
	roots                    []int64
	depth                    int
	missing                  bool // some node sends what is missing to its true branch
}

var branches = map[string]abi.Fn{
	"BRANCH_LEQ": abi.FnLe, "BRANCH_LT": abi.FnLt, "BRANCH_GTE": abi.FnGe,
	"BRANCH_GT": abi.FnGt, "BRANCH_EQ": abi.FnEq, "BRANCH_NEQ": abi.FnNe,
}

// forest reads the nodes of all trees.
func (l *walker) forest(n *node) *forest {
	trees, ids, modes := n.ints("nodes_treeids"), n.ints("nodes_nodeids"), n.strs("nodes_modes")
	yes, no := n.ints("nodes_truenodeids"), n.ints("nodes_falsenodeids")
	f := &forest{feature: append([]int64(nil), n.ints("nodes_featureids")...), value: n.floats("nodes_values"), at: map[[2]int64]int64{}}
	f.tracks = n.ints("nodes_missing_value_tracks_true")
	n.has("nodes_hitrates")
	count := len(ids)
	if f.tracks == nil {
		f.tracks = repeat(0, count)
	}
	for _, k := range []int{len(trees), len(modes), len(yes), len(no), len(f.feature), len(f.value), len(f.tracks)} {
		if k != count || count == 0 {
			l.Fail(abi.FaultMalformed, "lists of nodes that differ in length")
		}
	}
	for i := range ids {
		key := [2]int64{trees[i], ids[i]}
		if _, twice := f.at[key]; twice {
			l.Fail(abi.FaultMalformed, "node %d of tree %d stands twice", ids[i], trees[i])
		}
		f.at[key] = int64(i)
	}
	f.yes, f.no = make([]int64, count), make([]int64, count)
	parents := make([]int, count)
	for i, mode := range modes {
		f.yes[i], f.no[i] = int64(i), int64(i)
		if mode == "LEAF" {
			continue
		}
		test := branches[mode]
		if test == 0 || f.test != 0 && f.test != test {
			l.Fail(abi.FaultUnsupported, "mode %q beside others", mode)
		}
		f.test = test
		f.missing = f.missing || f.tracks[i] != 0
		for side, id := range map[*int64]int64{&f.yes[i]: yes[i], &f.no[i]: no[i]} {
			child, ok := f.at[[2]int64{trees[i], id}]
			if !ok {
				l.Fail(abi.FaultMalformed, "tree %d has no node %d", trees[i], id)
			}
			*side = child
			parents[child]++
		}
	}
	l.measure(f, trees, parents)
	return f
}

// measure finds the roots and the depth. Each node but a root has one parent
// and is reached from a root, so there is no cycle.
func (l *walker) measure(f *forest, trees []int64, parents []int) {
	rooted := map[int64]bool{}
	for i, p := range parents {
		if p == 0 {
			f.roots = append(f.roots, int64(i))
			if rooted[trees[i]] {
				l.Fail(abi.FaultMalformed, "tree %d has two roots", trees[i])
			}
			rooted[trees[i]] = true
		}
		if p > 1 {
			l.Fail(abi.FaultMalformed, "tree %d has a node with two parents", trees[i])
		}
	}
	reached := 0
	for level := f.roots; len(level) > 0; f.depth++ {
		reached += len(level)
		var next []int64
		for _, i := range level {
			if f.yes[i] != i {
				next = append(next, f.yes[i], f.no[i])
			}
		}
		level = next
	}
	if reached != len(parents) {
		l.Fail(abi.FaultMalformed, "a tree with a cycle")
	}
}

// leaves gives the node that each row of x ends at in each tree: int32 (rows, trees).
func (l *walker) leaves(f *forest, x *trace.Value) *trace.Value {
	features := l.Pin(x.Dim(1))
	for i, k := range f.feature {
		if f.yes[i] == int64(i) {
			f.feature[i] = 0 // of a leaf
		} else if k < 0 || k >= features {
			l.Fail(abi.FaultMalformed, "feature %d of %d", k, features)
		}
	}
	pick := func(list []int64, at *trace.Value) *trace.Value {
		return l.One(abi.OpGather, &abi.Gather{}, l.integers(list), at)
	}
	values := l.Cast(l.vector(f.value), x.DType())
	trees := int64(len(f.roots))
	at := l.Broadcast(l.Reshape(l.integers(f.roots), trace.Consts(1, trees)), []trace.Int{x.Dim(0), trace.Const(trees)})
	for range f.depth - 1 {
		v := l.One(abi.OpGatherElements, &abi.GatherElements{Axis: 1}, x, pick(f.feature, at))
		ok := l.Map2(f.test, v, l.One(abi.OpGather, &abi.Gather{}, values, at))
		if f.missing {
			tracks := l.Map2(abi.FnNe, pick(f.tracks, at), l.Scalar(tensor.Int32, 0))
			ok = l.Map2(abi.FnOr, ok, l.Map2(abi.FnAnd, tracks, l.Map1(abi.FnIsNaN, 0, v)))
		}
		at = l.choose(ok, pick(f.yes, at), pick(f.no, at))
	}
	return at
}

// integers places a list of integers as int32.
func (l *walker) integers(list []int64) *trace.Value {
	return l.literal(len(list), tensor.Int32, func(i int) int64 { return list[i] })
}

// votes sums what the leaves give to each of the classes: float32 (rows,
// classes). ids are the classes that each of the weights is for.
func (l *walker) votes(n *node, prefix string, ids []int64, x *trace.Value, classes int64) *trace.Value {
	f := l.forest(n)
	trees, nodes := n.ints(prefix+"_treeids"), n.ints(prefix+"_nodeids")
	weights := n.floats(prefix + "_weights")
	if len(trees) != len(ids) || len(nodes) != len(ids) || len(weights) != len(ids) {
		l.Fail(abi.FaultMalformed, "lists of weights that differ in length")
	}
	if classes < 1 || classes > maxForest/int64(len(f.yes)) {
		l.Fail(abi.FaultUnsupported, "%d nodes with %d classes", len(f.yes), classes)
	}
	table := make([]float32, int64(len(f.yes))*classes)
	for i, id := range ids {
		at, ok := f.at[[2]int64{trees[i], nodes[i]}]
		if !ok || id < 0 || id >= classes || f.yes[at] != at {
			l.Fail(abi.FaultMalformed, "a weight of class %d at node %d of tree %d", id, nodes[i], trees[i])
		}
		table[at*classes+id] += weights[i]
	}
	if x.DType() != tensor.Float32 {
		x = l.Cast(x, tensor.Float64)
	}
	if x.Rank() == 1 {
		x = l.unsqueeze(x, 0)
	}
	if x.Rank() != 2 {
		l.Fail(abi.FaultUnsupported, "features of rank %d", x.Rank())
	}
	w := l.Reshape(l.vector(table), trace.Consts(int64(len(f.yes)), classes))
	y := l.One(abi.OpGather, &abi.Gather{}, w, l.leaves(f, x))
	switch how := n.str("aggregate_function", "SUM"); how {
	case "SUM":
		y = l.reduce(abi.ReduceSum, 0, y, []int{1}, false)
	case "AVERAGE":
		y = l.reduce(abi.ReduceMean, 0, y, []int{1}, false)
	default:
		l.Fail(abi.FaultUnsupported, "aggregate_function %q", how)
	}
	if base := n.floats("base_values"); base != nil {
		if int64(len(base)) != classes {
			l.Fail(abi.FaultUnsupported, "%d base values for %d classes", len(base), classes)
		}
		y = l.add(y, l.vector(base))
	}
	return y
}

func treeEnsembleRegressor(l *walker, n *node, in []*trace.Value) *trace.Value {
	return l.scored(n, l.votes(n, "target", n.ints("target_ids"), in[0], n.int("n_targets", 1)))
}

func treeEnsembleClassifier(l *walker, n *node, in []*trace.Value) []*trace.Value {
	labels := n.ints("classlabels_int64s")
	if labels == nil {
		l.Fail(abi.FaultUnsupported, "labels that are strings")
	}
	names := l.Known(tensor.Int64, []int64{int64(len(labels))}, trace.Consts(labels...))
	if len(labels) > 2 {
		y := l.votes(n, "class", n.ints("class_ids"), in[0], int64(len(labels)))
		best := l.One(abi.OpArg, &abi.Arg{Axis: 1}, y)
		return []*trace.Value{l.One(abi.OpGather, &abi.Gather{}, names, best), l.scored(n, y)}
	}
	y, positive := l.oneScore(n, in[0], len(labels))
	var yes, no *trace.Value
	limit := 0.
	switch how := n.str("post_transform", "NONE"); {
	case positive && how == "NONE":
		limit = 0.5
		yes, no = y, l.sub(l.like(y, 1), y)
	case how == "NONE":
		yes, no = y, l.Map1(abi.FnNeg, 0, y)
	case !positive && how == "LOGISTIC":
		yes, no = l.Map1(abi.FnSigmoid, 0, y), l.Map1(abi.FnSigmoid, 0, l.Map1(abi.FnNeg, 0, y))
	default:
		l.Fail(abi.FaultUnsupported, "post_transform %q of two classes", how)
	}
	best := l.Cast(l.Reshape(l.Map2(abi.FnGt, y, l.like(y, limit)), []trace.Int{y.Dim(0)}), tensor.Int64)
	return []*trace.Value{l.One(abi.OpGather, &abi.Gather{}, names, best), l.Concat(1, no, yes)}
}

// oneScore is the score (rows, 1) of two classes where only one of them is
// voted for, and whether no vote is negative.
func (l *walker) oneScore(n *node, x *trace.Value, labels int) (y *trace.Value, positive bool) {
	ids := n.ints("class_ids")
	for _, id := range ids {
		if labels != 2 || id != ids[0] {
			l.Fail(abi.FaultUnsupported, "votes for both of two classes")
		}
	}
	positive = true
	for _, w := range n.floats("class_weights") {
		positive = positive && w >= 0 && !math.Signbit(float64(w))
	}
	return l.votes(n, "class", repeat(0, len(ids)), x, 1), positive
}
