package onnx

import (
	"bytes"
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/host"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

type dims []int64

func (d dims) of(t tensor.DType, bits ...uint64) kernels.Tensor {
	v := kernels.Tensor{Type: tensor.Of(t, d...)}
	for _, b := range bits {
		v.Data = append(v.Data, binary.LittleEndian.AppendUint64(nil, b)[:t.Size()]...)
	}
	return v
}

func (d dims) floats(vs ...float32) kernels.Tensor {
	var bits []uint64
	for _, v := range vs {
		bits = append(bits, uint64(math.Float32bits(v)))
	}
	return d.of(tensor.Float32, bits...)
}

func (d dims) ints(t tensor.DType, vs ...int64) kernels.Tensor {
	var bits []uint64
	for _, v := range vs {
		bits = append(bits, uint64(v))
	}
	return d.of(t, bits...)
}

// upTo is 0, 1, 2, … in these dims.
func upTo(d ...int64) kernels.Tensor {
	var vs []float32
	for i := range tensor.Product(d) {
		vs = append(vs, float32(i))
	}
	return dims(d).floats(vs...)
}

// attr is an attribute of the kind that the Go type says.
func attr(name string, value any) pb {
	a := pb{}.str(1, name)
	switch v := value.(type) {
	case int:
		return a.num(3, int64(v)).num(20, attrInt)
	case float64:
		return a.float(2, float32(v)).num(20, attrFloat)
	case string:
		return a.str(4, v).num(20, attrString)
	case []int64:
		return a.packed(8, v...).num(20, attrInts)
	case []float32:
		return a.str(7, floats(v...)).num(20, attrFloats)
	}
	panic("no such attribute")
}

// version is one node at one version of its operator set.
type version struct {
	op, domain string
	opset      int64
	attrs      []pb
	in, want   []kernels.Tensor // the zero Tensor is an absent input
}

func (v version) file() []byte {
	var g pb
	var names, results []string
	for i, x := range v.in {
		name := ""
		if x.DType != 0 {
			name = string(rune('a' + i))
			g = g.msg(11, portOf(name, elementOf(x.DType), x.Shape()...))
		}
		names = append(names, name)
	}
	for i, y := range v.want {
		name := string(rune('r' + i))
		results = append(results, name)
		g = g.msg(12, portOf(name, elementOf(y.DType), y.Shape()...))
	}
	n := nodeOf(v.op, names, results, v.attrs...)
	if v.domain != "" {
		n = n.str(7, v.domain)
	}
	m := pb{}.num(1, 8).msg(8, pb{}.str(1, v.domain).num(2, v.opset))
	return m.msg(7, g.str(2, "version").msg(1, n))
}

func elementOf(d tensor.DType) int64 {
	for i, e := range elements {
		if e.dtype == d {
			return int64(i)
		}
	}
	return 0
}

func (v version) run() ([]kernels.Tensor, string, error) {
	file := v.file()
	parts := []host.Part{{Name: "model", Data: bytes.NewReader(file), Size: int64(len(file))}}
	return infer(parts, func(*host.Model) (args []kernels.Tensor, err error) {
		for _, x := range v.in {
			if x.DType != 0 {
				args = append(args, x)
			}
		}
		return args, nil
	})
}

const ml = "ai.onnx.ml"

// TestVersions holds old versions of operators, and operators that ONNX
// publishes no cases for, to what another runtime computes.
func TestVersions(t *testing.T) {
	x := upTo(2, 3, 4)
	q := []float32{0.04533001, 0.050097413, 0.0553662, 0.061189115, 0.067624427, 0.07473655, 0.08259667, 0.09128343, 0.1008838, 0.11149383, 0.12321974, 0.13617888}
	tenth := upTo(1, 3, 4)
	for i := range 12 {
		binary.LittleEndian.PutUint32(tenth.Data[4*i:], math.Float32bits(float32(i)/10))
	}
	tests := []struct {
		name string
		version
	}{
		{"softmax flattens", version{"Softmax", "", 11, []pb{attr("axis", 1)}, []kernels.Tensor{tenth},
			[]kernels.Tensor{dims{1, 3, 4}.floats(q...)}}},
		{"hardmax flattens", version{"Hardmax", "", 11, []pb{attr("axis", 1)}, []kernels.Tensor{tenth},
			[]kernels.Tensor{dims{1, 3, 4}.floats(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1)}}},
		{"hardmax of nothing", version{"Hardmax", "", 13, nil, []kernels.Tensor{dims{2, 0}.floats()},
			[]kernels.Tensor{dims{2, 0}.floats()}}},
		{"batch normalization of one channel", version{"BatchNormalization", "", 15, []pb{attr("epsilon", 0.)},
			[]kernels.Tensor{upTo(3), dims{1}.floats(2), dims{1}.floats(1), dims{1}.floats(1), dims{1}.floats(4)},
			[]kernels.Tensor{dims{3}.floats(0, 1, 2)}}},
		{"clip by attributes", version{"Clip", "", 6, []pb{attr("min", 3.), attr("max", 5.)}, []kernels.Tensor{upTo(7)},
			[]kernels.Tensor{dims{7}.floats(3, 3, 3, 3, 4, 5, 5)}}},
		{"slice by attributes", version{"Slice", "", 7, []pb{attr("starts", []int64{0, -3}), attr("ends", []int64{1, 1000}), attr("axes", []int64{1, 2})}, []kernels.Tensor{x},
			[]kernels.Tensor{dims{2, 1, 3}.floats(1, 2, 3, 13, 14, 15)}}},
		{"pad by attributes", version{"Pad", "", 7, []pb{attr("pads", []int64{0, 1, 0, -1}), attr("value", 9.)}, []kernels.Tensor{upTo(1, 4)},
			[]kernels.Tensor{dims{1, 4}.floats(9, 0, 1, 2)}}},
		{"upsample by attribute", version{"Upsample", "", 7, []pb{attr("scales", []float32{1, 1, 2, 2})}, []kernels.Tensor{upTo(1, 1, 1, 2)},
			[]kernels.Tensor{dims{1, 1, 2, 4}.floats(0, 0, 1, 1, 0, 0, 1, 1)}}},
		{"upsample linear", version{"Upsample", "", 9, []pb{attr("mode", "linear")}, []kernels.Tensor{dims{1, 1, 2, 2}.floats(1, 2, 3, 4), dims{4}.floats(1, 1, 2, 2)},
			[]kernels.Tensor{dims{1, 1, 4, 4}.floats(1, 1.5, 2, 2, 2, 2.5, 3, 3, 3, 3.5, 4, 4, 3, 3.5, 4, 4)}}},
		{"resize to less", version{"Resize", "", 10, nil, []kernels.Tensor{upTo(1, 1, 2, 4), dims{4}.floats(1, 1, 0.6, 0.6)},
			[]kernels.Tensor{dims{1, 1, 1, 2}.floats(0, 2)}}},
		{"resize to more", version{"Resize", "", 10, nil, []kernels.Tensor{upTo(1, 1, 2, 2), dims{4}.floats(1, 1, 1.5, 2)},
			[]kernels.Tensor{dims{1, 1, 3, 4}.floats(0, 0, 1, 1, 0, 0, 1, 1, 2, 2, 3, 3)}}},
		{"resize linear", version{"Resize", "", 10, []pb{attr("mode", "linear")}, []kernels.Tensor{upTo(1, 1, 2, 4), dims{4}.floats(1, 1, 2, 0.5)},
			[]kernels.Tensor{dims{1, 1, 4, 2}.floats(0, 2, 2, 4, 4, 6, 4, 6)}}},
		{"resize to corners", version{"Resize", "", 11, []pb{attr("nearest_mode", "ceil"), attr("coordinate_transformation_mode", "align_corners")},
			[]kernels.Tensor{upTo(1, 1, 1, 4), dims{0}.floats(), dims{0}.floats(), dims{4}.ints(tensor.Int64, 1, 1, 1, 3)},
			[]kernels.Tensor{dims{1, 1, 1, 3}.floats(0, 2, 3)}}},
		{"add from an axis", version{"Add", "", 6, []pb{attr("broadcast", 1), attr("axis", 0)}, []kernels.Tensor{upTo(2, 3), dims{2}.floats(10, 20)},
			[]kernels.Tensor{dims{2, 3}.floats(10, 11, 12, 23, 24, 25)}}},
		{"split by attribute", version{"Split", "", 7, []pb{attr("axis", 1), attr("split", []int64{1, 2})}, []kernels.Tensor{upTo(2, 3)},
			[]kernels.Tensor{dims{2, 1}.floats(0, 3), dims{2, 2}.floats(1, 2, 4, 5)}}},
		{"split in halves", version{"Split", "", 7, nil, []kernels.Tensor{upTo(4)},
			[]kernels.Tensor{dims{2}.floats(0, 1), dims{2}.floats(2, 3)}}},
		{"top by attribute", version{"TopK", "", 1, []pb{attr("axis", 1), attr("k", 2)}, []kernels.Tensor{upTo(2, 3)},
			[]kernels.Tensor{dims{2, 2}.floats(2, 1, 5, 4), dims{2, 2}.ints(tensor.Int64, 2, 1, 2, 1)}}},
		{"dropout", version{"Dropout", "", 7, []pb{attr("ratio", 0.5)}, []kernels.Tensor{x},
			[]kernels.Tensor{x}}},
		{"squeeze by attribute", version{"Squeeze", "", 7, []pb{attr("axes", []int64{0})}, []kernels.Tensor{upTo(1, 2, 1)},
			[]kernels.Tensor{upTo(2, 1)}}},
		{"squeeze all", version{"Squeeze", "", 7, nil, []kernels.Tensor{upTo(1, 2, 1)},
			[]kernels.Tensor{upTo(2)}}},
		{"unsqueeze by attribute", version{"Unsqueeze", "", 7, []pb{attr("axes", []int64{0, 2})}, []kernels.Tensor{upTo(2)},
			[]kernels.Tensor{upTo(1, 2, 1)}}},
		{"reduce by attribute", version{"ReduceSum", "", 7, []pb{attr("axes", []int64{0, 2}), attr("keepdims", 0)}, []kernels.Tensor{x},
			[]kernels.Tensor{dims{3}.floats(60, 92, 124)}}},
		{"prelu by channel", version{"PRelu", "", 6, nil, []kernels.Tensor{dims{1, 2, 2}.floats(-1, 1, -1, 1), dims{2}.floats(2, 3)},
			[]kernels.Tensor{dims{1, 2, 2}.floats(-2, 1, -3, 1)}}},
		{"gemm", version{"Gemm", "", 6, []pb{attr("broadcast", 1), attr("alpha", 0.5), attr("beta", 2.)}, []kernels.Tensor{dims{1, 2}.floats(1, 2), dims{2, 2}.floats(1, 2, 3, 4), dims{2}.floats(1, 2)},
			[]kernels.Tensor{dims{1, 2}.floats(5.5, 9)}}},
		{"gemm of nothing", version{"Gemm", "", 13, []pb{attr("alpha", 0.), attr("beta", 1.)}, []kernels.Tensor{dims{1, 2}.floats(1, 2), dims{2, 2}.floats(1, 2, 3, 4), dims{2}.floats(1, 2)},
			[]kernels.Tensor{dims{1, 2}.floats(1, 2)}}},
		{"batch normalization", version{"BatchNormalization", "", 7, []pb{attr("epsilon", 0.)},
			[]kernels.Tensor{upTo(1, 3, 2), dims{3}.floats(1, 2, 3), dims{3}.floats(0, 1, 2), dims{3}.floats(1, 1, 1), dims{3}.floats(4, 4, 4)},
			[]kernels.Tensor{dims{1, 3, 2}.floats(-0.5, 0, 2, 3, 6.5, 8)}}},
		{"tile along an axis", version{"Tile", "", 1, nil, []kernels.Tensor{dims{1, 2}.floats(1, 2), dims{}.floats(2), dims{}.floats(1)},
			[]kernels.Tensor{dims{1, 4}.floats(1, 2, 1, 2)}}},
		{"reshape by attribute", version{"Reshape", "", 1, []pb{attr("shape", []int64{0, -1})}, []kernels.Tensor{upTo(2, 3, 1)},
			[]kernels.Tensor{upTo(2, 3)}}},
		{"concat", version{"Concat", "", 1, nil, []kernels.Tensor{upTo(1, 1), upTo(1, 2)},
			[]kernels.Tensor{dims{1, 3}.floats(0, 0, 1)}}},
		{"pool as large", version{"MaxPool", "", 1, []pb{attr("kernel_shape", []int64{2}), attr("auto_pad", "SAME_LOWER"), attr("strides", []int64{2})}, []kernels.Tensor{upTo(1, 1, 5)},
			[]kernels.Tensor{dims{1, 1, 3}.floats(0, 2, 4)}}},
		{"convolution as large", version{"Conv", "", 11, []pb{attr("auto_pad", "SAME_LOWER"), attr("strides", []int64{2})}, []kernels.Tensor{upTo(1, 1, 5), dims{1, 1, 2}.floats(1, 2)},
			[]kernels.Tensor{dims{1, 1, 3}.floats(0, 5, 11)}}},
		{"transposed convolution as large", version{"ConvTranspose", "", 11, []pb{attr("auto_pad", "SAME_UPPER"), attr("strides", []int64{2})}, []kernels.Tensor{upTo(1, 1, 3), dims{1, 1, 3}.floats(1, 2, 3)},
			[]kernels.Tensor{dims{1, 1, 6}.floats(0, 0, 1, 2, 5, 4)}}},
		{"transposed convolution to a size", version{"ConvTranspose", "", 11, []pb{attr("output_shape", []int64{6}), attr("strides", []int64{2})}, []kernels.Tensor{upTo(1, 1, 3), dims{1, 1, 3}.floats(1, 2, 3)},
			[]kernels.Tensor{dims{1, 1, 6}.floats(0, 1, 2, 5, 4, 6)}}},
		{"power of integers", version{"Pow", "", 13, nil, []kernels.Tensor{dims{2}.ints(tensor.Int32, 2, 3), dims{2}.floats(0.5, 2)},
			[]kernels.Tensor{dims{2}.ints(tensor.Int32, 1, 9)}}},
		{"one hot from the end", version{"OneHot", "", 11, nil, []kernels.Tensor{dims{3}.ints(tensor.Int64, 1, -1, 5), dims{1}.ints(tensor.Int64, 3), upTo(2)},
			[]kernels.Tensor{dims{3, 3}.floats(0, 1, 0, 0, 0, 1, 0, 0, 0)}}},
		{"lp pool", version{"LpPool", "", 11, []pb{attr("kernel_shape", []int64{2}), attr("p", 1)}, []kernels.Tensor{upTo(1, 1, 4)},
			[]kernels.Tensor{dims{1, 1, 3}.floats(1, 3, 5)}}},
		{"range of floats", version{"Range", "", 11, nil, []kernels.Tensor{dims{}.floats(1), dims{}.floats(0), dims{}.floats(-0.25)},
			[]kernels.Tensor{dims{4}.floats(1, 0.75, 0.5, 0.25)}}},
		{"normalizer by the largest", version{"Normalizer", ml, 1, []pb{attr("norm", "MAX")}, []kernels.Tensor{dims{2, 2}.floats(1, -2, 0, 0)},
			[]kernels.Tensor{dims{2, 2}.floats(1, -2, 0, 0)}}},
		{"normalizer by the sum", version{"Normalizer", ml, 1, []pb{attr("norm", "L1")}, []kernels.Tensor{dims{1, 2}.floats(1, -3)},
			[]kernels.Tensor{dims{1, 2}.floats(0.25, -0.75)}}},
		{"scaler", version{"Scaler", ml, 1, []pb{attr("offset", []float32{1, 2}), attr("scale", []float32{3})}, []kernels.Tensor{dims{1, 2}.ints(tensor.Int64, 5, 6)},
			[]kernels.Tensor{dims{1, 2}.floats(12, 12)}}},
		{"features of a vector", version{"ArrayFeatureExtractor", ml, 1, nil, []kernels.Tensor{dims{3}.floats(5, 6, 7), dims{2}.ints(tensor.Int64, 2, 0)},
			[]kernels.Tensor{dims{1, 2}.floats(7, 5)}}},
		{"linear regressor", version{"LinearRegressor", ml, 1, []pb{attr("coefficients", []float32{1, 2}), attr("intercepts", []float32{3})}, []kernels.Tensor{dims{1, 2}.floats(10, 20)},
			[]kernels.Tensor{dims{1, 1}.floats(53)}}},
		{"svm regressor", version{"SVMRegressor", ml, 1, []pb{attr("n_supports", 2), attr("kernel_type", "RBF"), attr("kernel_params", []float32{0.5, 0, 0}), attr("support_vectors", []float32{1, 1, 0, 2}), attr("coefficients", []float32{0.5, -1}), attr("rho", []float32{0.25})}, []kernels.Tensor{dims{1, 2}.floats(1, 2)},
			[]kernels.Tensor{dims{1, 1}.floats(-0.0532653)}}},
		{"label encoder", version{"LabelEncoder", ml, 2, []pb{attr("keys_int64s", []int64{7, 8}), attr("values_floats", []float32{1, 2}), attr("default_float", 9.)}, []kernels.Tensor{dims{3}.ints(tensor.Int64, 8, 5, 7)},
			[]kernels.Tensor{dims{3}.floats(2, 9, 1)}}},
		{"imputer", version{"Imputer", ml, 1, []pb{attr("imputed_value_floats", []float32{5}), attr("replaced_value_float", math.NaN())}, []kernels.Tensor{dims{1, 2}.floats(float32(math.NaN()), 1)},
			[]kernels.Tensor{dims{1, 2}.floats(5, 1)}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got, refused, err := test.run()
			if strings.Contains(refused, "unknown operation") {
				t.Skip(refused)
			}
			if err != nil || refused != "" {
				t.Fatal(refused, err)
			}
			for i, want := range test.want {
				if err := same(got[i], want, nearly); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
