package runtime

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	std "runtime"
	"strings"
	"testing"
)

// exported lists the exported package-level names of the Go files in dir.
func exported(t *testing.T, dir string) map[string]bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Skipf("no Go source in %s", dir)
	}
	names := map[string]bool{}
	note := func(id *ast.Ident) {
		if id.IsExported() {
			names[id.Name] = true
		}
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Recv == nil {
					note(d.Name)
				}
			case *ast.GenDecl:
				for _, s := range d.Specs {
					switch s := s.(type) {
					case *ast.TypeSpec:
						note(s.Name)
					case *ast.ValueSpec:
						for _, id := range s.Names {
							note(id)
						}
					}
				}
			}
		}
	}
	return names
}

func TestNoNameOfTheStandardRuntime(t *testing.T) {
	theirs := exported(t, filepath.Join(std.GOROOT(), "src", "runtime"))
	ours := exported(t, ".")
	if !theirs["GC"] || !theirs["Error"] || !ours["Load"] && !ours["New"] {
		t.Fatal("the lists of names are not what they should be")
	}
	for name := range ours {
		if theirs[name] {
			t.Errorf("%s is also a name of the standard library's package runtime", name)
		}
	}
}
