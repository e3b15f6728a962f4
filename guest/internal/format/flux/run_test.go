package flux

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/host"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

const (
	golden = "../../../../testdata/flux"
	shared = "../../../../../shared"
)

// numbersOf is an array of a golden file, row by row in Julia's order of axes.
type numbersOf struct {
	DType  string
	Shape  []int64
	Values []float64
}

var dtypes = map[string]tensor.DType{
	"float16": tensor.Float16, "float32": tensor.Float32, "float64": tensor.Float64, "int64": tensor.Int64,
}

func (l *numbersOf) tensor() kernels.Tensor {
	d := dtypes[l.DType]
	var b []byte
	for _, v := range l.Values {
		switch d {
		case tensor.Float16:
			b = binary.LittleEndian.AppendUint16(b, narrow(v))
		case tensor.Float32:
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(float32(v)))
		case tensor.Float64:
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		case tensor.Int64:
			b = binary.LittleEndian.AppendUint64(b, uint64(v))
		}
	}
	data := tensor.Aligned(int64(len(b)))
	copy(data, b)
	return kernels.Tensor{Type: tensor.Of(d, l.Shape...), Data: data}
}

// narrow is the float of 16 bits that is nearest to v.
func narrow(v float64) (best uint16) {
	for bits := range 1 << 16 {
		if x := half(uint16(bits)); math.Abs(x-v) < math.Abs(half(best)-v) {
			best = uint16(bits)
		}
	}
	return best
}

func elements64(t kernels.Tensor) []float64 {
	var vs []float64
	for i := range t.Elems() {
		switch t.DType {
		case tensor.Float16:
			vs = append(vs, half(binary.LittleEndian.Uint16(t.Data[2*i:])))
		case tensor.Float32:
			vs = append(vs, float64(math.Float32frombits(binary.LittleEndian.Uint32(t.Data[4*i:]))))
		case tensor.Float64:
			vs = append(vs, math.Float64frombits(binary.LittleEndian.Uint64(t.Data[8*i:])))
		}
	}
	return vs
}

// infer loads a file on the real host and runs it on its inputs.
func infer(file []byte, task abi.Task, x ...kernels.Tensor) (y []kernels.Tensor, fault *abi.Fault, err error) {
	limits := host.Limits{Memory: 1 << 28, Output: 1 << 24, File: 1 << 28, Work: 1 << 36}
	m, err := host.NewModel(host.Config{Parts: []host.Part{{Name: "model", Data: bytes.NewReader(file), Size: int64(len(file))}}, Limits: limits})
	if err != nil {
		return y, nil, err
	}
	defer m.Close()
	ctx := context.Background()
	var model *Model
	load := m.LoadBox(ctx, abi.TaskModel)
	if fault = scan.Catch(func() { model = Load(load, task) }); fault != nil {
		load.Close()
		return y, fault, nil
	}
	m.Freeze(load)
	run := m.RunBox(ctx, x, limits, false)
	defer run.Close()
	fault = scan.Catch(func() { model.Run(run) })
	if err := run.Stopped(); err != nil || fault != nil {
		return y, fault, err
	}
	return run.Outputs(), nil, nil
}

// near reports how got differs from want, if it does.
func near(got kernels.Tensor, want *numbersOf, tolerance float64) error {
	if !slices.Equal(got.Shape(), want.Shape) {
		return fmt.Errorf("shape %d, want %d", got.Shape(), want.Shape)
	}
	for i, g := range elements64(got) {
		if w := want.Values[i]; !(math.Abs(g-w) <= tolerance*max(1, math.Abs(w))) {
			return fmt.Errorf("element %d is %g, want %g", i, g, w)
		}
	}
	return nil
}

// TestGolden runs every model whose outputs were worked out by the program
// beside them, from the same bytes and by other means.
func TestGolden(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(golden, "golden.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases map[string]struct{ X, Y numbersOf }
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(golden, name+".bson")
			if strings.HasSuffix(name, ".bson") {
				path = filepath.Join(shared, "models", name)
			}
			file, err := os.ReadFile(path)
			if os.IsNotExist(err) && strings.HasSuffix(name, ".bson") {
				t.Skip("no published model at " + path)
			} else if err != nil {
				t.Fatal(err)
			}
			y, fault, err := infer(file, abi.TaskModel, c.X.tensor())
			if err != nil || fault != nil {
				t.Fatalf("%v, %+v", err, fault)
			}
			tolerance := 1e-4
			if c.X.DType == "float16" {
				tolerance = 1e-2
			}
			if err := near(y[0], &c.Y, tolerance); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestSeveral runs networks of several inputs or results.
func TestSeveral(t *testing.T) {
	text, err := os.ReadFile(filepath.Join(golden, "several.json"))
	if err != nil {
		t.Fatal(err)
	}
	var cases map[string]struct{ Xs, Ys []numbersOf }
	if err := json.Unmarshal(text, &cases); err != nil {
		t.Fatal(err)
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			file, err := os.ReadFile(filepath.Join(golden, name+".bson"))
			if err != nil {
				t.Fatal(err)
			}
			var xs []kernels.Tensor
			for i := range c.Xs {
				xs = append(xs, c.Xs[i].tensor())
			}
			ys, fault, err := infer(file, abi.TaskModel, xs...)
			if err != nil || fault != nil || len(ys) != len(c.Ys) {
				t.Fatalf("%d results, %v, %+v", len(ys), err, fault)
			}
			for i := range ys {
				if err := near(ys[i], &c.Ys[i], 1e-4); err != nil {
					t.Errorf("result %d: %v", i+1, err)
				}
			}
		})
	}
}
