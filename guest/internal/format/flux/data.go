package flux

import "strings"

// dataTypes are types that hold data and no code; a name that ends with a dot
// is a module. Their fields are listed and nothing more.
var dataTypes = []string{
	"Core.NamedTuple", "Core.Nothing", "Core.Void", "Base.Missing", "Core.Colon", "Base.Colon", "BSON.Undef",
	"Base.Dict", "Base.IdDict", "Base.ObjectIdDict", "Base.Set", "Base.IdSet", "Base.BitSet", "Base.IntSet", "Base.ImmutableDict",
	"Base.KeySet", "Base.ValueIterator", "Base.Pair", "Base.RefValue", "Base.Some", "Base.Val", "Base.Iterators.", "Base.Pairs",
	"Base.OneTo", "Base.Slice", "Base.UnitRange", "Base.StepRange", "Base.StepRangeLen", "Base.LinRange", "Base.TwicePrecision",
	"Base.IteratorsMD.", "Base.BitArray", "Base.SubArray", "Base.ReshapedArray", "Base.ReinterpretArray",
	"Base.PermutedDimsArrays.PermutedDimsArray", "Base.Complex", "Base.Rational", "Base.Irrational", "Base.Rounding.RoundingMode",
	"Base.SubString", "Base.CodeUnits", "Base.VersionNumber", "Base.UUID",
	"Base.Fix1", "Base.Fix2", "Base.ComposedFunction", "Base.Broadcast.BroadcastFunction", "Base.Order.",
	"Base.Dates.", "Base.LinAlg.", "Base.SparseArrays.", "Base.Random.",
	"LinearAlgebra.", "SparseArrays.", "Dates.", "Random.", "OneHotArrays.", "FillArrays.", "StaticArrays.", "OrderedCollections.",
	"Flux.Zeros", "Flux.OneHotArray", "Flux.OneHotMatrix", "Flux.OneHotVector", "Flux.SamePad", "Flux.NilNumber.", "Flux.Data.",
	"Flux.FluxCPUAdaptor", "Flux.FluxCPUDevice", "Flux.FluxCUDAAdaptor", "Flux.FluxCUDADevice", "MLDataDevices.", "MLUtils.",
	"Flux.Optimise.", "Flux.Optimiser.", "Optimisers.", "ParameterSchedulers.", "Flux.Tracker.", "Tracker.", "NNlib.",
	"Zygote.Params", "Zygote.Grads", "Zygote.Buffer", "Zygote.IdSet", "CUDA.CuArray", "CuArrays.CuArray", "DataStructures.",
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

// libraries are the modules whose functions are known by their names, and
// whether all of them only compute.
var libraries = map[string]bool{
	"Core": false, "Base": false, "Base.Math": true, "Base.FastMath": true, "Base.Broadcast": true,
	"Flux": true, "Flux.Losses": true, "Flux.Optimise": true, "NNlib": true, "MLUtils": true, "Tracker": true, "Flux.Tracker": true,
	"Zygote": true, "CUDA": true, "Statistics": true, "LinearAlgebra": true, "Random": true, "SpecialFunctions": true, "OneHotArrays": true,
}

// computing are the functions of Julia itself that only compute. Others read
// files, start programs or evaluate code.
var computing = words(`identity + - * / \ ^ ÷ % ! & | == != < > <= >= ≤ ≥ ∘ xor
	max min minmax clamp abs abs2 sign sqrt cbrt inv exp exp2 exp10 expm1 log log2 log10 log1p hypot muladd fma mod rem div
	sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh sinpi cospi sinc floor ceil round trunc
	zero one float real imag conj angle isnan isinf isfinite iszero isequal isless
	sum prod maximum minimum extrema any all count cumsum cumprod argmax argmin findmax findmin
	vcat hcat cat hvcat tuple pair first last only getindex selectdim view vec reshape dropdims permutedims transpose adjoint
	reverse repeat stack map broadcast mapreduce reduce foldl foldr collect copy deepcopy similar fill zeros ones size length
	ndims axes eltype rand randn`)

func words(s string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(s) {
		m[w] = true
	}
	return m
}

// problem says by which rule a value may not be in a file of data, and what it
// is; nothing, if it may.
func problem(v value) (rule, string) {
	switch {
	case v.form == formCode:
		return v.rule, v.name
	case v.form != formStruct:
		return ruleNone, ""
	case isAnonymous(v.name), isFunction(v.name) && (len(v.items) > 0 || v.data.kind != kindArray):
		return ruleClosure, "an anonymous function, " + v.name
	case isFunction(v.name):
		module, name := strings.TrimSuffix(v.name, "."+last(v.name)), strings.TrimPrefix(last(v.name), "#")
		switch all, known := libraries[module]; {
		case !known:
			return ruleFunction, "a function of whoever saved the file, " + v.name
		case !all && !computing[name]:
			return ruleFunction, "a function that may do more than compute, " + v.name
		}
		return ruleNone, ""
	case isData(v.name):
		return ruleNone, ""
	}
	return ruleType, "a value of the type " + v.name + ", which is not known"
}
