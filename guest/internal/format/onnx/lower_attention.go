package onnx

import (
	"math"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// heads makes (batch, heads, seq, size) of (batch, seq, heads·size).
func (l *walker) heads(x *trace.Value, heads int64) *trace.Value {
	if x.Rank() == 4 {
		return x
	}
	if x.Rank() != 3 || heads < 1 {
		l.Fail(abi.FaultMalformed, "rank %d with %d heads", x.Rank(), heads)
	}
	d := x.Dims()
	x = l.Reshape(x, []trace.Int{d[0], d[1], trace.Const(heads), l.FloorDiv(d[2], trace.Const(heads))})
	return l.Permute(x, 0, 2, 1, 3)
}

// joined is the inverse of heads.
func (l *walker) joined(x *trace.Value) *trace.Value {
	x = l.Permute(x, 0, 2, 1, 3)
	d := x.Dims()
	return l.Reshape(x, []trace.Int{d[0], d[1], l.Mul(d[2], d[3])})
}

// attention is softmax(scale·q·kᵀ + bias)·v for each head. A row of the bias
// that allows no key gives zeros.
func attention(l *walker, n *node, in []*trace.Value) []*trace.Value {
	rank := in[0].Rank()
	if in[1].Rank() != rank || in[2].Rank() != rank {
		l.Fail(abi.FaultMalformed, "ranks %d, %d and %d", rank, in[1].Rank(), in[2].Rank())
	}
	qHeads, kvHeads := n.int("q_num_heads", 0), n.int("kv_num_heads", 0)
	q, k, v := l.heads(in[0], qHeads), l.heads(in[1], kvHeads), l.heads(in[2], kvHeads)
	mask, pastK, pastV, lengths := in[3], in[4], in[5], in[6]
	if (pastK == nil) != (pastV == nil) || pastK != nil && lengths != nil {
		l.Fail(abi.FaultMalformed, "a cache of keys goes with one of values, and with no lengths")
	}
	if pastK != nil {
		k, v = l.Concat(2, pastK, k), l.Concat(2, pastV, v)
	}
	presentK, presentV := k, v

	size := l.Pin(q.Dim(3))
	scale := n.float("scale", float32(1/math.Sqrt(float64(max(size, 1)))))
	if scale == 0 {
		l.Fail(abi.FaultUnsupported, "a scale of 0")
	}
	groups := l.Pin(q.Dim(1))
	if kv := l.Pin(k.Dim(1)); kv != groups {
		if kv < 1 || groups%kv != 0 {
			l.Fail(abi.FaultMalformed, "%d heads of queries, %d of keys", groups, kv)
		}
		k, v = l.repeated(k, groups/kv), l.repeated(v, groups/kv)
	}
	raw := l.One(abi.OpMatMul, &abi.MatMul{TB: true, Alpha: scale}, q, k)
	capped := raw
	if cap := n.float("softcap", 0); cap > 0 {
		capped = l.mul(l.Map1(abi.FnTanh, 0, l.div(raw, l.like(raw, float64(cap)))), l.like(raw, float64(cap)))
	}
	bias, open := l.attentionBias(n, q, k, mask, pastK, lengths)
	biased := capped
	if bias != nil {
		biased = l.add(capped, bias)
	}
	logits := biased
	if n.has("softmax_precision") {
		logits = l.Cast(logits, l.dtype(n, "softmax_precision", 1))
	}
	p := l.One(abi.OpSoftmax, &abi.Softmax{Axis: 3}, logits)
	if open != nil {
		p = l.choose(open, p, l.like(p, 0))
	}
	p = l.Cast(p, q.DType())
	y := l.One(abi.OpMatMul, &abi.MatMul{}, p, v)
	if rank == 3 {
		y = l.joined(y)
	}
	shown := map[int64]*trace.Value{0: raw, 1: capped, 2: biased, 3: p}[n.int("qk_matmul_output_mode", 0)]
	if shown == nil {
		l.Fail(abi.FaultMalformed, "qk_matmul_output_mode")
	}
	return []*trace.Value{y, presentK, presentV, shown}
}

// repeated gives each of the key or value heads of x to times heads of queries.
func (l *walker) repeated(x *trace.Value, times int64) *trace.Value {
	d := x.Dims()
	x = l.Broadcast(l.unsqueeze(x, 2), []trace.Int{d[0], d[1], trace.Const(times), d[2], d[3]})
	return l.Reshape(x, []trace.Int{d[0], l.Mul(d[1], trace.Const(times)), d[2], d[3]})
}

// attentionBias is what is added to the scores, and which rows of it leave
// some key open; both are nil if all keys are.
func (l *walker) attentionBias(n *node, q, k, mask, past, lengths *trace.Value) (bias, open *trace.Value) {
	queries, keys := q.Dim(2), k.Dim(2)
	inf := l.like(q, math.Inf(-1))
	zero := l.like(q, 0)
	include := func(b *trace.Value) {
		if bias == nil {
			bias = b
		} else {
			bias = l.add(bias, b)
		}
	}
	allow := func(ok *trace.Value) { include(l.choose(ok, zero, inf)) }

	l.ranked(past, 4)
	if mask != nil && mask.Rank() == 0 {
		l.Fail(abi.FaultMalformed, "a mask without dims")
	}
	if mask != nil {
		if short := l.Sub(keys, mask.Dim(mask.Rank()-1)); l.Less(trace.Const(0), short) {
			none := trace.Consts(repeat(0, mask.Rank())...)
			after := trace.Consts(repeat(0, mask.Rank())...)
			after[mask.Rank()-1] = short
			mask = l.pad(mask, none, after, abi.PadConstant, l.like(mask, map[bool]float64{false: math.Inf(-1)}[mask.DType() == tensor.Bool]))
		}
		if mask.DType() == tensor.Bool {
			allow(mask)
		} else {
			include(mask)
		}
	}
	// distance is how far behind its query each key stands.
	left, right := n.int("left_window_size", -1), n.int("right_window_size", -1)
	causal := n.flag("is_causal", false)
	key := l.iota(keys)
	if causal || left >= 0 || right >= 0 {
		query := l.unsqueeze(l.iota(queries), 1)
		switch {
		case past != nil:
			query = l.add(query, l.Known(tensor.Int64, nil, []trace.Int{past.Dim(2)}))
		case lengths != nil:
			offset := l.sub(lengths, l.Known(tensor.Int64, nil, []trace.Int{queries}))
			query = l.add(l.unsqueeze(offset, 1, 2, 3), query)
		}
		distance := l.sub(query, key)
		if causal {
			allow(l.Map2(abi.FnGe, distance, l.like(distance, 0)))
		}
		if left >= 0 {
			allow(l.Map2(abi.FnLe, distance, l.like(distance, float64(left))))
		}
		if right >= 0 {
			allow(l.Map2(abi.FnGe, distance, l.like(distance, -float64(right))))
		}
	}
	if lengths != nil {
		allow(l.Map2(abi.FnLt, key, l.unsqueeze(lengths, 1, 2, 3)))
	}
	if bias == nil {
		return nil, nil
	}
	top := l.reduce(abi.ReduceMax, 0, bias, []int{bias.Rank() - 1}, true)
	return bias, l.Map2(abi.FnNe, top, inf)
}

// rotaryEmbedding turns pairs of features by an angle that grows with the
// position; the pairs are neighbours or stand half a head apart.
func rotaryEmbedding(l *walker, n *node, in []*trace.Value) *trace.Value {
	cos, sin, positions := in[1], in[2], in[3]
	x := l.heads(in[0], n.int("num_heads", 0))
	if positions != nil {
		cos = l.One(abi.OpGather, &abi.Gather{}, cos, positions)
		sin = l.One(abi.OpGather, &abi.Gather{}, sin, positions)
	}
	cos, sin = l.unsqueeze(cos, 1), l.unsqueeze(sin, 1)
	d := x.Dims()
	turned := d[3]
	if k := n.int("rotary_embedding_dim", 0); k > 0 {
		turned = trace.Const(k)
	}
	half := l.FloorDiv(turned, trace.Const(2))
	if !l.Equal(l.Mul(half, trace.Const(2)), turned) {
		l.Fail(abi.FaultMalformed, "%d features are no pairs", turned.N)
	}
	for _, table := range []*trace.Value{cos, sin} {
		if !l.Equal(table.Dim(table.Rank()-1), half) {
			l.Fail(abi.FaultMalformed, "%d angles for %d pairs", table.Dim(table.Rank()-1).N, half.N)
		}
	}
	part := func(x *trace.Value, start, size trace.Int) *trace.Value { return l.along(x, 3, start, size) }
	var a, b *trace.Value
	interleaved := n.flag("interleaved", false)
	if interleaved {
		pairs := l.Reshape(part(x, trace.Const(0), turned), []trace.Int{d[0], d[1], d[2], half, trace.Const(2)})
		a = l.Reshape(l.along(pairs, 4, trace.Const(0), trace.Const(1)), []trace.Int{d[0], d[1], d[2], half})
		b = l.Reshape(l.along(pairs, 4, trace.Const(1), trace.Const(1)), []trace.Int{d[0], d[1], d[2], half})
	} else {
		a, b = part(x, trace.Const(0), half), part(x, half, half)
	}
	re := l.sub(l.mul(cos, a), l.mul(sin, b))
	im := l.add(l.mul(sin, a), l.mul(cos, b))
	var y *trace.Value
	if interleaved {
		y = l.Reshape(l.Concat(4, l.unsqueeze(re, 4), l.unsqueeze(im, 4)), []trace.Int{d[0], d[1], d[2], turned})
	} else {
		y = l.Concat(3, re, im)
	}
	if !l.Equal(turned, d[3]) {
		y = l.Concat(3, y, part(x, turned, l.Sub(d[3], turned)))
	}
	if in[0].Rank() == 3 {
		return l.joined(y)
	}
	return y
}
