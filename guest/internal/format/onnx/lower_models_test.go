package onnx

import (
	"bytes"
	"context"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/host"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

const models = "../../../../../shared/models"

// TestModels runs published models on inputs whose outputs were computed by
// another runtime. Larger models take longer than a test may.
func TestModels(t *testing.T) {
	if _, err := os.Stat(models); err != nil {
		t.Skip("no models at " + models)
	}
	tests := []struct {
		model, data string
		near        tolerance
	}{
		{"chars2vec-loop/model.onnx", "test_data_set_*", nearly},
		{"dtln/model_1.onnx", "test_data_set_model_1", nearly},
		{"dtln/model_2.onnx", "test_data_set_model_2", nearly},
		{"gtcrn-stream/gtcrn_simple.onnx", "test_data_set_gtcrn_simple", nearly},
		{"lightgbm-nan/model.onnx", "test_data_set_0", nearly},
		{"magika-v3_3/model.onnx", "test_data_set_*", nearly},
		{"minilm-l6-w8/model.onnx", "test_data_set_*", nearly},
		{"mnist-burn/mnist.onnx", "test_data_set_*", nearly},
		{"mnist-cntk/model.onnx", "test_data_set_*", nearly},
		{"mnist-external-data/mnist.onnx", "test_data_set_mnist", nearly},
		{"mnist-external-data/mnist-inline.onnx", "test_data_set_mnist-inline", nearly},
		{"ppocr-v4/cls.onnx", "test_data_set_cls", nearly},
		{"ppocr-v4/det.onnx", "test_data_set_det", nearly},
		{"ppocr-v4/rec.onnx", "test_data_set_rec", nearly},
		{"silero-vad/silero_vad.onnx", "test_data_set_silero_vad", nearly},
		{"sk-gaussian-process/model.onnx", "test_data_set_0", nearly},
		{"sk-mlp/model.onnx", "test_data_set_0", nearly},
		{"sk-pca-logreg/model.onnx", "test_data_set_0", nearly},
		{"sk-svc-rbf/model.onnx", "test_data_set_0", nearly},
		{"super-resolution/model.onnx", "test_data_set_0", nearly},
		{"tract-lgbm-classifier-tensor/model.onnx", "test_data_set_0", nearly},
		{"tract-qlstm/model.onnx", "test_data_set_0", nearly},
		{"tract-qtdnn/model.onnx", "test_data_set_0", nearly},
		{"tract-xgboost-classifier-tree/model.onnx", "test_data_set_0", nearly},
		{"ultraface/version-RFB-320.onnx", "test_data_set_version-RFB-320", nearly},
		{"yolox-nano/yolox_nano.onnx", "test_data_set_0", nearly},
	}
	for _, test := range tests {
		t.Run(test.model, func(t *testing.T) {
			file := filepath.Join(models, test.model)
			sets, _ := filepath.Glob(filepath.Join(filepath.Dir(file), test.data))
			if len(sets) == 0 {
				t.Skip("no data for " + file)
			}
			for _, data := range sets {
				refused, err := serve(file, data, test.near)
				if err != nil {
					t.Errorf("%s: %v", filepath.Base(data), err)
				} else if refused != "" {
					t.Skip("refused: " + refused)
				}
			}
		})
	}
}

// TestLightModels runs the image classifiers that ONNX publishes with weights
// made by ConstantOfShape, on the input its tests make for them.
func TestLightModels(t *testing.T) {
	for _, name := range []string{"resnet50", "shufflenet", "squeezenet"} {
		t.Run(name, func(t *testing.T) {
			base := filepath.Join(conformance, "../light/light_"+name)
			file, err := os.ReadFile(base + ".onnx")
			if err != nil {
				t.Skip(err)
			}
			expected, err := os.ReadFile(base + "_output_0.pb")
			if err != nil {
				t.Fatal(err)
			}
			want, err := decodeTensor(expected)
			if err != nil {
				t.Fatal(err)
			}
			image := make([]float32, 3*224*224)
			for i := range image {
				image[i] = float32(float64(i) / float64(len(image)))
			}
			parts := []host.Part{{Name: "model", Data: bytes.NewReader(file), Size: int64(len(file))}}
			got, refused, err := infer(parts, func(*host.Model) ([]kernels.Tensor, error) {
				return []kernels.Tensor{dims{1, 3, 224, 224}.floats(image...)}, nil
			})
			if err != nil || refused != "" {
				t.Fatal(refused, err)
			}
			if err := same(got[0], want, nearly); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestOtherSizes has plans of one size serve others: lowerings leave dims as
// symbols wherever the file leaves them free, so the second size is not traced
// again, and what it gives is what a trace of its own would give.
func TestOtherSizes(t *testing.T) {
	for _, test := range []struct {
		model string
		sizes []int64 // of each free dim
	}{
		{"lightgbm-nan/model.onnx", []int64{3, 7, 1}},
		{"minilm-l6-w8/model.onnx", []int64{3, 5, 1}},
		{"sk-gaussian-process/model.onnx", []int64{3, 7, 1}},
		{"sk-mlp/model.onnx", []int64{3, 7, 1}},
		{"tract-lgbm-classifier-tensor/model.onnx", []int64{3, 7, 1}},
	} {
		t.Run(test.model, func(t *testing.T) {
			p, err := os.ReadFile(filepath.Join(models, test.model))
			if err != nil {
				t.Skip(err)
			}
			limits := host.Limits{Memory: 1 << 30, Output: 1 << 28, File: 1 << 28, Work: 1 << 40}
			m, err := host.NewModel(host.Config{Parts: []host.Part{{Data: bytes.NewReader(p), Size: int64(len(p))}}, Limits: limits})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			ctx := context.Background()
			var model *Model
			load := m.LoadBox(ctx, abi.TaskModel)
			if f := scan.Catch(func() { model = Load(load) }); f != nil {
				t.Fatal(*f)
			}
			m.Freeze(load)
			in, out := m.Ports()
			for i, size := range test.sizes {
				args := sized(in, size)
				served := make([]kernels.Tensor, len(out))
				_, ok, err := m.Serve(ctx, args, served, limits)
				if err != nil || ok != (i > 0) {
					t.Fatalf("size %d: served %t, %v", size, ok, err)
				}
				run := m.RunBox(ctx, args, limits, false)
				if f := scan.Catch(func() { model.Run(run) }); f != nil {
					t.Fatal(*f)
				}
				for j := 0; ok && j < len(served); j++ {
					if err := same(served[j], run.Outputs()[j], tolerance{}); err != nil {
						t.Errorf("size %d, output %d: %v", size, j, err)
					}
				}
				run.Close()
			}
		})
	}
}

// sized are inputs whose free dims have that size.
func sized(in []abi.Port, size int64) []kernels.Tensor {
	random := rand.New(rand.NewPCG(1, 2))
	var args []kernels.Tensor
	for _, p := range in {
		var d dims
		for _, dim := range p.Dims {
			if dim.Size < 0 {
				dim.Size = size
			}
			d = append(d, dim.Size)
		}
		var floats []float32
		var doubles []uint64
		var ints []int64
		for range tensor.Product(d) {
			v := random.Float64()
			floats = append(floats, float32(v))
			doubles = append(doubles, math.Float64bits(v))
			ints = append(ints, random.Int64N(2))
		}
		switch p.DType {
		case uint8(tensor.Float32):
			args = append(args, d.floats(floats...))
		case uint8(tensor.Float64):
			args = append(args, d.of(tensor.Float64, doubles...))
		default:
			args = append(args, d.ints(tensor.DType(p.DType), ints...))
		}
	}
	return args
}
