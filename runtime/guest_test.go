package runtime

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/runtime/internal/engine"
)

func TestGuestLogIsQuoted(t *testing.T) {
	var out bytes.Buffer
	logger := slog.New(slog.NewJSONHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
	f := doubling()
	f.run = func(box abi.Box) uint32 {
		box.Emit(abi.EmitLog, []byte("one\x1b[31m\ntwo"))
		if out.Len() > 0 {
			t.Error("the logger was called while the guest waited")
		}
		return 1
	}
	m := loaded(t, with(t, f, Config{Logger: logger}))
	if _, err := m.Run(t.Context(), row(t, 1)); err == nil {
		t.Error("no error")
	}
	if got := out.String(); strings.Count(got, "\n") != 2 || !strings.Contains(got, `\\x1b[31m`) || !strings.Contains(got, "two") {
		t.Errorf("%s", got)
	}
}

func TestCacheThatIsNotSafeIsNotUsed(t *testing.T) {
	var out bytes.Buffer
	c := compiled{cacheDir: "/dev/null/x", logger: slog.New(slog.NewTextHandler(&out, nil))}
	if c.cache(hot) != nil || !strings.Contains(out.String(), "not cached") {
		t.Errorf("a cache below a device: %s", out.String())
	}
	c.cacheDir = filepath.Join(t.TempDir(), "cache")
	out.Reset()
	if c.cache(hot) == nil {
		t.Skip(out.String())
	}
}

// TestCompilingGoesOn: a call waits for the guest no longer than its context, or
// its time once it has begun, and what it waited for is there for the next.
func TestCompilingGoesOn(t *testing.T) {
	c := &compiled{}
	rt := open(t, Config{})
	rt.guests = c
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := rt.Load(ctx, Bytes("model", nil)); !errors.Is(err, ErrCanceled) {
		t.Errorf("a call that was canceled: %v", err)
	}
	if _, n := c.widest(); n >= hot {
		t.Error("it waited until the guest was compiled")
	}
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			if m, err := rt.LoadFile(t.Context(), filepath.Join(models, "digits.onnx")); err != nil {
				t.Error(err)
			} else {
				m.Close()
			}
		})
	}
	wait.Wait()
	l := Limits{Time: 20 * time.Millisecond}.or(defaults)
	err := rt.attempt(&call{Context: t.Context(), stage: StageRun}, l, func(*call) error { return engine.TrapAbsent })
	if !errors.Is(err, ErrTime) || !strings.Contains(err.Error(), "over 20ms") {
		t.Errorf("a call that needs more of the guest: %v", err)
	}
	rt.Close()
	if _, n := c.widest(); n != hot || c.done != nil {
		t.Errorf("extent %d of the guest is there, and compiling goes on: %t", n, c.done != nil)
	}
}
