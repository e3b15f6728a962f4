package export

import (
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/guest/internal/format/npy"
	"github.com/glovebox-ml/glovebox/guest/internal/format/safetensors"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// joined is what a file comes to: its pieces one after the other.
func joined(box *boxtest.Box, f *File) []byte {
	var b []byte
	for _, p := range f.pieces {
		b = append(b, box.Blobs[p.blob-1][p.off:][:tensor.Product(p.dims)]...)
	}
	return b
}

// TestTensors writes tensors of all kinds in both formats and reads them again.
func TestTensors(t *testing.T) {
	data := []byte("abcdefghijklmnopqrstuvwx")
	in := &weights.File{Format: "safetensors", Fields: []weights.Field{{Name: "by \"", Value: "no\x01body"}}, Tensors: []weights.Tensor{
		{Name: "π.layers[1]", DType: tensor.Float32, Shape: []int64{1, 2}, Blob: 1, Size: 8},
		{Name: "scalar", DType: tensor.Uint16, Blob: 1, At: 8, Size: 2},
		{Name: "none", DType: tensor.Float64, Shape: []int64{0, 3}, Blob: 1, At: 3},
		{Name: "columns", DType: tensor.Uint8, Shape: []int64{2, 3}, Blob: 1, At: 10, Size: 6, ColumnMajor: true},
		{Name: "big", DType: tensor.Int32, Shape: []int64{2}, Blob: 1, At: 16, Size: 8, BigEndian: true},
	}}
	want := map[string]string{"π.layers[1]": "abcdefgh", "scalar": "ij", "none": "", "columns": "kmolnp", "big": "tsrqxwvu"}
	for name, format := range map[string]struct {
		write func(abi.Box, *weights.File) *File
		read  weights.Reader
	}{"safetensors": {Safetensors, safetensors.Read}, "npz": {NPZ, npy.ReadArchive}} {
		t.Run(name, func(t *testing.T) {
			box := boxtest.New(data)
			b := joined(box, format.write(box, in))
			if p := box.Ports; len(p) != 1 || p[0].Dims[0].Size != int64(len(b)) {
				t.Errorf("%+v for %d bytes", p, len(b))
			}
			var out *weights.File
			again := boxtest.New(b)
			if fault := scan.Catch(func() { out = weights.Load(again, 1, format.read) }); fault != nil {
				t.Fatalf("%+v\n%q", *fault, b)
			}
			if len(out.Tensors) != len(want) {
				t.Errorf("%d tensors", len(out.Tensors))
			}
			for i, x := range out.Tensors {
				if got := string(b[x.At:][:x.Size]); got != want[x.Name] {
					t.Errorf("%s is %q", x.Name, got)
				}
				if name == "safetensors" && x.DType != 0 && x.At%int64(x.DType.Size()) != 0 {
					t.Errorf("tensor %d is not aligned", i)
				}
			}
		})
	}
}

func TestTensorsRefused(t *testing.T) {
	named := func(name string) weights.Tensor {
		return weights.Tensor{Name: name, DType: tensor.Uint8, Shape: []int64{1}, Blob: 1, Size: 1}
	}
	typed := func(d tensor.DType, element string) weights.Tensor {
		return weights.Tensor{Name: "w", DType: d, Element: element, Shape: []int64{0}, Blob: 1}
	}
	tests := []struct {
		lie     string
		write   func(abi.Box, *weights.File) *File
		tensors []weights.Tensor
		want    string
	}{
		{"a path out of the archive", NPZ, []weights.Tensor{named("../w")}, `can be called "../w"`},
		{"a path from the root", NPZ, []weights.Tensor{named("/w")}, `can be called "/w"`},
		{"a path of another system", NPZ, []weights.Tensor{named(`..\w`)}, "can be called"},
		{"no name", NPZ, []weights.Tensor{named("")}, "can be called"},
		{"a name that moves the cursor", NPZ, []weights.Tensor{named("w\x1b[2J")}, "can be called"},
		{"one name twice", NPZ, []weights.Tensor{named("w"), named("w")}, `two tensors are called "w"`},
		{"one name twice", Safetensors, []weights.Tensor{named("w"), named("w")}, `two tensors are called "w"`},
		{"the name of the metadata", Safetensors, []weights.Tensor{named("__metadata__")}, "__metadata__"},
		{"what numpy does not have", NPZ, []weights.Tensor{typed(tensor.BFloat16, "BF16")}, `"bfloat16"`},
		{"what numpy and we do not have", NPZ, []weights.Tensor{typed(0, "F8_E4M3")}, `"F8_E4M3"`},
		{"what only another format has", Safetensors, []weights.Tensor{typed(0, "Int128")}, `"Int128"`},
	}
	for _, tt := range tests {
		t.Run(tt.lie, func(t *testing.T) {
			fault := scan.Catch(func() { tt.write(boxtest.New([]byte("x")), &weights.File{Format: "bson", Tensors: tt.tensors}) })
			if fault == nil || !strings.Contains(fault.Text, tt.want) {
				t.Errorf("%+v, want %q", fault, tt.want)
			}
		})
	}
}
