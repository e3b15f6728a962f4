package runtime

import (
	"bytes"
	"log/slog"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
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
