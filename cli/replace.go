package cli

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// replaceFile puts a file at path that has all of b, or leaves what is there.
// A symbolic link stays, and what it points to is replaced. A device or a pipe
// cannot be replaced: it is written to.
func replaceFile(ctx context.Context, path string, b []byte) error {
	err := place(ctx, path, b)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return &exit{exitOpen, fmt.Sprintf("write %s: %v", quoted(path), reason(err))}
}

func place(ctx context.Context, path string, b []byte) error {
	there, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		if _, err := os.Lstat(path); err == nil {
			return errors.New("a symbolic link to nothing")
		}
		return renamed(path, b, nil)
	}
	if err != nil {
		return err
	}
	if there.IsDir() {
		return errors.New("is a directory")
	}
	if !there.Mode().IsRegular() {
		_, err := await(ctx, func() (struct{}, error) { return struct{}{}, written(path, b) })
		return err
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	return renamed(target, b, there)
}

// renamed writes b beside path under another name first. The file has the
// permissions of the one that is there, or those of any new file.
func renamed(path string, b []byte, there fs.FileInfo) (err error) {
	f, err := os.OpenFile(filepath.Join(filepath.Dir(path), ".glovebox-"+rand.Text()), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			os.Remove(f.Name())
		}
	}()
	if there != nil {
		err = f.Chmod(there.Mode().Perm())
	}
	if err == nil {
		_, err = f.Write(b)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// written writes b to what is at path.
func written(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}
