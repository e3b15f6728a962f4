package cli

import (
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v2"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

func (s *session) inspectCommand() *cli.Command {
	return &cli.Command{
		Name:      "inspect",
		Usage:     "say what is in a file and what is wrong with it, without running it",
		ArgsUsage: "FILE",
		Flags: append(partFlags(), shared(
			&cli.StringSliceFlag{Name: "dim", Usage: "the size of a free dim, for the cost of a run: `NAME=N`"},
			&cli.BoolFlag{Name: "architecture", Usage: "write the network of a Flux model as JSON, with holes where it is refused", DisableDefaultText: true},
			&cli.BoolFlag{Name: "tensors", Usage: "list every tensor", DisableDefaultText: true},
			&cli.BoolFlag{Name: "digest", Usage: "hash each tensor, and files over 64 MiB too", DisableDefaultText: true},
		)...),
		Action: s.inspect,
	}
}

func (s *session) inspect(c *cli.Context) error {
	if c.NArg() != 1 {
		return usagef("inspect needs one file; see glovebox inspect --help")
	}
	dims, err := dimSizes(c.StringSlice("dim"))
	if err != nil {
		return err
	}
	if c.Bool("architecture") {
		file, err := s.converted(c, glovebox.Architecture)
		if err == nil {
			_, err = s.out.Write(file)
		}
		return err
	}
	rt, err := s.open(c)
	if err != nil {
		return err
	}
	defer rt.Close()
	parts, done, err := openParts(c, c.Args().First())
	if err != nil {
		return err
	}
	defer done()
	rep, err := rt.Inspect(c.Context, parts...)
	if err != nil {
		return err
	}
	if len(rep.Refusals) == 0 {
		if err := checkDims(dims, rep.Inputs); err != nil {
			return err
		}
	}
	shown := struct {
		*glovebox.Report
		Cost *glovebox.Cost `json:"cost,omitempty"`
	}{Report: rep}
	if len(rep.Refusals) == 0 && len(rep.Outputs) > 0 {
		one, err := cost(c.Context, rt, parts, dims)
		switch {
		case err == nil:
			shown.Cost = &one
		case len(dims) > 0:
			return err
		case codeOf(err) == exitLimit && !s.quiet:
			fmt.Fprintln(s.err, "glovebox: what a run costs was not found out:", err)
		}
	}
	s.meter.stop()
	if s.json {
		err = writeJSON(s.out, shown)
	} else {
		printReport(s.out, c.Args().First(), rep, c.Bool("tensors"))
		printCost(s.out, shown.Cost)
	}
	if err != nil {
		return err
	}
	worst := 0
	for _, r := range rep.Refusals {
		code := exitRefused
		if r.Kind == glovebox.ErrUnsupported {
			code = exitUnsupported
		}
		if worst == 0 || code == exitRefused {
			worst = code
		}
	}
	if worst != 0 {
		return &exit{code: worst}
	}
	return nil
}

// shownTensors is how many tensors are listed unless all are asked for.
const shownTensors = 10

func printReport(w io.Writer, path string, r *glovebox.Report, all bool) {
	row := func(name, format string, args ...any) {
		fmt.Fprintf(w, "%-9s %s\n", name, fmt.Sprintf(format, args...))
	}
	row("file", "%s", quoted(path))
	if r.Format != "" {
		row("format", "%s", strings.TrimSuffix(quoted(r.Format)+" "+quoted(r.Version), ` ""`))
	}
	for _, p := range r.Parts {
		sum := ""
		if p.SHA256 != "" {
			sum = ", sha256 " + p.SHA256
		}
		row("part", "%s, %d bytes%s", quoted(p.Name), p.Size, sum)
	}
	for _, f := range r.Fields {
		row("field", "%s %s", quoted(f.Name), quoted(f.Value))
	}
	for _, l := range r.Layers {
		row("layer", "%s%s  %s", strings.Repeat("  ", l.Depth), quoted(l.Path), quoted(l.Layer))
	}
	for _, p := range r.Inputs {
		row("input", "%s", p)
	}
	for _, p := range r.Outputs {
		row("output", "%s", p)
	}
	var total int64
	for _, t := range r.Tensors {
		total += t.Bytes
	}
	row("tensors", "%d, %d bytes", len(r.Tensors), total)
	for i, t := range r.Tensors {
		if i == shownTensors && !all {
			row("", "… %d more; --tensors lists them", len(r.Tensors)-i)
			break
		}
		where := ""
		if t.Offset >= 0 {
			where = fmt.Sprintf(" at byte %d of %s", t.Offset, quoted(t.Part))
		}
		kind, form := t.DType.String(), t.Form
		if t.DType == 0 {
			kind, form = quoted(form), ""
		}
		if form != "" {
			form = " " + quoted(form)
		}
		sum := ""
		if t.SHA256 != "" {
			sum = ", sha256 " + quoted(t.SHA256)
		}
		row("tensor", "%s %s%v%s%s%s", quoted(t.Name), kind, t.Shape, form, where, sum)
	}
	for _, o := range r.Ops {
		mark := ""
		if !o.Supported {
			mark = " (unsupported)"
		}
		name := o.Type
		if o.Domain != "" {
			name = o.Domain + "." + o.Type
		}
		row("op", "%5d × %s%s", o.Count, quoted(name), mark)
	}
	for _, f := range r.Refusals {
		var at []string
		if f.Part != "" && f.Offset >= 0 {
			at = append(at, fmt.Sprintf("byte %d of %s", f.Offset, quoted(f.Part)))
		}
		if f.Op != "" {
			at = append(at, "op "+quoted(f.Op))
		}
		if f.Node != "" {
			at = append(at, "node "+quoted(f.Node))
		}
		if f.Rule != "" {
			at = append(at, "rule "+quoted(f.Rule))
		}
		where := ""
		if len(at) > 0 {
			where = " (" + strings.Join(at, ", ") + ")"
		}
		row("refused", "%v: %q%s", f.Kind, f.Reason, where)
	}
}
