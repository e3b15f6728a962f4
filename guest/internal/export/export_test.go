package export_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
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
			direct := file(t, abi.TaskONNX, part("m", model))
			check(t, must(t, abi.TaskModel, []host.Part{part("m", direct)}, x), &c.Y, 1e-4)
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

// TestEachRank gives inputs of all ranks to models that say nothing about theirs,
// and to what they become as ONNX: both take them and give the same, or both
// refuse.
func TestEachRank(t *testing.T) {
	for name, features := range map[string]int64{
		"sequence-lstm": 4, "sequence-gru": 4, "sequence-rnn": 4, "recur-lstm": 4, "recur-gru": 4, "recur-rnn": 4, "pools-adaptive": 8,
	} {
		t.Run(name, func(t *testing.T) {
			model := read(t, filepath.Join(testdata, "flux", name+".bson"))
			built := file(t, abi.TaskONNX, part("m", model))
			taken := 0
			for rank := 1; rank <= 5; rank++ {
				in := numbers{DType: "float32", Shape: []int64{features, 7, 3, 2, 1}[:rank]}
				for i := range tensor.Product(in.Shape) {
					in.Values = append(in.Values, math.Sin(float64(i)))
				}
				x, _ := in.tensor()
				want, refused, err := serve(abi.TaskModel, []host.Part{part("m", model)}, x)
				got, fault, err2 := serve(abi.TaskModel, []host.Part{part("m", built)}, x)
				if err != nil || err2 != nil || (refused == nil) != (fault == nil) {
					t.Fatalf("rank %d: %+v, %+v, %v, %v", rank, refused, fault, err, err2)
				}
				if fault == nil {
					check(t, got[0], &numbers{Shape: want[0].Shape(), Values: values(want[0])}, 1e-5)
					taken++
				}
			}
			if taken == 0 {
				t.Error("no rank is taken")
			}
		})
	}
}

// onnxGolden is what ONNX Runtime gives for an architecture that was built, and
// which file it was given.
type onnxGolden struct {
	SHA256  string
	Outputs map[string][]float64
}

func golden[T any](t *testing.T, name string) (g map[string]T) {
	t.Helper()
	if err := json.Unmarshal(read(t, filepath.Join(testdata, "architecture", name)), &g); err != nil {
		t.Fatal(err)
	}
	return g
}

// TestBuild builds the networks that a person described. What is built is the
// file that ONNX Runtime was given, and both it and the description give what
// ONNX Runtime gives.
func TestBuild(t *testing.T) {
	mnist := golden[[]float64](t, "mnist_golden.json")
	for name, want := range golden[onnxGolden](t, "onnx_golden.json") {
		t.Run(name, func(t *testing.T) {
			var weights []byte
			folder, shape := filepath.Join(testdata, "models"), []int64{4, 1, 8, 8}
			if name == "mnist" {
				folder, shape = filepath.Join(shared, "mnist-burn"), []int64{1, 1, 28, 28}
				weights = read(t, filepath.Join(folder, "mnist.safetensors"))
			} else {
				weights = file(t, abi.TaskSafetensors, part("m", read(t, filepath.Join(folder, "digits.onnx"))))
			}
			parts := []host.Part{part("m", read(t, filepath.Join(testdata, "architecture", name+".json"))), part("weights", weights)}
			built := file(t, abi.TaskONNX, parts...)
			if again := file(t, abi.TaskONNX, parts...); !bytes.Equal(built, again) {
				t.Error("another file the second time")
			}
			if sum := sha256.Sum256(built); hex.EncodeToString(sum[:]) != want.SHA256 {
				t.Error("it is not the file that ONNX Runtime was given: testdata/architecture/make_onnx_golden.py does that")
			}
			for set, values := range want.Outputs {
				pixels := read(t, filepath.Join(folder, set, "input_0.pb"))
				x := kernels.Tensor{Type: tensor.Of(tensor.Float32, shape...)}
				x.Data = tensor.Aligned(x.Bytes())
				copy(x.Data, pixels[len(pixels)-len(x.Data):]) // the last field of a TensorProto
				y := &numbers{Shape: []int64{shape[0], 10}, Values: values}
				for _, m := range [][]host.Part{parts, {part("m", built)}} {
					got := must(t, abi.TaskModel, m, x)
					check(t, got, y, 1e-5)
					if name == "mnist" { // and what NumPy gives
						check(t, got, &numbers{Shape: y.Shape, Values: mnist[set]}, 1e-5)
					}
				}
			}
		})
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
