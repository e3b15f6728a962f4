// Package arch reads networks that are described in JSON: an ordered tree of
// the layers of package layer with their parameters, and nothing that could be
// run. The weights are in a file of their own, the part called "weights".
//
// docs/ARCHITECTURE.md is what a person needs to write one, and the JSON Schema
// beside it the same for an editor; a test keeps both equal to the tables here.
package arch

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/layer"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Version is the only version of the description that there is.
const Version = 1

// WeightsPart is the name of the part with the weights.
const WeightsPart = "weights"

const (
	maxName = abi.MaxName // bytes of a key, a name or a path: what a port may have
	maxNote = 4096        // bytes of a note to the reader, which is not kept
	maxDims = tensor.MaxRank
	maxDim  = 1 << 46 // beyond what a tensor may hold
)

// Description is a network as it stands in its file.
type Description struct {
	Input  abi.Port
	Output string
	Bind   Bind
	Root   *layer.Layer // a Chain
	Holes  []abi.Fault  // what a person has yet to fill in

	slots []slot
}

// Bind says how weights are found.
type Bind string

// The ways to find weights.
const (
	ByPath  Bind = "path"  // by their names
	ByOrder Bind = "order" // in the order of the layers, all of them and no other
)

// slot is a weight that a layer wants.
type slot struct {
	layer  *layer.Layer
	role   layer.Role
	name   string // of the tensor, where they are found by path
	offset int64
	steps  *steps // nil: as the format of the file has it
	usual  bool   // its description does not say which weights it has
}

// steps are what a person may say of how a weight comes out of the bytes of
// the file, row by row: they have dims, are permuted, and reversed along axes.
type steps struct {
	dims, perm, flip []int64
}

// dtypes are the element types of an input.
var dtypes = map[string]tensor.DType{
	"float32": tensor.Float32, "float64": tensor.Float64, "float16": tensor.Float16, "bfloat16": tensor.BFloat16,
	"int8": tensor.Int8, "int16": tensor.Int16, "int32": tensor.Int32, "int64": tensor.Int64,
	"uint8": tensor.Uint8, "uint16": tensor.Uint16, "uint32": tensor.Uint32, "uint64": tensor.Uint64, "bool": tensor.Bool,
}

// defaults are the weights that a layer has unless its description says which.
// A kind that is not here has those that it cannot do without.
var defaults = map[layer.Kind][]layer.Role{
	layer.Dense:         {layer.Main, layer.Bias},
	layer.Bilinear:      {layer.Main, layer.Bias},
	layer.Scale:         {layer.Main, layer.Bias},
	layer.Conv:          {layer.Main, layer.Bias},
	layer.ConvTranspose: {layer.Main, layer.Bias},
	layer.BatchNorm:     {layer.Main, layer.Bias, layer.Mean, layer.Variance},
	layer.GroupNorm:     {layer.Main, layer.Bias},
	layer.LayerNorm:     {layer.Main, layer.Bias},
	layer.RNN:           {layer.WeightIH, layer.WeightHH, layer.BiasIH, layer.BiasHH},
	layer.LSTM:          {layer.WeightIH, layer.WeightHH, layer.BiasIH, layer.BiasHH},
	layer.GRU:           {layer.WeightIH, layer.WeightHH, layer.BiasIH, layer.BiasHH},
}

// roles are the weights that a layer of kind k has by default.
func roles(k layer.Kind) []layer.Role {
	if rs := defaults[k]; rs != nil {
		return rs
	}
	var rs []layer.Role
	spec, _ := layer.SpecOf(k)
	for _, a := range spec.Arrays {
		if !a.Optional {
			rs = append(rs, a.Role)
		}
	}
	return rs
}

// suffix is what the name of a weight ends in. PyTorch numbers the weights of
// recurrent layers.
func suffix(r layer.Role) string {
	switch r {
	case layer.WeightIH, layer.WeightHH, layer.BiasIH, layer.BiasHH:
		return string(r) + "_l0"
	}
	return string(r)
}
