package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

func (s *session) runCommand() *cli.Command {
	return &cli.Command{
		Name:      "run",
		Usage:     "run a model on inputs",
		ArgsUsage: "MODEL [NAME=]VALUE…",
		Description: "VALUE is a file (.npy, .pb, .json, an image), - for standard input, or JSON on the line.\n" +
			"With one input, MODEL VALUE is enough.",
		Flags: append(partFlags(), shared(
			&cli.StringFlag{Name: "out", Usage: "write each output to `DIR`, made if need be, as an .npy file"},
			&cli.StringSliceFlag{Name: "image", Usage: "how an image becomes an input: `NAME:size=WxH,mean=…,scale=…,layout=nchw|nhwc|whcn,color=rgb|bgr|grey`"},
			&cli.StringFlag{Name: "labels", Usage: "a `FILE` with one label a line, for the top values"},
			&cli.IntFlag{Name: "top", Value: 5, Usage: "how many of the largest values of a single vector to print"},
		)...),
		Action: s.run,
	}
}

func (s *session) run(c *cli.Context) error {
	if c.NArg() == 0 {
		return usagef("run needs a model; see glovebox run --help")
	}
	labels, err := await(c.Context, func() ([]string, error) { return readLabels(c.String("labels")) })
	if err != nil {
		return err
	}
	rt, err := s.open(c)
	if err != nil {
		return err
	}
	defer rt.Close()
	model, closeParts, err := load(c, rt, c.Args().First())
	if err != nil {
		return err
	}
	defer closeParts()
	specs, err := imageSpecs(c.StringSlice("image"), model.Inputs())
	if err != nil {
		return err
	}
	v := values{rt: rt, ports: model.Inputs(), specs: specs, stdin: s.in}
	in, err := v.read(c.Context, c.Args().Tail())
	if err != nil {
		return err
	}
	res, err := model.Run(c.Context, in)
	if err != nil {
		return err
	}
	s.meter.stop()
	if dir := c.String("out"); dir != "" {
		if err := writeOutputs(dir, model.Outputs(), res); err != nil {
			return err
		}
	}
	if s.json {
		return printJSON(s.out, model.Outputs(), res)
	}
	return printResult(s.out, model.Outputs(), res, labels, c.Int("top"))
}

// writeOutputs writes N-<name>.npy for each output, into a folder that it makes
// where there is none. Names come from the file: they are reduced to a safe
// alphabet, and the files are made inside dir, new.
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
		name := fmt.Sprintf("%d-%s.npy", i, safeName(p.Name))
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
