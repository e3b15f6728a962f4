package flux

import "strings"

// layouts are the fields of Flux's layers, in their order in a file. A layer
// that changed has one list for each number of fields that it had.
var layouts = map[string][]string{
	"Chain":          {"layers"},
	"SkipConnection": {"layers connection"},
	"Parallel":       {"connection layers"},
	"Maxout":         {"layers"},
	"Dropout":        {"p active", "p dims active", "p dims active rng"},
	"AlphaDropout":   {"p active", "p active rng"},

	"Dense":     {"weight bias σ"},
	"Bilinear":  {"weight bias σ"},
	"Diagonal":  {"α β"},
	"Scale":     {"scale bias σ"},
	"Embedding": {"weight"},

	"Conv":          {"σ weight bias stride pad", "σ weight bias stride pad dilation", "σ weight bias stride pad dilation groups"},
	"CrossCor":      {"σ weight bias stride pad dilation"},
	"DepthwiseConv": {"σ weight bias stride pad", "σ weight bias stride pad dilation"},
	"ConvTranspose": {
		"σ weight bias stride pad dilation", "σ weight bias stride pad dilation groups", "σ weight bias stride pad outpad dilation groups",
	},
	"MaxPool":          {"k pad stride"},
	"MeanPool":         {"k pad stride"},
	"GlobalMaxPool":    {""},
	"GlobalMeanPool":   {""},
	"AdaptiveMaxPool":  {"out"},
	"AdaptiveMeanPool": {"out"},

	"BatchNorm":    {"λ β γ μ σ² ϵ momentum active", "λ β γ μ σ² ϵ momentum affine track_stats active chs"},
	"InstanceNorm": {"λ β γ μ σ² ϵ momentum active", "λ β γ μ σ² ϵ momentum affine track_stats active chs"},
	"GroupNorm":    {"G λ β γ μ σ² ϵ momentum active", "G λ β γ μ σ² ϵ momentum affine track_stats active chs"},
	"LayerNorm":    {"diag", "λ diag ϵ size affine"},

	"Recur":      {"cell state", "cell init state"},
	"Recurrence": {"cell"},
	"RNN":        {"cell"},
	"LSTM":       {"cell"},
	"GRU":        {"cell"},
	"GRUv3":      {"cell"},
	"RNNCell":    {"σ Wi Wh bias", "σ Wi Wh b state0"},
	"LSTMCell":   {"Wi Wh bias", "Wi Wh b state0", "Wi Wh b h c"},
	"GRUCell":    {"Wi Wh b", "Wi Wh b state0"},
	"GRUv3Cell":  {"Wi Wh b Wh_h̃", "Wi Wh b Wh_h̃ state0"},
}

// layerName is the name of a layer of Flux, or "".
func layerName(typ string) string {
	name, ok := strings.CutPrefix(typ, "Flux.")
	if _, known := layouts[name]; ok && known {
		return name
	}
	return ""
}

// fieldNames are the names of the fields of a struct, or nil.
func (f *file) fieldNames(v value) []string {
	if v.name == "Core.NamedTuple" {
		return f.tupleNames(v)
	}
	for _, l := range layouts[layerName(v.name)] {
		if names := strings.Fields(l); len(names) == len(v.items) {
			return names
		}
	}
	return nil
}

// tupleNames are the names of a NamedTuple, which are a part of its type.
func (f *file) tupleNames(v value) []string {
	params := f.params(v.typ)
	if len(params) == 0 {
		return nil
	}
	list := f.value(&params[0])
	if list.form != formTuple || len(list.items) != len(v.items) {
		return nil
	}
	var names []string
	for i := range list.items {
		s := f.value(&list.items[i])
		if s.form != formSymbol {
			return nil
		}
		names = append(names, s.name)
	}
	return names
}

// dataTypes are types that hold data and no code; a name that ends with a dot
// is a module. Their fields are listed and nothing more.
var dataTypes = []string{
	"Core.NamedTuple", "Core.Nothing", "Core.Void", "Base.Missing", "Core.Colon", "Base.Colon",
	"Base.Dict", "Base.IdDict", "Base.ObjectIdDict", "Base.Set", "Base.IdSet", "Base.Pair", "Base.RefValue", "Base.ImmutableDict",
	"Base.OneTo", "Base.UnitRange", "Base.StepRange", "Base.StepRangeLen", "Base.LinRange", "Base.TwicePrecision",
	"Base.BitArray", "Base.SubArray", "Base.ReshapedArray", "Base.ReinterpretArray", "Base.Iterators.Pairs", "Base.Pairs",
	"Base.Complex", "Base.Rational", "Base.VersionNumber", "Base.Fix1", "Base.Fix2", "Base.Broadcast.BroadcastFunction",
	"Base.UUID", "Base.Some", "Base.Val",
	"LinearAlgebra.", "SparseArrays.", "Dates.", "Random.", "OneHotArrays.", "FillArrays.", "StaticArrays.", "OrderedCollections.",
	"Flux.Zeros", "Flux.OneHotArray", "Flux.OneHotMatrix", "Flux.OneHotVector", "Flux.SamePad",
	"Flux.Optimise.", "Flux.Optimiser.", "Optimisers.", "ParameterSchedulers.", "Flux.Tracker.", "Tracker.",
	"Zygote.Params", "Zygote.Grads", "Zygote.Buffer", "CUDA.CuArray", "CuArrays.CuArray", "DataStructures.",
}

// isData reports whether a struct of this type is data.
func isData(name string) bool {
	return layerName(name) != "" || elements[name] != 0 || primitives[name] || HoldsData(name)
}

// HoldsData reports whether a type of Julia, which is neither a layer nor a
// number, is known to hold data and no code.
func HoldsData(name string) bool {
	for _, t := range dataTypes {
		if name == t || strings.HasSuffix(t, ".") && strings.HasPrefix(name, t) {
			return true
		}
	}
	return false
}

// primitives are numbers that are not elements of tensors.
var primitives = map[string]bool{"Core.Int128": true, "Core.UInt128": true}

// libraries are the modules whose functions are known by their names.
var libraries = map[string]bool{
	"Base": true, "Base.Math": true, "Base.Broadcast": true, "Core": true, "Flux": true, "NNlib": true, "MLUtils": true, "Statistics": true,
	"Flux.Losses": true, "Tracker": true, "Flux.Tracker": true, "Zygote": true, "LinearAlgebra": true, "Random": true, "CUDA": true,
}

// problem says why a value may not be in a file of data, or nothing.
func problem(v value) string {
	switch {
	case v.form == formCode:
		return v.name
	case v.form != formStruct:
		return ""
	case isAnonymous(v.name):
		return "an anonymous function, " + v.name
	case isFunction(v.name):
		if libraries[strings.TrimSuffix(v.name, "."+last(v.name))] {
			return ""
		}
		return "a function of whoever saved the file, " + v.name
	case isData(v.name):
		return ""
	}
	return "a value of the type " + v.name + ", which is not known"
}
