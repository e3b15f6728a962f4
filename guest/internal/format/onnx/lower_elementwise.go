package onnx

import (
	"math"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Chains of elementwise operations are written out one by one; the tracer
// makes one pass of each chain.
func (l *walker) add(a, b *trace.Value) *trace.Value { return l.Map2(abi.FnAdd, a, b) }
func (l *walker) sub(a, b *trace.Value) *trace.Value { return l.Map2(abi.FnSub, a, b) }
func (l *walker) mul(a, b *trace.Value) *trace.Value { return l.Map2(abi.FnMul, a, b) }
func (l *walker) div(a, b *trace.Value) *trace.Value { return l.Map2(abi.FnDiv, a, b) }

func (l *walker) choose(cond, a, b *trace.Value) *trace.Value {
	return l.Map3(abi.FnSelect, cond, a, b)
}

// like is the number x as a scalar of the type of v.
func (l *walker) like(v *trace.Value, x float64) *trace.Value {
	if d := v.DType(); !d.IsFloat() && (x != math.Trunc(x) || x < 0 && !d.IsSigned()) {
		l.Fail(abi.FaultUnsupported, "the number %g among %v", x, d)
	}
	return l.Scalar(v.DType(), x)
}

func each1(fn abi.Fn) lowering {
	return one(1, 1, func(l *walker, _ *node, in []*trace.Value) *trace.Value {
		return l.Map1(fn, 0, in[0])
	})
}

// param is an attribute that a function takes as a parameter.
type param struct {
	name string
	def  float32
}

func activation(fn abi.Fn, params ...param) lowering {
	return one(1, 1, func(l *walker, n *node, in []*trace.Value) *trace.Value {
		var v [2]float32
		for i, p := range params {
			v[i] = n.float(p.name, p.def)
		}
		return l.Map1(fn, pack(v[0], v[1]), in[0])
	})
}

func each2(fn abi.Fn) lowering {
	return one(2, 2, func(l *walker, n *node, in []*trace.Value) *trace.Value {
		return l.Map2(fn, in[0], l.aligned(n, in[0], in[1]))
	})
}

// truths is a lowering for booleans alone; of integers the same function works
// bit by bit.
func truths(f lowering) lowering {
	return func(l *walker, n *node, in []*trace.Value) []*trace.Value {
		for _, v := range in {
			if v != nil && v.DType() != tensor.Bool {
				l.Fail(abi.FaultMalformed, "booleans are needed, not %v", v.DType())
			}
		}
		return f(l, n, in)
	}
}

// aligned is b with the dims by which it broadcasts to a. Before version 7 an
// attribute could name the dim of a that the first dim of b goes with.
func (l *walker) aligned(n *node, a, b *trace.Value) *trace.Value {
	if n.version >= 7 {
		return b
	}
	axis := n.int("axis", 0)
	if !n.flag("broadcast", false) || !n.has("axis") || b.Rank() == 0 {
		return b
	}
	behind := a.Rank() - l.axis(axis, a.Rank()) - b.Rank()
	if behind < 0 {
		l.Fail(abi.FaultMalformed, "axis %d leaves no room for rank %d", axis, b.Rank())
	}
	return l.Reshape(b, append(b.Dims(), trace.Consts(repeat(1, behind)...)...))
}

func folded(fn abi.Fn) lowering {
	return variadic(func(l *walker, _ *node, in []*trace.Value) *trace.Value {
		y := in[0]
		for _, x := range in[1:] {
			y = l.Map2(fn, y, x)
		}
		return y
	})
}

func mean(l *walker, n *node, in []*trace.Value) *trace.Value {
	y := in[0]
	for _, x := range in[1:] {
		y = l.add(y, x)
	}
	return l.div(y, l.like(y, float64(len(in))))
}

func bitShift(l *walker, n *node, in []*trace.Value) *trace.Value {
	switch direction := n.str("direction", ""); direction {
	case "LEFT":
		return l.Map2(abi.FnShl, in[0], in[1])
	case "RIGHT":
		return l.Map2(abi.FnShr, in[0], in[1])
	default:
		l.Fail(abi.FaultMalformed, "direction %q", direction)
		return nil
	}
}

// dtype reads an attribute that names an element type.
func (l *walker) dtype(n *node, name string, def int64) tensor.DType {
	d, reason := elementType(n.int(name, def))
	if reason != "" {
		l.Fail(abi.FaultUnsupported, "%s: %s", name, reason)
	}
	return d
}

func cast(l *walker, n *node, in []*trace.Value) *trace.Value {
	if !n.has("to") {
		l.Fail(abi.FaultMalformed, "no type to cast to")
	}
	n.has("saturate")   // says what becomes of 8-bit floats only
	n.has("round_mode") // likewise
	if n.version < 6 {
		l.Fail(abi.FaultUnsupported, "element types by their name")
	}
	return l.convert(in[0], l.dtype(n, "to", 0))
}

func castLike(l *walker, n *node, in []*trace.Value) *trace.Value {
	n.has("saturate")
	n.has("round_mode")
	return l.convert(in[0], in[1].DType())
}

// convert is a cast as ONNX means it: whatever is not zero is true.
func (l *walker) convert(x *trace.Value, d tensor.DType) *trace.Value {
	if d == tensor.Bool && x.DType() != tensor.Bool {
		return l.Map2(abi.FnNe, x, l.like(x, 0))
	}
	return l.Cast(x, d)
}

func bitCast(l *walker, n *node, in []*trace.Value) *trace.Value {
	return l.One(abi.OpBitcast, &abi.Bitcast{DType: int64(l.dtype(n, "to", 0))}, in[0])
}

func clip(l *walker, n *node, in []*trace.Value) *trace.Value {
	x, low, high := in[0], in[1], in[2]
	if n.version < 11 {
		low = l.like(x, float64(n.float("min", -math.MaxFloat32)))
		high = l.like(x, float64(n.float("max", math.MaxFloat32)))
	}
	if low != nil {
		x = l.Map2(abi.FnMax, x, low)
	}
	if high != nil {
		x = l.Map2(abi.FnMin, x, high)
	}
	return x
}

func gelu(l *walker, n *node, in []*trace.Value) *trace.Value {
	switch mode := n.str("approximate", "none"); mode {
	case "none":
		return l.Map1(abi.FnGelu, 0, in[0])
	case "tanh":
		return l.Map1(abi.FnGeluTanh, 0, in[0])
	default:
		l.Fail(abi.FaultMalformed, "approximation %q", mode)
		return nil
	}
}

func isInf(l *walker, n *node, in []*trace.Value) *trace.Value {
	var which uint64
	if n.flag("detect_positive", true) {
		which |= 1
	}
	if n.flag("detect_negative", true) {
		which |= 2
	}
	return l.Map1(abi.FnIsInf, which, in[0])
}

func mod(l *walker, n *node, in []*trace.Value) *trace.Value {
	if n.flag("fmod", false) {
		return l.Map2(abi.FnFmod, in[0], in[1])
	}
	if in[0].DType().IsFloat() {
		l.Fail(abi.FaultMalformed, "floats need fmod")
	}
	return l.Map2(abi.FnMod, in[0], in[1])
}

func prelu(l *walker, n *node, in []*trace.Value) *trace.Value {
	x, slope := in[0], in[1]
	if n.version < 7 && slope.Rank() == 1 && x.Rank() > 2 {
		slope = l.Reshape(slope, append(slope.Dims(), trace.Consts(repeat(1, x.Rank()-2)...)...))
	}
	return l.choose(l.Map2(abi.FnLt, x, l.like(x, 0)), l.mul(x, l.onto(slope, x)), x)
}

func power(l *walker, n *node, in []*trace.Value) *trace.Value {
	x, y := in[0], l.aligned(n, in[0], in[1])
	if x.DType().IsInt() && y.DType().IsFloat() {
		wide := l.Map2(abi.FnPow, l.Cast(x, tensor.Float64), l.Cast(y, tensor.Float64))
		return l.Cast(wide, x.DType())
	}
	return l.Map2(abi.FnPow, x, l.Cast(y, x.DType()))
}

func relu(l *walker, n *node, in []*trace.Value) *trace.Value {
	if !in[0].DType().IsFloat() {
		return l.Map2(abi.FnMax, in[0], l.like(in[0], 0))
	}
	return l.Map1(abi.FnRelu, 0, in[0])
}

func shrink(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := in[0]
	lambda, bias := float64(n.float("lambd", 0.5)), l.like(x, float64(n.float("bias", 0)))
	above := l.choose(l.Map2(abi.FnGt, x, l.like(x, lambda)), l.sub(x, bias), l.like(x, 0))
	return l.choose(l.Map2(abi.FnLt, x, l.like(x, -lambda)), l.add(x, bias), above)
}

func swiGLU(l *walker, n *node, in []*trace.Value) *trace.Value {
	return l.mul(l.Map1(abi.FnQuickGelu, pack(n.float("alpha", 1), 0), in[0]), in[1])
}

func thresholdedRelu(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := in[0]
	return l.choose(l.Map2(abi.FnGt, x, l.like(x, float64(n.float("alpha", 1)))), x, l.like(x, 0))
}

func where(l *walker, n *node, in []*trace.Value) *trace.Value {
	return l.choose(in[0], in[1], in[2])
}
