package export_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/host"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

const (
	testdata = "../../../testdata"
	shared   = "../../../../shared/models"
)

var limits = host.Limits{Memory: 1 << 29, Output: 1 << 27, File: 1 << 28, Work: 1 << 38}

// part is a file of a model, under the name that the model calls it by.
func part(name string, b []byte) host.Part {
	return host.Part{Name: name, Data: bytes.NewReader(b), Size: int64(len(b))}
}

// serve loads parts on the real host and runs what they are.
func serve(task abi.Task, parts []host.Part, in ...kernels.Tensor) (out []kernels.Tensor, fault *abi.Fault, err error) {
	m, err := host.NewModel(host.Config{Parts: parts, Limits: limits})
	if err != nil {
		return nil, nil, err
	}
	defer m.Close()
	ctx := context.Background()
	load := m.LoadBox(ctx, task)
	var model format.Model
	fault = scan.Catch(func() {
		if task == abi.TaskModel {
			model = format.Load(load, task)
		} else {
			model = format.Export(load, task)
		}
	})
	if err := load.Stopped(); err != nil || fault != nil {
		load.Close()
		return nil, fault, err
	}
	m.Freeze(load)
	run := m.RunBox(ctx, in, limits, false)
	defer run.Close()
	fault = scan.Catch(func() { model.Run(run) })
	return run.Outputs(), fault, run.Stopped()
}

// must is serve for what has to work and gives one tensor.
func must(t *testing.T, task abi.Task, parts []host.Part, in ...kernels.Tensor) kernels.Tensor {
	t.Helper()
	out, fault, err := serve(task, parts, in...)
	if fault != nil || err != nil || len(out) != 1 {
		t.Fatalf("%d outputs, %+v, %v", len(out), fault, err)
	}
	return out[0]
}

// file is the file that parts become.
func file(t *testing.T, task abi.Task, parts ...host.Part) []byte {
	t.Helper()
	return must(t, task, parts).Data
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	b, err := os.ReadFile(path)
	if os.IsNotExist(err) && strings.HasPrefix(path, shared) {
		t.Skip("no published model at " + path)
	} else if err != nil {
		t.Fatal(err)
	}
	return b
}

// numbers is an array of a golden file, row by row.
type numbers struct {
	DType  string
	Shape  []int64
	Values []float64
}

// tensor gives numbers as float32 or as the type they are of, and false where
// that is one that the test cannot write.
func (n *numbers) tensor() (kernels.Tensor, bool) {
	d := map[string]tensor.DType{"float32": tensor.Float32, "float64": tensor.Float64, "int64": tensor.Int64}[n.DType]
	if d == 0 {
		return kernels.Tensor{}, false
	}
	x := kernels.Tensor{Type: tensor.Of(d, n.Shape...)}
	x.Data = tensor.Aligned(x.Bytes())
	for i, v := range n.Values {
		switch d {
		case tensor.Float32:
			binary.LittleEndian.PutUint32(x.Data[4*i:], math.Float32bits(float32(v)))
		case tensor.Float64:
			binary.LittleEndian.PutUint64(x.Data[8*i:], math.Float64bits(v))
		default:
			binary.LittleEndian.PutUint64(x.Data[8*i:], uint64(int64(v)))
		}
	}
	return x, true
}

func values(t kernels.Tensor) []float64 {
	var vs []float64
	for i := range t.Elems() {
		if t.DType == tensor.Float64 {
			vs = append(vs, math.Float64frombits(binary.LittleEndian.Uint64(t.Data[8*i:])))
		} else {
			vs = append(vs, float64(math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))))
		}
	}
	return vs
}

func check(t *testing.T, got kernels.Tensor, want *numbers, tolerance float64) {
	t.Helper()
	if !slices.Equal(got.Shape(), want.Shape) {
		t.Fatalf("shape %d, want %d", got.Shape(), want.Shape)
	}
	for i, g := range values(got) {
		if w := want.Values[i]; !(math.Abs(g-w) <= tolerance*max(1, math.Abs(w))) {
			t.Fatalf("element %d is %g, want %g", i, g, w)
		}
	}
}

// reversed is n with its axes in the opposite order.
func (n *numbers) reversed() *numbers {
	r := &numbers{DType: n.DType, Shape: slices.Clone(n.Shape), Values: make([]float64, len(n.Values))}
	slices.Reverse(r.Shape)
	for i, v := range n.Values {
		at, rest := 0, i
		for axis, stride := len(n.Shape)-1, len(n.Values); axis >= 0; axis-- {
			stride /= int(n.Shape[axis])
			at += rest % int(n.Shape[axis]) * stride
			rest /= int(n.Shape[axis])
		}
		r.Values[at] = v
	}
	return r
}

var shapeOf = regexp.MustCompile(`"input": \{("name": "x", "dtype": "[a-z0-9]+")[^}]*\}`)

// TestFlux takes each Flux model whose outputs were worked out in NumPy to ONNX
// and to JSON, and that to ONNX, and runs all of them.
func TestFlux(t *testing.T) {
	var cases map[string]struct{ X, Y numbers }
	if err := json.Unmarshal(read(t, filepath.Join(testdata, "flux", "golden.json")), &cases); err != nil {
		t.Fatal(err)
	}
	for name, c := range cases {
		x, ok := c.X.tensor()
		if !ok {
			continue
		}
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(testdata, "flux", name+".bson")
			if strings.HasSuffix(name, ".bson") {
				path = filepath.Join(shared, name)
			}
			model := read(t, path)
			out, fault, err := serve(abi.TaskONNX, []host.Part{part("m", model)})
			switch {
			case fault != nil && strings.Contains(fault.Text, "give the shape of the input"):
			case fault != nil || err != nil:
				t.Fatalf("%+v, %v", fault, err)
			default:
				check(t, must(t, abi.TaskModel, []host.Part{part("m", out[0].Data)}, x), &c.Y, 1e-4)
			}
			text := file(t, abi.TaskArchitecture, part("m", model))
			turned := c.X.reversed()
			x, _ := turned.tensor()
			shape, _ := json.Marshal(turned.Shape)
			text = shapeOf.ReplaceAll(text, []byte(`"input": {$1, "shape": `+string(shape)+`}`))
			parts := []host.Part{part("m", text), part("weights", model)}
			check(t, must(t, abi.TaskModel, parts, x), c.Y.reversed(), 1e-4)
			built := file(t, abi.TaskONNX, parts...)
			check(t, must(t, abi.TaskModel, []host.Part{part("m", built)}, x), c.Y.reversed(), 1e-4)
		})
	}
}

// TestMNIST builds the network that a person described, with weights that
// PyTorch wrote, and compares with what NumPy gives.
func TestMNIST(t *testing.T) {
	folder := filepath.Join(shared, "mnist-burn")
	weights := read(t, filepath.Join(folder, "mnist.safetensors"))
	parts := []host.Part{part("m", read(t, filepath.Join(testdata, "architecture", "mnist.json"))), part("weights", weights)}
	var golden map[string][]float64
	if err := json.Unmarshal(read(t, filepath.Join(testdata, "architecture", "mnist_golden.json")), &golden); err != nil {
		t.Fatal(err)
	}
	built := file(t, abi.TaskONNX, parts...)
	if again := file(t, abi.TaskONNX, parts...); !bytes.Equal(built, again) {
		t.Error("another file the second time")
	}
	for name, y := range golden {
		pixels := read(t, filepath.Join(folder, name, "input_0.pb"))
		x := kernels.Tensor{Type: tensor.Of(tensor.Float32, 1, 1, 28, 28)}
		x.Data = tensor.Aligned(x.Bytes())
		copy(x.Data, pixels[len(pixels)-len(x.Data):]) // the last field of a TensorProto
		want := &numbers{Shape: []int64{1, 10}, Values: y}
		check(t, must(t, abi.TaskModel, parts, x), want, 1e-5)
		check(t, must(t, abi.TaskModel, []host.Part{part("m", built)}, x), want, 1e-5)
	}
}

// TestSameSafetensors writes what huggingface/safetensors wrote: it gives the
// same bytes.
func TestSameSafetensors(t *testing.T) {
	for _, name := range []string{"kinds.safetensors", "small.safetensors"} {
		original := read(t, filepath.Join(testdata, "weights", name))
		if again := file(t, abi.TaskSafetensors, part("m", original)); !bytes.Equal(again, original) {
			t.Errorf("%s is not what it was:\n%q\n%q", name, again, original)
		}
	}
}

// TestRoundTrip takes tensors from safetensors to npz and back.
func TestRoundTrip(t *testing.T) {
	original := read(t, filepath.Join(shared, "mnist-burn", "mnist.safetensors"))
	packed := file(t, abi.TaskNPZ, part("m", original))
	back := file(t, abi.TaskSafetensors, part("m", packed))
	if !bytes.Equal(back, original) {
		t.Error("the tensors are not what they were")
	}
	if again := file(t, abi.TaskNPZ, part("m", back)); !bytes.Equal(again, packed) {
		t.Error("the archive is not what it was")
	}
}
