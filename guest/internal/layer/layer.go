// Package layer is the networks that the box knows by the names of their
// layers: a tree of layers of known kinds, whose parameters and weights are
// data. Front ends build the tree; here it is checked and turned into ops.
//
// The conventions are PyTorch's. Arrays are row-major; images are (batch,
// channels, height, width), convolutions are cross-correlations with weights
// (out, in/groups, height, width), and matrices of weights are (out, in).
package layer

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Kind is the kind of a layer.
type Kind string

// The kinds. Where no reference is given, a layer is torch.nn's of that name.
const (
	Chain          Kind = "Chain"          // one layer after the other
	SkipConnection Kind = "SkipConnection" // Join of its one layer's result and x
	Parallel       Kind = "Parallel"       // Join of all layers' results
	PairwiseFusion Kind = "PairwiseFusion" // each layer of Join of x and the result before; all results
	Maxout         Kind = "Maxout"         // the elementwise maximum of all layers' results
	Identity       Kind = "Identity"
	Dropout        Kind = "Dropout" // changes nothing
	Elementwise    Kind = "Elementwise"
	Flatten        Kind = "Flatten" // all dims but the first become one, or all if Whole
	Softmax        Kind = "Softmax"
	LogSoftmax     Kind = "LogSoftmax"

	Dense     Kind = "Dense"     // f(x·weightᵀ + bias) over the last dim of x
	Bilinear  Kind = "Bilinear"  // f(Σ x₁·weight[o]·x₂ + bias) of two inputs, or of one twice
	Scale     Kind = "Scale"     // f(x·weight + bias), elementwise over the last dims
	Embedding Kind = "Embedding" // rows of weight at the indices x, counted from First

	Conv             Kind = "Conv"
	ConvTranspose    Kind = "ConvTranspose"
	MaxPool          Kind = "MaxPool"
	MeanPool         Kind = "MeanPool" // padding counts as zeros
	GlobalMaxPool    Kind = "GlobalMaxPool"
	GlobalMeanPool   Kind = "GlobalMeanPool"
	AdaptiveMaxPool  Kind = "AdaptiveMaxPool" // all windows of one size: stride n/Size, window n-(Size-1)·stride
	AdaptiveMeanPool Kind = "AdaptiveMeanPool"

	Upsample     Kind = "Upsample"     // each spatial dim becomes Scale times as long; all do, if Scale is one number
	Resize       Kind = "Resize"       // spatial dims become Size
	PixelShuffle Kind = "PixelShuffle" // of as many spatial dims as x has

	BatchNorm    Kind = "BatchNorm" // with stored statistics; without them, those of x
	GroupNorm    Kind = "GroupNorm"
	InstanceNorm Kind = "InstanceNorm"
	LayerNorm    Kind = "LayerNorm" // over the last dims, as many as Size has

	// MultiHeadAttention has four layers: those of queries, keys and values, and
	// that of the result. It gives the weights of the values as well.
	MultiHeadAttention Kind = "MultiHeadAttention"

	// Hole stands for a layer that was refused, or is still to be named. Note
	// says why. A tree with one cannot run.
	Hole Kind = "?"

	RNN  Kind = "RNN" // f(weight_ih·x + weight_hh·h + bias), one layer, one direction
	LSTM Kind = "LSTM"
	GRU  Kind = "GRU"
)

// Role is what a weight is to its layer. The names are those of PyTorch's
// state dictionaries.
type Role string

// The roles.
const (
	Main     Role = "weight"
	Bias     Role = "bias"
	Mean     Role = "running_mean"
	Variance Role = "running_var"
	WeightIH Role = "weight_ih" // (gates·hidden, in); gates i f g o, or r z n
	WeightHH Role = "weight_hh" // (gates·hidden, hidden)
	WeightHN Role = "weight_hn" // (hidden, hidden) of the gate n, where weight_hh has only r and z
	BiasIH   Role = "bias_ih"
	BiasHH   Role = "bias_hh"
	Hidden   Role = "h0" // (hidden) or (batch, hidden)
	Cell     Role = "c0"
)

// Join is how the results of several layers become one.
type Join string

// The ways to join.
const (
	JoinNone   Join = ""
	JoinAdd    Join = "add"
	JoinSub    Join = "sub"
	JoinMul    Join = "mul" // elementwise
	JoinMax    Join = "max"
	JoinConcat Join = "concat" // along Axis
	JoinTuple  Join = "tuple"  // stay apart, as the inputs of the next layer
	JoinLayer  Join = "layer"  // are the inputs of Joiner
)

// Layer is a layer with all its parameters. A kind uses those that its entry
// in the table of kinds names; the others are zero.
type Layer struct {
	Kind Kind

	// Where the layer stands: the path inside its file and the byte there.
	Path   string
	Blob   abi.Handle
	Offset int64
	Note   string

	In, In2, Out int64 // features or channels, as the weights have them
	Kernel       []int64
	Stride       []int64
	Dilation     []int64
	Before       []int64 // padding at the front of each spatial dim
	After        []int64
	OutPad       []int64
	Groups       int64
	Size         []int64
	Eps          float64
	Deviation    bool // BatchNorm: Variance holds standard deviations, and Eps is not used; LayerNorm: Eps is added to the deviation
	Axis         int64
	First        int64 // index of the first row
	ResetAfter   bool  // GRU: the reset gate acts on weight_hh·h, not on h
	BatchFirst   bool  // x is (batch, time, features), not (time, batch, features)
	Step         bool  // a matrix x is one step of a batch, not one sequence
	Scale        []int64
	Linear       bool // between the places of x, whose corners are kept; not the nearest place
	Whole        bool
	Heads        int64
	Function     Function
	Join         Join
	Joiner       *Layer

	Layers  []*Layer
	Names   []string // of Layers, where they have names
	Weights map[Role]*Weight
}

// Weight is an array that a layer has learned: Type at Offset of Blob, viewed
// as Dims, permuted by Perm, and reversed along each axis of Flip. It has no
// copy: the steps are ops over a constant, which run once for a model.
type Weight struct {
	Path   string
	Blob   abi.Handle
	Offset int64
	Type   abi.Type
	Dims   []int64 // nil: those of Type
	Perm   []int64 // nil: as they are
	Flip   []int

	constant *trace.Constant
}

// Shape is the dims after all steps.
func (w *Weight) Shape() []int64 {
	dims := w.Dims
	if dims == nil {
		dims = w.Type.Shape()
	}
	if w.Perm == nil {
		return dims
	}
	shape := make([]int64, len(dims))
	for i, p := range w.Perm {
		shape[i] = dims[p]
	}
	return shape
}

// value is w in a trace, as an array of d.
func (w *Weight) value(t *trace.Tracer, d tensor.DType) *trace.Value {
	v := t.Constant(w.constant)
	if w.Dims != nil {
		v = t.Reshape(v, trace.Consts(w.Dims...))
	}
	if w.Perm != nil {
		v = t.Permute(v, w.Perm...)
	}
	if len(w.Flip) > 0 && v.Elems() > 0 {
		start, step := make([]trace.Int, v.Rank()), make([]int64, v.Rank())
		for i := range step {
			step[i] = 1
		}
		for _, axis := range w.Flip {
			start[axis], step[axis] = trace.Const(v.Shape()[axis]-1), -1
		}
		v = t.Slice(v, start, v.Dims(), step)
	}
	return t.Cast(v, d)
}

// Place makes a constant of each weight of the tree, once.
func (l *Layer) Place(box abi.Box) {
	for _, w := range l.Weights {
		if w.constant != nil {
			continue
		}
		var e abi.Errno
		if w.constant, e = trace.NewConstant(box, w.Blob, w.Offset, w.Type); e != abi.OK {
			l.refuseWeight(w, abi.FaultMalformed, "%s: %v", w.Path, e)
		}
	}
	for _, inner := range l.Inner() {
		inner.Place(box)
	}
}

// Inner are the layers that l is made of.
func (l *Layer) Inner() []*Layer {
	if l.Joiner != nil {
		return append(l.Layers[:len(l.Layers):len(l.Layers)], l.Joiner)
	}
	return l.Layers
}
