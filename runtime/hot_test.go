package runtime

import (
	"context"
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

// TestHot writes the names of the functions that the models and images named in
// GLOVEBOX_HOT use to the file GLOVEBOX_HOT_OUT: the recipe hot of the justfile,
// which builds the guest before, for what it remembers.
func TestHot(t *testing.T) {
	paths, out := os.Getenv("GLOVEBOX_HOT"), os.Getenv("GLOVEBOX_HOT_OUT")
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
	c := &compiled{engine: e}
	c.once.Do(func() { c.part = code })
	rt, err := New(t.Context(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	rt.guests = c
	t.Cleanup(func() { rt.Close() })
	for pattern := range strings.FieldsSeq(paths) {
		if !filepath.IsAbs(pattern) {
			pattern = filepath.Join(models, pattern)
		}
		found, err := filepath.Glob(pattern)
		if err != nil || len(found) == 0 {
			t.Errorf("no %s", pattern)
		}
		for _, path := range found {
			use(t, rt, path)
		}
	}
	list := make([]string, 0, len(seen))
	for name := range seen {
		list = append(list, name)
	}
	slices.Sort(list)
	if err := os.WriteFile(out, []byte(strings.Join(list, "\n")+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
}

// use decodes a file, also to other sizes where it is an image, or runs it on
// zeros if it is a model.
func use(t *testing.T, rt *Runtime, path string) {
	if filepath.Ext(path) == ".onnx" {
		exercise(t, rt, path)
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

// exercise runs a model on zeros, 64 of them along a free dim.
func exercise(t *testing.T, rt *Runtime, path string) {
	m, err := rt.LoadFile(t.Context(), path)
	if err != nil {
		t.Error(path, err)
		return
	}
	defer m.Close()
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
			t.Error(path, err)
		}
	}
	if _, err := m.Run(t.Context(), in); err != nil {
		t.Error(path, err)
	}
}
