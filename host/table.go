package host

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// row permits one operation: the number a guest calls it by, the kernel that
// computes it, and how the words of a record become the kernel's attributes.
type row struct {
	op     abi.Op
	kernel *kernels.Op
	attrs  func(words []int64) (any, abi.Errno)
	memory memoryOf
}

// memoryOf says where the first result of an op lies.
type memoryOf uint8

const (
	fresh memoryOf = iota // in memory of its own
	alias                 // it is input 0 under another type: nothing is computed
	over                  // in that of input 0, if nobody else needs it
)

// rows is everything a guest can have computed. There is no other way from a
// guest to a kernel.
var rows = [...]row{
	{abi.OpView, &kernels.View, attrs(func(a abi.View) any { return kernels.ViewAttrs{Dims: ns(a.Dims)} }), alias},
	{abi.OpPermute, &kernels.Permute, attrs(func(a abi.Permute) any { return kernels.PermuteAttrs(a) }), fresh},
	{abi.OpSlice, &kernels.Slice, attrs(func(a abi.Slice) any {
		return kernels.SliceAttrs{Start: ns(a.Start), Size: ns(a.Size), Step: a.Step, Axes: a.Axes}
	}), fresh},
	{abi.OpConcat, &kernels.Concat, attrs(func(a abi.Concat) any { return kernels.ConcatAttrs(a) }), fresh},
	{abi.OpPad, &kernels.Pad, attrs(func(a abi.Pad) any {
		return kernels.PadAttrs{Before: ns(a.Before), After: ns(a.After), Mode: a.Mode}
	}), fresh},
	{abi.OpBroadcast, &kernels.Broadcast, attrs(func(a abi.Broadcast) any { return kernels.BroadcastAttrs{Dims: ns(a.Dims)} }), fresh},
	{abi.OpTile, &kernels.Tile, attrs(func(a abi.Tile) any { return kernels.TileAttrs{Reps: ns(a.Reps)} }), fresh},
	{abi.OpIota, &kernels.Iota, attrs(func(a abi.Iota) any {
		return kernels.IotaAttrs{N: a.N.N, Start: a.Start.N, Step: a.Step.N, DType: a.DType}
	}), fresh},
	{abi.OpFill, &kernels.Fill, attrs(func(a abi.Fill) any {
		return kernels.FillAttrs{Dims: ns(a.Dims), Value: a.Value.N, DType: a.DType}
	}), fresh},
	{abi.OpLiteral, &kernels.Literal, attrs(func(a abi.Literal) any {
		return kernels.LiteralAttrs{Dims: ns(a.Dims), Values: ns(a.Values), DType: a.DType}
	}), fresh},
	{abi.OpBitcast, &kernels.Bitcast, attrs(func(a abi.Bitcast) any { return kernels.BitcastAttrs(a) }), alias},
	{abi.OpReverseSequence, &kernels.ReverseSequence, attrs(func(a abi.ReverseSequence) any { return kernels.ReverseSequenceAttrs(a) }), fresh},
	{abi.OpResize, &kernels.Resize, attrs(func(a abi.Resize) any {
		return kernels.ResizeAttrs{
			Dims: ns(a.Dims), Mode: a.Mode, Coord: a.Coord, Round: a.Round, Scales: ns(a.Scales), ROI: a.ROI,
			CubicA: a.CubicA, Extrapolation: a.Extrapolation, Antialias: a.Antialias, Exclude: a.Exclude,
		}
	}), fresh},
	{abi.OpGather, &kernels.Gather, attrs(func(a abi.Gather) any { return kernels.GatherAttrs(a) }), fresh},
	{abi.OpGatherElements, &kernels.GatherElements, attrs(func(a abi.GatherElements) any { return kernels.GatherElementsAttrs(a) }), fresh},
	{abi.OpGatherND, &kernels.GatherND, attrs(func(a abi.GatherND) any { return kernels.GatherNDAttrs(a) }), fresh},
	{abi.OpScatterElements, &kernels.ScatterElements, attrs(func(a abi.ScatterElements) any { return kernels.ScatterElementsAttrs(a) }), fresh},
	{abi.OpScatterND, &kernels.ScatterND, attrs(func(a abi.ScatterND) any { return kernels.ScatterNDAttrs(a) }), fresh},
	{abi.OpUpdateSlice, &kernels.UpdateSlice, attrs(func(a abi.UpdateSlice) any {
		return kernels.UpdateSliceAttrs{Start: ns(a.Start), Axes: a.Axes}
	}), over},
	{abi.OpNonzero, &kernels.Nonzero, attrs(func(a abi.Nonzero) any { return kernels.NonzeroAttrs(a) }), fresh},
	{abi.OpCompress, &kernels.Compress, attrs(func(a abi.Compress) any { return kernels.CompressAttrs(a) }), fresh},
	{abi.OpTopK, &kernels.TopK, attrs(func(a abi.TopK) any {
		return kernels.TopKAttrs{Axis: a.Axis, K: a.K.N, Largest: a.Largest, Sorted: a.Sorted}
	}), fresh},
	{abi.OpArg, &kernels.Arg, attrs(func(a abi.Arg) any { return kernels.ArgAttrs(a) }), fresh},
	{abi.OpMap, &kernels.Map, attrs(func(a abi.Map) any { return kernels.MapAttrs{Program: micro(a.Program)} }), fresh},
	{abi.OpReduce, &kernels.Reduce, attrs(func(a abi.Reduce) any {
		return kernels.ReduceAttrs{Axes: a.Axes, Fn: a.Fn, Keep: a.Keep, Pre: micro(a.Pre), Epilogue: micro(a.Epilogue)}
	}), fresh},
	{abi.OpCumulate, &kernels.Cumulate, attrs(func(a abi.Cumulate) any { return kernels.CumulateAttrs(a) }), fresh},
	{abi.OpSoftmax, &kernels.Softmax, attrs(func(a abi.Softmax) any { return kernels.SoftmaxAttrs(a) }), fresh},
	{abi.OpLayerNorm, &kernels.LayerNorm, attrs(func(a abi.LayerNorm) any {
		return kernels.LayerNormAttrs{Axis: a.Axis, Eps: a.Eps, RMS: a.RMS, Epilogue: micro(a.Epilogue)}
	}), fresh},
	{abi.OpGroupNorm, &kernels.GroupNorm, attrs(func(a abi.GroupNorm) any {
		return kernels.GroupNormAttrs{Groups: a.Groups, Eps: a.Eps, Epilogue: micro(a.Epilogue)}
	}), fresh},
	{abi.OpLRN, &kernels.LRN, attrs(func(a abi.LRN) any { return kernels.LRNAttrs(a) }), fresh},
	{abi.OpMatMul, &kernels.MatMul, attrs(func(a abi.MatMul) any {
		return kernels.MatMulAttrs{TA: a.TA, TB: a.TB, Alpha: a.Alpha, Epilogue: micro(a.Epilogue)}
	}), fresh},
	{abi.OpAttention, &kernels.Attention, attrs(func(a abi.Attention) any { return kernels.AttentionAttrs(a) }), fresh},
	{abi.OpConv, &kernels.Conv, attrs(func(a abi.Conv) any {
		return kernels.ConvAttrs{
			Stride: a.Stride, Dilation: a.Dilation, Before: a.Before, After: a.After, Groups: a.Groups, Epilogue: micro(a.Epilogue),
		}
	}), fresh},
	{abi.OpConvTranspose, &kernels.ConvTranspose, attrs(func(a abi.ConvTranspose) any {
		return kernels.ConvTransposeAttrs{
			Stride: a.Stride, Dilation: a.Dilation, Before: a.Before, After: a.After, OutPad: a.OutPad, Groups: a.Groups, Epilogue: micro(a.Epilogue),
		}
	}), fresh},
	{abi.OpPool, &kernels.PoolWindow, attrs(func(a abi.Pool) any { return kernels.PoolAttrs(a) }), fresh},
	{abi.OpLSTM, &kernels.LSTM, attrs(func(a abi.Recurrent) any { return kernels.RecurrentAttrs(a) }), fresh},
	{abi.OpGRU, &kernels.GRU, attrs(func(a abi.Recurrent) any { return kernels.RecurrentAttrs(a) }), fresh},
	{abi.OpRNN, &kernels.RNN, attrs(func(a abi.Recurrent) any { return kernels.RecurrentAttrs(a) }), fresh},
	{abi.OpRepeat, nil, attrs(func(a abi.Repeat) any { return a }), fresh}, // repeat.go
}

// table finds the row of an op, or nil.
func table(op abi.Op) *row {
	for i := range rows {
		if rows[i].op == op {
			return &rows[i]
		}
	}
	return nil
}

// attrs decodes the words of a record into an attribute struct and hands it on.
func attrs[A any, P interface {
	*A
	abi.Attrs
}](convert func(A) any) func([]int64) (any, abi.Errno) {
	return func(words []int64) (any, abi.Errno) {
		var a A
		if e := abi.DecodeAttrs(words, P(&a)); e != abi.OK {
			return nil, e
		}
		return convert(a), abi.OK
	}
}

// ns are the numbers of words whose symbols have been evaluated.
func ns(ws []abi.Word) []int64 {
	if ws == nil {
		return nil
	}
	n := make([]int64, len(ws))
	for i := range ws {
		n[i] = ws[i].N
	}
	return n
}

// micro turns a micro-program of the contract into the kernels' own. Functions
// have the same numbers on both sides; the kernels refuse those they lack.
func micro(p abi.Program) kernels.Program {
	q := kernels.Program{Out: p.Out}
	if p.Code != nil {
		q.Code = make([]kernels.Instr, len(p.Code))
	}
	for i, c := range p.Code {
		q.Code[i] = kernels.Instr{Fn: kernels.Fn(c.Fn), DType: tensor.DType(c.DType), A: c.A, B: c.B, C: c.C, Imm: c.Imm}
	}
	return q
}
