package onnx

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// quantRange is what a quantised number may be.
var quantRange = map[tensor.DType][2]float64{
	tensor.Uint8:  {0, 255},
	tensor.Int8:   {-128, 127},
	tensor.Uint16: {0, 65535},
	tensor.Int16:  {-32768, 32767},
}

// perAxis gives a scale or zero point the dims by which it broadcasts to x: it
// is one number, one for each element along axis, or one for each block of
// elements along axis.
func (l *walker) perAxis(v, x *trace.Value, axis, block int64) *trace.Value {
	if v == nil || v.Rank() == 0 || v.Rank() == 1 && l.Equal(v.Dim(0), trace.Const(1)) {
		if v != nil {
			v = l.Reshape(v, nil)
		}
		return v
	}
	at := l.axis(axis, x.Rank())
	if block > 0 {
		if v.Rank() != x.Rank() {
			l.Fail(abi.FaultMalformed, "blocks of rank %d for rank %d", v.Rank(), x.Rank())
		}
		blocks := l.FloorDiv(l.Add(x.Dim(at), trace.Const(block-1)), trace.Const(block))
		if !l.Equal(v.Dim(at), blocks) {
			l.Fail(abi.FaultMalformed, "%v scales for blocks of %d in %v", v.Shape(), block, x.Shape())
		}
		dims := l.unsqueeze(v, int64(at)+1).Dims()
		dims[at+1] = trace.Const(block)
		wide := l.Broadcast(l.unsqueeze(v, int64(at)+1), dims)
		dims = v.Dims()
		dims[at] = l.Mul(dims[at], trace.Const(block))
		wide = l.Reshape(wide, dims)
		return l.onto(l.along(wide, at, trace.Const(0), x.Dim(at)), x)
	}
	if v.Rank() != 1 {
		l.Fail(abi.FaultMalformed, "scales of rank %d", v.Rank())
	}
	dims := trace.Consts(repeat(1, x.Rank())...)
	dims[at] = v.Dim(0)
	return l.onto(l.Reshape(v, dims), x)
}

// blockSize reads how many elements along the axis share a scale; 0 means one
// or all of them.
func (l *walker) blockSize(n *node) int64 {
	b := n.int("block_size", 0)
	if b < 0 || b > 1<<30 {
		l.Fail(abi.FaultMalformed, "block size %d", b)
	}
	return b
}

func dequantizeLinear(l *walker, n *node, in []*trace.Value) *trace.Value {
	x, scale, zero := in[0], in[1], in[2]
	axis, block := n.int("axis", 1), l.blockSize(n)
	d := scale.DType()
	if n.has("output_dtype") {
		d = l.dtype(n, "output_dtype", 0)
	}
	wide := l.Cast(x, tensor.Int32)
	if zero != nil {
		wide = l.sub(wide, l.Cast(l.perAxis(zero, x, axis, block), tensor.Int32))
	}
	y := l.mul(l.Cast(wide, tensor.Float32), l.Cast(l.perAxis(scale, x, axis, block), tensor.Float32))
	return l.Cast(y, d)
}

func quantizeLinear(l *walker, n *node, in []*trace.Value) *trace.Value {
	x, scale, zero := in[0], in[1], in[2]
	axis, block := n.int("axis", 1), l.blockSize(n)
	n.has("saturate") // says what becomes of 8-bit floats only
	precision := x.DType()
	if n.has("precision") && n.int("precision", 0) != 0 {
		precision = l.dtype(n, "precision", 0)
	}
	d := tensor.Uint8
	if zero != nil {
		d = zero.DType()
	} else if n.has("output_dtype") && n.int("output_dtype", 0) != 0 {
		d = l.dtype(n, "output_dtype", 0)
	}
	n.has("output_dtype")
	if !precision.IsFloat() {
		precision = tensor.Float32
	}
	q := l.div(l.Cast(x, precision), l.Cast(l.perAxis(scale, x, axis, block), precision))
	return l.quantized(l.Cast(q, tensor.Float32), l.perAxis(zero, x, axis, block), d)
}

// quantized rounds x, adds the zero point and saturates.
func (l *walker) quantized(x, zero *trace.Value, d tensor.DType) *trace.Value {
	limits, ok := quantRange[d]
	if !ok {
		l.Fail(abi.FaultUnsupported, "quantising to %v", d)
	}
	x = l.Map1(abi.FnRint, 0, x)
	if zero != nil {
		x = l.add(x, l.Cast(zero, x.DType()))
	}
	x = l.Map2(abi.FnMin, l.Map2(abi.FnMax, x, l.like(x, limits[0])), l.like(x, limits[1]))
	return l.Cast(x, d)
}

func dynamicQuantizeLinear(l *walker, n *node, in []*trace.Value) []*trace.Value {
	x := in[0]
	all := axesFrom(0, x.Rank())
	zero := l.like(x, 0)
	top := l.Map2(abi.FnMax, l.reduce(abi.ReduceMax, 0, x, all, false), zero)
	bottom := l.Map2(abi.FnMin, l.reduce(abi.ReduceMin, 0, x, all, false), zero)
	scale := l.div(l.sub(top, bottom), l.like(x, 255))
	scale = l.choose(l.Map2(abi.FnEq, top, bottom), l.like(x, 1./255), scale)
	point := l.quantized(l.div(l.Map1(abi.FnNeg, 0, bottom), scale), nil, tensor.Uint8)
	return []*trace.Value{l.quantized(l.div(x, scale), point, tensor.Uint8), scale, point}
}

// shifted is x as int32 less its zero point.
func (l *walker) shifted(x, zero *trace.Value) *trace.Value {
	x = l.Cast(x, tensor.Int32)
	if zero == nil {
		return x
	}
	return l.sub(x, l.Cast(zero, tensor.Int32))
}

// rowZero is the zero point of the left factor of a product: one, or one for
// each row.
func (l *walker) rowZero(zero *trace.Value) *trace.Value {
	if zero != nil && zero.Rank() == 1 {
		return l.unsqueeze(zero, 1)
	}
	return zero
}

func matMulInteger(l *walker, n *node, in []*trace.Value) *trace.Value {
	return l.matMul(l.shifted(in[0], l.rowZero(in[2])), l.shifted(in[1], in[3]))
}

func qLinearMatMul(l *walker, n *node, in []*trace.Value) *trace.Value {
	a, aScale, b, bScale, yScale, yZero := in[0], in[1], in[3], in[4], in[6], in[7]
	y := l.matMul(l.shifted(a, l.rowZero(in[2])), l.shifted(b, in[5]))
	scale := l.div(l.mul(l.rowZero(aScale), bScale), l.rowZero(yScale))
	wide := l.mul(l.Cast(y, tensor.Float32), l.Cast(scale, tensor.Float32))
	return l.quantized(wide, l.rowZero(yZero), yZero.DType())
}

func convInteger(l *walker, n *node, in []*trace.Value) *trace.Value {
	x, w := in[0], in[1]
	s := l.sliding(n, x, l.kernelDims(x, w)[2:])
	l.sameOutput(n, x, &s)
	y := l.integerConv(x, w, in[2], in[3], s, n.int("group", 1))
	return l.Cast(y, tensor.Int32)
}

// integerConv multiplies in float32 where no sum can leave the integers that
// are exact in it, and else in float64.
func (l *walker) integerConv(x, w, xZero, wZero *trace.Value, s sliding, groups int64) *trace.Value {
	terms := int64(1)
	for _, k := range w.Shape()[1:] {
		terms *= k
	}
	d := tensor.Float32
	if terms > 1<<24/(256*256) {
		d = tensor.Float64
	}
	if wZero != nil && wZero.Rank() == 1 {
		wZero = l.perAxis(wZero, w, 0, 0)
	}
	return l.conv(l.Cast(l.shifted(x, xZero), d), l.Cast(l.shifted(w, wZero), d), nil, s, groups)
}

func qLinearConv(l *walker, n *node, in []*trace.Value) *trace.Value {
	x, xScale, w, wScale, yScale, yZero, bias := in[0], in[1], in[3], in[4], in[6], in[7], in[8]
	s := l.sliding(n, x, l.kernelDims(x, w)[2:])
	l.sameOutput(n, x, &s)
	y := l.integerConv(x, w, in[2], in[5], s, n.int("group", 1))
	if bias != nil {
		y = l.add(y, l.Cast(l.perAxis(bias, y, 1, 0), y.DType()))
	}
	scale := l.div(l.mul(l.Reshape(xScale, nil), wScale), l.Reshape(yScale, nil))
	wide := l.mul(l.Cast(y, tensor.Float32), l.perAxis(scale, y, 1, 0))
	return l.quantized(wide, yZero, yZero.DType())
}
