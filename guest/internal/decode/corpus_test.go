package decode

import (
	"bytes"
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
	files, err := filepath.Glob(filepath.Join("..", "..", "..", "..", "shared", pattern))
	if err != nil || len(files) == 0 {
		t.Skipf("../shared/%s is not here", pattern)
	}
	return files
}

// TestValues reads the values that accompany published models.
func TestValues(t *testing.T) {
	for _, pattern := range []string{"models/*/test_data_set_*/*.pb", "conformance/onnx/*/*/test_data_set_*/*.pb", "models/*/*.png"} {
		t.Run(filepath.Base(pattern), func(t *testing.T) {
			read, unsupported, other := 0, 0, 0
			for _, name := range shared(t, pattern) {
				file, err := os.ReadFile(name)
				if err != nil {
					t.Fatal(err)
				}
				box := boxtest.New(file)
				switch f := scan.Catch(func() { Load(box).Run(box) }); {
				case f == nil:
					read++
				case f.Kind == abi.FaultUnsupported:
					unsupported++
				case bytes.HasPrefix(file, []byte("\x0a")):
					other++ // a SequenceProto or OptionalProto, which has no element type in front
				default:
					t.Errorf("%s: %+v", name, *f)
				}
			}
			t.Logf("%d read, %d of unsupported types, %d sequences", read, unsupported, other)
		})
	}
}

// TestNumpyFiles reads files that numpy's own tests use: arrays in both orders
// hold the same values, and arrays of objects are refused.
func TestNumpyFiles(t *testing.T) {
	objects := 0
	same := map[string][]byte{}
	for _, name := range shared(t, "conformance/npy/*.npy") {
		file, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(file[:min(len(file), 128)], []byte("|O")) {
			objects++
			box := boxtest.New(file)
			if f := scan.Catch(func() { Load(box) }); f == nil || f.Kind != abi.FaultUnsafe {
				t.Errorf("%s: %+v", name, f)
			}
			continue
		}
		_, same[filepath.Base(name)] = decoded(t, file, nil)
	}
	if objects == 0 || !bytes.Equal(same["order_c_i32.npy"], same["order_fortran_i32.npy"]) {
		t.Errorf("%d arrays of objects; %d and %d bytes in the two orders", objects, len(same["order_c_i32.npy"]), len(same["order_fortran_i32.npy"]))
	}
}
