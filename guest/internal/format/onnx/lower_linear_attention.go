package onnx

import (
	"math"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// maxSteps is how many tokens a recurrence over a sequence is written out for.
const maxSteps = 1024

// updateRules say whether the state decays and whether it takes only what it
// does not hold already.
var updateRules = map[string]struct{ gated, delta bool }{
	"linear": {false, false}, "gated": {true, false}, "delta": {false, true}, "gated_delta": {true, true},
}

// linearAttention keeps for each head a state S (keys, values) that every
// token adds the product of its key and value to, and reads with its query.
func linearAttention(l *walker, n *node, in []*trace.Value) []*trace.Value {
	past, decay, beta := in[3], in[4], in[5]
	name := n.str("update_rule", "gated_delta")
	rule, ok := updateRules[name]
	if !ok || rule.gated != (decay != nil) || rule.delta != (beta != nil) {
		l.Fail(abi.FaultMalformed, "update_rule %q does not go with the inputs", name)
	}
	n.has("chunk_size") // a hint
	qHeads, kvHeads := n.int("q_num_heads", 0), n.int("kv_num_heads", 0)
	if kvHeads < 1 || qHeads < 1 || qHeads%kvHeads != 0 {
		l.Fail(abi.FaultMalformed, "%d heads of queries, %d of keys", qHeads, kvHeads)
	}
	wide := func(x *trace.Value, heads int64) *trace.Value {
		l.ranked(x, 3)
		return l.Cast(l.heads(x, heads), tensor.Float32)
	}
	q, k, v := wide(in[0], qHeads), wide(in[1], kvHeads), wide(in[2], kvHeads)
	if decay != nil {
		decay = l.Map1(abi.FnExp, 0, wide(decay, kvHeads))
	}
	if beta != nil {
		l.ranked(beta, 3)
		heads := int64(1)
		if l.Equal(beta.Dim(2), trace.Const(kvHeads)) {
			heads = kvHeads
		}
		beta = wide(beta, heads)
	}
	keys := l.Pin(k.Dim(3))
	scale := n.float("scale", 0)
	if scale == 0 {
		scale = float32(1 / math.Sqrt(float64(max(keys, 1))))
	}
	stateType := in[0].DType()
	state := l.Scalar(tensor.Float32, 0)
	if past != nil {
		stateType = past.DType()
		state = l.Cast(past, tensor.Float32)
	}
	state = l.Broadcast(state, []trace.Int{k.Dim(0), k.Dim(1), k.Dim(3), v.Dim(3)})
	steps := l.Pin(q.Dim(2))
	if steps < 1 || steps > maxSteps {
		l.Fail(abi.FaultUnsupported, "a sequence of %d tokens", steps)
	}
	out := make([]*trace.Value, steps)
	for i := range out {
		// What belongs to token i has the dims (batch, heads, 1, …).
		token := func(x *trace.Value) *trace.Value { return l.along(x, 2, trace.Const(int64(i)), trace.Const(1)) }
		key, value := token(k), token(v)
		if decay != nil {
			state = l.mul(state, l.Permute(token(decay), 0, 1, 3, 2))
		}
		if beta != nil {
			value = l.mul(token(beta), l.sub(value, l.matMul(key, state)))
		}
		state = l.add(state, l.mul(l.Permute(key, 0, 1, 3, 2), value))
		read := state
		if qHeads != kvHeads {
			read = l.repeated(state, qHeads/kvHeads)
		}
		out[i] = l.One(abi.OpMatMul, &abi.MatMul{Alpha: scale}, token(q), read)
	}
	y := l.joined(l.Concat(2, out...))
	return []*trace.Value{l.Cast(y, in[0].DType()), l.Cast(state, stateType)}
}
