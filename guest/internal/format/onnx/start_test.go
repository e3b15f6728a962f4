package onnx

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/host"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// plannedModel is a model of one file whose runs are served where they can be.
type plannedModel struct {
	t     *testing.T
	host  *host.Model
	model *Model
}

var plannedLimits = host.Limits{Memory: 1 << 28, Output: 1 << 24, File: 1 << 24, Work: 1 << 36}

func planned(t *testing.T, file []byte) *plannedModel {
	t.Helper()
	parts := []host.Part{{Name: "model", Data: bytes.NewReader(file), Size: int64(len(file))}}
	m, err := host.NewModel(host.Config{Parts: parts, Limits: plannedLimits})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	p := &plannedModel{t: t, host: m}
	load := m.LoadBox(context.Background(), abi.TaskModel)
	if f := scan.Catch(func() { p.model = Load(load) }); f != nil {
		t.Fatal(*f)
	}
	m.Freeze(load)
	return p
}

// enter runs the guest.
func (p *plannedModel) enter(args ...kernels.Tensor) []kernels.Tensor {
	p.t.Helper()
	box := p.host.RunBox(context.Background(), args, plannedLimits, false)
	defer box.Close()
	if f := scan.Catch(func() { p.model.Run(box) }); f != nil {
		p.t.Fatal(*f)
	}
	if err := box.Stopped(); err != nil {
		p.t.Fatal(err)
	}
	return box.Outputs()
}

// serve answers without it.
func (p *plannedModel) serve(args ...kernels.Tensor) ([]kernels.Tensor, error) {
	p.t.Helper()
	_, ports := p.host.Ports()
	out := make([]kernels.Tensor, len(ports))
	_, ok, err := p.host.Serve(context.Background(), args, out, plannedLimits)
	if !ok {
		p.t.Fatalf("%v has no plan", args[0].Type)
	}
	return out, err
}

// Where a slice begins may come with each run: one plan serves all of them.
func TestStartsAtRunTime(t *testing.T) {
	x := upTo(4, 3)
	ports := func(g pb, in ...pb) pb {
		for _, p := range append([]pb{portOf("x", onnxFloat, 4, 3)}, in...) {
			g = g.msg(11, p)
		}
		return g.msg(12, portOf("y", onnxFloat, -1, 3))
	}
	position := portOf("p", onnxInt64, 1)
	sliced := ports(pb{}.
		msg(1, nodeOf("Add", names("p", "two"), names("e"))).
		msg(1, nodeOf("Slice", names("x", "p", "e"), names("y"))).
		msg(5, rawOf64("two", []int64{1}, 2)), position)
	scattered := ports(pb{}.
		msg(1, nodeOf("Unsqueeze", names("p", "zero"), names("i"))).
		msg(1, nodeOf("ScatterND", names("x", "i", "u"), names("y"))).
		msg(5, rawOf64("zero", []int64{1}, 0)).
		msg(5, rawOf("u", []int64{1, 3}, floats(7, 8, 9))), position)
	cached := pb{}.
		msg(1, nodeOf("TensorScatter", names("x", "u", "p"), names("y"), intAttr("axis", 1))).
		msg(5, rawOf("u", []int64{1, 1, 3}, floats(7, 8, 9))).
		msg(11, portOf("x", onnxFloat, 1, 4, 3)).msg(11, position).msg(12, portOf("y", onnxFloat, 1, 4, 3))
	bad := "out of range"
	for _, c := range []struct {
		name string
		file []byte
		x    kernels.Tensor
		want map[int64]string
	}{
		{"slice", modelOf(sliced), x, map[int64]string{
			0: "[2 3] [0 1 2 3 4 5]", 1: "[2 3] [3 4 5 6 7 8]", 2: "[2 3] [6 7 8 9 10 11]", -3: "[2 3] [3 4 5 6 7 8]", -4: "[2 3] [0 1 2 3 4 5]",
			3: bad, 4: bad, -1: bad, -2: bad, -5: bad, 1 << 62: bad, -1 << 63: bad,
		}},
		{"scatter", modelOf(scattered), x, map[int64]string{
			0: "[4 3] [7 8 9 3 4 5 6 7 8 9 10 11]", 3: "[4 3] [0 1 2 3 4 5 6 7 8 7 8 9]", -4: "[4 3] [7 8 9 3 4 5 6 7 8 9 10 11]",
			4: bad, -5: bad,
		}},
		{"cache", ofOpset24(cached), dims{1, 4, 3}.ofSame(x), map[int64]string{
			1: "[1 4 3] [0 1 2 7 8 9 6 7 8 9 10 11]", 3: "[1 4 3] [0 1 2 3 4 5 6 7 8 7 8 9]",
			4: bad, -1: bad,
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := planned(t, c.file)
			first := dims{1}.ints(tensor.Int64, 1)
			m.enter(c.x, first)
			for at, want := range c.want {
				out, err := m.serve(c.x, dims{1}.ints(tensor.Int64, at))
				switch {
				case want == bad:
					if !errors.Is(err, host.ErrValue) {
						t.Errorf("%d: %v", at, err)
					}
				case err != nil:
					t.Errorf("%d: %v", at, err)
				case show(out[0]) != want:
					t.Errorf("%d: got %s, want %s", at, show(out[0]), want)
				}
			}
		})
	}
}

func (d dims) ofSame(x kernels.Tensor) kernels.Tensor {
	return kernels.Tensor{Type: tensor.Of(x.DType, d...), Data: x.Data}
}

// rawOf64 is a tensor of int64.
func rawOf64(name string, d []int64, vs ...int64) pb {
	return pb{}.packed(1, d...).num(2, onnxInt64).packed(7, vs...).str(8, name)
}

// ofOpset24 is a model of a newer operator set.
func ofOpset24(g pb) []byte {
	return pb{}.num(1, 8).msg(8, pb{}.num(2, 24)).msg(7, g.str(2, "newest"))
}
