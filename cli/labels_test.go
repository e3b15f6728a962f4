package cli

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

func TestReadLabels(t *testing.T) {
	path := filepath.Join(t.TempDir(), "labels\n.txt")
	for text, want := range map[string][]string{
		"":                nil,
		"a\r\n\n b c":     {"a", "", " b c"},
		"eins\nzwei\n":    {"eins", "zwei"},
		long + "\nzwei\n": {long, "zwei"},
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := readLabels(path); err != nil || !slices.Equal(got, want) {
			t.Errorf("%.40q has %.200q, %v", text, got, err)
		}
	}
	if err := os.Truncate(path, maxLabels+1); err != nil {
		t.Fatal(err)
	}
	for p, code := range map[string]int{path: exitRefused, filepath.Dir(path): exitOpen, path + "none": exitOpen} {
		_, err := readLabels(p)
		if err == nil || report(new(strings.Builder), err) != code || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", p, err)
		}
	}
}

// long is longer than a line that a bufio.Scanner takes.
var long = strings.Repeat("x", 100_000)

func TestPrintable(t *testing.T) {
	for label, want := range map[string]string{
		"tench, Tinca tinca": "tench, Tinca tinca",
		"日本 é":               "日本 é",
		"\x1b[31mred":        `"\x1b[31mred"`,
		"gnp\u202eexe":       `"gnp\u202eexe"`,
		"a\tb":               "a\tb",
		"a\xffb":             `"a\xffb"`,
		long:                 `"` + long[:shownLabel] + `"`,
	} {
		if got := printable(label); got != want {
			t.Errorf("%.40q is printed as %.300s", label, got)
		}
	}
}

// TestImageAdvice follows the advice of how an image becomes an input.
func TestImageAdvice(t *testing.T) {
	for name, want := range map[string]string{
		"x":         "pic.png: how it becomes the input \"x\" float32 of any shape is not clear; give --image 'x:size=224x224,",
		"serving:0": "--image 'serving:0:size=",
		"a b":       "--image 'a b:size=",
		"\x1b[31m":  "--image 'size=",
		"it's":      "--image 'size=",
	} {
		v := values{ports: []glovebox.Port{{Name: name, DType: glovebox.Float32}}}
		_, err := v.spec(v.ports[0], "pic.png")
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%q: %v", name, err)
		}
	}
	v := values{}
	if _, err := v.spec(glovebox.Port{Name: "x"}, "\x1b.png"); err == nil || strings.Contains(err.Error(), "\x1b") {
		t.Errorf("%q", err)
	}
}
