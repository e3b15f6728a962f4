package abi

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestEveryFunctionIsDocumented compares the signatures in the package comment
// with those that guests are held to.
func TestEveryFunctionIsDocumented(t *testing.T) {
	doc, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]string{}
	for _, m := range regexp.MustCompile(`(?m)^//\t(\w+)\(([^)]*)\) i32`).FindAllStringSubmatch(string(doc), -1) {
		letters := ""
		for param := range strings.SplitSeq(m[2], ",") {
			switch {
			case strings.HasSuffix(param, " i32"):
				letters += "i"
			case strings.HasSuffix(param, " i64"):
				letters += "I"
			}
		}
		documented[m[1]] = letters
	}
	for _, f := range Functions() {
		if got, ok := documented[f.Name]; !ok || got != f.Params {
			t.Errorf("%s(%s) is documented as (%s), %v", f.Name, f.Params, got, ok)
		}
		delete(documented, f.Name)
	}
	for _, export := range []string{ExportLoad, ExportRun} {
		delete(documented, export)
	}
	if len(documented) > 0 {
		t.Errorf("documented but not there: %v", documented)
	}
}

func TestResultRoundTrip(t *testing.T) {
	want := Result{Value: 7, Type: Type{DType: 1, Rank: 2, Dims: [8]int64{3, 4}}}
	b := AppendResult(nil, want)
	if len(b) != ResultSize {
		t.Fatalf("%d bytes", len(b))
	}
	if got, e := DecodeResult(b); e != OK || got != want {
		t.Errorf("%v, %v", got, e)
	}
	if got, e := DecodeInput(AppendInput(nil, Input{})); e != OK || got != (Input{}) {
		t.Errorf("an absent input: %v, %v", got, e)
	}
	b[4] = 1
	for name, b := range map[string][]byte{"a handle over 32 bits": b, "too short": b[:ResultSize-1]} {
		if _, e := DecodeInput(b); e != ErrRecord {
			t.Errorf("%s: %v", name, e)
		}
	}
}
