package onnx

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func identity(_ *walker, _ *node, in []*trace.Value) *trace.Value { return in[0] }

// optionalHasElement is asked of tensors alone: other optionals are not supported.
func optionalHasElement(l *walker, _ *node, in []*trace.Value) *trace.Value {
	there := int64(0)
	if in[0] != nil {
		there = 1
	}
	return l.Known(tensor.Bool, nil, trace.Consts(there))
}

// shape gives the dims from start to end, which clamp as those of a slice do.
func shape(l *walker, n *node, in []*trace.Value) *trace.Value {
	dims := in[0].Dims()
	rank := int64(len(dims))
	at := func(i int64) int64 {
		if i < 0 {
			i += rank
		}
		return min(max(i, 0), rank)
	}
	start, end := at(n.int("start", 0)), at(n.int("end", rank))
	dims = dims[start:max(start, end)]
	return l.Known(tensor.Int64, []int64{int64(len(dims))}, dims)
}

func size(l *walker, n *node, in []*trace.Value) *trace.Value {
	return l.Known(tensor.Int64, nil, []trace.Int{l.product(in[0].Dims())})
}

func (l *walker) product(dims []trace.Int) trace.Int {
	p := trace.Const(1)
	for _, d := range dims {
		p = l.Mul(p, d)
	}
	return p
}

func reshape(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := in[0]
	var dims []trace.Int
	if n.version < 5 {
		dims = trace.Consts(n.ints("shape")...)
	} else if in[1] == nil {
		l.Fail(abi.FaultMalformed, "no shape")
	} else {
		dims = append(dims, l.Ints(in[1])...)
	}
	if !n.flag("allowzero", false) {
		for i, d := range dims {
			if !l.Equal(d, trace.Const(0)) {
				continue
			}
			if i >= x.Rank() {
				l.Fail(abi.FaultMalformed, "dim %d is kept of a tensor of rank %d", i, x.Rank())
			}
			dims[i] = x.Dim(i)
		}
	}
	return l.Reshape(x, dims)
}

func flatten(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := in[0]
	axis := n.int("axis", 1)
	if axis != int64(x.Rank()) {
		axis = int64(l.axis(axis, x.Rank()))
	}
	return l.matrix(x, int(axis))
}

// matrix makes a matrix of x: the dims before axis are rows, the others columns.
func (l *walker) matrix(x *trace.Value, axis int) *trace.Value {
	dims := x.Dims()
	if axis == 1 && x.Elems() > 0 {
		// What is left may be the product of any number of symbols.
		return l.Reshape(x, []trace.Int{dims[0], trace.Const(-1)})
	}
	return l.Reshape(x, []trace.Int{l.product(dims[:axis]), l.product(dims[axis:])})
}

func squeeze(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := in[0]
	list, given := l.listOf(n, "axes", in[1])
	if given && len(list) == 0 {
		l.Fail(abi.FaultUnsupported, "an empty list of axes, which some take for all")
	}
	var drop [tensor.MaxRank]bool
	for _, a := range l.axes(list, x.Rank()) {
		drop[a] = true
	}
	var dims []trace.Int
	for i, d := range x.Dims() {
		one := (drop[i] || !given) && l.Equal(d, trace.Const(1))
		if drop[i] && !one {
			l.Fail(abi.FaultMalformed, "dim %d is %d, not 1", i, d.N)
		}
		if !one {
			dims = append(dims, d)
		}
	}
	return l.Reshape(x, dims)
}

func unsqueeze(l *walker, n *node, in []*trace.Value) *trace.Value {
	list, given := l.listOf(n, "axes", in[1])
	if !given {
		l.Fail(abi.FaultMalformed, "no axes")
	}
	return l.unsqueeze(in[0], list...)
}

// unsqueeze gives x dims of one element, at these axes of the result.
func (l *walker) unsqueeze(x *trace.Value, list ...int64) *trace.Value {
	rank := x.Rank() + len(list)
	if rank > tensor.MaxRank {
		l.Fail(abi.FaultUnsupported, "rank %d", rank)
	}
	dims := make([]trace.Int, rank)
	for _, a := range l.axes(list, rank) {
		dims[a] = trace.Const(1)
	}
	rest := x.Dims()
	for i := range dims {
		if dims[i] == (trace.Int{}) {
			dims[i], rest = rest[0], rest[1:]
		}
	}
	return l.Reshape(x, dims)
}

func transpose(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := in[0]
	perm := append([]int64(nil), n.ints("perm")...)
	if !n.has("perm") {
		for i := x.Rank() - 1; i >= 0; i-- {
			perm = append(perm, int64(i))
		}
	}
	if len(perm) != x.Rank() {
		l.Fail(abi.FaultMalformed, "%d axes for a tensor of rank %d", len(perm), x.Rank())
	}
	for i, a := range l.axes(perm, x.Rank()) {
		perm[i] = int64(a)
	}
	return l.Permute(x, perm...)
}

func expand(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := in[0]
	dims, own := append([]trace.Int(nil), l.Ints(in[1])...), x.Dims()
	if more := len(own) - len(dims); more > 0 {
		dims = append(append([]trace.Int(nil), own[:more]...), dims...)
	}
	lead := len(dims) - len(own)
	for i, d := range own {
		// Only a target of 1 is not the size of the result; what the host
		// would refuse anyway is not decided here.
		switch to := dims[lead+i]; {
		case d.IsConst() && d.N == 1:
		case to.IsConst() && to.N != 1:
		case to.IsConst(), !l.Equal(d, to) && l.Equal(to, trace.Const(1)):
			dims[lead+i] = d
		}
	}
	return l.Broadcast(x, dims)
}

func tile(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := in[0]
	if n.version < 6 {
		if in[2] == nil {
			l.Fail(abi.FaultMalformed, "input 2 is missing")
		}
		number := func(v *trace.Value) int64 { return l.Pin(l.integer(l.Cast(v, tensor.Int64))) }
		reps := repeat(1, x.Rank())
		reps[l.axis(number(in[2]), x.Rank())] = number(in[1])
		return l.One(abi.OpTile, &abi.Tile{Reps: abi.Consts(reps...)}, x)
	}
	return l.One(abi.OpTile, &abi.Tile{Reps: l.Words(l.Ints(in[1]))}, x)
}

func concat(l *walker, n *node, in []*trace.Value) *trace.Value {
	if n.version >= 4 && !n.has("axis") {
		l.Fail(abi.FaultMalformed, "no axis")
	}
	return l.Concat(l.axis(n.int("axis", 1), in[0].Rank()), in...)
}

// dropout does nothing, since a model only ever runs for inference here.
func dropout(l *walker, n *node, in []*trace.Value) []*trace.Value {
	x := in[0]
	n.has("ratio")
	n.has("seed")
	n.has("is_test")
	if in[2] != nil && !l.Equal(l.integer(in[2]), trace.Const(0)) {
		l.Fail(abi.FaultUnsupported, "training mode")
	}
	if n.version < 12 {
		return []*trace.Value{x} // what the mask is without training was not said
	}
	return []*trace.Value{x, l.Broadcast(l.Scalar(tensor.Bool, 1), x.Dims())}
}

func reverseSequence(l *walker, n *node, in []*trace.Value) *trace.Value {
	a := &abi.ReverseSequence{
		Time:  int64(l.axis(n.int("time_axis", 0), in[0].Rank())),
		Batch: int64(l.axis(n.int("batch_axis", 1), in[0].Rank())),
	}
	return l.One(abi.OpReverseSequence, a, in[0], in[1])
}

// blocks splits the channels and the plane of x (n, c, h, w) into blocks.
func (l *walker) blocks(n *node, x *trace.Value) (dims []trace.Int, block trace.Int) {
	l.ranked(x, 4)
	b := n.int("blocksize", 0)
	if b < 1 || b > 1<<20 {
		l.Fail(abi.FaultMalformed, "block size %d", b)
	}
	return x.Dims(), trace.Const(b)
}

func depthToSpace(l *walker, n *node, in []*trace.Value) *trace.Value {
	d, b := l.blocks(n, in[0])
	c := l.Div(d[1], l.Mul(b, b))
	var x *trace.Value
	switch mode := n.str("mode", "DCR"); mode {
	case "DCR":
		x = l.Reshape(in[0], []trace.Int{d[0], b, b, c, d[2], d[3]})
		x = l.Permute(x, 0, 3, 4, 1, 5, 2)
	case "CRD":
		x = l.Reshape(in[0], []trace.Int{d[0], c, b, b, d[2], d[3]})
		x = l.Permute(x, 0, 1, 4, 2, 5, 3)
	default:
		l.Fail(abi.FaultMalformed, "mode %q", mode)
	}
	return l.Reshape(x, []trace.Int{d[0], c, l.Mul(d[2], b), l.Mul(d[3], b)})
}

func spaceToDepth(l *walker, n *node, in []*trace.Value) *trace.Value {
	d, b := l.blocks(n, in[0])
	h, w := l.Div(d[2], b), l.Div(d[3], b)
	x := l.Reshape(in[0], []trace.Int{d[0], d[1], h, b, w, b})
	x = l.Permute(x, 0, 3, 5, 1, 2, 4)
	return l.Reshape(x, []trace.Int{d[0], l.Mul(d[1], l.Mul(b, b)), h, w})
}

// trilu keeps one triangle of each matrix of x; the others become zero.
func trilu(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := in[0]
	if x.Rank() < 2 {
		l.Fail(abi.FaultMalformed, "rank %d is no matrix", x.Rank())
	}
	k := trace.Const(0)
	if in[1] != nil {
		k = l.integer(in[1])
	}
	keep := abi.FnLe
	if n.flag("upper", true) {
		keep = abi.FnGe
	}
	dims := x.Dims()[x.Rank()-2:]
	return l.choose(l.diagonal(keep, dims, k), x, l.like(x, 0))
}

// diagonal compares column - row with k for each element of a matrix.
func (l *walker) diagonal(cmp abi.Fn, dims []trace.Int, k trace.Int) *trace.Value {
	row, col := l.unsqueeze(l.iota(dims[0]), 1), l.iota(dims[1])
	return l.Map2(cmp, col, l.add(row, l.Known(tensor.Int64, nil, []trace.Int{k})))
}

// iota is 0, 1, … n-1.
func (l *walker) iota(n trace.Int) *trace.Value {
	a := &abi.Iota{N: l.Words([]trace.Int{n})[0], Step: abi.Const(1), DType: int64(tensor.Int64)}
	return l.One(abi.OpIota, a)
}
