package onnx

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/host"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
	"google.golang.org/protobuf/encoding/protowire"
)

const conformance = "../../../../../shared/conformance/onnx/node"

// TestConformance runs the cases that ONNX publishes on the real host, in this
// process. What the vocabulary cannot say is refused; a wrong answer is an
// error.
func TestConformance(t *testing.T) {
	t.Run("node", func(t *testing.T) { conform(t, conformance, 1278) })
	t.Run("pytorch", func(t *testing.T) { conform(t, conformance+"/../pytorch-converted", 41) })
	t.Run("simple", func(t *testing.T) { conform(t, conformance+"/../simple", 2) })
}

// conform runs the cases in a folder, of which that many must give the right answer.
func conform(t *testing.T, folder string, wantPassed int) {
	dirs, _ := filepath.Glob(filepath.Join(folder, "*", "model.onnx"))
	if len(dirs) == 0 {
		t.Skip("no conformance cases at " + folder)
	}
	passed, refused := 0, map[string][]string{}
	for _, file := range dirs {
		name := filepath.Base(filepath.Dir(file))
		t.Run(name, func(t *testing.T) {
			reason, err := serve(file, filepath.Join(filepath.Dir(file), "test_data_set_0"), nearly)
			switch {
			case err != nil:
				t.Error(err)
			case reason != "":
				refused[reason] = append(refused[reason], name)
			default:
				passed++
			}
		})
	}
	var reasons []string
	count := 0
	for r, names := range refused {
		reasons = append(reasons, fmt.Sprintf("%4d %s: %s", len(names), r, names[0]))
		count += len(names)
	}
	sort.Sort(sort.Reverse(sort.StringSlice(reasons)))
	t.Logf("%d passed, %d refused, %d wrong", passed, count, len(dirs)-passed-count)
	t.Log("refused:\n" + strings.Join(reasons, "\n"))
	if passed < wantPassed {
		t.Errorf("%d cases passed, want %d", passed, wantPassed)
	}
}

// serve runs a model on the inputs in a folder of data and compares the
// outputs with those there. It gives the reason of a refusal, or what is wrong.
func serve(file, data string, near tolerance) (refused string, err error) {
	var parts []host.Part
	others, _ := filepath.Glob(filepath.Join(filepath.Dir(file), "*.data"))
	for _, name := range append([]string{file}, others...) {
		p, err := os.ReadFile(name)
		if err != nil {
			return "", err
		}
		parts = append(parts, host.Part{Name: filepath.Base(name), Data: bytes.NewReader(p), Size: int64(len(p))})
	}
	var in, out []abi.Port
	got, refused, err := infer(parts, func(m *host.Model) (args []kernels.Tensor, err error) {
		in, out = m.Ports()
		return values(data, "input", in)
	})
	if err != nil || refused != "" {
		return refused, err
	}
	want, err := values(data, "output", out)
	if err != nil {
		return "", err
	}
	for i := range got {
		if err := same(got[i], want[i], near); err != nil {
			return "", fmt.Errorf("output %s: %w", out[i].Name, err)
		}
	}
	return "", nil
}

// infer loads and runs a model. It gives the reason of a refusal, or what
// else went wrong.
func infer(parts []host.Part, inputs func(*host.Model) ([]kernels.Tensor, error)) (out []kernels.Tensor, refused string, err error) {
	limits := host.Limits{Memory: 1 << 30, Output: 1 << 28, File: 1 << 28, Work: 1 << 40}
	m, err := host.NewModel(host.Config{Parts: parts, Limits: limits})
	if err != nil {
		return nil, "", err
	}
	defer m.Close()
	ctx := context.Background()
	var model *Model
	load := m.LoadBox(ctx, abi.TaskModel)
	if f := scan.Catch(func() { model = Load(load) }); f != nil {
		refused, err = refusal(f)
		return nil, refused, err
	}
	m.Freeze(load)
	args, err := inputs(m)
	if err != nil {
		return nil, "", err
	}
	run := m.RunBox(ctx, args, limits, false)
	defer run.Close()
	f := scan.Catch(func() { model.Run(run) })
	if err := run.Stopped(); err != nil {
		return nil, "", fmt.Errorf("stopped: %w", err)
	}
	if f != nil {
		refused, err = refusal(f)
		return nil, refused, err
	}
	return run.Outputs(), "", nil
}

// refusal tells what is not supported from what is wrongly refused.
func refusal(f *abi.Fault) (string, error) {
	if f.Kind == abi.FaultUnsupported {
		return f.Op + ": " + f.Text, nil
	}
	return "", fmt.Errorf("refused: fault %d in %s: %s", f.Kind, f.Op, f.Text)
}

// values reads input_0.pb, input_1.pb, … of a case.
func values(dir, side string, ports []abi.Port) ([]kernels.Tensor, error) {
	list := make([]kernels.Tensor, len(ports))
	for i := range list {
		p, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%s_%d.pb", side, i)))
		if err != nil {
			return nil, err
		}
		if list[i], err = decodeTensor(p); err != nil {
			return nil, fmt.Errorf("%s %d: %w", side, i, err)
		}
	}
	return list, nil
}

// decodeTensor reads a TensorProto.
func decodeTensor(p []byte) (kernels.Tensor, error) {
	var dims []int64
	var t kernels.Tensor
	var typed []uint64
	for len(p) > 0 {
		num, wire, n := protowire.ConsumeTag(p)
		if n < 0 {
			return t, protowire.ParseError(n)
		}
		p = p[n:]
		if wire == protowire.BytesType {
			b, n := protowire.ConsumeBytes(p)
			if n < 0 {
				return t, protowire.ParseError(n)
			}
			p = p[n:]
			switch num {
			case fieldRaw:
				t.Data = bytes.Clone(b)
			case fieldFloat, fieldDouble:
				size := 4
				if num == fieldDouble {
					size = 8
				}
				for ; len(b) >= size; b = b[size:] {
					var w [8]byte
					copy(w[:], b[:size])
					typed = append(typed, binary.LittleEndian.Uint64(w[:]))
				}
			case 1, fieldInt32, fieldInt64, fieldUint64:
				for len(b) > 0 {
					v, n := protowire.ConsumeVarint(b)
					if n < 0 {
						return t, protowire.ParseError(n)
					}
					b = b[n:]
					if num == 1 {
						dims = append(dims, int64(v))
					} else {
						typed = append(typed, v)
					}
				}
			}
			continue
		}
		v, n := protowire.ConsumeVarint(p)
		if wire != protowire.VarintType || n < 0 {
			return t, fmt.Errorf("wire type %d", wire)
		}
		p = p[n:]
		switch num {
		case 1:
			dims = append(dims, int64(v))
		case 2:
			d, reason := elementType(int64(v))
			if reason != "" {
				return t, fmt.Errorf("%s", reason)
			}
			t.DType = d
		default:
			typed = append(typed, v)
		}
	}
	t.Type = tensor.Of(t.DType, dims...)
	for _, v := range typed {
		var w [8]byte
		binary.LittleEndian.PutUint64(w[:], v)
		t.Data = append(t.Data, w[:t.DType.Size()]...)
	}
	if err := t.Check(); err != nil || int64(len(t.Data)) != t.Bytes() {
		return t, fmt.Errorf("%v with %d bytes", t.Type, len(t.Data))
	}
	return t, nil
}

// tolerance is how far floats may lie apart.
type tolerance struct{ rel, abs float64 }

// nearly is about what ONNX's own tests allow.
var nearly = tolerance{1e-3, 1e-4}

// same compares integers exactly and floats within bounds that are wider for
// half precision.
func same(got, want kernels.Tensor, near tolerance) error {
	if got.Type != want.Type {
		return fmt.Errorf("is %v, want %v", got.Type, want.Type)
	}
	if !got.DType.IsFloat() {
		if !bytes.Equal(got.Data, want.Data) {
			return fmt.Errorf("%v is %v, want %v", got.Type, head(got.Data), head(want.Data))
		}
		return nil
	}
	switch got.DType {
	case tensor.Float16:
		near = tolerance{2e-3, 1e-3}
	case tensor.BFloat16:
		near = tolerance{2e-2, 1e-2}
	}
	for i := range got.Elems() {
		a, b := float(got, i), float(want, i)
		if a == b || math.IsNaN(a) && math.IsNaN(b) {
			continue
		}
		if !(math.Abs(a-b) <= near.abs+near.rel*math.Abs(b)) {
			return fmt.Errorf("%v: element %d is %v, want %v", got.Type, i, a, b)
		}
	}
	return nil
}

func head(p []byte) []byte { return p[:min(len(p), 64)] }

func float(t kernels.Tensor, i int64) float64 {
	p := t.Data[i*int64(t.DType.Size()):]
	switch t.DType {
	case tensor.Float32:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(p)))
	case tensor.Float64:
		return math.Float64frombits(binary.LittleEndian.Uint64(p))
	case tensor.BFloat16:
		return float64(math.Float32frombits(uint32(binary.LittleEndian.Uint16(p)) << 16))
	}
	h := binary.LittleEndian.Uint16(p)
	sign, exp, frac := 1-2*float64(h>>15), int(h>>10&31), float64(h&1023)
	switch exp {
	case 0:
		return sign * frac * 0x1p-24
	case 31:
		if frac != 0 {
			return math.NaN()
		}
		return sign * math.Inf(1)
	}
	return sign * math.Ldexp(1024+frac, exp-25)
}
