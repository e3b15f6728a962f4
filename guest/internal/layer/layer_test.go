package layer

import (
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func array(dims ...int64) *Weight {
	return &Weight{Path: "w", Type: tensor.Of(tensor.Float32, dims...)}
}

func linear(change func(l *Layer)) *Layer {
	l := &Layer{Kind: Dense, In: 3, Out: 2, Weights: map[Role]*Weight{Main: array(2, 3), Bias: array(2)}}
	change(l)
	return l
}

func TestCheck(t *testing.T) {
	deep := &Layer{Kind: Chain}
	for range maxDepth + 1 {
		deep = &Layer{Kind: Chain, Layers: []*Layer{deep}}
	}
	wide := &Layer{Kind: Chain, Layers: make([]*Layer, 256)}
	for i := range wide.Layers {
		wide.Layers[i] = &Layer{Kind: Chain, Layers: make([]*Layer, 256)}
		for j := range wide.Layers[i].Layers {
			wide.Layers[i].Layers[j] = &Layer{Kind: Identity}
		}
	}
	window := func(change func(l *Layer)) *Layer {
		l := &Layer{
			Kind: Conv, In: 4, Out: 6, Kernel: []int64{3, 2}, Stride: []int64{1, 1}, Dilation: []int64{1, 1},
			Before: []int64{0, 0}, After: []int64{0, 0}, Groups: 2, Weights: map[Role]*Weight{Main: array(6, 2, 3, 2)},
		}
		change(l)
		return l
	}
	for _, test := range []struct {
		name string
		l    *Layer
		text string // empty: accepted
	}{
		{"dense", linear(func(*Layer) {}), ""},
		{"no such kind", &Layer{Kind: "Lambda"}, "no such kind"},
		{"no weight", linear(func(l *Layer) { delete(l.Weights, Main) }), "no weight"},
		{"no bias", linear(func(l *Layer) { delete(l.Weights, Bias) }), ""},
		{"weight of another shape", linear(func(l *Layer) { l.Weights[Main] = array(3, 2) }), "weight has the shape [3 2], not [2 3]"},
		{"weight that is turned", linear(func(l *Layer) { l.Weights[Main] = array(3, 2); l.Weights[Main].Perm = []int64{1, 0} }), ""},
		{"weight of another kind", linear(func(l *Layer) { l.Weights[Mean] = array(2) }), "a weight that Dense does not have"},
		{"weight of integers", linear(func(l *Layer) { l.Weights[Main] = &Weight{Type: tensor.Of(tensor.Int32, 2, 3)} }), "weight is int32"},
		{"function unknown", linear(func(l *Layer) { l.Function.Name = "eval" }), `function "eval"`},
		{"features negative", linear(func(l *Layer) { l.In = -1 }), "in is -1"},
		{"conv", window(func(*Layer) {}), ""},
		{"stride of another length", window(func(l *Layer) { l.Stride = []int64{1} }), "stride has 1 numbers for 2"},
		{"stride zero", window(func(l *Layer) { l.Stride = []int64{0, 1} }), "stride is 0"},
		{"dilation huge", window(func(l *Layer) { l.Dilation = []int64{1, 1 << 40} }), "dilation is"},
		{"padding negative", window(func(l *Layer) { l.Before = []int64{-1, 0} }), "pad_before is -1"},
		{"groups that do not divide", window(func(l *Layer) { l.Groups = 3 }), "3 groups of 4 and 6 channels"},
		{"groups zero", window(func(l *Layer) { l.Groups = 0 }), "groups is 0"},
		{"four spatial dims", window(func(l *Layer) { l.Kernel = []int64{1, 1, 1, 1} }), "kernel has 4 numbers, not 1 to 3"},
		{"layers in a leaf", linear(func(l *Layer) { l.Layers = []*Layer{{Kind: Identity}} }), "1 layers inside"},
		{"skip of nothing", &Layer{Kind: SkipConnection, Join: JoinAdd}, "0 layers inside"},
		{"join unknown", &Layer{Kind: SkipConnection, Join: "eval", Layers: []*Layer{{Kind: Identity}}}, `way to join "eval"`},
		{"join without its layer", &Layer{Kind: SkipConnection, Join: JoinLayer, Layers: []*Layer{{Kind: Identity}}}, "without its layer"},
		{"too deep", deep, "nested more than"},
		{"too many", wide, "more than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fault := scan.Catch(test.l.Check)
			switch {
			case test.text == "" && fault != nil:
				t.Errorf("%+v", fault)
			case test.text != "" && (fault == nil || !strings.Contains(fault.Text, test.text) || fault.Kind == abi.FaultInput):
				t.Errorf("%+v, want %q", fault, test.text)
			}
		})
	}
}

// TestKinds: each kind can be lowered, and each of its lists has a range.
func TestKinds(t *testing.T) {
	containers := map[Kind]bool{Chain: true, SkipConnection: true, Parallel: true, Maxout: true, Bilinear: true, PairwiseFusion: true, MultiHeadAttention: true}
	for k, spec := range specs {
		if lowerings[k] == nil && !containers[k] {
			t.Errorf("%s cannot be lowered", k)
		}
		for _, p := range spec.Params {
			if p.Min > p.Max {
				t.Errorf("%s: %s from %g to %g", k, p.Name, p.Min, p.Max)
			}
			switch v := p.At(&Layer{}).(type) {
			case *int64, *[]int64, *float64, *bool, *Function, *Join:
			default:
				t.Errorf("%s: %s is a %T", k, p.Name, v)
			}
		}
	}
}
