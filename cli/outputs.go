package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

// checkOutputs refuses a folder that has a file which writeOutputs would make,
// before the time of a run is spent.
func checkOutputs(dir string, ports []glovebox.Port) error {
	for i, p := range ports {
		name := outputName(i, p)
		_, err := os.Lstat(filepath.Join(dir, name))
		if err == nil {
			return &exit{exitOpen, fmt.Sprintf("%s has %s already; give another folder", quoted(dir), name)}
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return fileError(err)
		}
	}
	return nil
}

// writeOutputs writes N-<name>.npy for each output, into a folder that it makes
// where there is none. The files are made inside dir, new.
func writeOutputs(dir string, ports []glovebox.Port, res *glovebox.Result) error {
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return fileError(err)
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fileError(err)
	}
	defer root.Close()
	for i, p := range ports {
		t, ok := res.Values[p.Name].(glovebox.Tensor)
		if !ok {
			continue
		}
		name := outputName(i, p)
		f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o666)
		if err == nil {
			err = writeNpy(f, t)
			if cerr := f.Close(); err == nil {
				err = cerr
			}
		}
		if err != nil {
			return &exit{exitOpen, fmt.Sprintf("write %s: %v", quoted(filepath.Join(dir, name)), reason(err))}
		}
	}
	return nil
}

// outputName is the name of an output's file. That of the port comes from the
// model: it is reduced to a safe alphabet.
func outputName(i int, p glovebox.Port) string {
	return fmt.Sprintf("%d-%s.npy", i, safeName(p.Name))
}

func safeName(s string) string {
	keep := func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '.', r == '-':
			return r
		}
		return '_'
	}
	s = strings.Map(keep, s)
	return s[:min(len(s), 64)]
}
