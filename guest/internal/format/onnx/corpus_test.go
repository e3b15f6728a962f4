package onnx

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// shared finds files beside the repository, or skips the test.
func shared(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "..", "..", "shared", pattern))
	if err != nil || len(files) == 0 {
		t.Skipf("../shared/%s is not here", pattern)
	}
	return files
}

// open makes a box of a model and of the parts that lie beside it.
func open(t *testing.T, file string) *boxtest.Box {
	t.Helper()
	model, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	box := boxtest.New(model)
	box.Names[0] = filepath.Base(file)
	parts, _ := filepath.Glob(file + ".data")
	for _, part := range parts {
		data, err := os.ReadFile(part)
		if err != nil {
			t.Fatal(err)
		}
		box.Blobs = append(box.Blobs, data)
		box.Names = append(box.Names, filepath.Base(part))
	}
	return box
}

// TestCorpus reads models of many exporters: none is malformed.
func TestCorpus(t *testing.T) {
	for _, pattern := range []string{"models/*/*.onnx", "conformance/onnx/*/*/*.onnx"} {
		t.Run(filepath.Dir(filepath.Dir(pattern)), func(t *testing.T) {
			loaded, unsupported := 0, 0
			for _, file := range shared(t, pattern) {
				box := open(t, file)
				fault := scan.Catch(func() { Load(box) })
				switch {
				case fault == nil:
					loaded++
				case fault.Kind == abi.FaultUnsupported:
					unsupported++
					t.Logf("%s: %s", filepath.Base(filepath.Dir(file)), fault.Text)
				default:
					t.Errorf("%s: %+v", file, *fault)
				}
			}
			t.Logf("%d loaded, %d unsupported", loaded, unsupported)
		})
	}
}
