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

// vector places a list of floats that stands in the node, in pieces that fit
// into a record of the contract.
func (l *walker) vector(list []float32) *trace.Value {
	const piece = 4096
	var parts []*trace.Value
	for len(list) > 0 || parts == nil {
		words := make([]abi.Word, min(len(list), piece))
		for i, f := range list[:len(words)] {
			words[i] = abi.Const(int64(math.Float32bits(f)))
		}
		list = list[len(words):]
		a := &abi.Literal{Dims: abi.Consts(int64(len(words))), Values: words, DType: int64(tensor.Float32)}
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
	if x.Rank() != 2 {
		l.Fail(abi.FaultMalformed, "rank %d, not 2", x.Rank())
	}
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
		f := l.Floats(x)
		if len(f) != 1 {
			l.Fail(abi.FaultMalformed, "%d numbers where one is expected", len(f))
		}
		v[i] = float64(f[0])
	}
	count := math.Ceil((v[1] - v[0]) / v[2])
	if !(count <= 1<<40) {
		l.Fail(abi.FaultMalformed, "a range of %g elements", count)
	}
	d := in[0].DType()
	steps := l.Cast(l.iota(trace.Const(int64(max(count, 0)))), d)
	return l.add(l.mul(steps, l.Reshape(in[2], nil)), l.Reshape(in[0], nil))
}

// window is a - b·cos(2πi/n) + c·cos(4πi/n) for i < size.
func window(a, b, c float64) lowering {
	return one(1, 1, func(l *walker, n *node, in []*trace.Value) *trace.Value {
		d := l.dtype(n, "output_datatype", 1)
		count := l.Pin(l.integer(in[0]))
		period := count
		if n.int("periodic", 1) == 0 {
			period--
		}
		i := l.Cast(l.iota(trace.Const(count)), tensor.Float32)
		wave := func(turns, by float64) *trace.Value {
			angle := l.mul(i, l.like(i, turns*2*math.Pi/float64(period)))
			return l.mul(l.Map1(abi.FnCos, 0, angle), l.like(i, by))
		}
		y := l.add(wave(1, -b), l.like(i, a))
		if c != 0 {
			y = l.add(y, wave(2, c))
		}
		return l.convert(y, d)
	})
}
