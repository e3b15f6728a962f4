package cli

import (
	"path/filepath"
	"strings"

	"github.com/urfave/cli/v2"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

func (s *session) convertCommand() *cli.Command {
	return &cli.Command{
		Name:      "convert",
		Usage:     "write a model or its weights in another format",
		ArgsUsage: "IN -o OUT",
		Description: "The weights of any file that can be read become safetensors or npz, a network whose layers are known becomes ONNX.\n" +
			"The same file gives the same bytes. OUT is replaced when all of it is there, or not at all; a device or a pipe is written to.",
		Flags: append(partFlags(), shared(
			outFlag(),
			&cli.StringFlag{Name: "to", Usage: "onnx, safetensors or npz, where the name of OUT does not say it"},
		)...),
		Action: func(c *cli.Context) error { return s.convert(c, c.String("to")) },
	}
}

func (s *session) buildCommand() *cli.Command {
	return &cli.Command{
		Name:        "build",
		Usage:       "make an ONNX model of an architecture and its weights",
		ArgsUsage:   "ARCHITECTURE --weights FILE -o OUT.onnx",
		Description: "docs/ARCHITECTURE.md says how an architecture is written.",
		Flags:       append(partFlags(), shared(outFlag())...),
		Action:      func(c *cli.Context) error { return s.convert(c, glovebox.ONNX.String()) },
	}
}

func outFlag() cli.Flag {
	return &cli.StringFlag{Name: "output", Aliases: []string{"o"}, Usage: "the `FILE` to write"}
}

// convert writes the model as a file of the format to; an empty one is what the
// name of the file ends in.
func (s *session) convert(c *cli.Context, to string) error {
	out := c.String("output")
	if c.NArg() != 1 || out == "" {
		return usagef("%s needs one file and -o OUT; see glovebox %[1]s --help", c.Command.Name)
	}
	if to == "" {
		to = strings.TrimPrefix(filepath.Ext(out), ".")
	}
	format, err := glovebox.FormatOf(to)
	if err != nil || format == glovebox.Architecture {
		return usagef("%q is no format to write; --to onnx, safetensors or npz says which", to)
	}
	file, err := s.converted(c, format)
	if err != nil {
		return err
	}
	return replaceFile(c.Context, out, file)
}

// converted is the file that the line names, in another format.
func (s *session) converted(c *cli.Context, to glovebox.Format) ([]byte, error) {
	rt, err := s.open(c)
	if err != nil {
		return nil, err
	}
	defer rt.Close()
	parts, done, err := openParts(c, c.Args().First())
	if err != nil {
		return nil, err
	}
	defer done()
	file, err := rt.Convert(c.Context, to, parts...)
	s.meter.stop()
	return file, err
}
