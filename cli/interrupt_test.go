package cli

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// once interrupts a command when it prints.
type once struct {
	strings.Builder
	interrupt func()
}

func (o *once) Write(b []byte) (int, error) {
	o.interrupt()
	return o.Builder.Write(b)
}

func TestInterruptedTest(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	dir := t.TempDir()
	for i := range 8 {
		writeCase(t, filepath.Join(dir, strconv.Itoa(i)), "input_0", "input_1", "output_0", "output_1")
	}
	for _, line := range []string{"test " + dir, "test --json " + dir, "test --threads 1 " + dir} {
		ctx, cancel := context.WithCancel(t.Context())
		stdout, stderr := &once{interrupt: cancel}, new(strings.Builder)
		code := run(ctx, append([]string{"glovebox"}, strings.Fields(line)...), strings.NewReader(""), stdout, stderr)
		if code != exitInterrupted || strings.Count(stdout.String(), "\n") != 1 || stderr.String() != "glovebox: interrupted\n" {
			t.Errorf("%s: exit code %d\n%s%s", line, code, stdout, stderr)
		}
	}
}

// TestInterruptedBench asks for more runs than memory holds times of.
func TestInterruptedBench(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	defer time.AfterFunc(2*time.Second, cancel).Stop()
	var stdout, stderr strings.Builder
	args := []string{"glovebox", "bench", "--runs", "1000000000000", "../testdata/models/digits.onnx"}
	if code := run(ctx, args, strings.NewReader(""), &stdout, &stderr); code != exitInterrupted {
		t.Errorf("exit code %d\n%s%s", code, &stdout, &stderr)
	}
}
