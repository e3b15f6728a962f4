package onnx

import (
	"math"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// reduce folds with fold what pre gives of each element; post is applied to
// the result. A function that is 0 changes nothing, and multiplication as pre
// squares.
func reduce(fold int64, pre, post abi.Fn) single {
	return func(l *walker, n *node, in []*trace.Value) *trace.Value {
		axes, keep := l.reduced(n, in)
		y := l.reduce(fold, pre, in[0], axes, keep)
		if post != 0 {
			y = l.Map1(post, 0, y)
		}
		return y
	}
}

// reduced reads which axes a node reduces.
func (l *walker) reduced(n *node, in []*trace.Value) (axes []int, keep bool) {
	rank := in[0].Rank()
	list, _ := l.listOf(n, "axes", in[1])
	axes = l.axes(list, rank)
	noop := n.flag("noop_with_empty_axes", false)
	if len(axes) == 0 && !noop {
		axes = axesFrom(0, rank)
	}
	return axes, n.flag("keepdims", true)
}

// axesFrom is from, from+1, … to-1.
func axesFrom(from, to int) []int {
	var list []int
	for i := from; i < to; i++ {
		list = append(list, i)
	}
	return list
}

func (l *walker) reduce(fold int64, pre abi.Fn, x *trace.Value, axes []int, keep bool) *trace.Value {
	if x.DType() == tensor.Bool {
		fold = map[int64]int64{abi.ReduceMax: abi.ReduceAny, abi.ReduceMin: abi.ReduceAll}[fold]
	}
	a := &abi.Reduce{Fn: fold, Keep: keep}
	for _, axis := range axes {
		a.Axes = append(a.Axes, int64(axis))
	}
	if pre != 0 {
		a.Pre = abi.Program{Code: []abi.Instr{{Fn: pre, DType: uint8(x.DType())}}, Out: []int64{1}}
	}
	return l.One(abi.OpReduce, a, x)
}

// reduceLogSumExp subtracts the largest element first, so that no exponential
// is infinite unless an element is.
func reduceLogSumExp(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := in[0]
	axes, keep := l.reduced(n, in)
	top := l.reduce(abi.ReduceMax, 0, x, axes, true)
	finite := l.Map2(abi.FnLt, l.Map1(abi.FnAbs, 0, top), l.like(x, math.Inf(1)))
	top = l.choose(finite, top, l.like(x, 0))
	y := l.reduce(abi.ReduceSum, 0, l.Map1(abi.FnExp, 0, l.sub(x, top)), axes, keep)
	y = l.Map1(abi.FnLog, 0, y)
	if !keep {
		top = l.Reshape(top, y.Dims())
	}
	return l.add(y, top)
}

func cumulate(fold int64) single {
	return func(l *walker, n *node, in []*trace.Value) *trace.Value {
		return l.One(abi.OpCumulate, &abi.Cumulate{
			Axis:      int64(l.axis(l.Pin(l.integer(in[1])), in[0].Rank())),
			Fn:        fold,
			Exclusive: n.flag("exclusive", false),
			Reverse:   n.flag("reverse", false),
		}, in[0])
	}
}
