package layer

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Where the host has the gates that a layer has in the order i f g o, or r z n.
var (
	orderRNN  = []int64{0}
	orderLSTM = []int64{0, 3, 1, 2}
	orderGRU  = []int64{1, 0, 2}
)

func rnn(w *walk, l *Layer, x *trace.Value) *trace.Value {
	k, _ := l.Function.known()
	if l.Function.identity() {
		k = function{fn: abi.FnLeaky, alpha: 1}
	}
	if k.ops != nil {
		w.Fail(abi.FaultUnsupported, "function %q in a recurrent layer", l.Function.Name)
	}
	p := parameters(k.alpha, k.beta)
	a := &abi.Recurrent{Activations: []int64{int64(k.fn)}, Alpha: []int64{int64(uint32(p))}, Beta: []int64{int64(p >> 32)}}
	return w.recur(abi.OpRNN, l, x, a, orderRNN)
}

func lstm(w *walk, l *Layer, x *trace.Value) *trace.Value {
	a := &abi.Recurrent{Activations: []int64{int64(abi.FnSigmoid), int64(abi.FnTanh), int64(abi.FnTanh)}}
	return w.recur(abi.OpLSTM, l, x, a, orderLSTM)
}

func gru(w *walk, l *Layer, x *trace.Value) *trace.Value {
	a := &abi.Recurrent{Activations: []int64{int64(abi.FnSigmoid), int64(abi.FnTanh)}, LinearBefore: l.ResetAfter}
	return w.recur(abi.OpGRU, l, x, a, orderGRU)
}

// recur runs a recurrent op over x, which may be one step or one sequence.
func (w *walk) recur(op abi.Op, l *Layer, x *trace.Value, a *abi.Recurrent, order []int64) *trace.Value {
	x = w.real(l, x)
	rank, d := x.Rank(), x.DType()
	one := trace.Const(1)
	if rank < 1 || rank > 3 || rank == 1 && !l.Step || !w.Equal(x.Dim(rank-1), trace.Const(l.In)) {
		w.Fail(abi.FaultInput, "an array of %d for %d features", x.Shape(), l.In)
	}
	features := x.Dim(rank - 1)
	switch {
	case rank == 1:
		x = w.Reshape(x, []trace.Int{one, one, features})
	case rank == 2 && l.Step:
		x = w.Reshape(x, []trace.Int{one, x.Dim(0), features})
	case rank == 2:
		x = w.Reshape(x, []trace.Int{x.Dim(0), one, features})
	case l.BatchFirst:
		x = w.Permute(x, 1, 0, 2)
	}
	a.Direction = abi.DirForward
	for len(a.Alpha) < len(a.Activations) {
		a.Alpha, a.Beta = append(a.Alpha, 0), append(a.Beta, 0)
	}
	args := []*trace.Value{x, w.gates(l, WeightIH, d, order), w.gates(l, WeightHH, d, order), w.biases(l, d, order), w.state(l, Hidden, x, d)}
	if op == abi.OpLSTM {
		args = append(args, nil, w.state(l, Cell, x, d))
	}
	y := w.One(op, a, args...) // (time, 1, batch, hidden)
	time, batch, hidden := x.Dim(0), x.Dim(1), trace.Const(l.Out)
	switch {
	case rank == 1:
		return w.Reshape(y, []trace.Int{hidden})
	case rank == 2 && l.Step:
		return w.Reshape(y, []trace.Int{batch, hidden})
	case rank == 2:
		return w.Reshape(y, []trace.Int{time, hidden})
	}
	y = w.Reshape(y, []trace.Int{time, batch, hidden})
	if l.BatchFirst {
		y = w.Permute(y, 1, 0, 2)
	}
	return y
}

// gates is a matrix of weights with its gates in the host's order, as one
// direction; nil, if there is none.
func (w *walk) gates(l *Layer, r Role, d tensor.DType, order []int64) *trace.Value {
	v := w.weight(l, r, d)
	if v == nil {
		return nil
	}
	if n := w.weight(l, WeightHN, d); n != nil && r == WeightHH {
		v = w.Concat(0, v, n)
	}
	v = w.reorder(v, order)
	return w.Reshape(v, append(trace.Consts(1), v.Dims()...))
}

// reorder puts the gates that v has along its first dim into an order.
func (w *walk) reorder(v *trace.Value, order []int64) *trace.Value {
	if len(order) == 1 {
		return v
	}
	size := v.Dims()
	hidden := v.Shape()[0] / int64(len(order))
	size[0] = trace.Const(hidden)
	var parts []*trace.Value
	for _, gate := range order {
		start := make([]trace.Int, v.Rank())
		start[0] = trace.Const(gate * hidden)
		parts = append(parts, w.Slice(v, start, size, nil))
	}
	return w.Concat(0, parts...)
}

// biases are those of the input, then those of the state.
func (w *walk) biases(l *Layer, d tensor.DType, order []int64) *trace.Value {
	if l.Weights[BiasIH] == nil && l.Weights[BiasHH] == nil {
		return nil
	}
	var both []*trace.Value
	for _, r := range [...]Role{BiasIH, BiasHH} {
		v := w.gates(l, r, d, order)
		if v == nil {
			v = w.Fill(d, 0, trace.Consts(1, int64(len(order))*l.Out))
		}
		both = append(both, v)
	}
	return w.Concat(1, both...)
}

// state is a stored state for the batch of x; nil is zeros.
func (w *walk) state(l *Layer, r Role, x *trace.Value, d tensor.DType) *trace.Value {
	v := w.weight(l, r, d)
	if v == nil {
		return nil
	}
	dims := []trace.Int{trace.Const(1), x.Dim(1), trace.Const(l.Out)}
	shape := v.Shape()
	if n := len(shape); n < 1 || n > 2 || shape[n-1] != l.Out {
		w.Fail(abi.FaultMalformed, "%s has the shape %d", r, shape)
	}
	if len(shape) == 2 && shape[0] != 1 && !w.Equal(x.Dim(1), trace.Const(shape[0])) {
		w.Fail(abi.FaultInput, "a batch of %d, but the state that was stored is of %d", x.Shape()[1], shape[0])
	}
	return w.Broadcast(v, dims)
}
