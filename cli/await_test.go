package cli

import (
	"context"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// silent is a standard input that nobody types on. Reading it begins with begun.
type silent struct {
	begun func()
	io.Reader
}

func (s silent) Read(b []byte) (int, error) {
	s.begun()
	return s.Reader.Read(b)
}

func TestInterruptedInput(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	ctx, cancel := context.WithCancel(t.Context())
	nothing, w := io.Pipe()
	defer w.Close()
	var stderr strings.Builder
	args := []string{"glovebox", "run", "../testdata/models/digits.onnx", "-"}
	if code := run(ctx, args, silent{cancel, nothing}, io.Discard, &stderr); code != exitInterrupted || stderr.String() != "glovebox: interrupted\n" {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
}

// TestSignals interrupts the command while it waits for the rest of its
// input.
func TestSignals(t *testing.T) {
	for signal, code := range map[syscall.Signal]int{syscall.SIGINT: exitInterrupted, syscall.SIGTERM: exitTerminated} {
		c := exec.Command("glovebox", "run", "../testdata/models/digits.onnx", "-")
		c.Env = append(c.Environ(), "XDG_CACHE_HOME="+t.TempDir())
		in, err := c.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Start(); err != nil {
			t.Fatal(err)
		}
		// A pipe holds less than this: what was written is being read.
		if _, err := in.Write(make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		late := time.AfterFunc(time.Minute, func() { c.Process.Kill() })
		if err := c.Process.Signal(signal); err != nil {
			t.Skip("the system sends no such signal: ", err)
		}
		if c.Wait(); c.ProcessState.ExitCode() != code {
			t.Errorf("%v: %v", signal, c.ProcessState)
		}
		late.Stop()
	}
}
