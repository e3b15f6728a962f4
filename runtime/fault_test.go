package runtime

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
)

func TestFaultError(t *testing.T) {
	for _, c := range []struct {
		fault Fault
		want  string
	}{
		{Fault{Kind: ErrMalformed, Stage: StageLoad, Part: "m.onnx", Offset: 12, Err: errors.New("a varint over 10 bytes")},
			`load "m.onnx" at byte 12: malformed file: a varint over 10 bytes`},
		{Fault{Kind: ErrUnsupported, Stage: StageLoad, Part: "m.onnx", Offset: -1, Node: "conv1", Op: "ai.x.Foo"},
			`load "m.onnx", node "conv1", op "ai.x.Foo": unsupported`},
		{Fault{Kind: ErrMemory, Stage: StageRun, Offset: -1, Err: errors.New("1 GiB")},
			`run: memory limit reached: 1 GiB; raise Limits.Memory`},
		{Fault{Kind: ErrMalformed, Stage: StageLoad, Part: "\x1b[31m\n", Offset: -1, Node: "\u202e"},
			`load "\x1b[31m\n", node "\u202e": malformed file`},
		{Fault{}, `unknown stage: unknown fault`},
		{Fault{Kind: 200, Stage: 200}, `unknown stage: unknown fault`},
	} {
		if got := c.fault.Error(); got != c.want {
			t.Errorf("got  %s\nwant %s", got, c.want)
		}
	}
}

func TestFaultTextIsCapped(t *testing.T) {
	f := &Fault{Kind: ErrMalformed, Stage: StageLoad, Node: strings.Repeat("é", 1<<20), Offset: -1}
	if n := len(f.Error()); n > 2000 {
		t.Errorf("%d bytes", n)
	}
	if q := quote(strings.Repeat("\x80", 300)); len(q) > 4*maxText+8 {
		t.Errorf("%d bytes", len(q))
	}
}

func TestFaultIs(t *testing.T) {
	for _, c := range []struct {
		err    error
		target error
		want   bool
	}{
		{&Fault{Kind: ErrMemory}, ErrMemory, true},
		{&Fault{Kind: ErrMemory}, ErrTime, false},
		{&Fault{Kind: ErrTime}, context.DeadlineExceeded, true},
		{&Fault{Kind: ErrTime}, context.Canceled, false},
		{&Fault{Kind: ErrCanceled}, context.Canceled, true},
		{&Fault{Kind: ErrCanceled}, context.DeadlineExceeded, false},
		{&Fault{Kind: ErrFile, Err: fs.ErrNotExist}, fs.ErrNotExist, true},
		{&Fault{Kind: ErrFile, Err: fs.ErrNotExist}, ErrFile, true},
		{ErrTime, context.DeadlineExceeded, true},
	} {
		if got := errors.Is(c.err, c.target); got != c.want {
			t.Errorf("errors.Is(%v, %v) = %v", c.err, c.target, got)
		}
	}
	var k Kind
	if !errors.As(error(&Fault{Kind: ErrWork}), &k) || k != ErrWork {
		t.Errorf("errors.As gave %v", k)
	}
}

func TestKindsAreComplete(t *testing.T) {
	for k := ErrMalformed; k <= ErrUnsafe; k++ {
		name, err := k.MarshalText()
		if err != nil || len(name) == 0 || k.Error() == Kind(0).Error() {
			t.Errorf("kind %d has no text", k)
		}
	}
	if _, err := Kind(0).MarshalText(); err == nil {
		t.Error("kind 0 has a name")
	}
}
