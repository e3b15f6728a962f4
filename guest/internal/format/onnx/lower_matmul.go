package onnx

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
)

func matMul(l *walker, n *node, in []*trace.Value) *trace.Value { return l.matMul(in[0], in[1]) }

// matMul multiplies as numpy does: a vector is a row on the left and a column
// on the right, and its dim is not in the result.
func (l *walker) matMul(a, b *trace.Value) *trace.Value {
	if a.Rank() == 0 || b.Rank() == 0 {
		l.Fail(abi.FaultMalformed, "a factor without dims")
	}
	row, column := a.Rank() == 1, b.Rank() == 1
	if row {
		a = l.unsqueeze(a, 0)
	}
	if column {
		b = l.unsqueeze(b, 1)
	}
	y := l.One(abi.OpMatMul, &abi.MatMul{}, a, b)
	dims := y.Dims()
	last := len(dims) - 1
	switch {
	case row && column:
		dims = dims[:last-1]
	case row:
		dims = append(dims[:last-1], dims[last])
	case column:
		dims = dims[:last]
	default:
		return y
	}
	return l.Reshape(y, dims)
}

func gemm(l *walker, n *node, in []*trace.Value) *trace.Value {
	a, b, c := in[0], in[1], in[2]
	l.ranked(a, 2)
	l.ranked(b, 2)
	alpha, beta := n.float("alpha", 1), n.float("beta", 1)
	n.has("broadcast") // the third input broadcasts since version 7 anyway
	m := &abi.MatMul{TA: n.flag("transA", false), TB: n.flag("transB", false), Alpha: alpha}
	if a.DType().IsInt() && (alpha != 1 || beta != 1) {
		l.Fail(abi.FaultUnsupported, "factors other than 1 of integers")
	}
	if alpha == 0 {
		// In the contract 0 stands for 1.
		m.Alpha = 1
		a = l.mul(a, l.like(a, 0))
	}
	y := l.One(abi.OpMatMul, m, a, b)
	if c == nil || beta == 0 {
		return y
	}
	if beta != 1 {
		c = l.mul(c, l.like(c, float64(beta)))
	}
	return l.add(y, l.onto(c, y))
}
