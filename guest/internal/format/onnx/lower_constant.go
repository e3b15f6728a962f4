package onnx

import (
	"math"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// constant is a tensor or a number or list that stands in the node.
func constant(l *walker, n *node, in []*trace.Value) *trace.Value {
	switch {
	case n.has("value"):
		return l.constant(n.tensor("value"))
	case n.has("value_int"):
		return l.Known(tensor.Int64, nil, trace.Consts(n.int("value_int", 0)))
	case n.has("value_ints"):
		list := n.ints("value_ints")
		return l.Known(tensor.Int64, []int64{int64(len(list))}, trace.Consts(list...))
	case n.has("value_float"):
		return l.Scalar(tensor.Float32, float64(n.float("value_float", 0)))
	case n.has("value_floats"):
		return l.vector(n.floats("value_floats"))
	case n.has("sparse_value"):
		l.Fail(abi.FaultUnsupported, "sparse tensors")
	case n.has("value_string"), n.has("value_strings"):
		l.Fail(abi.FaultUnsupported, "strings")
	}
	l.Fail(abi.FaultMalformed, "no value")
	return nil
}

// vector places a list of floats that stands in the node.
func (l *walker) vector(list []float32) *trace.Value {
	return l.literal(len(list), tensor.Float32, func(i int) int64 { return int64(math.Float32bits(list[i])) })
}

// literal places n elements, given as words, in pieces that fit into a record
// of the contract.
func (l *walker) literal(n int, d tensor.DType, word func(i int) int64) *trace.Value {
	const piece = 4096
	var parts []*trace.Value
	for from := 0; from < n || parts == nil; from += piece {
		words := make([]abi.Word, min(n-from, piece))
		for i := range words {
			words[i] = abi.Const(word(from + i))
		}
		a := &abi.Literal{Dims: abi.Consts(int64(len(words))), Values: words, DType: int64(d)}
		parts = append(parts, l.One(abi.OpLiteral, a))
	}
	if len(parts) == 1 {
		return parts[0]
	}
	return l.Concat(0, parts...)
}

func constantOfShape(l *walker, n *node, in []*trace.Value) *trace.Value {
	value := l.Scalar(tensor.Float32, 0)
	if t := n.tensor("value"); t != nil {
		value = l.Reshape(l.constant(t), nil)
	}
	return l.Broadcast(value, l.Ints(in[0]))
}

// eyeLike has ones on one diagonal of a matrix and zeros elsewhere.
func eyeLike(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := in[0]
	l.ranked(x, 2)
	d := x.DType()
	if n.has("dtype") {
		d = l.dtype(n, "dtype", 0)
	}
	return l.Cast(l.diagonal(abi.FnEq, x.Dims(), trace.Const(n.int("k", 0))), d)
}

// rangeOf is start, start+delta, … before limit.
func rangeOf(l *walker, n *node, in []*trace.Value) *trace.Value {
	start, delta := in[0], in[2]
	n.has("stash_type") // the precision of the steps: more is never wrong
	d := start.DType()
	if d.IsFloat() {
		return l.floatRange(in)
	}
	a, b, step := l.integer(start), l.integer(in[1]), l.Pin(l.integer(delta))
	var count trace.Int
	switch {
	case step > 0:
		count = l.Div(l.Add(l.Sub(b, a), trace.Const(step-1)), trace.Const(step))
	case step < 0 && step > math.MinInt64:
		count = l.Div(l.Add(l.Sub(a, b), trace.Const(-step-1)), trace.Const(-step))
	default:
		l.Fail(abi.FaultMalformed, "step %d", step)
	}
	words := l.Words([]trace.Int{l.Max(count, trace.Const(0)), a})
	return l.One(abi.OpIota, &abi.Iota{N: words[0], Start: words[1], Step: abi.Const(step), DType: int64(d)})
}

func (l *walker) floatRange(in []*trace.Value) *trace.Value {
	var v [3]float64
	for i, x := range in {
		v[i] = l.number32(x)
	}
	count := math.Ceil((v[1] - v[0]) / v[2])
	if !(count <= 1<<40) {
		l.Fail(abi.FaultMalformed, "a range of %g elements", count)
	}
	d := in[0].DType()
	steps := l.Cast(l.iota(trace.Const(int64(max(count, 0)))), d)
	return l.add(l.mul(steps, l.Reshape(in[2], nil)), l.Reshape(in[0], nil))
}
