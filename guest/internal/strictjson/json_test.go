package strictjson

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// value reads a value of any kind, nested at most depth deep.
func value(r *Reader, depth int) any {
	if depth == 0 {
		r.Refuse(r.Offset(), "too deep")
	}
	switch b := r.Next(); {
	case b == '{':
		m := map[string]any{}
		r.Object(1<<20, func(key string, _ int64) { m[key] = value(r, depth-1) })
		return m
	case b == '[':
		a := []any{}
		r.Array(func(int) { a = append(a, value(r, depth-1)) })
		return a
	case b == '"':
		return r.String(1 << 20)
	case b == 't', b == 'f':
		return r.Bool()
	case r.Null():
		return nil
	}
	return r.Float()
}

func read(text string) (v any, fault *abi.Fault) {
	fault = scan.Catch(func() {
		r := New(scan.Open(boxtest.New([]byte(text)), 1).All(), "text")
		v = value(r, 50)
		r.End()
	})
	return v, fault
}

func TestRead(t *testing.T) {
	for _, text := range []string{
		` { "a" : [ 1 , -0.5e+3, true ,false, null, {} , [ ] ] , "b\u00e9\ud83d\ude00\n\"\\\/" : "é" } `,
		`0`, `-1`, `10E-2`, `"` + strings.Repeat("x", 300) + `"`, `""`,
	} {
		var want any
		if err := json.Unmarshal([]byte(text), &want); err != nil {
			t.Fatal(err)
		}
		got, fault := read(text)
		if fault != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%s: %v %+v, want %v", text, got, fault, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	for text, want := range map[string]struct {
		at   int64
		text string
	}{
		``:                         {0, "a number expected"},
		`{`:                        {1, `'"' expected`},
		`{"a":1,}`:                 {7, `'"' expected`},
		`{"a" 1}`:                  {5, "':' expected"},
		`{"a":1,"\u0061":2}`:       {7, `"a" stands twice`},
		`{"é":1,"\u00e9":2}`:       {8, "stands twice"},
		`{"😀":1,"\ud83d\ude00":2}`: {10, "stands twice"},
		`[1 2]`:                    {3, "']' expected"},
		`[1,]`:                     {3, "a number expected"},
		`01`:                       {0, "a zero in front"},
		`-`:                        {0, "a number expected"},
		`1.`:                       {0, "a number expected"},
		`1e`:                       {0, "a number expected"},
		`1e999`:                    {0, "out of range"},
		`+1`:                       {0, "a number expected"},
		`NaN`:                      {0, "a number expected"},
		`tru`:                      {0, "true or false expected"},
		`"abc`:                     {0, "without an end"},
		"\"a\nb\"":                 {2, "control character 0xa"},
		`"\x"`:                     {1, `escape \x`},
		`"\u12g4"`:                 {3, "not hexadecimal"},
		`"\ud83d"`:                 {1, "half of a surrogate pair"},
		`"\ud83d\u0041"`:           {1, "half of a surrogate pair"},
		`"\ude00"`:                 {1, "half of a surrogate pair"},
		"\"\xff\"":                 {0, "not UTF-8"},
		`1 2`:                      {2, "text after the end"},
		"1\x00":                    {1, "text after the end"},
		`// no` + "\n1":            {0, "a number expected"},
		`'a'`:                      {0, "a number expected"},
		strings.Repeat("1", 80):    {0, "a number of more than 63 bytes"},
	} {
		_, f := read(text)
		if f == nil || f.Offset != want.at || !strings.Contains(f.Text, want.text) {
			t.Errorf("%s: %+v, want %q at %d", text, f, want.text, want.at)
		}
	}
}

func TestWhole(t *testing.T) {
	for text, ok := range map[string]bool{`9223372036854775807`: true, `9223372036854775808`: false, `-0`: false, `-1`: false, `1.0`: false, `1e2`: false} {
		var n int64
		f := scan.Catch(func() { n = New(scan.Open(boxtest.New([]byte(text)), 1).All(), "text").Uint() })
		if (f == nil) != ok {
			t.Errorf("%s: %d %+v", text, n, f)
		}
	}
}

// FuzzRead compares with encoding/json, which takes more: keys that stand
// twice and text that is not UTF-8.
func FuzzRead(f *testing.F) {
	for _, s := range []string{`{"a":[1,-2.5e3,true,null,"\u00e9\ud83d\ude00"]}`, `[[],{}]`, `{"a":1,"\u0061":2}`, `"\ud800"`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, fault := read(text)
		if fault != nil {
			return
		}
		var want any
		if err := json.Unmarshal([]byte(text), &want); err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("%q: read as %v, but as %v %v by encoding/json", text, got, want, err)
		}
	})
}

func TestAppend(t *testing.T) {
	for s, want := range map[string][2]string{
		"":                   {`""`, `""`},
		"a\"\\/é😀":           {`"a\"\\/é😀"`, `"a\"\\/é😀"`},
		"\x00\x1b\b\f\n\r\t": {`"\u0000\u001b\b\f\n\r\t"`, `"\u0000\u001b\b\f\n\r\t"`},
		"\x7f\u009b\u202e":   {"\"\x7f\u009b\u202e\"", `"\u007f\u009b\u202e"`},
		"\U000e0001":         {"\"\U000e0001\"", `"\udb40\udc01"`},
		"\xff":               {"\"\ufffd\"", "\"\ufffd\""},
	} {
		if got := [2]string{string(AppendString(nil, s)), string(AppendPrintable(nil, s))}; got != want {
			t.Errorf("%q: %q, want %q", s, got, want)
		}
	}
}

func FuzzAppend(f *testing.F) {
	f.Add("a\"\\\x00\x7f\u202e😀\xff")
	f.Fuzz(func(t *testing.T, s string) {
		for _, text := range [][]byte{AppendString(nil, s), AppendPrintable(nil, s)} {
			var got string
			if err := json.Unmarshal(text, &got); err != nil || got != string([]rune(s)) {
				t.Errorf("%q: %s is %q, %v", s, text, got, err)
			}
			if v, fault := read(string(text)); fault != nil || v != got {
				t.Errorf("%q: %s is read as %q, %+v", s, text, v, fault)
			}
		}
	})
}
