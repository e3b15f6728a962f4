package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

func TestJSONTensor(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"a scalar", "5", "float32[] [5]"},
		{"a vector", " [1, -2.5] ", "float32[2] [1 -2.5]"},
		{"a matrix", "[[1,2,3],[4,5,6]]", "float32[2, 3] [1 2 3 4 5 6]"},
		{"nothing", "[]", "float32[0] []"},
		{"twice nothing", "[[],[]]", "float32[2, 0] []"},
		{"eight deep", strings.Repeat("[", 8) + "1" + strings.Repeat("]", 8), "float32[1, 1, 1, 1, 1, 1, 1, 1] [1]"},

		{"nine deep", strings.Repeat("[", 9), "over 8 deep"},
		{"a hundred thousand deep", strings.Repeat("[", 100_000), "over 8 deep"},
		{"rows that differ", "[[1],[1,2]]", "not all of one shape"},
		{"a number beside a row", "[1,[2]]", "not all of one shape"},
		{"a row beside a number", "[[1],2]", "not all of one shape"},
		{"a row that goes deeper", "[[],[[]]]", "not all of one shape"},
		{"text", `["\u001b[31m"]`, "numbers or booleans"},
		{"an object", `{"a":1}`, "numbers or booleans"},
		{"null", "[null]", "numbers or booleans"},
		{"a number that is too large", "[1e999]", "byte 6: 1e999 is no float32"},
		{"a number of many digits", "[" + strings.Repeat("9", 100_000) + "]", "byte 100001: " + strings.Repeat("9", 40) + " is no float32"},
		{"an end too early", "[1,", "unexpected EOF"},
		{"an escape", "[\x1b[31m]", "not JSON"},
		{"two values", "[1] [2]", "something follows"},
		{"four million and one", "[" + strings.Repeat("1,", maxElements) + "1]", "over 4194304 elements"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			v, err := jsonTensor(glovebox.Float32, strings.NewReader(tt.text))
			if err != nil {
				if !strings.Contains(err.Error(), tt.want) || len(err.Error()) > 200 {
					t.Errorf("%.300v, want %q", err, tt.want)
				}
				return
			}
			elems, err := glovebox.Slice[float32](v)
			if got := fmt.Sprint(v.Type(), " ", elems); err != nil || got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
		})
	}
}

func TestJSONIsASCII(t *testing.T) {
	for _, name := range []string{"plain", "\x1b[31m\n", "\u009b31m", "\x7f", "\u202egnp.exe", "\u2028", "日本", "𝔵\U0010ffff", "a\xffb"} {
		var b strings.Builder
		if err := writeJSON(&b, name); err != nil {
			t.Fatal(err)
		}
		line, whole := strings.CutSuffix(b.String(), "\n")
		if !whole || strings.IndexFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
			t.Errorf("%q is printed as %q", name, b.String())
		}
		var back string
		if err := json.Unmarshal([]byte(line), &back); err != nil || back != strings.ToValidUTF8(name, "\ufffd") {
			t.Errorf("%q comes back as %q, %v", name, back, err)
		}
	}
}
