package cli

import (
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestDataSets gives data sets whose files are not those of the model, of which
// all that are compared agree.
func TestDataSets(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	tests := []struct {
		name, files, status, detail string
	}{
		{"whole", "input_0 input_1 output_0 output_1", "pass", ""},
		{"nothing", "input_0 input_1", "fail", "the data set has 0 outputs, the model 2"},
		{"fewer outputs", "input_0 input_1 output_0", "fail", "the data set has 1 outputs, the model 2"},
		{"more outputs", "input_0 input_1 output_0 output_1 output_2", "fail", "the data set has 3 outputs, the model 2"},
		{"more inputs", "input_0 input_1 input_2 output_0 output_1", "fail", "the data set has 3 inputs, the model 2"},
		{"a gap in the outputs", "input_0 input_1 output_0 output_2", "fail", "has no output_1.pb"},
		{"a gap in the inputs", "input_1 output_0 output_1", "fail", "has no input_0.pb"},
		{"another way to count", "input_0 input_1 output_00 output_1", "fail", "has no output_0.pb"},
	}
	for _, tt := range tests {
		dir := t.TempDir()
		writeCase(t, dir, strings.Fields(tt.files)...)
		var stdout, stderr strings.Builder
		code := run(context.Background(), []string{"glovebox", "test", dir}, strings.NewReader(""), &stdout, &stderr)
		line, _, _ := strings.Cut(stdout.String(), "\n")
		if !strings.HasPrefix(line, tt.status) || !strings.Contains(line, tt.detail) || (code == 0) != (tt.status == passed) {
			t.Errorf("%s: exit code %d, %s", tt.name, code, &stdout)
		}
	}
}

// TestNumberedSaysWhy lists a folder that is none.
func TestNumberedSaysWhy(t *testing.T) {
	path := filepath.Join(t.TempDir(), "test_data_set_0")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if files, err := numbered(path, "input"); err == nil || report(io.Discard, err) != exitOpen {
		t.Errorf("%v, %v", files, err)
	}
}
