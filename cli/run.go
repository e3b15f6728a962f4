package cli

import "github.com/urfave/cli/v2"

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
	dir := c.String("out")
	if dir != "" {
		if err := checkOutputs(dir, model.Outputs()); err != nil {
			return err
		}
	}
	res, err := model.Run(c.Context, in)
	if err != nil {
		return err
	}
	s.meter.stop()
	if dir != "" {
		if err := writeOutputs(dir, model.Outputs(), res); err != nil {
			return err
		}
	}
	if s.json {
		return printJSON(s.out, model.Outputs(), res)
	}
	return printResult(s.out, model.Outputs(), res, labels, c.Int("top"))
}
