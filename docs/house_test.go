// Package docs holds the project to its own plan: which room may know which,
// where unsafe may stand, how long a file and how large the trusted side may be.
package docs

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const (
	root   = ".."
	module = "github.com/glovebox-ml/glovebox/"
)

// arrows lists for each room what it may import of ours. A room ending in a
// slash stands for everything below it.
var arrows = map[string][]string{
	"kernels/tensor":          {},
	"kernels/internal/simd":   {"kernels/tensor"},
	"kernels":                 {"kernels/tensor", "kernels/internal/simd"},
	"guest/abi":               {"kernels/tensor"},
	"guest/vet":               {"guest/abi"},
	"guest/image":             {},
	"guest/image/build":       {"guest/abi", "guest/vet"},
	"guest/internal/":         {"guest/internal/", "guest/abi", "kernels/tensor"},
	"guest":                   {"guest/internal/", "guest/abi", "kernels/tensor"},
	"host/pages":              {},
	"host":                    {"host/pages", "guest/abi", "kernels", "kernels/tensor"},
	"runtime/internal/engine": {"guest/abi", "guest/vet", "host/pages", "kernels/tensor"},
	"runtime":                 {"runtime/internal/engine", "host", "guest/abi", "guest/image", "guest/vet", "kernels", "kernels/tensor"},
	"cli":                     {"runtime"},
	"cli/glovebox":            {"cli"},
}

// outside lists which modules of others the rooms that an embedder pays for
// may use.
var outside = map[string][]string{
	"kernels":                 {},
	"kernels/tensor":          {},
	"kernels/internal/simd":   {"golang.org/x/sys"},
	"guest/abi":               {},
	"guest/vet":               {},
	"guest/image":             {},
	"host":                    {},
	"host/pages":              {"golang.org/x/sys"},
	"runtime":                 {"golang.org/x/sys"},
	"runtime/internal/engine": {"github.com/tetratelabs/wazero", "golang.org/x/sys"},
}

func TestArrows(t *testing.T) {
	for room, imports := range packages(t) {
		allowed, known := arrows[room]
		if !known {
			for r := range arrows {
				if strings.HasSuffix(r, "/") && strings.HasPrefix(room, r) {
					allowed, known = arrows[r], true
				}
			}
		}
		if !known {
			t.Errorf("%s: a room that the plan does not have", room)
		}
		for _, imp := range imports {
			ours, isOurs := strings.CutPrefix(imp, module)
			switch list, limited := outside[room]; {
			case isOurs:
				if !within(ours, allowed) {
					t.Errorf("%s imports %s", room, ours)
				}
			case limited && strings.Contains(strings.SplitN(imp, "/", 2)[0], "."):
				if !within(imp, list) {
					t.Errorf("%s imports %s", room, imp)
				}
			}
		}
	}
}

func within(name string, list []string) bool {
	for _, l := range list {
		if name == l || strings.HasPrefix(name, strings.TrimSuffix(l, "/")+"/") && (strings.HasSuffix(l, "/") || strings.Contains(l, ".")) {
			return true
		}
	}
	return false
}

// packages lists the imports of each package's shipping code, on every system
// it is built for.
func packages(t *testing.T) map[string][]string {
	t.Helper()
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go tool")
	}
	all := map[string][]string{}
	for _, target := range []string{"linux/amd64", "wasip1/wasm"} {
		goos, goarch, _ := strings.Cut(target, "/")
		cmd := exec.Command("go", "list", "-e", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
		cmd.Dir = root
		cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH="+goarch, "CGO_ENABLED=0")
		out, err := cmd.Output()
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			f := strings.Fields(line)
			room := strings.TrimPrefix(f[0], module)
			if room != "docs" {
				all[room] = append(all[room], f[1:]...)
			}
		}
	}
	return all
}

// sources calls f with each Go file of the project that a person wrote.
func sources(t *testing.T, f func(name string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(p, root+string(filepath.Separator)))
		if d.IsDir() {
			if base := d.Name(); name != root && (base == "testdata" || strings.HasPrefix(base, "_") || strings.HasPrefix(base, ".") && base != "..") {
				return fs.SkipDir
			}
			return nil
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		text, err := os.ReadFile(p)
		if err == nil && !bytes.HasPrefix(text, []byte("// Code generated")) {
			f(name, text)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFiles(t *testing.T) {
	vague := regexp.MustCompile(`(^|/)(util|utils|common|misc|helper|helpers|types)(_test)?(\.go$|/)`)
	tested := map[string]bool{}
	sources(t, func(name string, _ []byte) { tested[name] = true })
	sources(t, func(name string, text []byte) {
		if n := bytes.Count(text, []byte("\n")); n > 500 {
			t.Errorf("%s: %d lines, 500 are allowed", name, n)
		}
		if vague.MatchString(name) {
			t.Errorf("%s: a name that says nothing", name)
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, text, parser.SkipObjectResolution)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			return
		}
		base := strings.TrimSuffix(strings.TrimSuffix(name, ".go"), "_test")
		for _, imp := range file.Imports {
			if imp.Path.Value == `"unsafe"` && !strings.HasSuffix(base, "_unsafe") {
				t.Errorf("%s: unsafe outside *_unsafe.go", name)
			}
		}
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		for _, d := range file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.Name == "init" && d.Recv == nil {
					t.Errorf("%s: an init function", name)
				}
			case *ast.GenDecl:
				for _, v := range variables(d) {
					if path.Dir(name) != "kernels" {
						t.Errorf("%s: exported variable %s", name, v)
					} else if test := strings.TrimSuffix(name, ".go") + "_test.go"; !tested[test] {
						t.Errorf("%s: op %s has no test file", name, v)
					}
				}
			}
		}
	})
}

func variables(d *ast.GenDecl) []string {
	var names []string
	if d.Tok == token.VAR {
		for _, s := range d.Specs {
			for _, n := range s.(*ast.ValueSpec).Names {
				if n.IsExported() {
					names = append(names, n.Name)
				}
			}
		}
	}
	return names
}

// ceilings bound the lines of code that must be trusted, comments and blank
// lines aside. A ceiling rises only with a reason, given here.
var ceilings = []struct {
	room  string
	lines int
}{
	{"host", 4000},                    // the imports, programs, plans, arenas and ledgers; 200 lines repeat a program, 40 share arenas among sizes, 130 charge and bound what else a guest has the host hold
	{"runtime/internal/engine", 1322}, // the shim over wazero, the ten stubs, the compile cache and its checksums
	{"runtime", 1951},                 // the public API; 30 lines compile the guest while callers may give up, 30 keep what callers and their loggers do from it
	{"kernels", 11340},                // one file an op; the largest part, and pure functions; 350 lines declare assembly, 40 bound what windows far apart cost
}

func TestTrustedLines(t *testing.T) {
	count := map[string]int{}
	sources(t, func(name string, text []byte) {
		if strings.HasSuffix(name, "_test.go") {
			return
		}
		for _, c := range ceilings {
			dir := path.Dir(name)
			if dir == c.room || strings.HasPrefix(dir, c.room+"/") && c.room != "runtime" {
				count[c.room] += code(text)
				return
			}
		}
	})
	for _, c := range ceilings {
		t.Logf("%-24s %5d lines of code, ceiling %d", c.room, count[c.room], c.lines)
		if count[c.room] > c.lines {
			t.Errorf("%s has %d lines of code, over its ceiling of %d", c.room, count[c.room], c.lines)
		}
	}
}

func code(text []byte) int {
	n := 0
	for line := range bytes.Lines(text) {
		if line = bytes.TrimSpace(line); len(line) > 0 && !bytes.HasPrefix(line, []byte("//")) {
			n++
		}
	}
	return n
}
