package runtime

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// File is a regular file opened to be a Part. It must stay open until the
// Model made of it is closed.
type File struct {
	f    *os.File
	size int64
}

// OpenFile opens a file for reading as LoadFile does: a symbolic link, a
// device or a pipe is refused, so what is opened is what was named. The error
// is an ErrFile around a *fs.PathError.
func OpenFile(path string) (*File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|openFlags, 0)
	if err != nil {
		return nil, notOpened(path, err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("not a regular file")
	}
	if err != nil {
		f.Close()
		return nil, notOpened(path, err)
	}
	return &File{f, info.Size()}, nil
}

// notOpened says why a file could not be opened, with its path quoted.
func notOpened(path string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	if info, e := os.Lstat(path); e == nil && info.Mode()&fs.ModeSymlink != 0 {
		err = errors.New("it is a symbolic link, which is not followed; give the file that it points to")
	}
	return &Fault{Kind: ErrFile, Stage: StageLoad, Offset: -1, Err: &fs.PathError{Op: "open", Path: quote(path), Err: err}}
}

// Part is the file under its base name.
func (f *File) Part() Part {
	return Part{Name: filepath.Base(f.f.Name()), Data: f.f, Size: f.size}
}

// Close closes the file.
func (f *File) Close() error { return f.f.Close() }

// openFiles opens all or none.
func openFiles(paths []string) (files []*File, parts []Part, err error) {
	for _, path := range paths {
		f, err := OpenFile(path)
		if err != nil {
			closeFiles(files)
			return nil, nil, err
		}
		files, parts = append(files, f), append(parts, f.Part())
	}
	return files, parts, nil
}

func closeFiles(files []*File) {
	for _, f := range files {
		f.Close()
	}
}
