package export

import (
	"math"

	"github.com/glovebox-ml/glovebox/guest/internal/layer"
)

// operators are the functions that ONNX has, with the names of the attributes
// that their two parameters are.
var operators = map[string]struct {
	op     string
	params []string
}{
	"relu": {"Relu", nil}, "leakyrelu": {"LeakyRelu", []string{"alpha"}}, "sigmoid": {"Sigmoid", nil}, "tanh": {"Tanh", nil},
	"elu": {"Elu", []string{"alpha"}}, "selu": {"Selu", []string{"alpha", "gamma"}}, "celu": {"Celu", []string{"alpha"}},
	"gelu_erf": {"Gelu", nil}, "hardswish": {"HardSwish", nil}, "hardsigmoid": {"HardSigmoid", []string{"alpha", "beta"}},
	"softplus": {"Softplus", nil}, "softsign": {"Softsign", nil}, "mish": {"Mish", nil}, "exp": {"Exp", nil}, "abs": {"Abs", nil},
	"rrelu": {"LeakyRelu", []string{"alpha"}}, "tan": {"Tan", nil}, "atan": {"Atan", nil}, "sinh": {"Sinh", nil}, "cosh": {"Cosh", nil},
	"asinh": {"Asinh", nil}, "erf": {"Erf", nil}, "sign": {"Sign", nil}, "neg": {"Neg", nil}, "inv": {"Reciprocal", nil},
	"sin": {"Sin", nil}, "cos": {"Cos", nil}, "sqrt": {"Sqrt", nil}, "log": {"Log", nil}, "trelu": {"ThresholdedRelu", []string{"alpha"}},
}

// composed are the functions that are made of several operators.
var composed = map[string]func(g *graph, x value, alpha float64) value{
	"gelu": func(g *graph, x value, _ float64) value {
		return g.one("Gelu", []value{x}, attr{"approximate", "tanh"})
	},
	"abs2": func(g *graph, x value, _ float64) value { return g.one("Mul", []value{x, x}) },
	"swish": func(g *graph, x value, _ float64) value {
		return g.one("Mul", []value{x, g.one("Sigmoid", []value{x})})
	},
	"gelu_sigmoid": func(g *graph, x value, _ float64) value {
		y := g.one("Mul", []value{x, g.scalar(1.702, x.dtype)})
		return g.one("Mul", []value{x, g.one("Sigmoid", []value{y})})
	},
	"hardtanh": func(g *graph, x value, _ float64) value { return g.clip(x, -1, 1) },
	"relu6":    func(g *graph, x value, _ float64) value { return g.clip(x, 0, 6) },
	"lisht": func(g *graph, x value, _ float64) value {
		return g.one("Mul", []value{x, g.one("Tanh", []value{x})})
	},
	"tanhshrink": func(g *graph, x value, _ float64) value {
		return g.one("Sub", []value{x, g.one("Tanh", []value{x})})
	},
	"logsigmoid": func(g *graph, x value, _ float64) value {
		return g.one("Neg", []value{g.one("Softplus", []value{g.one("Neg", []value{x})})})
	},
	"logcosh": func(g *graph, x value, _ float64) value {
		y := g.one("Softplus", []value{g.one("Mul", []value{x, g.scalar(-2, x.dtype)})})
		return g.one("Sub", []value{g.one("Add", []value{x, y}), g.scalar(math.Ln2, x.dtype)})
	},
	"softshrink": func(g *graph, x value, alpha float64) value {
		return g.one("Shrink", []value{x}, attr{"bias", alpha}, attr{"lambd", alpha})
	},
}

func (g *graph) clip(x value, low, high float64) value {
	return g.one("Clip", []value{x, g.scalar(low, x.dtype), g.scalar(high, x.dtype)})
}

// apply writes a function, as package layer defines it.
func (g *graph) apply(f layer.Function, x value) value {
	if f.Name == "" || f.Name == "identity" {
		return x
	}
	x = g.real(g.at, x)
	alpha, beta := f.Parameters()
	if o, ok := operators[f.Name]; ok {
		var attrs []attr
		for i, name := range o.params {
			attrs = append(attrs, attr{name, [...]float64{alpha, beta}[i]})
		}
		return g.one(o.op, []value{x}, attrs...)
	}
	compose, ok := composed[f.Name]
	if !ok {
		g.lacks("function %q", f.Name)
	}
	return compose(g, x, alpha)
}
