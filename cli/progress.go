package cli

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"time"

	"golang.org/x/term"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

// patience is how long work may take before progress is shown.
const patience = time.Second

// meter shows on a terminal what is being waited for. A nil meter shows
// nothing.
type meter struct {
	mu    sync.Mutex
	w     io.Writer
	start time.Time
	shown bool
	last  time.Time
}

// newMeter shows progress if w is a terminal and it is wanted.
func newMeter(w io.Writer, wanted bool) *meter {
	f, ok := w.(*os.File)
	if !wanted || !ok || !term.IsTerminal(int(f.Fd())) || os.Getenv("TERM") == "dumb" {
		return nil
	}
	return &meter{w: w, start: time.Now()}
}

func (m *meter) event(e glovebox.Event) {
	if m == nil {
		return
	}
	text := fmt.Sprint(e.Stage)
	if e.Total > 0 {
		text += fmt.Sprintf(" %d%%", min(100, e.Done*100/e.Total))
	}
	m.show(text)
}

// show replaces the line, at most ten times a second.
func (m *meter) show(text string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	now := time.Now()
	if now.Sub(m.start) < patience || now.Sub(m.last) < 100*time.Millisecond {
		return
	}
	m.last, m.shown = now, true
	fmt.Fprintf(m.w, "\r\x1b[K%s…", text)
}

// stop clears the line, so that what follows starts on a clean one.
func (m *meter) stop() {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.shown {
		fmt.Fprint(m.w, "\r\x1b[K")
		m.shown = false
	}
}

func logger(w io.Writer) *slog.Logger {
	return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: slog.LevelDebug}))
}
