package format

import (
	"archive/zip"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// golden is what numpy, h5py and safetensors read from a file of weights; nil,
// if it is to be refused.
type golden map[string]struct {
	DType  string  `json:"dtype"`
	Shape  []int64 `json:"shape"`
	SHA256 string  `json:"sha256"`
}

// TestGolden reads files of weights and compares each tensor with an
// independent reading.
func TestGolden(t *testing.T) {
	const dir = "../../../testdata/weights"
	text, err := os.ReadFile(filepath.Join(dir, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var files map[string]golden
	if err := json.Unmarshal(text, &files); err != nil {
		t.Fatal(err)
	}
	for name, want := range files {
		path := filepath.Join(dir, name)
		if strings.HasPrefix(name, "../shared/") {
			path = filepath.Join("../../..", name)
		}
		t.Run(name, func(t *testing.T) {
			b, err := os.ReadFile(path)
			if os.IsNotExist(err) && strings.HasPrefix(name, "../shared/") {
				t.Skip("../shared is not here")
			}
			if err != nil {
				t.Fatal(err)
			}
			compare(t, b, want)
		})
	}
}

func compare(t *testing.T, b []byte, want golden) {
	box := boxtest.New(b)
	var f *weights.File
	fault := scan.Catch(func() { f = Weights(box, 1) })
	switch {
	case want == nil && fault == nil:
		t.Fatalf("read, though it is to be refused: %+v", f.Tensors)
	case want == nil:
		t.Logf("byte %d: %s", fault.Offset, fault.Text)
		return
	case fault != nil:
		t.Fatalf("%+v", *fault)
	}
	read := 0
	for i := range f.Tensors {
		x := &f.Tensors[i]
		w, ok := want[x.Name]
		if !ok && x.DType == 0 {
			continue // of texts and the like, which are listed and not read
		}
		read++
		kind, h, at := x.Element, x.Blob, x.At
		if x.DType != 0 {
			kind = x.DType.String()
			h, at = x.RowMajor(box)
		}
		sum := sha256.Sum256(box.Blobs[h-1][at:][:x.Size])
		if !ok || kind != w.DType || !slices.Equal(x.Shape, w.Shape) || hex.EncodeToString(sum[:]) != w.SHA256 {
			t.Errorf("%q is %v with %x, want %+v", x.Name, kind, sum, w)
		}
	}
	if read != len(want) {
		t.Errorf("%d of %d tensors", read, len(want))
	}
}

// TestNoWeights: what holds weights alone is not run, and says what to do.
func TestNoWeights(t *testing.T) {
	for _, name := range []string{"small.safetensors", "stored.npz", "fortran.npy", "small.h5"} {
		b, err := os.ReadFile(filepath.Join("../../../testdata/weights", name))
		if err != nil {
			t.Fatal(err)
		}
		fault := scan.Catch(func() { Load(boxtest.New(b), 1) })
		if fault == nil || !strings.Contains(fault.Text, "holds weights alone: give the architecture") {
			t.Errorf("%s: %+v", name, fault)
		}
	}
}

// TestPickleIsUnsafe: a checkpoint of PyTorch, with all that no npz has, is
// refused as code and not as a file of weights.
func TestPickleIsUnsafe(t *testing.T) {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range []string{"model/version", "model/data.pkl", "model/data/0"} {
		if _, err := w.Create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	at := int64(bytes.LastIndex(b.Bytes()[:bytes.Index(b.Bytes(), []byte("data.pkl"))], []byte("PK\x03\x04")))
	for name, visit := range map[string]func(box abi.Box){
		"load":    func(box abi.Box) { Load(box, abi.TaskModel) },
		"weights": func(box abi.Box) { Weights(box, 1) },
	} {
		fault := scan.Catch(func() { visit(boxtest.New(b.Bytes())) })
		if fault == nil || fault.Kind != abi.FaultUnsafe || fault.Rule != "pickle" || fault.Offset != at {
			t.Errorf("%s: %+v, not at %d", name, fault, at)
		}
	}
}

// TestUnknown: what is of no format that is read is refused as that, and by its
// name where it has one.
func TestUnknown(t *testing.T) {
	for file, want := range map[string]string{
		"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR": "of no format that is read: ONNX, safetensors",
		"this is no model at all":             "of no format that is read: ONNX, safetensors",
		"{\"glovebox\"":                       "architecture",
		"{}":                                  "of no format that is read",
		"GGUF\x03\x00\x00\x00":                "a GGUF model is not supported",
		"\x1c\x00\x00\x00TFL3":                "a TensorFlow Lite model is not supported",
		"\x80\x02}q\x00.":                     "a pickle is not supported: it is code, which is not run",
		"\x1f\x8b\x08\x00":                    "a gzip file is not supported",
		"":                                    "the file is empty",
		"\x08\x08\x3a\xff\xff\x03":            "length 65535, but 0 bytes are left", // of a model that was cut off
	} {
		for name, visit := range map[string]func(box abi.Box){
			"load":    func(box abi.Box) { Load(box, abi.TaskModel) },
			"convert": func(box abi.Box) { Export(box, abi.TaskNPZ) },
		} {
			fault := scan.Catch(func() { visit(boxtest.New([]byte(file))) })
			if fault == nil || !strings.Contains(fault.Text, want) && !(name == "convert" && want == "architecture") {
				t.Errorf("%s %q: %+v, want %q", name, file, fault, want)
			}
		}
	}
}

// TestWeightsOfTwoFormats: a file that begins as two formats is refused.
func TestWeightsOfTwoFormats(t *testing.T) {
	hdf5 := bytes.Repeat([]byte(" "), 512)
	copy(hdf5, "\x00\x02\x00\x00\x00\x00\x00\x00{\"a\"")
	hdf5 = append(hdf5, "\x89HDF\r\n\x1a\n"...)
	zip := bytes.Clone(hdf5)
	copy(zip, "PK\x03\x04")
	zip[8] = 0
	for name, b := range map[string][]byte{"safetensors and HDF5": hdf5, "zip and HDF5": zip} {
		fault := scan.Catch(func() { Weights(boxtest.New(b), 1) })
		if fault == nil || !strings.Contains(fault.Text, "the file is both") {
			t.Errorf("%s: %+v", name, fault)
		}
	}
}
