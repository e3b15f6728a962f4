//go:build unix

package cli

import (
	"context"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// replace writes "new" to a file of dir and says what is there then.
func replace(t *testing.T, dir, name string) (text string, mode fs.FileMode) {
	t.Helper()
	if err := replaceFile(t.Context(), filepath.Join(dir, name), []byte("new")); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Lstat(filepath.Join(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b), info.Mode()
}

func TestReplaceFile(t *testing.T) {
	defer syscall.Umask(syscall.Umask(0o027))
	dir := t.TempDir()
	if text, mode := replace(t, dir, "fresh"); text != "new" || mode != 0o640 {
		t.Errorf("a new file has %q, %v", text, mode)
	}
	for _, perm := range []fs.FileMode{0o600, 0o755, 0o666} {
		path := filepath.Join(dir, "old")
		if err := os.WriteFile(path, []byte("old and longer"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, perm); err != nil {
			t.Fatal(err)
		}
		if text, mode := replace(t, dir, "old"); text != "new" || mode != perm {
			t.Errorf("a file of mode %v has %q, %v", perm, text, mode)
		}
	}
	if err := os.Symlink("old", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	os.WriteFile(filepath.Join(dir, "old"), []byte("old"), 0o600)
	if text, mode := replace(t, dir, "link"); text != "new" || mode.Type() != fs.ModeSymlink {
		t.Errorf("a link has %q, %v", text, mode)
	}
	if b, _ := os.ReadFile(filepath.Join(dir, "old")); string(b) != "new" {
		t.Errorf("what a link points to has %q", b)
	}
	for name, want := range map[string]string{"dangling": "a symbolic link to nothing", "folder": "is a directory", "none/x": "no such file", "old/x": "not a directory"} {
		os.Symlink("nothing", filepath.Join(dir, "dangling"))
		os.Mkdir(filepath.Join(dir, "folder"), 0o777)
		err := replaceFile(t.Context(), filepath.Join(dir, name), []byte("new"))
		if err == nil || report(new(strings.Builder), err) != exitOpen || !strings.HasPrefix(err.Error(), "write ") || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, ".glovebox-*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestReplacePipe writes to a pipe, which stays, and gives up on one that
// nobody reads when the command is interrupted.
func TestReplacePipe(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Skip("the system makes no pipes here: ", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := replaceFile(ctx, path, []byte("lost")); err != context.DeadlineExceeded {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(path); string(b) != "lost" || err != nil {
		t.Fatalf("the first writer wrote %q, %v", b, err)
	}
	done := make(chan error, 1)
	go func() { done <- replaceFile(t.Context(), path, []byte("new")) }()
	b, err := os.ReadFile(path)
	if string(b) != "new" || err != nil {
		t.Errorf("%q came through the pipe, %v", b, err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
	if info, err := os.Lstat(path); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
		t.Errorf("the pipe is %v, %v", info, err)
	}
}
