package onnx

import (
	"math"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// features is x as float32 (rows, features); a vector is one row.
func (l *walker) features(x *trace.Value) *trace.Value {
	x = l.Cast(x, tensor.Float32)
	switch x.Rank() {
	case 1:
		return l.unsqueeze(x, 0)
	case 2:
		return x
	}
	l.Fail(abi.FaultUnsupported, "features of rank %d", x.Rank())
	return nil
}

func scaler(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := l.Cast(in[0], tensor.Float32)
	if offset := n.floats("offset"); offset != nil {
		x = l.sub(x, l.vector(offset))
	}
	if scale := n.floats("scale"); scale != nil {
		x = l.mul(x, l.vector(scale))
	}
	return x
}

// normalizer divides each row by its norm; a row whose norm is 0 stays.
func normalizer(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := l.features(in[0])
	var norm *trace.Value
	switch how := n.str("norm", "MAX"); how {
	case "MAX":
		norm = l.reduce(abi.ReduceMax, 0, x, []int{1}, true)
	case "L1":
		norm = l.lpNorm(x, 1, []int{1})
	case "L2":
		norm = l.lpNorm(x, 2, []int{1})
	default:
		l.Fail(abi.FaultMalformed, "norm %q", how)
	}
	norm = l.choose(l.Map2(abi.FnEq, norm, l.like(x, 0)), l.like(x, 1), norm)
	return l.Reshape(l.div(x, norm), in[0].Dims())
}

func binarizer(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := in[0]
	return l.Cast(l.Map2(abi.FnGt, x, l.like(x, float64(n.float("threshold", 0)))), x.DType())
}

func imputer(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := in[0]
	if !x.DType().IsFloat() {
		list := n.ints("imputed_value_int64s")
		value := l.Known(x.DType(), []int64{int64(len(list))}, trace.Consts(list...))
		replaced := l.Known(x.DType(), nil, trace.Consts(n.int("replaced_value_int64", 0)))
		return l.choose(l.Map2(abi.FnEq, x, replaced), value, x)
	}
	value := l.Cast(l.vector(n.floats("imputed_value_floats")), x.DType())
	replaced := float64(n.float("replaced_value_float", 0))
	missing := l.Map1(abi.FnIsNaN, 0, x)
	if !math.IsNaN(replaced) {
		missing = l.Map2(abi.FnEq, x, l.like(x, replaced))
	}
	return l.choose(missing, value, x)
}

func featureVectorizer(l *walker, n *node, in []*trace.Value) *trace.Value {
	sizes := n.ints("inputdimensions")
	rows := make([]*trace.Value, len(in))
	for i, x := range in {
		rows[i] = l.features(x)
		if sizes != nil && (len(sizes) != len(in) || !l.Equal(rows[i].Dim(1), trace.Const(sizes[i]))) {
			l.Fail(abi.FaultUnsupported, "inputs that differ from inputdimensions")
		}
	}
	return l.Concat(1, rows...)
}

func arrayFeatureExtractor(l *walker, n *node, in []*trace.Value) *trace.Value {
	x, at := in[0], l.Reshape(in[1], trace.Consts(-1))
	if x.Rank() == 1 {
		x = l.unsqueeze(x, 0)
	}
	return l.One(abi.OpGather, &abi.Gather{Axis: int64(x.Rank() - 1)}, x, at)
}

// oneHotEncoder has a dim more, in which the category is 1.
func oneHotEncoder(l *walker, n *node, in []*trace.Value) *trace.Value {
	cats := n.ints("cats_int64s")
	if cats == nil {
		l.Fail(abi.FaultUnsupported, "categories that are strings")
	}
	if !n.flag("zeros", true) {
		l.Fail(abi.FaultUnsupported, "refusing unknown categories")
	}
	x := l.unsqueeze(l.Cast(in[0], tensor.Int64), int64(in[0].Rank()))
	known := l.Known(tensor.Int64, []int64{int64(len(cats))}, trace.Consts(cats...))
	return l.Cast(l.Map2(abi.FnEq, x, known), tensor.Float32)
}

// linear is x·coefficientsᵀ + intercepts for coefficients (classes, features).
func (l *walker) linear(n *node, x *trace.Value, classes int64) *trace.Value {
	x = l.features(x)
	features := l.Pin(x.Dim(1))
	list := n.floats("coefficients")
	if classes < 1 || classes > int64(len(list)) || int64(len(list)) != classes*features {
		l.Fail(abi.FaultMalformed, "%d coefficients for %d × %d", len(list), classes, features)
	}
	w := l.Reshape(l.vector(list), trace.Consts(classes, features))
	y := l.One(abi.OpMatMul, &abi.MatMul{TB: true}, x, w)
	if b := n.floats("intercepts"); len(b) > 0 {
		y = l.add(y, l.vector(b))
	}
	return y
}

// scored applies the post_transform of a node to scores (rows, classes).
func (l *walker) scored(n *node, y *trace.Value) *trace.Value {
	switch how := n.str("post_transform", "NONE"); how {
	case "NONE":
		return y
	case "LOGISTIC":
		return l.Map1(abi.FnSigmoid, 0, y)
	case "SOFTMAX":
		return l.One(abi.OpSoftmax, &abi.Softmax{Axis: 1}, y)
	default:
		l.Fail(abi.FaultUnsupported, "post_transform %q", how)
		return nil
	}
}

func linearRegressor(l *walker, n *node, in []*trace.Value) *trace.Value {
	return l.scored(n, l.linear(n, in[0], n.int("targets", 1)))
}

func linearClassifier(l *walker, n *node, in []*trace.Value) []*trace.Value {
	n.has("multi_class") // of the two ways only the post_transform is left
	labels := n.ints("classlabels_ints")
	if labels == nil {
		l.Fail(abi.FaultUnsupported, "labels that are strings")
	}
	if len(labels) < 2 || len(n.floats("intercepts")) == 1 {
		l.Fail(abi.FaultUnsupported, "one score for two classes")
	}
	y := l.linear(n, in[0], int64(len(labels)))
	best := l.One(abi.OpArg, &abi.Arg{Axis: 1}, y)
	names := l.Known(tensor.Int64, []int64{int64(len(labels))}, trace.Consts(labels...))
	return []*trace.Value{l.One(abi.OpGather, &abi.Gather{}, names, best), l.scored(n, y)}
}

// labelEncoder looks each element up in a list of keys.
func labelEncoder(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := in[0]
	keys := l.mapping(n, "keys")
	values := l.mapping(n, "values")
	if keys.DType() != x.DType() || keys.Rank() != 1 || values.Rank() != 1 || !l.Equal(keys.Dim(0), values.Dim(0)) {
		l.Fail(abi.FaultMalformed, "%d keys, %d values", keys.Shape(), values.Shape())
	}
	var other *trace.Value
	switch {
	case n.has("default_tensor"):
		other = l.Reshape(l.constant(n.tensor("default_tensor")), nil)
	case values.DType() == tensor.Int64:
		other = l.Known(tensor.Int64, nil, trace.Consts(n.int("default_int64", -1)))
	case values.DType() == tensor.Float32:
		other = l.like(values, float64(n.float("default_float", 0)))
	default:
		l.Fail(abi.FaultUnsupported, "values of %v without a default", values.DType())
	}
	n.has("default_string")
	if keys.DType().IsFloat() {
		for _, k := range l.Floats(keys) {
			if k != k {
				l.Fail(abi.FaultUnsupported, "a key that is not a number")
			}
		}
	}
	last := x.Rank()
	hits := l.Cast(l.Map2(abi.FnEq, l.unsqueeze(x, int64(last)), keys), tensor.Float32)
	found := l.Map2(abi.FnGt, l.reduce(abi.ReduceMax, 0, hits, []int{last}, false), l.like(hits, 0))
	at := l.One(abi.OpArg, &abi.Arg{Axis: int64(last)}, hits)
	return l.choose(found, l.One(abi.OpGather, &abi.Gather{}, values, at), other)
}

// mapping reads one side of a LabelEncoder.
func (l *walker) mapping(n *node, side string) *trace.Value {
	switch {
	case n.has(side + "_int64s"):
		list := n.ints(side + "_int64s")
		return l.Known(tensor.Int64, []int64{int64(len(list))}, trace.Consts(list...))
	case n.has(side + "_floats"):
		return l.vector(n.floats(side + "_floats"))
	case n.has(side + "_tensor"):
		return l.constant(n.tensor(side + "_tensor"))
	}
	l.Fail(abi.FaultUnsupported, "%s that are strings", side)
	return nil
}
