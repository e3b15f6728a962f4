package flux

import (
	"math"
	"strings"

	"github.com/glovebox-ml/glovebox/guest/internal/layer"
)

// spellings are the functions that NNlib or Base call otherwise than we do.
var spellings = map[string]string{
	"σ": "sigmoid", "sigmoid_fast": "sigmoid", "σ_stable": "sigmoid", "tanh_fast": "tanh", "hardσ": "hardsigmoid",
	"logσ": "logsigmoid", "gelu_tanh": "gelu", "thresholdrelu": "trelu", "silu": "swish", "-": "neg",
}

// functionModules are the modules whose functions these are.
var functionModules = map[string]bool{
	"NNlib": true, "Base": true, "Base.Math": true, "Flux": true, "CUDA": true, "SpecialFunctions": true,
}

// named gives the module and name of a function that stands for itself.
func named(v value) (module, name string, ok bool) {
	if v.form != formStruct || !isFunction(v.name) || isAnonymous(v.name) || len(v.items) != 0 || v.data.kind != kindArray {
		return "", "", false
	}
	module = strings.TrimSuffix(v.name, "."+last(v.name))
	return module, strings.TrimPrefix(last(v.name), "#"), true
}

// parametric are the functions that take a parameter behind their number.
var parametric = map[string]bool{"leakyrelu": true, "elu": true, "celu": true, "softshrink": true, "trelu": true}

// elementwise gives the function that v is, applied to each element; it may be
// Base.Fix2(f, α), which is x -> f(x, α).
func (v part) elementwise() (layer.Function, bool) {
	if v.value.name == "Base.Fix2" && len(v.items) == 2 {
		f, ok := v.b.part(&v.items[0], v.p).elementwise()
		alpha, is := v.b.part(&v.items[1], v.p).scalar()
		f.Alpha = alpha
		return f, ok && is && parametric[f.Name] && alpha != 0 && !math.IsInf(alpha, 0) && !math.IsNaN(alpha)
	}
	return elementwise(v.value)
}

func elementwise(v value) (layer.Function, bool) {
	module, name, ok := named(v)
	if s, other := spellings[name]; other {
		name = s
	}
	if !ok || !functionModules[module] || !layer.IsFunction(name) {
		return layer.Function{}, false
	}
	return layer.Function{Name: name}, true
}

// broadcast gives what an object that broadcasts a function has inside:
// Base.Fix1(broadcast, f), Base.Fix1(map, f) and Base.BroadcastFunction(f).
func (f *file) broadcast(v value) (inner value, ok bool) {
	switch {
	case v.form != formStruct:
	case v.name == "Base.Broadcast.BroadcastFunction" && len(v.items) == 1:
		return f.value(&v.items[0]), true
	case v.name == "Base.Fix1" && len(v.items) == 2:
		if _, name, ok := named(f.value(&v.items[0])); ok && (name == "broadcast" || name == "map") {
			return f.value(&v.items[1]), true
		}
	}
	return value{}, false
}

// whole are the functions of a whole array that may stand as a layer.
var whole = map[string]layer.Layer{
	"NNlib.softmax":    {Kind: layer.Softmax, Axis: -1},
	"Flux.softmax":     {Kind: layer.Softmax, Axis: -1},
	"NNlib.logsoftmax": {Kind: layer.LogSoftmax, Axis: -1},
	"Flux.logsoftmax":  {Kind: layer.LogSoftmax, Axis: -1},
	"Flux.flatten":     {Kind: layer.Flatten},
	"MLUtils.flatten":  {Kind: layer.Flatten},
	"Base.identity":    {Kind: layer.Identity},
	"Base.vec":         {Kind: layer.Flatten, Whole: true},
	"Flux.cpu":         {Kind: layer.Identity},
	"Flux.gpu":         {Kind: layer.Identity},
	"Flux.f32":         {Kind: layer.Identity},
}

// arrayFunctions are the modules whose elementwise functions take arrays as
// well. That of Base takes the function of a matrix, which is another thing.
var arrayFunctions = map[string]bool{"NNlib": true, "Flux": true}

// joins are the functions that join what several layers give. Axes of Julia
// count from the other end.
var joins = map[string]layer.Layer{
	"Base.+":     {Join: layer.JoinAdd},
	"Base.-":     {Join: layer.JoinSub},
	"Base.vcat":  {Join: layer.JoinConcat, Axis: -1},
	"Base.hcat":  {Join: layer.JoinConcat, Axis: -2},
	"Core.tuple": {Join: layer.JoinTuple},
}

// broadcastJoins are those that broadcast, beside + and -.
var broadcastJoins = map[string]layer.Join{
	"Base.+": layer.JoinAdd, "Base.-": layer.JoinSub, "Base.*": layer.JoinMul, "Base.max": layer.JoinMax,
}
