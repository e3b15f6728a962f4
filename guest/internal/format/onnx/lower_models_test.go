package onnx

import (
	"os"
	"path/filepath"
	"testing"
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
