package onnx

import (
	"math"
	"strings"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
)

// gate is an activation that a recurrent operator may name in lower case, with
// the parameters it takes and what they are where the node does not say.
type gate struct {
	fn     abi.Fn
	params int
	alpha  float32
	beta   float32
}

var gates = map[string]gate{
	"elu":         {abi.FnElu, 1, 1, 0},
	"hardsigmoid": {abi.FnHardSigmoid, 2, 0.2, 0.5},
	"leakyrelu":   {abi.FnLeaky, 1, 0.01, 0},
	"relu":        {abi.FnRelu, 0, 0, 0},
	"sigmoid":     {abi.FnSigmoid, 0, 0, 0},
	"softplus":    {abi.FnSoftplus, 0, 0, 0},
	"softsign":    {abi.FnSoftsign, 0, 0, 0},
	"tanh":        {abi.FnTanh, 0, 0, 0},
}

var directions = map[string]int64{
	"forward": abi.DirForward, "reverse": abi.DirReverse, "bidirectional": abi.DirBidirectional,
}

// usualGates are the activations of one direction where the node names none.
var usualGates = map[abi.Op][]string{
	abi.OpLSTM: {"Sigmoid", "Tanh", "Tanh"},
	abi.OpGRU:  {"Sigmoid", "Tanh"},
	abi.OpRNN:  {"Tanh"},
}

func recurrent(op abi.Op) lowering {
	return func(l *walker, n *node, in []*trace.Value) []*trace.Value {
		x, w, r, bias, lengths, h := in[0], in[1], in[2], in[3], in[4], in[5]
		a := &abi.Recurrent{
			Direction:    l.named(n, "direction", "forward", directions),
			Clip:         n.float("clip", 0),
			Coupled:      op == abi.OpLSTM && n.flag("input_forget", false),
			LinearBefore: op == abi.OpGRU && n.flag("linear_before_reset", false),
		}
		l.ranked(r, 3)
		n.has("output_sequence") // the first version asked before it gave Y
		l.activations(n, a, usualGates[op])
		if size := l.Pin(r.Dim(2)); n.int("hidden_size", size) != size {
			l.Fail(abi.FaultMalformed, "hidden_size differs from the weights, which have %d", size)
		}
		batchFirst := n.flag("layout", false)
		swap := func(v *trace.Value) *trace.Value {
			if v == nil || !batchFirst {
				return v
			}
			return l.Permute(v, 1, 0, 2)
		}
		args := []*trace.Value{swap(x), w, r, bias, swap(h), lengths}
		if op == abi.OpLSTM {
			args = append(args, swap(in[6]), in[7])
		}
		out := l.Op(op, a, args...)
		if batchFirst {
			// Y goes from (time, dirs, batch, hidden) to (batch, time, dirs, hidden).
			out[0] = l.Permute(out[0], 2, 0, 1, 3)
		}
		for i := 1; i < len(out); i++ {
			out[i] = swap(out[i])
		}
		return out
	}
}

// activations reads the activations of all directions. Their parameters stand
// in two lists, from which each takes as many as it has.
func (l *walker) activations(n *node, a *abi.Recurrent, usual []string) {
	names := n.strs("activations")
	want := len(usual)
	if a.Direction == abi.DirBidirectional {
		want *= 2
	}
	for len(names) == 0 || !n.has("activations") && len(names) < want {
		names = append(names, usual...)
	}
	if len(names) != want {
		l.Fail(abi.FaultMalformed, "%d activations, not %d", len(names), want)
	}
	alphas, betas := n.floats("activation_alpha"), n.floats("activation_beta")
	next := func(list *[]float32, takes bool, def float32) int64 {
		if takes && len(*list) > 0 {
			def, *list = (*list)[0], (*list)[1:]
		}
		return int64(math.Float32bits(def))
	}
	for _, name := range names {
		g, ok := gates[strings.ToLower(name)]
		if !ok {
			l.Fail(abi.FaultUnsupported, "activation %q", name)
		}
		a.Activations = append(a.Activations, int64(g.fn))
		a.Alpha = append(a.Alpha, next(&alphas, g.params > 0, g.alpha))
		a.Beta = append(a.Beta, next(&betas, g.params > 1, g.beta))
	}
}
