package onnx

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// gather picks known numbers in the guest; one slice at an index that the
// guest knows is a view of its neighbourhood, anything else an operation.
func gather(l *walker, n *node, in []*trace.Value) *trace.Value {
	x, i := in[0], in[1]
	axis := l.axis(n.int("axis", 0), x.Rank())
	held := i.IsKnown() || i.IsConst()
	if x.IsKnown() && x.Rank() == 1 && held && !i.Turning() {
		from, at := l.Ints(x), l.fixed(i)
		picked := make([]trace.Int, len(at))
		for k, a := range at {
			picked[k] = from[l.axis(a, len(from))]
		}
		return l.Known(x.DType(), i.Shape(), picked)
	}
	if i.Rank() == 0 && held {
		at := l.integer(i)
		if l.Less(at, trace.Const(0)) {
			at = l.Add(at, x.Dim(axis))
		}
		dims := x.Dims()
		return l.Reshape(l.along(x, axis, at, trace.Const(1)), append(dims[:axis:axis], dims[axis+1:]...))
	}
	return l.One(abi.OpGather, &abi.Gather{Axis: int64(axis)}, x, i)
}

func gatherElements(l *walker, n *node, in []*trace.Value) *trace.Value {
	axis := l.axis(n.int("axis", 0), in[0].Rank())
	return l.One(abi.OpGatherElements, &abi.GatherElements{Axis: int64(axis)}, in...)
}

func gatherND(l *walker, n *node, in []*trace.Value) *trace.Value {
	return l.One(abi.OpGatherND, &abi.GatherND{Batch: n.int("batch_dims", 0)}, in...)
}

var reductions = map[string]int64{
	"none": 0, "add": abi.ReduceSum, "mul": abi.ReduceProd, "max": abi.ReduceMax, "min": abi.ReduceMin,
}

func (l *walker) reduction(n *node) int64 {
	name := n.str("reduction", "none")
	fn, ok := reductions[name]
	if !ok {
		l.Fail(abi.FaultMalformed, "reduction %q", name)
	}
	return fn
}

func scatterElements(l *walker, n *node, in []*trace.Value) *trace.Value {
	axis := l.axis(n.int("axis", 0), in[0].Rank())
	a := &abi.ScatterElements{Axis: int64(axis), Reduce: l.reduction(n)}
	return l.One(abi.OpScatterElements, a, in...)
}

// scatterND of one slice writes it in its place.
func scatterND(l *walker, n *node, in []*trace.Value) *trace.Value {
	fn := l.reduction(n)
	if fn == 0 {
		if y := l.scatterOne(in[0], in[1], in[2]); y != nil {
			return y
		}
	}
	return l.One(abi.OpScatterND, &abi.ScatterND{Reduce: fn}, in...)
}

// scatterOne writes u into x at the only index there is; nil, if there are
// others, or may be.
func (l *walker) scatterOne(x, i, u *trace.Value) *trace.Value {
	lead := i.Rank() - 1
	if lead < 0 || !i.Dim(lead).IsConst() {
		return nil
	}
	tuple := int(i.Dim(lead).N)
	if i.Elems() != int64(tuple) || tuple < 1 || tuple > x.Rank() || u.Rank() != lead+x.Rank()-tuple {
		return nil
	}
	for k := range u.Rank() {
		want := trace.Const(1)
		if k < lead {
			if i.Dim(k) != want {
				return nil
			}
		} else {
			want = x.Dim(tuple + k - lead)
		}
		if !l.Equal(u.Dim(k), want) {
			return nil
		}
	}
	u = l.Reshape(u, append(trace.Consts(repeat(1, tuple)...), x.Dims()[tuple:]...))
	start := make([]trace.Int, x.Rank())
	if i.IsKnown() {
		for k, at := range l.Ints(i) {
			if l.Less(at, trace.Const(0)) {
				at = l.Add(at, x.Dim(k))
			}
			start[k] = at
		}
		return l.UpdateSlice(x, u, start, nil, nil)
	}
	axes := make([]int64, tuple)
	for k := range axes {
		axes[k] = int64(k)
	}
	at := l.Cast(l.Reshape(i, trace.Consts(int64(tuple))), tensor.Int64)
	behind := l.add(at, l.Known(tensor.Int64, []int64{int64(tuple)}, x.Dims()[:tuple]))
	return l.UpdateSlice(x, u, start, l.choose(l.Map2(abi.FnLt, at, l.like(at, 0)), behind, at), axes)
}

// tensorScatter writes update into the cache from an index on that each batch
// has of its own.
func tensorScatter(l *walker, n *node, in []*trace.Value) *trace.Value {
	cache, update, start := in[0], in[1], in[2]
	axis := l.axis(n.int("axis", -2), cache.Rank())
	if axis == 0 || update.Rank() != cache.Rank() {
		l.Fail(abi.FaultMalformed, "axis %d of an update of rank %d", axis, update.Rank())
	}
	mode := n.str("mode", "linear")
	if mode != "linear" && mode != "circular" {
		l.Fail(abi.FaultMalformed, "mode %q", mode)
	}
	if mode == "linear" && (start == nil || start.Rank() == 1 && start.Dim(0) == trace.Const(1)) {
		axes := []int64{int64(axis)}
		if start == nil {
			axes = nil
		}
		return l.UpdateSlice(cache, update, make([]trace.Int, cache.Rank()), start, axes)
	}
	at := l.iota(update.Dim(axis))
	if start != nil {
		at = l.add(at, l.unsqueeze(l.Cast(start, tensor.Int64), 1))
	} else {
		at = l.unsqueeze(at, 0)
	}
	if mode == "circular" {
		at = l.Map2(abi.FnMod, at, l.Known(tensor.Int64, nil, []trace.Int{cache.Dim(axis)}))
	}
	dims := trace.Consts(repeat(1, cache.Rank())...)
	dims[0], dims[axis] = at.Dim(0), at.Dim(1)
	at = l.Broadcast(l.Reshape(at, dims), update.Dims())
	return l.One(abi.OpScatterElements, &abi.ScatterElements{Axis: int64(axis)}, cache, at, update)
}

func argMax(l *walker, n *node, in []*trace.Value) *trace.Value { return l.arg(n, in[0], false) }
func argMin(l *walker, n *node, in []*trace.Value) *trace.Value { return l.arg(n, in[0], true) }

func (l *walker) arg(n *node, x *trace.Value, min bool) *trace.Value {
	return l.One(abi.OpArg, &abi.Arg{
		Axis: int64(l.axis(n.int("axis", 0), x.Rank())),
		Min:  min,
		Keep: n.flag("keepdims", true),
		Last: n.flag("select_last_index", false),
	}, x)
}

// hardmax is one at the first largest element along an axis and zero elsewhere.
func hardmax(l *walker, n *node, in []*trace.Value) *trace.Value {
	return l.flattened(n, in[0], func(x *trace.Value, axis int) *trace.Value {
		if l.Equal(x.Dim(axis), trace.Const(0)) {
			return x
		}
		largest := l.One(abi.OpArg, &abi.Arg{Axis: int64(axis), Keep: true}, x)
		return l.Cast(l.Map2(abi.FnEq, l.iotaAlong(x.Dim(axis), axis, x.Rank()), largest), x.DType())
	})
}

// iotaAlong is 0, 1, … n-1 along one axis of a tensor of some rank.
func (l *walker) iotaAlong(n trace.Int, axis, rank int) *trace.Value {
	dims := trace.Consts(repeat(1, rank)...)
	dims[axis] = n
	return l.Reshape(l.iota(n), dims)
}

func topK(l *walker, n *node, in []*trace.Value) []*trace.Value {
	x := in[0]
	k := trace.Const(n.int("k", 0))
	if n.version >= 10 {
		l.demand(n, in)
		k = l.integer(in[1])
	}
	return l.Op(abi.OpTopK, &abi.TopK{
		Axis:    int64(l.axis(n.int("axis", -1), x.Rank())),
		K:       l.Words([]trace.Int{k})[0],
		Largest: n.flag("largest", true),
		Sorted:  n.flag("sorted", true),
	}, x)
}

// counted cuts a result of data-dependent size to its count.
func (l *walker) counted(axis int, out []*trace.Value) *trace.Value {
	return l.along(out[0], axis, trace.Const(0), l.integer(out[1]))
}

func nonZero(l *walker, n *node, in []*trace.Value) *trace.Value {
	return l.counted(1, l.Op(abi.OpNonzero, &abi.Nonzero{}, in[0]))
}

func compress(l *walker, n *node, in []*trace.Value) *trace.Value {
	x, axis := in[0], 0
	if n.has("axis") {
		axis = l.axis(n.int("axis", 0), x.Rank())
	} else {
		x = l.Reshape(x, trace.Consts(-1))
	}
	return l.counted(axis, l.Op(abi.OpCompress, &abi.Compress{Axis: int64(axis)}, x, in[1]))
}

// oneHot compares with the indices and with those counted from the end, so an
// index out of range is nowhere.
func oneHot(l *walker, n *node, in []*trace.Value) *trace.Value {
	x, values := l.Cast(in[0], tensor.Int64), in[2]
	depth := l.integer(l.Cast(in[1], tensor.Int64))
	if values.Rank() != 1 || !l.Equal(values.Dim(0), trace.Const(2)) {
		l.Fail(abi.FaultMalformed, "the values are not a pair")
	}
	rank := x.Rank() + 1
	axis := l.axis(n.int("axis", -1), rank)
	x = l.unsqueeze(x, int64(axis))
	at := l.iotaAlong(depth, axis, rank)
	behind := l.sub(at, l.Known(tensor.Int64, nil, []trace.Int{depth}))
	hit := l.Map2(abi.FnOr, l.Map2(abi.FnEq, x, at), l.Map2(abi.FnEq, x, behind))
	off := l.along(values, 0, trace.Const(0), trace.Const(1))
	on := l.along(values, 0, trace.Const(1), trace.Const(1))
	return l.choose(hit, on, off)
}

// unique sorts, and takes the first element of each run of equals.
func unique(l *walker, n *node, in []*trace.Value) []*trace.Value {
	if n.has("axis") {
		l.Fail(abi.FaultUnsupported, "slices that differ along an axis")
	}
	x := l.Reshape(in[0], trace.Consts(-1))
	size := x.Dim(0)
	order := l.Op(abi.OpTopK, &abi.TopK{K: l.Word(size), Sorted: true}, x)
	sorted, from := order[0], order[1]
	at := l.iota(size)
	before := l.Map2(abi.FnMax, l.sub(at, l.like(at, 1)), l.like(at, 0))
	differs := l.Map2(abi.FnNe, sorted, l.Gather(sorted, before, 0))
	begins := l.Map2(abi.FnOr, differs, l.Map2(abi.FnEq, at, l.like(at, 0)))
	first := l.counted(0, l.Op(abi.OpCompress, &abi.Compress{}, at, begins))
	count := first.Dim(0)

	run := l.One(abi.OpCumulate, &abi.Cumulate{Fn: abi.ReduceSum}, l.Cast(begins, tensor.Int64))
	run = l.sub(run, l.like(run, 1))
	none := l.Broadcast(l.like(at, 0), []trace.Int{size})
	inverse := l.One(abi.OpScatterElements, &abi.ScatterElements{}, none, from, run)
	one := l.Broadcast(l.like(at, 1), []trace.Int{size})
	counts := l.One(abi.OpScatterElements, &abi.ScatterElements{Reduce: abi.ReduceSum},
		l.Broadcast(l.like(at, 0), []trace.Int{count}), run, one)
	values, places := l.Gather(sorted, first, 0), l.Gather(from, first, 0)
	if !n.flag("sorted", true) {
		order := l.Op(abi.OpTopK, &abi.TopK{K: l.Word(count), Sorted: true}, places)
		values, counts = l.Gather(values, order[1], 0), l.Gather(counts, order[1], 0)
		rank := l.One(abi.OpScatterElements, &abi.ScatterElements{},
			l.Broadcast(l.like(at, 0), []trace.Int{count}), order[1], l.iota(count))
		places, inverse = order[0], l.Gather(rank, inverse, 0)
	}
	return []*trace.Value{values, places, inverse, counts}
}
