package layer

import (
	"math"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
)

// attention is softmax(q·kᵀ/√size)·v for each head. One input is all three of
// queries, keys and values, the second of two is keys and values. Its results
// are (batch, time, features) and the weights (batch, heads, queries, keys).
func (w *walk) attention(l *Layer, x []*trace.Value) []*trace.Value {
	if len(x) < 1 || len(x) > 3 {
		w.Fail(abi.FaultInput, "%d inputs, not 1 to 3", len(x))
	}
	flat := x[0].Rank() == 2
	var parts []*trace.Value
	for i, inner := range l.Layers[:3] {
		v := x[min(i, len(x)-1)]
		if v.Rank() != x[0].Rank() || v.Rank() < 2 || v.Rank() > 3 {
			w.Fail(abi.FaultInput, "arrays of %d and %d dims", x[0].Rank(), v.Rank())
		}
		y := w.all(inner, []*trace.Value{v})
		if len(y) != 1 {
			w.Fail(abi.FaultUnsupported, "a layer with %d results", len(y))
		}
		parts = append(parts, w.heads(l, y[0]))
	}
	q, k, v := parts[0], parts[1], parts[2]
	size := float64(max(w.Pin(q.Dim(3)), 1))
	raw := w.One(abi.OpMatMul, &abi.MatMul{TB: true, Alpha: float32(1 / math.Sqrt(size))}, q, k)
	shares := w.One(abi.OpSoftmax, &abi.Softmax{Axis: 3}, raw)
	y := w.Permute(w.One(abi.OpMatMul, &abi.MatMul{}, shares, v), 0, 2, 1, 3)
	d := y.Dims()
	dims := []trace.Int{d[0], d[1], w.Mul(d[2], d[3])}
	if s := shares.Dims(); flat {
		dims, shares = dims[1:], w.Reshape(shares, s[1:])
	}
	return append(w.all(l.Layers[3], []*trace.Value{w.Reshape(y, dims)}), shares)
}

// heads makes (batch, heads, time, size) of (batch, time, heads·size), where
// the batch may be missing.
func (w *walk) heads(l *Layer, x *trace.Value) *trace.Value {
	d := x.Dims()
	if len(d) == 2 {
		d = append([]trace.Int{trace.Const(1)}, d...)
	}
	features := w.Pin(d[len(d)-1])
	if len(d) != 3 || features%l.Heads != 0 {
		w.Fail(abi.FaultInput, "an array of %d for %d heads", x.Shape(), l.Heads)
	}
	x = w.Reshape(x, []trace.Int{d[0], d[1], trace.Const(l.Heads), trace.Const(features / l.Heads)})
	return w.Permute(x, 0, 2, 1, 3)
}
