package cli

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"testing"
)

// full takes some bytes and then is a disk that has no more room.
type full struct{ room int }

func (f *full) Write(b []byte) (int, error) {
	if len(b) > f.room {
		return 0, &fs.PathError{Op: "write", Path: "/dev/stdout", Err: errors.New("no space left")}
	}
	f.room -= len(b)
	return len(b), nil
}

func TestLostOutput(t *testing.T) {
	t.Setenv("XDG_CACHE_HOME", t.TempDir())
	const models, digits, seven = "../testdata/models", "../testdata/models/digits.onnx", "../testdata/models/seven.png"
	for _, line := range []string{
		"run " + digits + " " + seven, "run --json " + digits + " " + seven,
		"inspect " + digits, "inspect --json " + digits, "inspect --architecture ../testdata/flux/dense-named.bson",
		"test " + models, "test --json " + models,
		"bench --runs 1 " + digits, "bench --runs 1 --profile " + digits,
		"version", "version --json", "--help", "run --help",
	} {
		for _, room := range []int{0, 40} {
			var out strings.Builder
			code := run(context.Background(), append([]string{"glovebox"}, strings.Fields(line)...), strings.NewReader(""), &full{room}, &out)
			if text := out.String(); code != exitOpen || !strings.HasSuffix(text, "glovebox: write standard output: no space left\n") {
				t.Errorf("%s with room for %d bytes: exit code %d\n%s", line, room, code, text)
			}
		}
	}
}
