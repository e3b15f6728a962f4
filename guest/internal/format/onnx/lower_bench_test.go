package onnx

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/host"
)

// BenchmarkTrace traces models without computing anything: what a first run
// takes besides its kernels.
func BenchmarkTrace(b *testing.B) {
	for _, test := range []struct{ model, data string }{
		{"ppocr-v4/rec.onnx", "test_data_set_rec"},
		{"ppocr-v4/cls.onnx", "test_data_set_cls"},
		{"ultraface/version-RFB-320.onnx", "test_data_set_version-RFB-320"},
		{"yolox-nano/yolox_nano.onnx", "test_data_set_0"},
		{"minilm-l6-w8/model.onnx", "test_data_set_0"},
	} {
		b.Run(test.model, func(b *testing.B) {
			p, err := os.ReadFile(filepath.Join(models, test.model))
			if err != nil {
				b.Skip(err)
			}
			limits := host.Limits{Memory: 1 << 30, Output: 1 << 28, File: 1 << 28, Work: 1 << 40}
			m, err := host.NewModel(host.Config{Parts: []host.Part{{Data: bytes.NewReader(p), Size: int64(len(p))}}, Limits: limits})
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close()
			var model *Model
			load := m.LoadBox(context.Background(), abi.TaskModel)
			if fault := scan.Catch(func() { model = Load(load) }); fault != nil {
				b.Fatal(fault.Text)
			}
			m.Freeze(load)
			ports, _ := m.Ports()
			in, err := values(filepath.Join(models, filepath.Dir(test.model), test.data), "input", ports)
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				box := m.RunBox(context.Background(), in, limits, true)
				if fault := scan.Catch(func() { model.Run(box) }); fault != nil {
					b.Fatal(fault.Text)
				}
				if err := box.Stopped(); err != nil {
					b.Fatal(err)
				}
				box.Close()
			}
		})
	}
}
