package cli

import (
	"context"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/urfave/cli/v2"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

func (s *session) testCommand() *cli.Command {
	return &cli.Command{
		Name:      "test",
		Usage:     "run models on reference inputs and compare with reference outputs",
		ArgsUsage: "DIR…",
		Description: "A DIR holds, at any depth, folders in the ONNX test layout: one model and any test_data_set_*/,\n" +
			"or several models and test_data_set_STEM[_N]/ for STEM.onnx, with input_N.pb and output_N.pb in\n" +
			"the order of the graph. Each case runs in a box of its own.",
		Flags: shared(
			&cli.Float64Flag{Name: "rtol", Value: 1e-3, Usage: "relative tolerance of floats"},
			&cli.Float64Flag{Name: "atol", Value: 1e-4, Usage: "absolute tolerance of floats"},
		),
		Action: s.test,
	}
}

// outcome is how one case ended; it is also its line in --json.
type outcome struct {
	Case    string  `json:"case"`
	Status  string  `json:"status"`
	Detail  string  `json:"detail"`
	MaxAbs  float64 `json:"max_abs"`
	MaxRel  float64 `json:"max_rel"`
	Seconds float64 `json:"seconds"`
}

const (
	passed      = "pass"
	failed      = "fail"
	unsupported = "unsupported"
	refused     = "refused"
	limited     = "limit"
)

func (s *session) test(c *cli.Context) error {
	if c.NArg() == 0 {
		return usagef("test needs a directory; see glovebox test --help")
	}
	for _, name := range []string{"rtol", "atol"} {
		if v := c.Float64(name); !(v >= 0 && v <= math.MaxFloat64) {
			return usagef("--%s %v: want a number that is not negative, such as 1e-3", name, v)
		}
	}
	cases, err := findCases(c.Args().Slice())
	if err != nil {
		return err
	}
	if len(cases) == 0 {
		return usagef("no case found: a folder with a model.onnx and a test_data_set_0 is wanted")
	}
	rt, err := s.open(c)
	if err != nil {
		return err
	}
	defer rt.Close()
	outcomes := s.all(c, rt, cases)
	s.meter.stop()
	if err := c.Context.Err(); err != nil {
		return err
	}
	count := map[string]int{}
	for _, o := range outcomes {
		count[o.Status]++
	}
	fmt.Fprintf(s.summary(), "%d passed, %d failed, %d unsupported, %d refused\n",
		count[passed], count[failed], count[unsupported], count[refused]+count[limited])
	switch {
	case count[failed]+count[refused]+count[limited] > 0:
		return &exit{code: exitNo}
	case count[unsupported] > 0:
		return &exit{code: exitUnsupported}
	}
	return nil
}

// summary is where the closing line goes: with --json the results are the
// lines of standard output, so it is not among them.
func (s *session) summary() interface{ Write([]byte) (int, error) } {
	if s.json {
		return s.err
	}
	return s.out
}

// all runs the cases, as many at once as there are threads, and prints each as
// soon as those before it are printed. After an interrupt it starts and prints
// no more: what still ran did not come to its end.
func (s *session) all(c *cli.Context, rt *glovebox.Runtime, cases []testCase) []outcome {
	outcomes := make([]outcome, len(cases))
	done := make([]chan struct{}, len(cases))
	for i := range done {
		done[i] = make(chan struct{})
	}
	next := make(chan int)
	var wg sync.WaitGroup
	for range workers(c) {
		wg.Go(func() {
			for i := range next {
				outcomes[i] = one(c, rt, cases[i])
				close(done[i])
			}
		})
	}
	interrupted := c.Context.Done()
	go func() {
		defer close(next)
		for i := range cases {
			select {
			case next <- i:
			case <-interrupted:
				return
			}
		}
	}()
	for i := range cases {
		select {
		case <-done[i]:
		case <-interrupted:
		}
		if c.Context.Err() != nil {
			break
		}
		s.meter.show(fmt.Sprintf("%d of %d cases", i+1, len(cases)))
		o := outcomes[i]
		switch {
		case s.json:
			_ = writeJSON(s.out, o)
		case o.Status != passed || !s.quiet:
			s.meter.stop()
			detail := ""
			if o.Detail != "" {
				detail = ": " + o.Detail
			}
			fmt.Fprintf(s.out, "%-11s %s%s\n", o.Status, quoted(o.Case), detail)
		}
	}
	wg.Wait()
	return outcomes
}

func one(c *cli.Context, rt *glovebox.Runtime, tc testCase) outcome {
	start := time.Now()
	o := outcome{Case: tc.name, Status: passed}
	if err := o.try(c.Context, rt, tc, c.Float64("rtol"), c.Float64("atol")); err != nil {
		o.Detail = err.Error()
		switch codeOf(err) {
		case exitUnsupported:
			o.Status = unsupported
		case exitRefused, exitOpen:
			o.Status = refused
		case exitLimit:
			o.Status = limited
		default:
			o.Status = failed
		}
	}
	o.Seconds = time.Since(start).Seconds()
	return o
}

// try runs the case; what the comparison finds goes into o.
func (o *outcome) try(ctx context.Context, rt *glovebox.Runtime, tc testCase, rtol, atol float64) error {
	parts, done, err := partsBeside(tc.model)
	if err != nil {
		return err
	}
	defer done()
	m, err := rt.Load(ctx, parts...)
	if err != nil {
		return err
	}
	defer m.Close()
	inputs, outputs, why, err := dataOf(tc.folder, m)
	if err != nil {
		return err
	}
	if why != "" {
		o.Status, o.Detail = failed, why
		return nil
	}
	in := glovebox.Values{}
	for i, file := range inputs {
		t, err := decodeFile(ctx, rt, file)
		if err != nil {
			return err
		}
		in[m.Inputs()[i].Name] = t
	}
	res, err := m.Run(ctx, in)
	if err != nil {
		return err
	}
	for i, file := range outputs {
		want, err := decodeFile(ctx, rt, file)
		if err != nil {
			return err
		}
		name := m.Outputs()[i].Name
		got, err := res.Tensor(name)
		if err != nil {
			return err
		}
		d, why := compare(got, want, rtol, atol)
		o.MaxAbs, o.MaxRel = max(o.MaxAbs, d.abs), max(o.MaxRel, d.rel)
		if why != "" && o.Status == passed {
			o.Status, o.Detail = failed, quoted(name)+" "+why
		}
	}
	return nil
}

// dataOf lists the files of a data set. why is not empty where they are not
// those of the model: then not all of it would be compared.
func dataOf(folder string, m *glovebox.Model) (inputs, outputs []string, why string, err error) {
	if inputs, err = numbered(folder, "input"); err != nil {
		return nil, nil, "", err
	}
	if outputs, err = numbered(folder, "output"); err != nil {
		return nil, nil, "", err
	}
	switch have, want := len(outputs), len(m.Outputs()); {
	case len(inputs) > len(m.Inputs()):
		why = fmt.Sprintf("the data set has %d inputs, the model %d", len(inputs), len(m.Inputs()))
	case have != want:
		why = fmt.Sprintf("the data set has %d outputs, the model %d", have, want)
	case have == 0:
		why = "there is no output to compare"
	}
	return inputs, outputs, why, nil
}

func decodeFile(ctx context.Context, rt *glovebox.Runtime, path string) (glovebox.Tensor, error) {
	f, err := glovebox.OpenFile(path)
	if err != nil {
		return glovebox.Tensor{}, err
	}
	defer f.Close()
	return rt.Decode(ctx, f.Part(), glovebox.ImageSpec{})
}

// partsBeside opens a model with every other file of its folder as a part:
// which of them it uses is the model's to say, and it can name no others.
func partsBeside(model string) ([]glovebox.Part, func(), error) {
	beside, err := filesIn(filepath.Dir(model), filepath.Base(model))
	if err != nil {
		return nil, nil, err
	}
	files := []named{{filepath.Base(model), model}}
	for _, f := range beside {
		if !strings.HasSuffix(f.name, ".onnx") {
			files = append(files, f)
		}
	}
	return open(files)
}
