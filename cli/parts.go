package cli

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

// partFlags name the further files of a model.
func partFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringSliceFlag{Name: "part", Usage: "another file of the model: `NAME=FILE`"},
		&cli.StringFlag{Name: "weights", Usage: "the `FILE` with the weights of an architecture"},
		&cli.StringFlag{Name: "parts", Usage: "a `DIR` whose files are parts of the model"},
	}
}

// named is a file and the name that the model calls it by.
type named struct{ name, path string }

// load opens a model with the parts that the flags name. The answered function
// closes them.
func load(c *cli.Context, rt *glovebox.Runtime, path string) (*glovebox.Model, func(), error) {
	parts, done, err := openParts(c, path)
	if err != nil {
		return nil, nil, err
	}
	m, err := rt.Load(c.Context, parts...)
	if err != nil {
		done()
		return nil, nil, err
	}
	return m, func() { m.Close(); done() }, nil
}

func openParts(c *cli.Context, path string) ([]glovebox.Part, func(), error) {
	files := []named{{filepath.Base(path), path}}
	for _, p := range c.StringSlice("part") {
		name, file, ok := strings.Cut(p, "=")
		if !ok {
			return nil, nil, usagef("--part %q: want NAME=FILE", p)
		}
		files = append(files, named{name, file})
	}
	if path := c.String("weights"); path != "" {
		files = append(files, named{"weights", path})
	}
	if dir := c.String("parts"); dir != "" {
		beside, err := filesIn(dir, filepath.Base(path))
		if err != nil {
			return nil, nil, err
		}
		files = append(files, beside...)
	}
	return open(files)
}

// filesIn lists the regular files of a directory except one.
func filesIn(dir, except string) ([]named, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fileError(err)
	}
	var files []named
	for _, e := range entries {
		if e.Type().IsRegular() && e.Name() != except {
			files = append(files, named{e.Name(), filepath.Join(dir, e.Name())})
		}
	}
	return files, nil
}

// open opens files as parts. The answered function closes them.
func open(files []named) (parts []glovebox.Part, done func(), err error) {
	var opened []*glovebox.File
	done = func() {
		for _, f := range opened {
			f.Close()
		}
	}
	for _, n := range files {
		f, err := glovebox.OpenFile(n.path)
		if err != nil {
			done()
			return nil, nil, err
		}
		opened = append(opened, f)
		part := f.Part()
		part.Name = n.name
		parts = append(parts, part)
	}
	return parts, done, nil
}
