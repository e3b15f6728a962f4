package onnx

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
)

func negativeLogLikelihoodLoss(l *walker, n *node, in []*trace.Value) *trace.Value {
	return l.loss(n, in[0], in[1], in[2])
}

func softmaxCrossEntropyLoss(l *walker, n *node, in []*trace.Value) []*trace.Value {
	if in[0].Rank() < 2 {
		l.Fail(abi.FaultMalformed, "rank %d", in[0].Rank())
	}
	p := l.One(abi.OpSoftmax, &abi.Softmax{Axis: 1, Log: true}, in[0])
	return []*trace.Value{l.loss(n, p, in[1], in[2]), p}
}

// loss is -weight·p of the class that target names, for p (n, classes, …) and
// target (n, …); what target ignores weighs nothing.
func (l *walker) loss(n *node, p, target, weight *trace.Value) *trace.Value {
	if p.Rank() < 2 || target.Rank() != p.Rank()-1 {
		l.Fail(abi.FaultMalformed, "rank %d with targets of rank %d", p.Rank(), target.Rank())
	}
	for i, d := range target.Dims() {
		if !l.Equal(d, p.Dim(i+min(i, 1))) {
			l.Fail(abi.FaultMalformed, "targets %v for %v", target.Shape(), p.Shape())
		}
	}
	var ignored *trace.Value
	if n.has("ignore_index") {
		index := l.Known(target.DType(), nil, trace.Consts(n.int("ignore_index", 0)))
		ignored = l.Map2(abi.FnEq, target, index)
		target = l.choose(ignored, l.like(target, 0), target)
	}
	picked := l.One(abi.OpGatherElements, &abi.GatherElements{Axis: 1}, p, l.unsqueeze(target, 1))
	loss := l.Map1(abi.FnNeg, 0, l.Reshape(picked, target.Dims()))
	one := l.like(p, 1)
	if weight != nil {
		weight = l.One(abi.OpGather, &abi.Gather{}, weight, target)
	}
	if ignored != nil {
		if weight == nil {
			weight = one
		}
		weight = l.choose(ignored, l.like(p, 0), weight)
		loss = l.choose(ignored, l.like(p, 0), loss)
	}
	if weight != nil {
		loss = l.mul(loss, weight)
	}
	all := axesFrom(0, loss.Rank())
	switch how := n.str("reduction", "mean"); how {
	case "none":
		return loss
	case "sum":
		return l.reduce(abi.ReduceSum, 0, loss, all, false)
	case "mean":
		if weight == nil {
			return l.reduce(abi.ReduceMean, 0, loss, all, false)
		}
		total := l.reduce(abi.ReduceSum, 0, weight, all, false)
		return l.div(l.reduce(abi.ReduceSum, 0, loss, all, false), total)
	default:
		l.Fail(abi.FaultMalformed, "reduction %q", how)
		return nil
	}
}
