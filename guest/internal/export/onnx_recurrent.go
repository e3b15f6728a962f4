package export

import (
	"slices"

	"github.com/glovebox-ml/glovebox/guest/internal/layer"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// gates says where ONNX has the gates that a layer has in the order i f g o, or
// r z n.
var gates = map[layer.Kind][]int64{layer.RNN: {0}, layer.LSTM: {0, 3, 1, 2}, layer.GRU: {1, 0, 2}}

// recurrent writes a layer over one step, a batch of steps, a sequence, or a
// batch of sequences; which it is, the rank says.
func recurrent(g *graph, l *layer.Layer, x value) value {
	x = g.real(l, x)
	if !x.ranked || len(x.dims) < 1 || len(x.dims) > 3 || len(x.dims) == 1 && !l.Step {
		g.lacks("an input whose rank is not known, or not 1 to 3; give the shape of the input")
	}
	d := x.dtype
	// Unit dims make x (time, batch, features). Y is (time, 1, batch, hidden).
	var added []int64
	drop := []int64{1}
	switch rank := len(x.dims); {
	case rank == 1:
		added, drop = []int64{0, 1}, []int64{0, 1, 2}
	case rank == 2 && l.Step:
		added, drop = []int64{0}, []int64{0, 1}
	case rank == 2:
		added, drop = []int64{1}, []int64{1, 2}
	}
	seq := x
	switch {
	case added != nil:
		seq = g.op("Unsqueeze", []value{x, g.vector(added...)})
	case l.BatchFirst:
		seq = g.op("Transpose", []value{x}, attr{"perm", []int64{1, 0, 2}})
	}
	in := []value{
		seq, g.gateWeights(l, layer.WeightIH, d), g.gateWeights(l, layer.WeightHH, d), g.gateBiases(l, d), {}, g.state(l, layer.Hidden, seq),
	}
	attrs := []attr{{"hidden_size", l.Out}}
	switch l.Kind {
	case layer.LSTM:
		in = append(in, g.state(l, layer.Cell, seq))
	case layer.GRU:
		reset := int64(0)
		if l.ResetAfter {
			reset = 1
		}
		attrs = append(attrs, attr{"linear_before_reset", reset})
	case layer.RNN:
		attrs = append(attrs, g.activation(l.Function)...)
	}
	y := g.op("Squeeze", []value{g.op(string(l.Kind), in, attrs...), g.vector(drop...)})
	if l.BatchFirst && len(x.dims) == 3 {
		y = g.op("Transpose", []value{y}, attr{"perm", []int64{1, 0, 2}})
	}
	return y.with(append(slices.Clone(x.dims[:len(x.dims)-1]), l.Out)...)
}

// reorder puts the gates along the first dim of v into the order of ONNX.
func (g *graph) reorder(l *layer.Layer, v value) value {
	order := gates[l.Kind]
	if len(order) == 1 {
		return v
	}
	split := append([]int64{int64(len(order)), l.Out}, v.dims[1:]...)
	y := g.op("Reshape", []value{v, g.vector(split...)})
	y = g.op("Gather", []value{y, g.vector(order...)}, attr{"axis", int64(0)})
	return g.op("Reshape", []value{y, g.vector(v.dims...)})
}

// gateWeights is a matrix of weights as one direction.
func (g *graph) gateWeights(l *layer.Layer, r layer.Role, d tensor.DType) value {
	v := g.weight(l, r, d)
	if n := g.weight(l, layer.WeightHN, d); n.name != "" && r == layer.WeightHH {
		rows := v.dims[0] + n.dims[0]
		v = g.op("Concat", []value{v, n}, attr{"axis", int64(0)}).with(rows, v.dims[1])
	}
	return g.op("Unsqueeze", []value{g.reorder(l, v), g.vector(0)})
}

// gateBiases are those of the input, then those of the state.
func (g *graph) gateBiases(l *layer.Layer, d tensor.DType) value {
	var both []value
	for _, r := range [...]layer.Role{layer.BiasIH, layer.BiasHH} {
		v := g.weight(l, r, d)
		if v.name == "" {
			v = g.filled(0, int64(len(gates[l.Kind]))*l.Out, d)
		} else {
			v = g.reorder(l, v)
		}
		both = append(both, v)
	}
	return g.op("Unsqueeze", []value{g.op("Concat", both, attr{"axis", int64(0)}), g.vector(0)})
}

// state is a stored state for each sequence of the batch of seq (time, batch,
// features); without a name, if there is none.
func (g *graph) state(l *layer.Layer, r layer.Role, seq value) value {
	v := g.weight(l, r, seq.dtype)
	if v.name == "" {
		return v
	}
	shape := g.op("Shape", []value{seq}, attr{"start", int64(1)}, attr{"end", int64(2)})
	shape.dtype = tensor.Int64
	dims := g.op("Concat", []value{g.vector(1), shape, g.vector(l.Out)}, attr{"axis", int64(0)})
	return g.op("Expand", []value{v, dims})
}

// activations are the functions that a recurrent operator knows.
var activations = map[string]string{
	"relu": "Relu", "tanh": "Tanh", "sigmoid": "Sigmoid", "softsign": "Softsign", "softplus": "Softplus",
	"leakyrelu": "LeakyRelu", "rrelu": "LeakyRelu", "elu": "Elu", "hardsigmoid": "HardSigmoid",
}

func (g *graph) activation(f layer.Function) []attr {
	if f.Name == "" || f.Name == "identity" {
		f = layer.Function{Name: "leakyrelu", Alpha: 1}
	}
	name, ok := activations[f.Name]
	if !ok {
		g.lacks("function %q in a recurrent layer", f.Name)
	}
	alpha, beta := f.Parameters()
	return []attr{{"activations", []string{name}}, {"activation_alpha", []float64{alpha}}, {"activation_beta", []float64{beta}}}
}
