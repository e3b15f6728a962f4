package runtime

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

const digitsArchitecture = "../testdata/architecture/digits.json"

// TestConvert takes the weights out of the shipped model and builds it again
// from a description.
func TestConvert(t *testing.T) {
	rt := open(t, Config{})
	ctx := t.Context()
	text, err := os.ReadFile(digitsArchitecture)
	if err != nil {
		t.Fatal(err)
	}
	convert := func(to Format, parts ...Part) []byte {
		t.Helper()
		b, err := rt.Convert(ctx, to, parts...)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	weights := convert(Safetensors, Bytes("digits.onnx", file(t, "digits.onnx")))
	packed := convert(NPZ, Bytes("w.safetensors", weights))
	if back := convert(Safetensors, Bytes("w.npz", packed)); !bytes.Equal(back, weights) {
		t.Error("the tensors are not what they were")
	}
	described := []Part{Bytes("digits.json", text), Bytes("weights", packed)}
	built := convert(ONNX, described...)
	if !bytes.Equal(built, convert(ONNX, described...)) {
		t.Error("another model the second time")
	}
	in := images(t, 3, 7)
	run := func(parts ...Part) []float32 {
		t.Helper()
		m, err := rt.Load(ctx, parts...)
		if err != nil {
			t.Fatal(err)
		}
		defer m.Close()
		res, err := m.Run(ctx, in)
		if err != nil {
			t.Fatal(err)
		}
		return scores(t, res)
	}
	want := run(Bytes("digits.onnx", file(t, "digits.onnx")))
	for name, got := range map[string][]float32{"described": run(described...), "built": run(Bytes("built.onnx", built))} {
		for i := range want {
			if d := got[i] - want[i]; !(d < 1e-6 && d > -1e-6) {
				t.Errorf("%s: score %d is %g, not %g", name, i, got[i], want[i])
			}
		}
	}
}

func TestConvertRefuses(t *testing.T) {
	rt := open(t, Config{})
	onnx := Bytes("digits.onnx", file(t, "digits.onnx"))
	low := WithLimits(t.Context(), Limits{Output: 1 << 10})
	if _, err := rt.Convert(low, Safetensors, onnx); !errors.Is(err, ErrOutput) {
		t.Errorf("over the limit: %v", err)
	}
	for _, tt := range []struct {
		to   Format
		part Part
		want Kind
	}{
		{0, onnx, ErrInput},
		{5, onnx, ErrInput},
		{ONNX, onnx, ErrUnsupported},
		{Architecture, onnx, ErrUnsupported},
		{NPZ, Bytes("noise", []byte("this is no model at all")), ErrMalformed},
		{ONNX, Bytes("a.json", []byte(`{"glovebox":1,"input":{},"layers":[{"kind":"Lambda"}]}`)), ErrUnsupported},
		{ONNX, Bytes("a.json", []byte(`{"glovebox":1,"input":{},"layers":[{"kind":"Dense","in":1,"out":1}]}`)), ErrInput},
		{Safetensors, Bytes("a.json", []byte(`{"glovebox":1,"input":{},"layers":[]}`)), ErrUnsupported},
	} {
		_, err := rt.Convert(t.Context(), tt.to, tt.part)
		if !errors.Is(err, tt.want) {
			t.Errorf("%s to %v: %v, want %v", tt.part.Name, tt.to, err, tt.want)
		}
	}
	for name, want := range map[string]Format{"onnx": ONNX, "ONNX": ONNX, "npz": NPZ, "safetensors": Safetensors, "architecture": Architecture, "": 0, "pkl": 0} {
		if got, err := FormatOf(name); got != want || (err == nil) != (want != 0) {
			t.Errorf("%q is %v, %v", name, got, err)
		}
	}
}

// TestArchitectureOfFlux describes the networks of real Flux files.
func TestArchitectureOfFlux(t *testing.T) {
	rt := open(t, Config{})
	models, err := filepath.Glob("../../shared/models/flux/*.bson")
	if err != nil || len(models) == 0 {
		t.Skip("no published models in ../../shared/models/flux")
	}
	holes := map[string]bool{"ppo-cartpole-policy.bson": true, "trpo-pendulum-policy-mu.bson": true}
	for _, path := range models {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		name := filepath.Base(path)
		if name == "flux-state-checkpoint.bson" {
			continue
		}
		text, err := rt.Convert(t.Context(), Architecture, Bytes(name, b))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		m, err := rt.Load(t.Context(), Bytes("a.json", text), Bytes("weights", b))
		if holes[name] != errors.Is(err, ErrUnsupported) || !holes[name] && err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
		}
		if err == nil {
			m.Close()
		}
	}
}
