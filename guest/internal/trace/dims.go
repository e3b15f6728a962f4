package trace

import "github.com/glovebox-ml/glovebox/guest/abi"

// dimsOf gives the dims of a result that inputs with free dims reach, as far
// as possible in terms of those inputs: a symbol keeps its root alive, and an
// input is alive anyway. What no rule explains is a dim of the result itself,
// which is always right.
func (t *Tracer) dimsOf(r *result) []Int {
	dims := make([]Int, r.typ.Rank)
	var rule []Int
	if f := dimRules[r.node.op]; f != nil && (r.index == 0 || oneShape[r.node.op]) {
		rule = f(t, r.node)
	}
	for i, n := range r.typ.Shape() {
		if len(rule) == len(dims) && rule[i].N == n && rule[i] != unknown {
			dims[i] = rule[i]
		} else {
			dims[i] = Int{n, &symbol{of: r, dim: i, a: 1, d: 1}}
		}
	}
	return keepSymbols(dims)
}

// unknown is a dim that a rule does not explain.
var unknown = Int{N: -1}

// dimRules give the dims of the result of an op; where it has several, only
// Map, LayerNorm and TopK, whose results are of one shape, have a rule that
// holds for all. A rule that answers with another rank than the result's is
// not used, nor is a dim that differs from what the host said.
var dimRules = map[abi.Op]func(t *Tracer, n *node) []Int{
	abi.OpView:    viewDims,
	abi.OpPermute: permuteDims,
	abi.OpSlice:   func(t *Tracer, n *node) []Int { return t.ints(n.attrs.(*abi.Slice).Size) },
	abi.OpConcat:  concatDims,
	abi.OpPad:     padDims,
	abi.OpBroadcast: func(t *Tracer, n *node) []Int {
		return t.ints(n.attrs.(*abi.Broadcast).Dims)
	},
	abi.OpTile:    tileDims,
	abi.OpIota:    func(t *Tracer, n *node) []Int { return []Int{t.int(n.attrs.(*abi.Iota).N)} },
	abi.OpFill:    func(t *Tracer, n *node) []Int { return t.ints(n.attrs.(*abi.Fill).Dims) },
	abi.OpLiteral: func(t *Tracer, n *node) []Int { return t.ints(n.attrs.(*abi.Literal).Dims) },
	abi.OpResize:  func(t *Tracer, n *node) []Int { return t.ints(n.attrs.(*abi.Resize).Dims) },

	abi.OpGather:         gatherDims,
	abi.OpGatherElements: func(_ *Tracer, n *node) []Int { return n.in[1].allDims() },
	abi.OpTopK:           topKDims,
	abi.OpArg: func(_ *Tracer, n *node) []Int {
		a := n.attrs.(*abi.Arg)
		return reducedDims(n.in[0], []int64{a.Axis}, a.Keep)
	},
	abi.OpReduce: func(_ *Tracer, n *node) []Int {
		a := n.attrs.(*abi.Reduce)
		return reducedDims(n.in[0], a.Axes, a.Keep)
	},

	abi.OpMap: func(_ *Tracer, n *node) []Int { return broadcastDims(n.in, 0) },

	abi.OpMatMul:        matMulDims,
	abi.OpConv:          convDims,
	abi.OpConvTranspose: convTransposeDims,
	abi.OpPool:          poolDims,

	abi.OpBitcast:         likeFirst,
	abi.OpReverseSequence: likeFirst,
	abi.OpScatterElements: likeFirst,
	abi.OpScatterND:       likeFirst,
	abi.OpCumulate:        likeFirst,
	abi.OpSoftmax:         likeFirst,
	abi.OpLayerNorm:       likeFirst,
	abi.OpGroupNorm:       likeFirst,
	abi.OpLRN:             likeFirst,
}

var oneShape = map[abi.Op]bool{abi.OpMap: true, abi.OpLayerNorm: true, abi.OpTopK: true}

func (t *Tracer) ints(ws []abi.Word) []Int {
	xs := make([]Int, len(ws))
	for i, w := range ws {
		xs[i] = t.int(w)
	}
	return xs
}

func (r *result) dim(i int) Int {
	if r.dims != nil {
		return r.dims[i]
	}
	return Const(r.typ.Dims[i])
}

func (r *result) allDims() []Int {
	ds := make([]Int, r.typ.Rank)
	for i := range ds {
		ds[i] = r.dim(i)
	}
	return ds
}
