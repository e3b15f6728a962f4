package onnx

import (
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// TestMisfits gives operators what they do not define. A result would be a
// guess.
func TestMisfits(t *testing.T) {
	x := upTo(2, 3)
	one, byte2 := dims{1}.floats(1), dims{2, 3}.ints(tensor.Uint8, 1, 2, 3, 4, 5, 6)
	classes := dims{2}.ints(tensor.Int64, 0, 1)
	tests := []struct {
		name string
		version
		text string
	}{
		{"a flag of seven", version{"ReduceSum", "", 13, []pb{attr("keepdims", 7)}, []kernels.Tensor{x}, []kernels.Tensor{one}}, "neither 0 nor 1"},
		{"a negative flag", version{"Gemm", "", 13, []pb{attr("transA", -1)}, []kernels.Tensor{x, upTo(2, 3)}, []kernels.Tensor{one}}, "neither 0 nor 1"},
		{"a factor wider than what it scales", version{"LayerNormalization", "", 17, nil, []kernels.Tensor{upTo(3, 1), upTo(4)}, []kernels.Tensor{x}}, "do not broadcast"},
		{"a shift of more dims", version{"LayerNormalization", "", 17, nil, []kernels.Tensor{x, upTo(3), upTo(2, 2, 3)}, []kernels.Tensor{x}}, "do not broadcast"},
		{"a slope wider than its input", version{"PRelu", "", 16, nil, []kernels.Tensor{upTo(3, 1), upTo(3, 4)}, []kernels.Tensor{x}}, "do not broadcast"},
		{"a summand wider than a product", version{"Gemm", "", 13, nil, []kernels.Tensor{upTo(1, 2), upTo(2, 3), upTo(4, 3)}, []kernels.Tensor{x}}, "do not broadcast"},
		{"channels that are more", version{"BatchNormalization", "", 15, nil, []kernels.Tensor{upTo(2, 1), upTo(3), upTo(3), upTo(3), upTo(3)}, []kernels.Tensor{x}}, "factors for the channels"},
		{"one variance for three channels", version{"BatchNormalization", "", 15, nil, []kernels.Tensor{upTo(2, 3), upTo(3), upTo(3), upTo(3), upTo(1)}, []kernels.Tensor{x}}, "factors for the channels"},
		{"a norm of another power", version{"LpNormalization", "", 1, []pb{attr("p", 9)}, []kernels.Tensor{x}, []kernels.Tensor{x}}, "neither 1 nor 2"},
		{"the conjunction of numbers", version{"And", "", 7, nil, []kernels.Tensor{byte2, byte2}, []kernels.Tensor{byte2}}, "booleans are needed"},
		{"scales of more than the axis", version{"DequantizeLinear", "", 13, nil, []kernels.Tensor{dims{2, 1}.ints(tensor.Uint8, 1, 2), upTo(3)}, []kernels.Tensor{x}}, "do not broadcast"},
		{"blocks that cover the axis twice", version{"DequantizeLinear", "", 21, []pb{attr("axis", 1), attr("block_size", 3)}, []kernels.Tensor{byte2, upTo(2, 2)}, []kernels.Tensor{x}}, "blocks of 3"},
		{"targets of another batch", version{"NegativeLogLikelihoodLoss", "", 13, nil, []kernels.Tensor{upTo(3, 3), classes}, []kernels.Tensor{one}}, "targets [2]"},
		{"a truth as an axis", version{"ReduceSum", "", 13, nil, []kernels.Tensor{x, dims{1}.of(tensor.Bool, 1)}, []kernels.Tensor{one}}, "integers are needed"},
		{"an output of another type", version{"Abs", "", 13, nil, []kernels.Tensor{x}, []kernels.Tensor{dims{2}.ints(tensor.Int64, 1, 2)}}, "declared as int64"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := test.run()
			if err == nil || !strings.Contains(err.Error(), test.text) {
				t.Errorf("%v, want %q", err, test.text)
			}
		})
	}
}
