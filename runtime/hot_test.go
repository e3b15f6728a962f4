package runtime

import (
	"bytes"
	"context"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/image"
	"github.com/glovebox-ml/glovebox/guest/vet"
	"github.com/glovebox-ml/glovebox/runtime/internal/engine"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// calls notes the names of the functions that a guest calls.
type calls map[string]bool

func (c calls) NewFunctionListener(api.FunctionDefinition) experimental.FunctionListener { return c }

func (c calls) Before(_ context.Context, _ api.Module, f api.FunctionDefinition, _ []uint64, _ experimental.StackIterator) {
	c[f.Name()] = true
}
func (calls) After(context.Context, api.Module, api.FunctionDefinition, []uint64) {}
func (calls) Abort(context.Context, api.Module, api.FunctionDefinition, error)    {}

// write writes the names in their order, one a line. Those of a package that is
// kept whole give way to its name and a star.
func (c calls) write(t *testing.T, path string, whole ...string) {
	t.Helper()
	names := maps.Clone(c)
	for _, p := range whole {
		begin := p + "."
		maps.DeleteFunc(names, func(name string, _ bool) bool { return strings.HasPrefix(name, begin) })
		names[begin+"*"] = true
	}
	text := strings.Join(slices.Sorted(maps.Keys(names)), "\n") + "\n"
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// readers are the packages that are warm whole: what of them a damaged file or
// another shape needs, no list of sound ones says.
var readers = []string{
	ours + "export", ours + "format", ours + "format_arch", ours + "format_flux", ours + "format_jld2", ours + "format_npy",
	ours + "format_safetensors", ours + "format_weights", ours + "layer", ours + "scan", ours + "strictjson", ours + "trace",
	"github.com_glovebox_ml_glovebox_guest_abi", "compress_flate", "hash_crc32",
}

const ours = "github.com_glovebox_ml_glovebox_guest_internal_"

// TestHot writes the names of the functions that the models and images named in
// GLOVEBOX_HOT use to hot.txt in the folder GLOVEBOX_HOT_OUT, and those that
// these and the files named in GLOVEBOX_WARM use, whatever is done with them, to
// warm.txt: the recipe hot of the justfile, which builds the guest before, for
// what it remembers.
func TestHot(t *testing.T) {
	out := os.Getenv("GLOVEBOX_HOT_OUT")
	if out == "" {
		t.Skip("GLOVEBOX_HOT_OUT is not set")
	}
	named := filepath.Join(t.TempDir(), "named.wasm")
	cmd := exec.Command("go", "run", "../guest/image/build", "-named", named)
	if text, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	wasm, err := os.ReadFile(named)
	if err != nil {
		t.Fatal(err)
	}
	seen := calls{}
	ctx := experimental.WithFunctionListenerFactory(t.Context(), seen)
	e, err := engine.New(ctx, engine.Config{Workers: 2})
	if err != nil {
		t.Fatal(err)
	}
	begun, err := vet.ParseBegun(image.Begun())
	if err != nil {
		t.Fatal(err)
	}
	code, err := e.CompilePart(ctx, wasm, begun)
	if err != nil {
		t.Fatal(err)
	}
	c := &compiled{}
	c.codes[whole].Store(code)
	rt, err := New(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	rt.guests = c
	t.Cleanup(func() { rt.Close() })
	for _, path := range found(t, os.Getenv("GLOVEBOX_HOT")) {
		use(t, rt, path)
	}
	seen.write(t, filepath.Join(out, "hot.txt"))
	for _, path := range found(t, os.Getenv("GLOVEBOX_WARM")) {
		useAll(t, rt, path)
	}
	// The guest collects garbage over so many tensors.
	if _, err := rt.Inspect(ctx, Bytes("many", holedSafetensors(50_000))); err != nil {
		t.Error(err)
	}
	seen.write(t, filepath.Join(out, "warm.txt"), readers...)
}

// found are the files that patterns name, from testdata/models on.
func found(t *testing.T, patterns string) (paths []string) {
	t.Helper()
	for pattern := range strings.FieldsSeq(patterns) {
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(models, pattern)
		}
		some, err := filepath.Glob(pattern)
		if err != nil || len(some) == 0 {
			t.Errorf("no %s", pattern)
		}
		paths = append(paths, some...)
	}
	return paths
}

// use decodes a file, also to other sizes where it is an image, or runs it on
// zeros if it is a model.
func use(t *testing.T, rt *Runtime, path string) {
	if filepath.Ext(path) == ".onnx" {
		m, err := rt.LoadFile(t.Context(), path)
		if err != nil {
			t.Error(path, err)
			return
		}
		defer m.Close()
		if err := onZeros(t, m); err != nil {
			t.Error(path, err)
		}
		return
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, spec := range []ImageSpec{{}, {Width: 8, Height: 8, Channels: 1}, {Width: 32, Height: 32}} {
		if _, err := rt.Decode(t.Context(), Bytes(path, b), spec); err != nil && spec == (ImageSpec{}) {
			t.Error(path, err)
		}
	}
}

// useAll inspects a file, whole and damaged, converts it to whatever it can
// become, and runs it if it is something to run. An architecture has the weights
// of digits.onnx.
func useAll(t *testing.T, rt *Runtime, path string) {
	ctx := t.Context()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	parts := []Part{Bytes(filepath.Base(path), b)}
	if filepath.Ext(path) == ".json" {
		w, err := rt.Convert(ctx, Safetensors, Bytes("digits.onnx", file(t, "digits.onnx")))
		if err != nil {
			t.Fatal(err)
		}
		parts = append(parts, Bytes("weights", w))
	}
	for n := range 16 {
		at := len(b) * n / 16
		bad := bytes.Clone(b)
		bad[at] ^= 1 << (n % 8)
		rt.Inspect(ctx, Bytes("cut", b[:at]))
		rt.Inspect(ctx, Bytes("changed", bad))
	}
	rep, err := rt.Inspect(ctx, parts...)
	if err != nil {
		t.Fatal(path, err)
	}
	for f := ONNX; int(f) < len(formats); f++ { // most files become some of them
		if b, err := rt.Convert(ctx, f, parts...); err == nil {
			rt.Inspect(ctx, Bytes("converted", b))
		}
	}
	if len(rep.Refusals) > 0 || len(rep.Outputs) == 0 {
		return
	}
	m, err := rt.Load(ctx, parts...)
	if err != nil {
		t.Fatal(path, err)
	}
	defer m.Close()
	onZeros(t, m) // where sizes are free, they may not fit
}

// onZeros runs a model on zeros, 64 of them along a free dim.
func onZeros(t *testing.T, m *Model) error {
	t.Helper()
	in := Values{}
	for _, p := range m.Inputs() {
		n, dims := 1, []int{}
		for k, d := range p.Dims {
			size := d.Size
			if size < 0 {
				size = 64
			}
			if k == 0 {
				size = 1
			}
			dims = append(dims, size)
			n *= size
		}
		var err error
		switch p.DType {
		case Float32:
			in[p.Name], err = Of(make([]float32, n), dims...)
		case Int32:
			in[p.Name], err = Of(make([]int32, n), dims...)
		case Int64:
			in[p.Name], err = Of(make([]int64, n), dims...)
		}
		if err != nil {
			return err
		}
	}
	_, err := m.Run(t.Context(), in)
	return err
}
