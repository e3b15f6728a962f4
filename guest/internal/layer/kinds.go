package layer

import (
	"maps"
	"math"
	"slices"
)

// Param is a parameter of a kind: its name, where it is in a Layer, and the
// range of its numbers. At gives a *int64, *[]int64, *float64, *bool,
// *Function or *Join; a list has one number for each spatial dim or, as Size
// of LayerNorm, for each dim that the layer treats.
type Param struct {
	Name     string
	At       func(l *Layer) any
	Min, Max float64
}

// Array is a weight of a kind with the dims that the parameters ask for.
type Array struct {
	Role     Role
	Optional bool
	Dims     func(l *Layer) []int64 // nil: checked by what uses it
}

// Spec is all that a layer of a kind may have.
type Spec struct {
	Params    []Param
	Arrays    []Array
	MinLayers int
	MaxLayers int
	// Spatial says that Kernel, or Size, has an entry for each spatial dim, and
	// so have all other lists.
	Spatial bool
}

// Bounds of parameters. They are beyond any model and keep all that is worked
// out from them far from where it could wrap.
const (
	maxFeatures = 1 << 31
	maxWindow   = 1 << 20
	maxLayers   = 1 << 16 // of a tree; each use of a shared layer counts
	maxDepth    = 64      // of a tree: deeper nesting is a trick, not a network
	maxSpatial  = 3
	maxDims     = 8 // of an array
)

// MaxNumbers is how many numbers a list of a layer may have; one is the least.
func MaxNumbers(k Kind) int {
	switch {
	case k == PixelShuffle:
		return 1
	case k == Upsample || specs[k].Spatial:
		return maxSpatial
	}
	return maxDims
}

var (
	in        = Param{"in", func(l *Layer) any { return &l.In }, 0, maxFeatures}
	in2       = Param{"in2", func(l *Layer) any { return &l.In2 }, 0, maxFeatures}
	out       = Param{"out", func(l *Layer) any { return &l.Out }, 0, maxFeatures}
	kernel    = Param{"kernel", func(l *Layer) any { return &l.Kernel }, 1, maxWindow}
	stride    = Param{"stride", func(l *Layer) any { return &l.Stride }, 1, maxWindow}
	dilation  = Param{"dilation", func(l *Layer) any { return &l.Dilation }, 1, maxWindow}
	before    = Param{"pad_before", func(l *Layer) any { return &l.Before }, 0, maxWindow}
	after     = Param{"pad_after", func(l *Layer) any { return &l.After }, 0, maxWindow}
	outPad    = Param{"out_pad", func(l *Layer) any { return &l.OutPad }, 0, maxWindow}
	groups    = Param{"groups", func(l *Layer) any { return &l.Groups }, 1, maxFeatures}
	size      = Param{"size", func(l *Layer) any { return &l.Size }, 1, maxFeatures}
	eps       = Param{"eps", func(l *Layer) any { return &l.Eps }, 0, 1}
	deviation = Param{"deviation", func(l *Layer) any { return &l.Deviation }, 0, 1}
	axis      = Param{"axis", func(l *Layer) any { return &l.Axis }, -8, 7}
	first     = Param{"first", func(l *Layer) any { return &l.First }, 0, 1}
	reset     = Param{"reset_after", func(l *Layer) any { return &l.ResetAfter }, 0, 1}
	batch     = Param{"batch_first", func(l *Layer) any { return &l.BatchFirst }, 0, 1}
	step      = Param{"step", func(l *Layer) any { return &l.Step }, 0, 1}
	scales    = Param{"scale", func(l *Layer) any { return &l.Scale }, 1, maxWindow}
	between   = Param{"linear", func(l *Layer) any { return &l.Linear }, 0, 1}
	whole     = Param{"whole", func(l *Layer) any { return &l.Whole }, 0, 1}
	heads     = Param{"heads", func(l *Layer) any { return &l.Heads }, 1, maxFeatures}
	activate  = Param{"function", func(l *Layer) any { return &l.Function }, math.Inf(-1), math.Inf(1)}
	join      = Param{"join", func(l *Layer) any { return &l.Join }, 0, 0}
)

func outs(l *Layer) []int64     { return []int64{l.Out} }
func channels(l *Layer) []int64 { return []int64{l.In} }
func sized(l *Layer) []int64    { return l.Size }

// norm are the weights of layers that normalise channels.
var norm = []Array{
	{Main, true, channels}, {Bias, true, channels}, {Mean, true, nil}, {Variance, true, nil},
}

// recurrent is what RNN, LSTM and GRU have in common.
func recurrent(gates int64, params []Param, more ...Array) Spec {
	wide := func(l *Layer) []int64 { return []int64{gates * l.Out} }
	return Spec{Params: append([]Param{in, out, batch, step}, params...), Arrays: append([]Array{
		{WeightIH, false, func(l *Layer) []int64 { return []int64{gates * l.Out, l.In} }},
		{WeightHH, false, func(l *Layer) []int64 {
			if l.Weights[WeightHN] != nil {
				return []int64{2 * l.Out, l.Out}
			}
			return []int64{gates * l.Out, l.Out}
		}},
		{BiasIH, true, wide}, {BiasHH, true, wide}, {Hidden, true, nil},
	}, more...)}
}

var specs = map[Kind]Spec{
	Chain:          {MaxLayers: maxLayers},
	SkipConnection: {Params: []Param{join, axis}, MinLayers: 1, MaxLayers: 1},
	Parallel:       {Params: []Param{join, axis}, MinLayers: 1, MaxLayers: maxLayers},
	PairwiseFusion: {Params: []Param{join, axis}, MinLayers: 1, MaxLayers: maxLayers},
	Maxout:         {MinLayers: 1, MaxLayers: maxLayers},
	Identity:       {},
	Dropout:        {},
	Elementwise:    {Params: []Param{activate}},
	Flatten:        {Params: []Param{whole}},
	Softmax:        {Params: []Param{axis}},
	LogSoftmax:     {Params: []Param{axis}},

	Dense: {Params: []Param{in, out, activate}, Arrays: []Array{
		{Main, false, func(l *Layer) []int64 { return []int64{l.Out, l.In} }}, {Bias, true, outs},
	}},
	Bilinear: {Params: []Param{in, in2, out, activate}, Arrays: []Array{
		{Main, false, func(l *Layer) []int64 { return []int64{l.Out, l.In, l.In2} }}, {Bias, true, outs},
	}},
	Scale: {Params: []Param{size, activate}, Arrays: []Array{{Main, false, sized}, {Bias, true, nil}}},
	Embedding: {Params: []Param{in, out, first}, Arrays: []Array{
		{Main, false, func(l *Layer) []int64 { return []int64{l.In, l.Out} }},
	}},

	Conv: {Params: []Param{in, out, kernel, stride, dilation, before, after, groups, activate}, Spatial: true, Arrays: []Array{
		{Main, false, func(l *Layer) []int64 { return append([]int64{l.Out, l.In / l.Groups}, l.Kernel...) }}, {Bias, true, outs},
	}},
	ConvTranspose: {Params: []Param{in, out, kernel, stride, dilation, before, after, outPad, groups, activate}, Spatial: true, Arrays: []Array{
		{Main, false, func(l *Layer) []int64 { return append([]int64{l.In, l.Out / l.Groups}, l.Kernel...) }}, {Bias, true, outs},
	}},
	MaxPool:          {Params: []Param{kernel, stride, before, after}, Spatial: true},
	MeanPool:         {Params: []Param{kernel, stride, before, after}, Spatial: true},
	GlobalMaxPool:    {},
	GlobalMeanPool:   {},
	AdaptiveMaxPool:  {Params: []Param{size}, Spatial: true},
	AdaptiveMeanPool: {Params: []Param{size}, Spatial: true},

	Upsample:     {Params: []Param{scales, between}},
	Resize:       {Params: []Param{size, between}, Spatial: true},
	PixelShuffle: {Params: []Param{scales}},

	MultiHeadAttention: {Params: []Param{heads}, MinLayers: 4, MaxLayers: 4},

	BatchNorm:    {Params: []Param{in, eps, deviation, activate}, Arrays: norm},
	InstanceNorm: {Params: []Param{in, eps, activate}, Arrays: norm},
	GroupNorm:    {Params: []Param{in, groups, eps, activate}, Arrays: norm},
	LayerNorm:    {Params: []Param{size, eps, deviation, activate}, Arrays: []Array{{Main, true, sized}, {Bias, true, sized}}},

	RNN:  recurrent(1, []Param{activate}),
	LSTM: recurrent(4, nil, Array{Cell, true, nil}),
	GRU: recurrent(3, []Param{reset}, Array{WeightHN, true, func(l *Layer) []int64 {
		return []int64{l.Out, l.Out}
	}}),
}

// SpecOf says what a layer of kind k may have.
func SpecOf(k Kind) (Spec, bool) {
	s, ok := specs[k]
	return s, ok
}

// Kinds are all kinds, by name.
func Kinds() []Kind { return slices.Sorted(maps.Keys(specs)) }

// Joins are all ways to join.
func Joins() []Join { return slices.Clone(joins) }
