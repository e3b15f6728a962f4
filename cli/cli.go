// Package cli is the command glovebox: one file a command, results to standard
// output, everything else to standard error. Text that comes from a file is
// quoted before it reaches a terminal.
//
// Exit codes:
//
//	0    done (inspect: the file is readable whole)
//	1    ran, and the answer is no (test: a case failed, was refused or hit a limit)
//	3    refused: malformed or unsafe, or an input that does not fit the model
//	4    unsupported, and named (test: nothing worse than unsupported)
//	5    a limit: which one, its value, and the flag that raises it
//	6    the guest trapped
//	64   usage
//	66   a file that cannot be opened or written
//	70   a fault of ours
//	130  interrupted, 143 terminated
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/urfave/cli/v2"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

const (
	exitNo          = 1
	exitRefused     = 3
	exitUnsupported = 4
	exitLimit       = 5
	exitGuest       = 6
	exitUsage       = 64
	exitOpen        = 66
	exitInternal    = 70
	exitInterrupted = 130
	exitTerminated  = 143
)

// exit ends a command with a code; msg may be empty.
type exit struct {
	code int
	msg  string
}

func (e *exit) Error() string { return e.msg }

func usagef(format string, args ...any) error {
	return &exit{exitUsage, fmt.Sprintf(format, args...)}
}

// fileError is what the system says of a file, whose path is quoted.
func fileError(err error) error {
	text := err.Error()
	var path *fs.PathError
	if errors.As(err, &path) {
		text = fmt.Sprintf("%s %s: %v", path.Op, quoted(path.Path), path.Err)
	}
	return &exit{exitOpen, text}
}

// reason is what the system says of a file, without its path.
func reason(err error) error {
	var path *fs.PathError
	var link *os.LinkError
	switch {
	case errors.As(err, &path):
		return path.Err
	case errors.As(err, &link):
		return link.Err
	}
	return err
}

// session is what one invocation works with.
type session struct {
	in       io.Reader
	out, err io.Writer
	json     bool
	quiet    bool
	meter    *meter
}

// Main runs the command line args, whose first is the program's name, and
// answers the exit code. The first signal interrupts what is done, a second one
// ends the process. Weights do not lie on Go's heap, so what a command needs of
// it to its first answer fits into 16 MiB, before the collector runs.
func Main(args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	defer signal.Stop(signals)
	caught := make(chan os.Signal, 1)
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals)
			caught <- s
			stop()
		case <-ctx.Done():
		}
	}()
	code := run(ctx, args, stdin, stdout, stderr)
	select {
	case s := <-caught:
		if s == syscall.SIGTERM {
			return exitTerminated
		}
		return exitInterrupted
	default:
		return code
	}
}

func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) (code int) {
	defer func() {
		if r := recover(); r != nil {
			fmt.Fprintf(stderr, "glovebox: internal fault: %v\nThis is a bug of glovebox. Please report it with the file, if you can share it.\n", r)
			code = exitInternal
		}
	}()
	out := &output{w: stdout}
	s := &session{in: stdin, out: out, err: stderr}
	app := s.app()
	args, err := normalise(app, args)
	if err == nil {
		err = app.RunContext(ctx, args)
	}
	s.meter.stop()
	if lost := out.lost(); lost != nil {
		err = lost
	}
	return report(stderr, err)
}

func (s *session) app() *cli.App {
	misused := func(_ *cli.Context, err error, _ bool) error { return usagef("%v", err) }
	commands := []*cli.Command{s.runCommand(), s.inspectCommand(), s.buildCommand(), s.convertCommand(), s.testCommand(), s.benchCommand(), s.versionCommand()}
	for _, c := range commands {
		// Commands do not take these from the App.
		c.OnUsageError, c.HideHelpCommand, c.CustomHelpTemplate = misused, true, cli.CommandHelpTemplate
	}
	return &cli.App{
		Name:                      "glovebox",
		Usage:                     "run machine-learning models that nobody has reason to trust",
		UsageText:                 "glovebox COMMAND [flags] ARGUMENTS…",
		HideVersion:               true,
		HideHelpCommand:           true,
		DisableSliceFlagSeparator: true,
		Writer:                    s.out,
		ErrWriter:                 s.err,
		ExitErrHandler:            func(*cli.Context, error) {},
		OnUsageError:              misused,
		CommandNotFound:           func(*cli.Context, string) {},
		Action:                    cli.ShowAppHelp,
		Commands:                  commands,
	}
}

// codes maps the kinds of faults to exit codes, and limits to their flags.
var codes = map[glovebox.Kind]struct {
	code int
	flag string
}{
	glovebox.ErrMalformed:   {exitRefused, ""},
	glovebox.ErrUnsupported: {exitUnsupported, ""},
	glovebox.ErrInput:       {exitRefused, ""},
	glovebox.ErrMemory:      {exitLimit, "--memory"},
	glovebox.ErrTime:        {exitLimit, "--timeout"},
	glovebox.ErrWork:        {exitLimit, "--work"},
	glovebox.ErrOutput:      {exitLimit, "--output-limit"},
	glovebox.ErrFile:        {exitLimit, "--file-limit"},
	glovebox.ErrGuest:       {exitGuest, ""},
	glovebox.ErrBusy:        {exitLimit, ""},
	glovebox.ErrChanged:     {exitRefused, ""},
	glovebox.ErrIsolation:   {exitUnsupported, ""},
	glovebox.ErrInternal:    {exitInternal, ""},
	glovebox.ErrUnsafe:      {exitRefused, ""},
}

// report prints err to standard error and answers its exit code.
func report(w io.Writer, err error) int {
	var e *exit
	switch {
	case err == nil:
		return 0
	case errors.As(err, &e):
		if e.msg != "" {
			fmt.Fprintln(w, "glovebox:", e.msg)
		}
		return e.code
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(w, "glovebox: interrupted")
		return exitInterrupted
	}
	fmt.Fprintln(w, "glovebox:", err)
	code := codeOf(err)
	if flag := flagOf(err); flag != "" && code == exitLimit {
		fmt.Fprintf(w, "glovebox: the flag %s raises this limit\n", flag)
	}
	return code
}

// flagOf is the flag that raises the limit which err reports, or "".
func flagOf(err error) string {
	var f *glovebox.Fault
	if !errors.As(err, &f) {
		return ""
	}
	return codes[f.Kind].flag
}

// codeOf is the exit code of an error of package runtime.
func codeOf(err error) int {
	var f *glovebox.Fault
	if !errors.As(err, &f) {
		return exitInternal
	}
	var path *fs.PathError
	if f.Kind == glovebox.ErrFile && errors.As(err, &path) {
		return exitOpen
	}
	if c, ok := codes[f.Kind]; ok {
		return c.code
	}
	return exitInternal
}
