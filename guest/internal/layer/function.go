package layer

import (
	"maps"
	"math"
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Function is an elementwise function by its name, as NNlib defines it. Alpha
// replaces its usual parameter where it is not 0. The empty name is identity.
type Function struct {
	Name  string
	Alpha float64
}

// function is how a Function is computed: by one instruction, or by ops.
type function struct {
	fn    abi.Fn
	alpha float64 // the usual first parameter
	beta  float64
	ops   func(t *trace.Tracer, x *trace.Value, alpha float64) *trace.Value
}

var functions = map[string]function{
	"identity":    {ops: func(_ *trace.Tracer, x *trace.Value, _ float64) *trace.Value { return x }},
	"relu":        {fn: abi.FnRelu},
	"leakyrelu":   {fn: abi.FnLeaky, alpha: 0.01},
	"rrelu":       {fn: abi.FnLeaky, alpha: (1./8 + 1./3) / 2}, // the mean of the slopes that training draws
	"sigmoid":     {fn: abi.FnSigmoid},
	"tanh":        {fn: abi.FnTanh},
	"elu":         {fn: abi.FnElu, alpha: 1},
	"selu":        {fn: abi.FnSelu, alpha: 1.6732632423543772, beta: 1.0507009873554805},
	"celu":        {fn: abi.FnCelu, alpha: 1},
	"gelu":        {fn: abi.FnGeluTanh},
	"gelu_erf":    {fn: abi.FnGelu},
	"swish":       {fn: abi.FnSilu},
	"hardswish":   {fn: abi.FnHardSwish},
	"hardsigmoid": {fn: abi.FnHardSigmoid, alpha: 1. / 6, beta: 0.5},
	"softplus":    {fn: abi.FnSoftplus},
	"softsign":    {fn: abi.FnSoftsign},
	"mish":        {fn: abi.FnMish},
	"exp":         {fn: abi.FnExp},
	"abs":         {fn: abi.FnAbs},
	"sin":         {fn: abi.FnSin},
	"cos":         {fn: abi.FnCos},
	"sqrt":        {fn: abi.FnSqrt},
	"log":         {fn: abi.FnLog},
	"tan":         {fn: abi.FnTan},
	"atan":        {fn: abi.FnAtan},
	"sinh":        {fn: abi.FnSinh},
	"cosh":        {fn: abi.FnCosh},
	"asinh":       {fn: abi.FnAsinh},
	"erf":         {fn: abi.FnErf},
	"sign":        {fn: abi.FnSign},
	"neg":         {fn: abi.FnNeg},
	"inv":         {fn: abi.FnRecip},

	"abs2": {ops: func(t *trace.Tracer, x *trace.Value, _ float64) *trace.Value { return t.Map2(abi.FnMul, x, x) }},
	"gelu_sigmoid": {ops: func(t *trace.Tracer, x *trace.Value, _ float64) *trace.Value {
		return t.Map1(abi.FnQuickGelu, parameters(1.702, 0), x)
	}},
	"hardtanh": {ops: func(t *trace.Tracer, x *trace.Value, _ float64) *trace.Value { return clamp(t, x, -1, 1) }},
	"relu6":    {ops: func(t *trace.Tracer, x *trace.Value, _ float64) *trace.Value { return clamp(t, x, 0, 6) }},
	"lisht": {ops: func(t *trace.Tracer, x *trace.Value, _ float64) *trace.Value {
		return t.Map2(abi.FnMul, x, t.Map1(abi.FnTanh, 0, x))
	}},
	"tanhshrink": {ops: func(t *trace.Tracer, x *trace.Value, _ float64) *trace.Value {
		return t.Map2(abi.FnSub, x, t.Map1(abi.FnTanh, 0, x))
	}},
	"logsigmoid": {ops: func(t *trace.Tracer, x *trace.Value, _ float64) *trace.Value {
		return t.Map1(abi.FnNeg, 0, t.Map1(abi.FnSoftplus, 0, t.Map1(abi.FnNeg, 0, x)))
	}},
	"logcosh": {ops: func(t *trace.Tracer, x *trace.Value, _ float64) *trace.Value {
		y := t.Map1(abi.FnSoftplus, 0, t.Map2(abi.FnMul, x, t.Scalar(x.DType(), -2)))
		return t.Map2(abi.FnSub, t.Map2(abi.FnAdd, x, y), t.Scalar(x.DType(), math.Ln2))
	}},
	"softshrink": {alpha: 0.5, ops: func(t *trace.Tracer, x *trace.Value, alpha float64) *trace.Value {
		low := t.Map2(abi.FnSub, x, t.Scalar(x.DType(), alpha))
		high := t.Map2(abi.FnAdd, x, t.Scalar(x.DType(), alpha))
		return t.Map2(abi.FnMin, t.Map2(abi.FnMax, t.Scalar(x.DType(), 0), low), high)
	}},
	"trelu": {alpha: 1, ops: func(t *trace.Tracer, x *trace.Value, alpha float64) *trace.Value {
		over := t.Map2(abi.FnGt, x, t.Scalar(x.DType(), alpha))
		return t.Map3(abi.FnSelect, over, x, t.Scalar(x.DType(), 0))
	}},
}

func clamp(t *trace.Tracer, x *trace.Value, low, high float64) *trace.Value {
	return t.Map2(abi.FnMin, t.Map2(abi.FnMax, x, t.Scalar(x.DType(), low)), t.Scalar(x.DType(), high))
}

// parameters packs the parameters of an instruction.
func parameters(alpha, beta float64) uint64 {
	return uint64(math.Float32bits(float32(alpha))) | uint64(math.Float32bits(float32(beta)))<<32
}

// known gives the function that f names, with its parameters.
func (f Function) known() (function, bool) {
	if f.Name == "" {
		f.Name = "identity"
	}
	k, ok := functions[f.Name]
	if f.Alpha != 0 {
		k.alpha = f.Alpha
	}
	return k, ok
}

// IsFunction reports whether a Function may have this name.
func IsFunction(name string) bool {
	_, ok := functions[name]
	return ok
}

// identity reports whether f changes nothing.
func (f Function) identity() bool { return f.Name == "" || f.Name == "identity" }

func (w *walk) apply(f Function, x *trace.Value) *trace.Value {
	k, ok := f.known()
	switch {
	case !ok:
		w.Fail(abi.FaultUnsupported, "function %q", f.Name)
	case !x.DType().IsFloat() && !f.identity():
		return w.apply(f, w.Cast(x, tensor.Float32))
	case k.ops != nil:
		return k.ops(w.Tracer, x, k.alpha)
	}
	return w.Map1(k.fn, parameters(k.alpha, k.beta), x)
}

// Parameters are those of f: its own, or the usual ones.
func (f Function) Parameters() (alpha, beta float64) {
	k, _ := f.known()
	return k.alpha, k.beta
}

// Functions are the names of all functions.
func Functions() []string { return slices.Sorted(maps.Keys(functions)) }
