package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

func here(t *testing.T) *module {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	m, err := findModule(dir)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func committed(t *testing.T, m *module, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(m.root, "guest", "image", name))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestSumIsOfTheSources(t *testing.T) {
	m := here(t)
	want, err := m.sum()
	if err != nil {
		t.Fatal(err)
	}
	if got := string(committed(t, m, "guest.sum")); got != want {
		t.Errorf("guest.wasm is not of these sources; run go run ./guest/image/build\n got %s want %s", got, want)
	}
}

func TestRebuildGivesTheSameBytes(t *testing.T) {
	if testing.Short() {
		t.Skip("building the guest takes a while")
	}
	m := here(t)
	if _, err := exec.LookPath("go"); err != nil {
		t.Skip("no go tool here")
	}
	if runtime.Version() != m.toolchain {
		t.Skipf("this is %s, not %s", runtime.Version(), m.toolchain)
	}
	got, err := m.images()
	if err != nil {
		t.Fatal(err)
	}
	for name, b := range got {
		if !bytes.Equal(b, committed(t, m, name)) {
			t.Errorf("%s differs from what its sources give; run go run ./guest/image/build", name)
		}
	}
}

func TestSources(t *testing.T) {
	m := here(t)
	sum, err := m.sum()
	if err != nil || m.toolchain == "" || m.path == "" {
		t.Fatalf("module %+v: %q, %v", m, sum, err)
	}
	again, err := m.sum()
	if err != nil || again != sum {
		t.Errorf("the sum is %q, then %q", sum, again)
	}
	if _, err := findModule(t.TempDir()); err == nil {
		t.Error("found a module where there is none")
	}
}

func TestBrokenTreesAreRefused(t *testing.T) {
	m := &module{root: t.TempDir(), path: "example.com/m", toolchain: runtime.Version()}
	if _, err := m.sum(); err == nil {
		t.Error("a sum of nothing")
	}
	if _, err := m.images(); err == nil {
		t.Error("built nothing")
	}
	m.toolchain = "go1.0"
	if _, err := m.images(); err == nil {
		t.Error("built with another toolchain")
	}
}
