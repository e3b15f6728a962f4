package runtime

import (
	"bytes"
	"errors"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
)

func TestCheckParts(t *testing.T) {
	small := Bytes("a", []byte("abc"))
	for _, c := range []struct {
		name  string
		parts []Part
		kind  error
	}{
		{"none", nil, ErrInput},
		{"too many", make([]Part, abi.MaxBlobs+1), ErrInput},
		{"no data", []Part{{Name: "a", Size: 1}}, ErrInput},
		{"negative", []Part{{Name: "a", Data: bytes.NewReader(nil), Size: -1}}, ErrInput},
		{"twice", []Part{small, small}, ErrInput},
		{"too large", []Part{{Name: "a", Data: bytes.NewReader(nil), Size: 11}}, ErrFile},
		{"good", []Part{small, Bytes("b", nil)}, nil},
	} {
		parts, read, err := checkParts(StageLoad, c.parts, Limits{File: 10})
		if !errors.Is(err, c.kind) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.kind == nil {
			p := make([]byte, 3)
			if _, err := parts[0].Data.ReadAt(p, 0); err != nil || string(p) != "abc" || read.done.Load() != 3 || read.total != 3 {
				t.Errorf("%s: read %q, %v, counted %d of %d", c.name, p, err, read.done.Load(), read.total)
			}
		}
	}
}
