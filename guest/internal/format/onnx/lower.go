package onnx

import (
	"math"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// lowerings says how each operator becomes operations of the host. The version
// of an operator is looked at inside its lowering. Operators with a body, and
// functions of the model, are the walker's.
var lowerings = map[string]lowering{
	"Abs":       each1(abi.FnAbs),
	"Acos":      each1(abi.FnAcos),
	"Acosh":     each1(abi.FnAcosh),
	"Asin":      each1(abi.FnAsin),
	"Asinh":     each1(abi.FnAsinh),
	"Atan":      each1(abi.FnAtan),
	"Atanh":     each1(abi.FnAtanh),
	"Ceil":      each1(abi.FnCeil),
	"Cos":       each1(abi.FnCos),
	"Cosh":      each1(abi.FnCosh),
	"Erf":       each1(abi.FnErf),
	"Exp":       each1(abi.FnExp),
	"Floor":     each1(abi.FnFloor),
	"HardSwish": each1(abi.FnHardSwish),
	"IsNaN":     each1(abi.FnIsNaN),
	"Log":       each1(abi.FnLog),
	"Mish":      each1(abi.FnMish),
	"Neg":       each1(abi.FnNeg),
	"Round":     each1(abi.FnRint),
	"Sigmoid":   each1(abi.FnSigmoid),
	"Sign":      each1(abi.FnSign),
	"Sin":       each1(abi.FnSin),
	"Sinh":      each1(abi.FnSinh),
	"Softplus":  each1(abi.FnSoftplus),
	"Softsign":  each1(abi.FnSoftsign),
	"Sqrt":      each1(abi.FnSqrt),
	"Tan":       each1(abi.FnTan),
	"Tanh":      each1(abi.FnTanh),

	"Reciprocal": each1(abi.FnRecip),
	"Not":        truths(each1(abi.FnNot)),
	"BitwiseNot": each1(abi.FnNot),

	"Celu":        activation(abi.FnCelu, param{"alpha", 1}),
	"Elu":         activation(abi.FnElu, param{"alpha", 1}),
	"HardSigmoid": activation(abi.FnHardSigmoid, param{"alpha", 0.2}, param{"beta", 0.5}),
	"LeakyRelu":   activation(abi.FnLeaky, param{"alpha", 0.01}),
	"Selu":        activation(abi.FnSelu, param{"alpha", 1.67326319217681884765625}, param{"gamma", 1.05070102214813232421875}),
	"Swish":       activation(abi.FnQuickGelu, param{"alpha", 1}),

	"Add":            each2(abi.FnAdd),
	"Sub":            each2(abi.FnSub),
	"Mul":            each2(abi.FnMul),
	"Div":            each2(abi.FnDiv),
	"And":            truths(each2(abi.FnAnd)),
	"Or":             truths(each2(abi.FnOr)),
	"Xor":            truths(each2(abi.FnXor)),
	"BitwiseAnd":     each2(abi.FnAnd),
	"BitwiseOr":      each2(abi.FnOr),
	"BitwiseXor":     each2(abi.FnXor),
	"Equal":          each2(abi.FnEq),
	"Greater":        each2(abi.FnGt),
	"GreaterOrEqual": each2(abi.FnGe),
	"Less":           each2(abi.FnLt),
	"LessOrEqual":    each2(abi.FnLe),
	"Max":            folded(abi.FnMax),
	"Min":            folded(abi.FnMin),
	"Sum":            folded(abi.FnAdd),

	"BitShift":        one(2, 2, bitShift),
	"Cast":            one(1, 1, cast),
	"CastLike":        one(2, 2, castLike),
	"BitCast":         one(1, 1, bitCast),
	"Clip":            one(1, 3, clip),
	"Gelu":            one(1, 1, gelu),
	"IsInf":           one(1, 1, isInf),
	"Mean":            variadic(mean),
	"Mod":             one(2, 2, mod),
	"PRelu":           one(2, 2, prelu),
	"Pow":             one(2, 2, power),
	"Relu":            one(1, 1, relu),
	"Shrink":          one(1, 1, shrink),
	"SwiGLU":          one(2, 2, swiGLU),
	"ThresholdedRelu": one(1, 1, thresholdedRelu),
	"Where":           one(3, 3, where),

	"Constant":        one(0, 0, constant),
	"ConstantOfShape": one(1, 1, constantOfShape),
	"EyeLike":         one(1, 1, eyeLike),
	"Range":           one(3, 3, rangeOf),
	"Shape":           one(1, 1, shape),
	"Size":            one(1, 1, size),

	"Concat":          variadic(concat),
	"DepthToSpace":    one(1, 1, depthToSpace),
	"Dropout":         many(1, 3, dropout),
	"Expand":          one(2, 2, expand),
	"Flatten":         one(1, 1, flatten),
	"Identity":        one(1, 1, identity),
	"Reshape":         one(1, 2, reshape),
	"ReverseSequence": one(2, 2, reverseSequence),
	"SpaceToDepth":    one(1, 1, spaceToDepth),
	"Squeeze":         one(1, 2, squeeze),
	"Tile":            one(2, 3, tile),
	"Transpose":       one(1, 1, transpose),
	"Trilu":           one(1, 2, trilu),
	"Unsqueeze":       one(1, 2, unsqueeze),

	"CenterCropPad": one(2, 2, centerCropPad),
	"Pad":           one(1, 4, pad),
	"Slice":         one(1, 5, slice),
	"Split":         many(1, 2, split),

	"Resize":   one(1, 4, resize),
	"Upsample": one(1, 2, upsample),

	"ArgMax":          one(1, 1, argMax),
	"ArgMin":          one(1, 1, argMin),
	"Compress":        one(2, 2, compress),
	"Gather":          one(2, 2, gather),
	"GatherElements":  one(2, 2, gatherElements),
	"GatherND":        one(2, 2, gatherND),
	"Hardmax":         one(1, 1, hardmax),
	"NonZero":         one(1, 1, nonZero),
	"OneHot":          one(3, 3, oneHot),
	"Scatter":         one(3, 3, scatterElements),
	"ScatterElements": one(3, 3, scatterElements),
	"ScatterND":       one(3, 3, scatterND),
	"TensorScatter":   one(2, 3, tensorScatter),
	"TopK":            many(1, 2, topK),
	"Unique":          many(1, 1, unique),

	"CumProd":         one(2, 2, cumulate(abi.ReduceProd)),
	"CumSum":          one(2, 2, cumulate(abi.ReduceSum)),
	"ReduceL1":        one(1, 2, reduce(abi.ReduceSum, abi.FnAbs, 0)),
	"ReduceL2":        one(1, 2, reduce(abi.ReduceSum, abi.FnMul, abi.FnSqrt)),
	"ReduceLogSum":    one(1, 2, reduce(abi.ReduceSum, 0, abi.FnLog)),
	"ReduceLogSumExp": one(1, 2, reduceLogSumExp),
	"ReduceMax":       one(1, 2, reduce(abi.ReduceMax, 0, 0)),
	"ReduceMean":      one(1, 2, reduce(abi.ReduceMean, 0, 0)),
	"ReduceMin":       one(1, 2, reduce(abi.ReduceMin, 0, 0)),
	"ReduceProd":      one(1, 2, reduce(abi.ReduceProd, 0, 0)),
	"ReduceSum":       one(1, 2, reduce(abi.ReduceSum, 0, 0)),
	"ReduceSumSquare": one(1, 2, reduce(abi.ReduceSum, abi.FnMul, 0)),

	"Einsum": variadic(einsum),
	"Gemm":   one(2, 3, gemm),
	"MatMul": one(2, 2, matMul),

	"AveragePool":         one(1, 1, averagePool),
	"CausalConvWithState": many(2, 4, causalConv),
	"Conv":                one(2, 3, conv),
	"ConvTranspose":       one(2, 3, convTranspose),
	"GlobalAveragePool":   one(1, 1, globalPool(abi.ReduceMean)),
	"GlobalLpPool":        one(1, 1, globalLpPool),
	"GlobalMaxPool":       one(1, 1, globalPool(abi.ReduceMax)),
	"LpPool":              one(1, 1, lpPool),
	"MaxPool":             many(1, 1, maxPool),

	"BatchNormalization":        many(5, 5, batchNormalization),
	"GroupNormalization":        one(3, 3, groupNormalization),
	"InstanceNormalization":     one(3, 3, instanceNormalization),
	"LRN":                       one(1, 1, lrn),
	"LayerNormalization":        many(2, 3, layerNormalization),
	"LogSoftmax":                one(1, 1, softmax(true)),
	"LpNormalization":           one(1, 1, lpNormalization),
	"MeanVarianceNormalization": one(1, 1, meanVarianceNormalization),
	"RMSNormalization":          one(2, 2, rmsNormalization),
	"Softmax":                   one(1, 1, softmax(false)),

	"Attention":       many(3, 7, attention),
	"LinearAttention": many(3, 6, linearAttention),
	"RotaryEmbedding": one(3, 4, rotaryEmbedding),

	"GRU":  many(3, 6, recurrent(abi.OpGRU)),
	"LSTM": many(3, 8, recurrent(abi.OpLSTM)),
	"RNN":  many(3, 6, recurrent(abi.OpRNN)),

	"NegativeLogLikelihoodLoss": one(2, 3, negativeLogLikelihoodLoss),
	"SoftmaxCrossEntropyLoss":   many(2, 3, softmaxCrossEntropyLoss),

	"ConvInteger":           one(2, 4, convInteger),
	"DequantizeLinear":      one(2, 3, dequantizeLinear),
	"DynamicQuantizeLinear": many(1, 1, dynamicQuantizeLinear),
	"MatMulInteger":         one(2, 4, matMulInteger),
	"QLinearConv":           one(8, 9, qLinearConv),
	"QLinearMatMul":         one(8, 8, qLinearMatMul),
	"QuantizeLinear":        one(2, 3, quantizeLinear),

	"AffineGrid":      one(2, 2, affineGrid),
	"Col2Im":          one(3, 3, col2Im),
	"DFT":             one(1, 3, dft),
	"GridSample":      one(2, 2, gridSample),
	"MaxUnpool":       one(2, 3, maxUnpool),
	"MelWeightMatrix": one(5, 5, melWeightMatrix),
	"RoiAlign":        one(3, 3, roiAlign),
	"STFT":            one(2, 4, stft),

	"OptionalGetElement": one(1, 1, identity),
	"OptionalHasElement": one(0, 1, optionalHasElement),

	"BlackmanWindow": window(0.42, 0.5, 0.08),
	"HammingWindow":  window(25./46, 21./46, 0),
	"HannWindow":     window(0.5, 0.5, 0),

	"ai.onnx.ml.ArrayFeatureExtractor":  one(2, 2, arrayFeatureExtractor),
	"ai.onnx.ml.Binarizer":              one(1, 1, binarizer),
	"ai.onnx.ml.FeatureVectorizer":      variadic(featureVectorizer),
	"ai.onnx.ml.Imputer":                one(1, 1, imputer),
	"ai.onnx.ml.LabelEncoder":           one(1, 1, labelEncoder),
	"ai.onnx.ml.LinearClassifier":       many(1, 1, linearClassifier),
	"ai.onnx.ml.LinearRegressor":        one(1, 1, linearRegressor),
	"ai.onnx.ml.Normalizer":             one(1, 1, normalizer),
	"ai.onnx.ml.OneHotEncoder":          one(1, 1, oneHotEncoder),
	"ai.onnx.ml.SVMClassifier":          many(1, 1, svmClassifier),
	"ai.onnx.ml.SVMRegressor":           one(1, 1, svmRegressor),
	"ai.onnx.ml.Scaler":                 one(1, 1, scaler),
	"ai.onnx.ml.TreeEnsembleClassifier": many(1, 1, treeEnsembleClassifier),
	"ai.onnx.ml.TreeEnsembleRegressor":  one(1, 1, treeEnsembleRegressor),
}

// single is a lowering with one result.
type single func(l *walker, n *node, in []*trace.Value) *trace.Value

func one(least, most int, f single) lowering { return many(least, most, f.lower) }

func (f single) lower(l *walker, n *node, in []*trace.Value) []*trace.Value {
	return []*trace.Value{f(l, n, in)}
}

// many checks the number of inputs before f sees them: the first least are
// there, and there are exactly most, of which optional ones may be nil. It is
// not inlined, since each row of the table would have a copy of what it gives.
//
//go:noinline
func many(least, most int, f lowering) lowering {
	return func(l *walker, n *node, in []*trace.Value) []*trace.Value {
		args := make([]*trace.Value, most)
		for i := copy(args, in); i < len(in); i++ {
			if in[i] != nil {
				l.Fail(abi.FaultMalformed, "%d inputs, at most %d are allowed", len(in), most)
			}
		}
		l.demand(n, args[:least])
		return f(l, n, args)
	}
}

// variadic is a lowering of any number of inputs, all of them there.
func variadic(f single) lowering {
	return func(l *walker, n *node, in []*trace.Value) []*trace.Value {
		if len(in) == 0 {
			l.Fail(abi.FaultMalformed, "no inputs")
		}
		l.demand(n, in)
		return []*trace.Value{f(l, n, in)}
	}
}

// newest are the versions of operator sets whose meaning is known here.
var newest = map[string]int64{"": 28, "ai.onnx.ml": 5}

// demand refuses a node of a version to come, and absent inputs.
func (l *walker) demand(n *node, in []*trace.Value) {
	if n.version > newest[n.domain] {
		l.Fail(abi.FaultUnsupported, "version %d of the operator set: %d is the newest that is known", n.version, newest[n.domain])
	}
	for i, v := range in {
		if v == nil {
			l.Fail(abi.FaultMalformed, "input %d is missing", i)
		}
	}
	if n.version < 6 {
		// It names inputs that may be overwritten; no result depends on it.
		n.has("consumed_inputs")
	}
}

// wants reports whether the node has output i.
func (n *node) wants(i int) bool { return i < len(n.outputs) && n.outputs[i] != "" }

// ranked demands that v, unless it is absent, has this many dims.
func (l *walker) ranked(v *trace.Value, rank int) {
	if v != nil && v.Rank() != rank {
		l.Fail(abi.FaultMalformed, "rank %d, not %d", v.Rank(), rank)
	}
}

// onto demands that v broadcasts to x, and that x does not broadcast to v.
func (l *walker) onto(v, x *trace.Value) *trace.Value {
	extra := x.Rank() - v.Rank()
	for i, d := range v.Dims() {
		if extra < 0 || d != trace.Const(1) && !l.Equal(d, x.Dim(extra+i)) && !l.Equal(d, trace.Const(1)) {
			l.Fail(abi.FaultMalformed, "dims %v do not broadcast to %v", v.Shape(), x.Shape())
		}
	}
	return v
}

// axis resolves an axis that may count from the end.
func (l *walker) axis(a int64, rank int) int {
	r := int64(rank)
	if a < -r || a >= r {
		l.Fail(abi.FaultMalformed, "axis %d of a tensor of rank %d", a, rank)
	}
	if a < 0 {
		a += r
	}
	return int(a)
}

// axes resolves axes, which must differ.
func (l *walker) axes(list []int64, rank int) []int {
	var seen uint64
	axes := make([]int, len(list))
	for i, a := range list {
		axes[i] = l.axis(a, rank)
		if seen&(1<<axes[i]) != 0 {
			l.Fail(abi.FaultMalformed, "axis %d stands twice", axes[i])
		}
		seen |= 1 << axes[i]
	}
	return axes
}

// fixed reads integers that must not change with the sizes of the inputs.
func (l *walker) fixed(v *trace.Value) []int64 {
	if v.DType() == tensor.Bool {
		l.Fail(abi.FaultMalformed, "integers are needed, not %v", v.DType())
	}
	ints := l.Ints(v)
	list := make([]int64, len(ints))
	for i, x := range ints {
		list[i] = l.Pin(x)
	}
	return list
}

// listOf reads integers that are an attribute in early versions of an operator
// and an input in later ones.
func (l *walker) listOf(n *node, name string, v *trace.Value) (list []int64, given bool) {
	if v != nil {
		return l.fixed(v), true
	}
	return n.ints(name), n.has(name)
}

// integer reads the only element of v.
func (l *walker) integer(v *trace.Value) trace.Int {
	ints := l.Ints(v)
	if len(ints) != 1 {
		l.Fail(abi.FaultMalformed, "%d numbers where one is expected", len(ints))
	}
	return ints[0]
}

func repeat(x int64, n int) []int64 {
	list := make([]int64, n)
	for i := range list {
		list[i] = x
	}
	return list
}

func pack(alpha, beta float32) uint64 {
	return uint64(math.Float32bits(alpha)) | uint64(math.Float32bits(beta))<<32
}
