package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

// shared are the flags that every command which runs a model takes. Each can
// also be given as GLOVEBOX_<NAME> in the environment.
func shared(own ...cli.Flag) []cli.Flag {
	text := func(name, value, usage string) cli.Flag {
		return &cli.StringFlag{Name: name, DefaultText: value, Usage: usage, EnvVars: env(name)}
	}
	flip := func(name, usage string) cli.Flag {
		return &cli.BoolFlag{Name: name, Usage: usage, EnvVars: env(name), DisableDefaultText: true}
	}
	return append(own,
		text("memory", "1GiB", "limit of memory, weights included"),
		text("timeout", "30s", "limit of time for each load and each run"),
		text("work", "1e13", "limit of computation, in units of 8 FLOP or 8 guest instructions"),
		text("output-limit", "64MiB", "limit of the outputs of a run"),
		text("file-limit", "4GiB", "limit of one file"),
		text("threads", "all", "threads that kernels use"),
		text("isolation", "none", "none, process or strict"),
		text("seed", "0", "seed of what is random in the box"),
		flip("allow-known-closures", "let in x -> reshape(x, :, size(x, 4)) of a Flux model, which is not run but known"),
		flip("json", "print JSON"),
		flip("quiet", "print results and errors only"),
		flip("verbose", "print what the box logs"),
		flip("no-progress", "show no progress"),
		flip("no-cache", "keep no compiled code on disk"),
	)
}

func env(name string) []string {
	return []string{"GLOVEBOX_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))}
}

// parsed reads a flag with one of the parsers below; absent it is zero.
func parsed[T any](c *cli.Context, name string, parse func(string) (T, error)) (T, error) {
	v := c.String(name)
	if v == "" {
		var zero T
		return zero, nil
	}
	n, err := parse(v)
	if err != nil {
		return n, usagef("--%s %q: %v", name, v, err)
	}
	return n, nil
}

// bytes reads a size: 512, 64MiB, 1.5GB.
func bytes(s string) (int64, error) {
	digits := strings.TrimRight(s, "KMGTiBkb")
	units := map[string]float64{
		"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "TiB": 1 << 40,
		"K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40, "kB": 1e3, "KB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12,
	}
	unit, ok := units[s[len(digits):]]
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || !ok || !(n > 0) || n*unit < 1 || n*unit > 1<<46 {
		return 0, fmt.Errorf("want a size such as 512MiB or 2GiB")
	}
	return int64(n * unit), nil
}

// amount reads how much work there may be: 1e12. Less than 1 would be taken as
// the default.
func amount(s string) (uint64, error) {
	n, err := strconv.ParseFloat(s, 64)
	if err != nil || !(n >= 1) || n > 1e18 {
		return 0, fmt.Errorf("want a number from 1 to 1e18, such as 1e12")
	}
	return uint64(n), nil
}

func whole(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("want a whole number")
	}
	return n, nil
}

func duration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	if err != nil || d <= 0 {
		return 0, fmt.Errorf("want a time such as 500ms or 2m")
	}
	return d, nil
}

func isolation(s string) (glovebox.Isolation, error) {
	for i, n := range [...]string{"none", "process", "strict"} {
		if s == n {
			return glovebox.Isolation(i), nil
		}
	}
	return 0, fmt.Errorf("want none, process or strict")
}

// open reads the shared flags and makes the Runtime.
func (s *session) open(c *cli.Context) (*glovebox.Runtime, error) {
	s.json, s.quiet = c.Bool("json"), c.Bool("quiet")
	cfg, err := config(c)
	if err != nil {
		return nil, err
	}
	if c.Bool("verbose") {
		cfg.Logger = logger(s.err)
	}
	s.meter = newMeter(s.err, !s.quiet && !c.Bool("no-progress"))
	if s.meter != nil {
		c.Context = glovebox.WithProgress(c.Context, s.meter.event)
	}
	return glovebox.New(c.Context, cfg)
}

func config(c *cli.Context) (cfg glovebox.Config, err error) {
	set := func(e error) {
		if err == nil {
			err = e
		}
	}
	var e error
	cfg.Limits.Memory, e = parsed(c, "memory", bytes)
	set(e)
	cfg.Limits.Output, e = parsed(c, "output-limit", bytes)
	set(e)
	cfg.Limits.File, e = parsed(c, "file-limit", bytes)
	set(e)
	cfg.Limits.Time, e = parsed(c, "timeout", duration)
	set(e)
	cfg.Limits.Work, e = parsed(c, "work", amount)
	set(e)
	cfg.Seed, e = parsed(c, "seed", whole)
	set(e)
	cfg.Isolation, e = parsed(c, "isolation", isolation)
	set(e)
	threads, e := parsed(c, "threads", whole)
	set(e)
	if threads > 1024 {
		set(usagef("--threads %d: at most 1024", threads))
	}
	cfg.Threads = int(threads)
	cfg.Digests = c.Bool("digest")
	cfg.KnownClosures = c.Bool("allow-known-closures")
	if !c.Bool("no-cache") {
		if dir, e := os.UserCacheDir(); e == nil {
			cfg.CacheDir = filepath.Join(dir, "glovebox")
		}
	}
	return cfg, err
}
