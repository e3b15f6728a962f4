package abi

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden file")

// The golden file is the contract as text: every number, every attribute
// struct, every import. A change that is not an addition breaks guests.
func TestContractGolden(t *testing.T) {
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		fset := token.NewFileSet()
		f, err := parser.ParseFile(fset, name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			g, ok := d.(*ast.GenDecl)
			if !ok || g.Tok != token.CONST && g.Tok != token.TYPE {
				continue
			}
			for _, s := range g.Specs {
				var text strings.Builder
				if err := printer.Fprint(&text, fset, s); err != nil {
					t.Fatal(err)
				}
				fmt.Fprintf(&b, "%s %s\n", g.Tok, strings.Join(strings.Fields(text.String()), " "))
			}
		}
	}
	const golden = "testdata/abi.golden"
	if *update {
		if err := os.WriteFile(golden, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if b.String() != string(want) {
		t.Errorf("the contract differs from %s; if it is meant to grow, run go test ./guest/abi -update", golden)
	}
}

func TestCallRoundTrip(t *testing.T) {
	a := &Slice{
		Start: []Word{Const(1), {N: 5, Of: 3, Dim: 1, A: 2, B: -1, D: 4}},
		Size:  Consts(4, 5), Step: []int64{1, -1},
	}
	rec := AppendCall(nil, OpSlice, []Value{1, 2, 3}, a)
	c, e := DecodeCall(rec)
	if e != OK || c.Op != OpSlice || !slices.Equal(c.In, []Value{1, 2, 3}) || len(c.Symbols) != 1 {
		t.Fatalf("%v %+v", e, c)
	}
	if s := c.Symbols[0]; s.At != 2 || s.Word.Of != 3 || s.Word.Dim != 1 || s.Word.A != 2 || s.Word.B != -1 || s.Word.D != 4 {
		t.Errorf("symbol %+v", s)
	}
	var back Slice
	if e := DecodeAttrs(c.Words, &back); e != OK || back.Start[1].N != 5 || back.Size[1].N != 5 || back.Step[1] != -1 {
		t.Errorf("%v %+v", e, back)
	}
	for i := range rec {
		if _, e := DecodeCall(rec[:i]); e == OK {
			t.Errorf("a record cut at %d is accepted", i)
		}
	}
	if e := DecodeAttrs(append(c.Words, 0), &back); e == OK {
		t.Error("a word too many is accepted")
	}
}

func TestWordEval(t *testing.T) {
	tests := []struct {
		w    Word
		d, n int64
		ok   bool
	}{
		{Word{A: 1, D: 1}, 7, 7, true},
		{Word{A: 2, B: 3, D: 4}, 5, 3, true},
		{Word{A: 1, B: -6, D: 4}, 5, -1, true}, // the floor of -1/4
		{Word{A: -1, B: 0, D: 2}, 5, -3, true},
		{Word{A: 1 << 47, D: 1}, 1, 0, false},
		{Word{A: 1 << 46, D: 1}, 1 << 46, 0, false},
		{Word{A: 1, B: 1 << 62, D: 1}, 1 << 46, 1<<62 + 1<<46, true},
		{Word{A: 1, D: 0}, 1, 0, false},
		{Word{A: 1, D: -1}, 1, 0, false},
	}
	for _, tt := range tests {
		if n, ok := tt.w.Eval(tt.d); n != tt.n || ok != tt.ok {
			t.Errorf("%+v of %d: %d %v, want %d %v", tt.w, tt.d, n, ok, tt.n, tt.ok)
		}
	}
}

// FuzzRecords decodes noise as every record: it may be refused, and what is
// accepted encodes to the same bytes.
func FuzzRecords(f *testing.F) {
	f.Add(AppendCall(nil, OpSlice, []Value{1}, &Slice{Start: Consts(1), Size: []Word{{N: 1, Of: 1, A: 1, D: 1}}, Step: []int64{1}}))
	f.Add(AppendSeal(nil, Seal{Out: []Value{1}, Guards: []Guard{{CmpLt, Word{Of: 1, A: 1, D: 1}, 9}}}))
	f.Add(AppendPort(nil, Port{Name: "x", Ranked: true, DType: 1, Dims: []PortDim{{-1, "n"}, {3, ""}}}))
	f.Add(AppendFault(nil, Fault{Kind: FaultMalformed, Offset: 7, Text: "t"}))
	f.Add(AppendItem(nil, Item{Kind: ItemTensor, Offset: -1, Strings: []string{"a", "b"}, Ints: []int64{1, 2, 3}}))
	f.Add(AppendImageSpec(nil, ImageSpec{Width: 3, Scale: [3]float32{1, 2, 3}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		if c, e := DecodeCall(b); e == OK {
			for _, a := range []Attrs{&Slice{}, &Map{}, &Resize{}, &Conv{}, &Recurrent{}, &Reduce{}, &Literal{}} {
				DecodeAttrs(c.Words, a)
			}
		}
		same := func(name string, got []byte) {
			if string(got) != string(b) {
				t.Errorf("%s: %x decodes and encodes to %x", name, b, got)
			}
		}
		if s, e := DecodeSeal(b); e == OK && len(s.Out)%2 == 0 {
			same("seal", AppendSeal(nil, s))
		}
		if p, e := DecodePort(b); e == OK {
			same("port", AppendPort(nil, p))
		}
		if it, e := DecodeItem(b); e == OK {
			same("item", AppendItem(nil, it))
		}
		if x, e := DecodeFault(b); e == OK {
			same("fault", AppendFault(nil, x))
		}
		DecodeImageSpec(b)
		DecodeType(b)
	})
}
