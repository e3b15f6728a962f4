package cli

import (
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"glovebox": func() {
			code := Main(os.Args, os.Stdin, os.Stdout, os.Stderr)
			if path := os.Getenv("STATUS"); path != "" {
				status, _ := os.ReadFile("/proc/self/status")
				os.WriteFile(path, status, 0o600)
			}
			os.Exit(code)
		},
	})
}

// TestScripts runs testdata/*.txtar. MODELS is the folder of the shipped
// models; the compile cache is shared, so that only the first start is slow.
func TestScripts(t *testing.T) {
	models, err := filepath.Abs("../testdata/models")
	if err != nil {
		t.Fatal(err)
	}
	cache := t.TempDir()
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(e *testscript.Env) error {
			e.Setenv("MODELS", models)
			e.Setenv("ARCHITECTURE", filepath.Join(filepath.Dir(models), "architecture"))
			e.Setenv("FLUX", filepath.Join(filepath.Dir(models), "flux"))
			e.Setenv("WEIGHTS", filepath.Join(filepath.Dir(models), "weights"))
			e.Setenv("XDG_CACHE_HOME", cache)
			e.Setenv("HOME", cache)
			return writeHostile(e.WorkDir)
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"exits": exits,
		},
	})
}

// exits runs glovebox and checks its exit code: exits 3 inspect bad.onnx.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE ARGS…")
	}
	err := ts.Exec("glovebox", args[1:]...)
	code := "0"
	if err != nil {
		code = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if code != args[0] {
		ts.Fatalf("exit code %s, want %s", code, args[0])
	}
}

// writeHostile makes files that text cannot hold, most of which are refused.
func writeHostile(dir string) error {
	// Field 7, the graph, claims a gigabyte and has eight bytes.
	long := append([]byte{0x08, 0x08, 0x3a}, binary.AppendUvarint(nil, 1<<30)...)
	long = append(long, make([]byte, 8)...)
	// A producer whose name carries escape codes for a terminal.
	escape := append([]byte{0x08, 0x08, 0x12, 9}, "\x1b[31mred\n"...)
	objects := []byte("\x93NUMPY\x01\x00\x39\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }\n\x80\x04N.")
	hole := []byte("\x37\x00\x00\x00\x00\x00\x00\x00" + `{"a":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}  xx`)
	for name, b := range map[string][]byte{
		"objects.npy": objects, "hole.safetensors": hole,
		"two.onnx": twoByTwo("a", "b", "n"), "vast.onnx": twoByTwo("vast", "b", 1<<32, 1<<32),
		"long.onnx": long, "escape.onnx": escape, "empty.onnx": nil, "noise.onnx": []byte("this is no model at all"),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), b, 0o666); err != nil {
			return err
		}
	}
	return nil
}

func TestNormalise(t *testing.T) {
	app := (&session{}).app()
	tests := []struct {
		line, want string
	}{
		{"glovebox run m.onnx x.npy --top 3", "glovebox run --top 3 -- m.onnx x.npy"},
		{"glovebox run --top=3 m.onnx -", "glovebox run --top=3 -- m.onnx -"},
		{"glovebox --json run m.onnx", "glovebox run --json -- m.onnx"},
		{"glovebox run m.onnx -- --top", "glovebox run -- m.onnx --top"},
		{"glovebox run m.onnx -1.5", "glovebox run -- m.onnx -1.5"},
		{"glovebox run --part a=b m --part c=d", "glovebox run --part a=b --part c=d -- m"},
		{"glovebox run m --top 3 --top 4", "--top is given twice"},
		{"glovebox run m --tip 3", `run has no flag "--tip"; see glovebox run --help`},
		{"glovebox run m --top", "--top needs a value"},
		{"glovebox", "glovebox"},
		{"glovebox frob x", `no command is called "frob"; see glovebox --help`},
		{"glovebox --memory 1GiB run m.onnx", "glovebox run --memory 1GiB -- m.onnx"},
		{"glovebox --memory=1GiB -o w.npz convert m.onnx", "glovebox convert --memory=1GiB -o w.npz -- m.onnx"},
		{"glovebox --json --top run m.onnx", `no command is called "m.onnx"; see glovebox --help`},
		{"glovebox --dim a=1 run m.onnx", `run has no flag "--dim"; see glovebox run --help`},
		{"glovebox help", "glovebox --help"},
		{"glovebox help run", "glovebox run --help"},
		{"glovebox run m.onnx --help --top", "glovebox run --help"},
		{"glovebox help frob", `no command is called "frob"; see glovebox --help`},
	}
	for _, tt := range tests {
		got, err := normalise(app, strings.Fields(tt.line))
		text := strings.Join(got, " ")
		if err != nil {
			text = err.Error()
		}
		if text != tt.want {
			t.Errorf("%q: %q, want %q", tt.line, text, tt.want)
		}
	}
}

func TestSizes(t *testing.T) {
	for s, want := range map[string]int64{"512": 512, "64MiB": 64 << 20, "1.5GiB": 3 << 29, "2GB": 2e9, "1kB": 1000, "7K": 7 << 10} {
		if got, err := bytes(s); got != want || err != nil {
			t.Errorf("%s is %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"", "x", "-1", "0", "1e40", "5Gi", "NaN", "InfGiB"} {
		if got, err := bytes(s); err == nil {
			t.Errorf("%q is taken as %d", s, got)
		}
	}
}

func TestNumbers(t *testing.T) {
	for s, want := range map[string]uint64{"1": 1, "1.5": 1, "1e13": 1e13, "1e18": 1e18} {
		if got, err := amount(s); got != want || err != nil {
			t.Errorf("%s is %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"0", "0.5", "-1", "NaN", "Inf", "1e19", "x", ""} {
		if got, err := amount(s); err == nil {
			t.Errorf("%q is taken as %d", s, got)
		}
	}
	for s, want := range map[string]uint64{"0": 0, "7": 7, "18446744073709551615": math.MaxUint64, "9007199254740993": 9007199254740993} {
		if got, err := whole(s); got != want || err != nil {
			t.Errorf("%s is %d, %v", s, got, err)
		}
	}
	for _, s := range []string{"1.5", "1e3", "-1", "18446744073709551616", "x", ""} {
		if got, err := whole(s); err == nil {
			t.Errorf("%q is taken as %d", s, got)
		}
	}
}
