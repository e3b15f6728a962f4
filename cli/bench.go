package cli

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"time"

	"github.com/urfave/cli/v2"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

func (s *session) benchCommand() *cli.Command {
	return &cli.Command{
		Name:      "bench",
		Usage:     "time a model",
		ArgsUsage: "MODEL",
		Description: "Inputs are those of the model's test_data_set_0 (or test_data_set_STEM) if there is one, else random.\n" +
			"Free dims are 1 unless --dim says otherwise.",
		Flags: append(partFlags(), shared(
			&cli.IntFlag{Name: "runs", Value: 10, Usage: "timed runs; 0 times the load and the first run alone"},
			&cli.IntFlag{Name: "warmup", Value: 2, Usage: "runs before them, after the first"},
			&cli.BoolFlag{Name: "profile", Usage: "print the time of each operation", DisableDefaultText: true},
			&cli.StringSliceFlag{Name: "dim", Usage: "the size of a free dim: `NAME=N`"},
		)...),
		Action: s.bench,
	}
}

// timing is what bench reports.
type timing struct {
	Model    string  `json:"model"`
	Threads  int     `json:"threads"`
	Runs     int     `json:"runs"`
	Median   float64 `json:"median_ms"`
	Min      float64 `json:"min_ms"`
	Load     float64 `json:"load_ms"`
	First    float64 `json:"first_ms"`
	Guest    float64 `json:"guest_ms"`
	GuestRun float64 `json:"guest_first_ms"`
	Kernel   float64 `json:"kernel_ms"`
	Flops    float64 `json:"flops"`
	Gflops   float64 `json:"gflops"`
	Peak     int64   `json:"peak_bytes"`
}

func (s *session) bench(c *cli.Context) error {
	if c.NArg() != 1 {
		return usagef("bench needs one model; see glovebox bench --help")
	}
	runs, warmup := c.Int("runs"), c.Int("warmup")
	if runs < 0 || warmup < 0 {
		return usagef("--runs and --warmup must not be negative")
	}
	dims, err := dimSizes(c.StringSlice("dim"))
	if err != nil {
		return err
	}
	rt, err := s.open(c)
	if err != nil {
		return err
	}
	defer rt.Close()
	path := c.Args().First()
	if runs > 0 {
		// The first load also compiles the guest, which a process does once.
		_, done, err := load(c, rt, path)
		if err != nil {
			return err
		}
		done()
	}
	start := time.Now()
	m, done, err := load(c, rt, path)
	if err != nil {
		return err
	}
	defer done()
	t := timing{Model: path, Threads: workers(c), Runs: runs, Load: ms(time.Since(start))}
	if err := checkDims(dims, m.Inputs()); err != nil {
		return err
	}
	in, err := benchInputs(c.Context, rt, m, path, dims)
	if err != nil {
		return err
	}
	start = time.Now()
	res, err := m.Run(c.Context, in)
	if err != nil {
		return err
	}
	t.First = ms(time.Since(start))
	t.GuestRun = ms(m.Stats().GuestTime)
	if runs == 0 {
		t.Peak = m.Stats().PeakBytes
		return s.printTiming(t, res)
	}
	alone := glovebox.WithProgress(c.Context, nil) // what is timed has nobody to report to
	for range warmup {
		if _, err := m.Run(alone, in); err != nil {
			return err
		}
	}
	before := m.Stats()
	var times []float64
	for i := range runs {
		start := time.Now()
		if res, err = m.Run(alone, in); err != nil {
			return err
		}
		times = append(times, ms(time.Since(start)))
		s.meter.show(fmt.Sprintf("run %d of %d", i+1, runs))
	}
	after := m.Stats()
	slices.Sort(times)
	t.Median, t.Min = times[len(times)/2], times[0]
	t.Guest = ms(after.GuestTime-before.GuestTime) / float64(runs)
	t.Kernel = ms(after.KernelTime-before.KernelTime) / float64(runs)
	t.Peak = after.PeakBytes
	s.meter.stop()
	if c.Bool("profile") {
		return s.profile(c.Context, m, in, runs)
	}
	return s.printTiming(t, res)
}

func (s *session) printTiming(t timing, res *glovebox.Result) error {
	t.Flops = float64(res.Cost.Flops)
	if t.Median > 0 {
		t.Gflops = t.Flops / t.Median / 1e6
	}
	s.meter.stop()
	if s.json {
		return writeJSON(s.out, t)
	}
	if t.Runs > 0 {
		fmt.Fprintf(s.out, "median   %.3f ms of %d runs\nminimum  %.3f ms\nguest    %.3f ms a run\nkernels  %.3f ms a run\n", t.Median, t.Runs, t.Min, t.Guest, t.Kernel)
	}
	fmt.Fprintf(s.out, "load     %.3f ms\nfirst    %.3f ms, %.3f ms of it in the guest\nthreads  %d\nflops    %.4g, %.1f GFLOP/s\npeak     %.1f MiB\n",
		t.Load, t.First, t.GuestRun, t.Threads, t.Flops, t.Gflops, float64(t.Peak)/(1<<20))
	return nil
}

// profile prints a run by operation, the slowest first.
func (s *session) profile(ctx context.Context, m *glovebox.Model, in glovebox.Values, runs int) error {
	lines, err := m.Profile(ctx, in, runs)
	if err != nil {
		return err
	}
	if s.json {
		return writeJSON(s.out, lines)
	}
	var total time.Duration
	for _, l := range lines {
		total += l.Time
	}
	fmt.Fprintf(s.out, "%10s %6s %6s %10s %8s  %s\n", "ms", "share", "calls", "GFLOP/s", "GB/s", "operation")
	for _, l := range lines {
		sec := max(l.Time.Seconds(), 1e-9)
		fmt.Fprintf(s.out, "%10.3f %5.1f%% %6d %10.1f %8.1f  %s %s\n",
			ms(l.Time), 100*float64(l.Time)/float64(max(total, 1)), l.Calls, float64(l.Flops)/sec/1e9, float64(l.Bytes)/sec/1e9, l.Op, l.Types)
	}
	return nil
}

func ms(d time.Duration) float64 { return float64(d) / 1e6 }

func workers(c *cli.Context) int {
	if n, err := strconv.Atoi(c.String("threads")); err == nil && n > 0 {
		return n
	}
	return runtime.GOMAXPROCS(0)
}

// maxRandom is how many elements an input has at most that is made up.
const maxRandom = 1 << 28

// benchInputs are the reference inputs of the model, or random ones.
func benchInputs(ctx context.Context, rt *glovebox.Runtime, m *glovebox.Model, path string, dims map[string]int) (glovebox.Values, error) {
	in := glovebox.Values{}
	ports := m.Inputs()
	if folder := referenceFolder(path); folder != "" && len(dims) == 0 {
		files, err := numbered(folder, "input")
		if err != nil {
			return nil, err
		}
		for i, file := range files {
			t, err := decodeFile(ctx, rt, file)
			if err != nil {
				return nil, err
			}
			if i < len(ports) {
				in[ports[i].Name] = t
			}
		}
		return in, nil
	}
	rng := rand.New(rand.NewPCG(1, 2))
	for _, p := range ports {
		if p.Optional {
			continue
		}
		shape := sizes(p, dims)
		n, ok := product(shape, maxRandom)
		if !ok {
			return nil, usagef("input %s would have over %d elements; give a smaller --dim, or a model that takes less", p, maxRandom)
		}
		t, err := randomTensor(p.DType, n, shape, rng)
		if err != nil {
			return nil, err
		}
		in[p.Name] = t
	}
	return in, nil
}

// randomTensor is floats in [0, 1) or integers 0 and 1, which are valid as
// tokens and masks alike.
func randomTensor(d glovebox.DType, n int, shape []int, rng *rand.Rand) (glovebox.Tensor, error) {
	switch d {
	case glovebox.Float32:
		data := make([]float32, n)
		for i := range data {
			data[i] = rng.Float32()
		}
		return glovebox.Of(data, shape...)
	case glovebox.Int64:
		data := make([]int64, n)
		for i := range data {
			data[i] = rng.Int64N(2)
		}
		return glovebox.Of(data, shape...)
	}
	return glovebox.OfBytes(d, make([]byte, n*d.Size()), shape...)
}

// referenceFolder is the data set beside a model that belongs to it, or "".
func referenceFolder(path string) string {
	cases, err := casesIn(filepath.Dir(path), filepath.Dir(path))
	if err != nil {
		return ""
	}
	for _, tc := range cases {
		if sameFile(tc.model, path) {
			return tc.folder
		}
	}
	return ""
}
