package runtime

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestOpenFilesRefuses(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "model.onnx")
	if err := os.WriteFile(file, []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(file, link); err != nil {
		t.Skip(err)
	}
	files, parts, err := openFiles([]string{file})
	if err != nil || parts[0].Name != "model.onnx" || parts[0].Size != 3 {
		t.Fatalf("%+v, %v", parts, err)
	}
	closeFiles(files)
	for _, c := range []struct {
		path string
		is   error
		says string
	}{
		{link, ErrFile, "it is a symbolic link, which is not followed; give the file that it points to"},
		{dir, ErrFile, "not a regular file"},
		{os.DevNull, ErrFile, "not a regular file"},
		{filepath.Join(dir, "none\n"), fs.ErrNotExist, ""},
	} {
		_, _, err := openFiles([]string{file, c.path})
		if !errors.Is(err, c.is) || strings.Contains(err.Error(), "\n") || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.path, err)
		}
	}
}
