package main

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"go/build"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// module is the source tree that the guest is built from.
type module struct {
	root      string
	path      string // as in go.mod
	toolchain string
}

// findModule looks for go.mod in dir and above it.
func findModule(dir string) (*module, error) {
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil {
			return &module{dir, directive(text, "module "), directive(text, "toolchain ")}, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return nil, fmt.Errorf("no go.mod here or above")
		}
		dir = parent
	}
}

func directive(text []byte, name string) string {
	for line := range strings.Lines(string(text)) {
		if value, ok := strings.CutPrefix(line, name); ok {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// sum is the text of guest.sum: a hash over all that the guest is made from.
// It is the sources of the guest and of what makes it, the lists of the
// functions in its parts, and the versions of the modules and of the toolchain.
func (m *module) sum() (string, error) {
	files := []string{"go.mod", "go.sum"}
	for _, part := range parts {
		files = append(files, "guest/image/"+part+".txt")
	}
	wasip1, host := build.Default, build.Default
	wasip1.GOOS, wasip1.GOARCH, wasip1.CgoEnabled = "wasip1", "wasm", false
	host.GOOS, host.GOARCH, host.CgoEnabled = "linux", "amd64", false
	for start, ctx := range map[string]*build.Context{"guest": &wasip1, "guest/image/build": &host} {
		more, err := m.sources(ctx, start)
		if err != nil {
			return "", err
		}
		files = append(files, more...)
	}
	slices.Sort(files)
	h := sha256.New()
	for _, name := range slices.Compact(files) {
		b, err := os.ReadFile(filepath.Join(m.root, filepath.FromSlash(name)))
		if err != nil {
			return "", err
		}
		fmt.Fprintf(h, "%x  %s\n", sha256.Sum256(b), name)
	}
	return fmt.Sprintf("%x  sources of guest.wasm, built with %s\n", h.Sum(nil), m.toolchain), nil
}

// sources lists the files of a package and of those that it depends on in this
// module, as paths below the root.
func (m *module) sources(ctx *build.Context, start string) ([]string, error) {
	var files []string
	seen := map[string]bool{start: true}
	for queue := []string{start}; len(queue) > 0; queue = queue[1:] {
		p, err := ctx.ImportDir(filepath.Join(m.root, filepath.FromSlash(queue[0])), 0)
		if err != nil {
			return nil, err
		}
		if len(p.EmbedPatterns) > 0 {
			return nil, fmt.Errorf("%s embeds files, which are not hashed", queue[0])
		}
		for _, name := range append(p.GoFiles, p.SFiles...) {
			files = append(files, path.Join(queue[0], name))
		}
		for _, imp := range p.Imports {
			if dir, ours := strings.CutPrefix(imp, m.path+"/"); ours && !seen[dir] {
				seen[dir] = true
				queue = append(queue, dir)
			}
		}
	}
	return files, nil
}

// compile compiles the guest, with the names of its functions.
func (m *module) compile() ([]byte, error) {
	if got := runtime.Version(); got != m.toolchain {
		return nil, fmt.Errorf("this is %s, and the guest is built with %s", got, m.toolchain)
	}
	dir, err := os.MkdirTemp("", "guest")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	out := filepath.Join(dir, "guest.wasm")
	cmd := exec.Command("go", "build", "-buildmode=c-shared", "-trimpath", "-buildvcs=false",
		"-ldflags=-buildid=", "-o", out, "./guest")
	cmd.Dir = m.root
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "GOWASM=", "GOFLAGS=", "GOEXPERIMENT=", "GOWORK=off",
		"CGO_ENABLED=0", "GOTOOLCHAIN="+m.toolchain)
	var text bytes.Buffer
	cmd.Stderr = &text
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("go build: %w\n%s", err, text.Bytes())
	}
	return os.ReadFile(out)
}
