package runtime

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Kind says what went wrong. Its constants are errors, for errors.Is.
type Kind uint8

const (
	ErrMalformed   Kind = 1  // the file is not what it claims to be
	ErrUnsupported Kind = 2  // the file is well-formed but needs what is not there
	ErrInput       Kind = 3  // the request does not fit the model
	ErrMemory      Kind = 4  // Limits.Memory
	ErrTime        Kind = 5  // Limits.Time or a deadline; also context.DeadlineExceeded
	ErrWork        Kind = 6  // Limits.Work
	ErrOutput      Kind = 7  // Limits.Output
	ErrFile        Kind = 8  // Limits.File, or a file that cannot be read
	ErrGuest       Kind = 9  // the code in the box trapped or broke its contract
	ErrClosed      Kind = 10 // the Runtime or the Model is closed
	ErrCanceled    Kind = 11 // the caller gave up; also context.Canceled
	ErrBusy        Kind = 12 // the machine has no room now
	ErrChanged     Kind = 13 // a file changed while it was in use
	ErrIsolation   Kind = 14 // a wall that was asked for is not there
	ErrInternal    Kind = 15 // a fault of ours
	ErrUnsafe      Kind = 16 // the file holds code, or what is not known to be none
)

var kinds = [...]struct{ name, text, advice string }{
	ErrMalformed:   {"malformed", "malformed file", ""},
	ErrUnsupported: {"unsupported", "unsupported", ""},
	ErrInput:       {"input", "the input does not fit", ""},
	ErrMemory:      {"memory", "memory limit reached", "raise Limits.Memory"},
	ErrTime:        {"time", "out of time", "raise Limits.Time or the deadline"},
	ErrWork:        {"work", "work limit reached", "raise Limits.Work"},
	ErrOutput:      {"output", "output limit reached", "raise Limits.Output"},
	ErrFile:        {"file", "file refused", ""},
	ErrGuest:       {"guest", "the box failed", ""},
	ErrClosed:      {"closed", "closed", ""},
	ErrCanceled:    {"canceled", "canceled", ""},
	ErrBusy:        {"busy", "no room now", "try again later"},
	ErrChanged:     {"changed", "the file changed while it was in use", "load it again"},
	ErrIsolation:   {"isolation", "isolation not available", ""},
	ErrInternal:    {"internal", "internal fault", "please report it"},
	ErrUnsafe:      {"unsafe", "unsafe file", ""},
}

func (k Kind) Error() string {
	if int(k) < len(kinds) && kinds[k].text != "" {
		return kinds[k].text
	}
	return "unknown fault"
}

// MarshalText is the name of k in reports: one lower-case word.
func (k Kind) MarshalText() ([]byte, error) {
	if int(k) < len(kinds) && kinds[k].name != "" {
		return []byte(kinds[k].name), nil
	}
	return nil, errors.New("no such kind of fault")
}

// Is makes ErrTime and ErrCanceled the errors of package context that they
// stand for.
func (k Kind) Is(target error) bool {
	return k == ErrTime && target == context.DeadlineExceeded || k == ErrCanceled && target == context.Canceled
}

// Stage is what was being done.
type Stage uint8

const (
	StageStart   Stage = 1 // New, or compiling what runs in the box
	StageLoad    Stage = 2
	StageInspect Stage = 3
	StageDecode  Stage = 4
	StageRun     Stage = 5
	StageHash    Stage = 6
	StageConvert Stage = 7
)

var stages = [...]string{
	StageStart: "start", StageLoad: "load", StageInspect: "inspect", StageDecode: "decode", StageRun: "run", StageHash: "hash",
	StageConvert: "convert",
}

func (s Stage) String() string {
	if int(s) < len(stages) && stages[s] != "" {
		return stages[s]
	}
	return "unknown stage"
}

// Fault is every error of this package. Part, Node and Op may be text from a
// hostile file: print the Fault itself, which quotes them.
type Fault struct {
	Kind     Kind
	Stage    Stage
	Part     string // the file, or ""
	Offset   int64  // the byte in Part, or -1
	Node, Op string // where in the model, or ""
	Rule     string // by which the file is refused, or ""
	Err      error  // the reason, safe to print; may be nil
}

// maxText caps what an error prints of any one text of a file.
const maxText = 200

// Error is one line: stage, file, byte, node, what is wrong, why, what to do.
func (f *Fault) Error() string {
	var b strings.Builder
	b.WriteString(f.Stage.String())
	if f.Part != "" {
		b.WriteString(" " + quote(f.Part))
		if f.Offset >= 0 {
			fmt.Fprintf(&b, " at byte %d", f.Offset)
		}
	}
	if f.Node != "" {
		b.WriteString(", node " + quote(f.Node))
	}
	if f.Op != "" {
		b.WriteString(", op " + quote(f.Op))
	}
	b.WriteString(": " + f.Kind.Error())
	if f.Err != nil {
		b.WriteString(": " + f.Err.Error())
	}
	if int(f.Kind) < len(kinds) && kinds[f.Kind].advice != "" {
		b.WriteString("; " + kinds[f.Kind].advice)
	}
	return b.String()
}

// Unwrap gives errors.Is and errors.As both the kind and the reason.
func (f *Fault) Unwrap() []error {
	if f.Err == nil {
		return []error{f.Kind}
	}
	return []error{f.Kind, f.Err}
}

// faultf is a Fault at no place in a file. Its text is ours: what comes from
// elsewhere goes through quote first.
func faultf(stage Stage, kind Kind, format string, args ...any) *Fault {
	return &Fault{Kind: kind, Stage: stage, Offset: -1, Err: fmt.Errorf(format, args...)}
}

// quote makes hostile text fit to print: one line, no control characters, cut
// at maxText bytes.
func quote(s string) string {
	if len(s) <= maxText {
		return strconv.Quote(s)
	}
	cut := maxText
	for cut > maxText-utf8.UTFMax && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return strconv.Quote(s[:cut]) + "…"
}
