package cli

import (
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

const (
	shownValues = 16   // of an output, to people
	jsonValues  = 4096 // of an output, to programs
)

// number is one element of a tensor, of any type.
type element struct {
	f       float64
	i       int64
	u       uint64
	integer bool
	large   bool // a uint64 that no int64 holds
}

// elements reads t one element at a time. Float16 and BFloat16 are widened.
func elements(t glovebox.Tensor) func(i int) element {
	b, le := t.Bytes(), binary.NativeEndian
	float := func(f float64) element { return element{f: f} }
	signed := func(n int64) element { return element{i: n, f: float64(n), integer: true} }
	switch t.DType() {
	case glovebox.Float32:
		return func(i int) element { return float(float64(math.Float32frombits(le.Uint32(b[4*i:])))) }
	case glovebox.Float64:
		return func(i int) element { return float(math.Float64frombits(le.Uint64(b[8*i:]))) }
	case glovebox.Float16:
		return func(i int) element { return float(half(le.Uint16(b[2*i:]))) }
	case glovebox.BFloat16:
		return func(i int) element { return float(float64(math.Float32frombits(uint32(le.Uint16(b[2*i:])) << 16))) }
	case glovebox.Int8:
		return func(i int) element { return signed(int64(int8(b[i]))) }
	case glovebox.Int16:
		return func(i int) element { return signed(int64(int16(le.Uint16(b[2*i:])))) }
	case glovebox.Int32:
		return func(i int) element { return signed(int64(int32(le.Uint32(b[4*i:])))) }
	case glovebox.Int64:
		return func(i int) element { return signed(int64(le.Uint64(b[8*i:]))) }
	case glovebox.Uint16:
		return func(i int) element { return signed(int64(le.Uint16(b[2*i:]))) }
	case glovebox.Uint32:
		return func(i int) element { return signed(int64(le.Uint32(b[4*i:]))) }
	case glovebox.Uint64:
		return func(i int) element {
			u := le.Uint64(b[8*i:])
			return element{i: int64(u), u: u, f: float64(u), integer: true, large: u > math.MaxInt64}
		}
	default:
		return func(i int) element { return signed(int64(b[i])) }
	}
}

// half is the value of a float16.
func half(h uint16) float64 {
	sign, exp, frac := 1.0, int(h>>10&31), float64(h&1023)
	if h>>15 == 1 {
		sign = -1
	}
	switch exp {
	case 0:
		return sign * math.Ldexp(frac, -24)
	case 31:
		if frac != 0 {
			return math.NaN()
		}
		return sign * math.Inf(1)
	}
	return sign * math.Ldexp(1024+frac, exp-25)
}

func (e element) text(bits int) string {
	switch {
	case e.large:
		return strconv.FormatUint(e.u, 10)
	case e.integer:
		return strconv.FormatInt(e.i, 10)
	}
	return strconv.FormatFloat(e.f, 'g', bits, 64)
}

func size(t glovebox.Tensor) int {
	n := 1
	for _, d := range t.Shape() {
		n *= d
	}
	return n
}

// printResult shows each output: name, type, shape, the first values, and of a
// single vector the largest.
func printResult(w io.Writer, ports []glovebox.Port, res *glovebox.Result, labels []string, top int) error {
	for _, p := range ports {
		t, ok := res.Values[p.Name].(glovebox.Tensor)
		if !ok {
			continue
		}
		fmt.Fprintf(w, "%s %v\n", quoted(p.Name), t.Type())
		at, n := elements(t), size(t)
		var line strings.Builder
		for i := range min(n, shownValues) {
			line.WriteString(" " + at(i).text(5))
		}
		if n > shownValues {
			line.WriteString(" …")
		}
		fmt.Fprintln(w, " "+line.String())
		if vector(t) && top > 0 {
			for _, i := range largest(at, n, top) {
				label := ""
				if i < len(labels) {
					label = "  " + printable(labels[i])
				}
				fmt.Fprintf(w, "  %6d  %s%s\n", i, at(i).text(5), label)
			}
		}
	}
	return nil
}

// vector reports whether t is one vector of scores: floats, and one dim alone
// is not 1.
func vector(t glovebox.Tensor) bool {
	wide := 0
	for _, d := range t.Shape() {
		if d != 1 {
			wide++
		}
	}
	d := t.DType()
	return wide == 1 && size(t) > 1 && (d == glovebox.Float32 || d == glovebox.Float64 || d == glovebox.Float16 || d == glovebox.BFloat16)
}

// largest are the indices of the n largest of size elements, largest first.
func largest(at func(int) element, size, n int) []int {
	idx := make([]int, size)
	for i := range idx {
		idx[i] = i
	}
	slices.SortStableFunc(idx, func(a, b int) int {
		switch x, y := at(a).f, at(b).f; {
		case x > y || math.IsNaN(y) && !math.IsNaN(x):
			return -1
		case x < y || math.IsNaN(x) && !math.IsNaN(y):
			return 1
		}
		return 0
	})
	return idx[:min(n, size)]
}

// quoted makes text of a file safe to print.
func quoted(s string) string {
	plain := s != "" && len(s) <= 128 && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_.-/:", r))
	}) < 0
	if plain {
		return s
	}
	return strconv.Quote(s[:min(len(s), 1024)])
}

// jsonOutput is an output in --json. Values that JSON has no number for are
// the strings NaN, Infinity and -Infinity.
type jsonOutput struct {
	Name      string `json:"name"`
	DType     string `json:"dtype"`
	Shape     []int  `json:"shape"`
	Values    []any  `json:"values"`
	Truncated bool   `json:"truncated"`
}

func printJSON(w io.Writer, ports []glovebox.Port, res *glovebox.Result) error {
	out := struct {
		Outputs []jsonOutput `json:"outputs"`
		Work    uint64       `json:"work"`
		Fuel    uint64       `json:"guest_fuel"`
		Memory  int64        `json:"peak_bytes"`
	}{[]jsonOutput{}, res.Cost.Work, res.Cost.GuestFuel, res.Cost.Memory}
	for _, p := range ports {
		t, ok := res.Values[p.Name].(glovebox.Tensor)
		if !ok {
			continue
		}
		o := jsonOutput{Name: p.Name, DType: t.DType().String(), Shape: t.Shape(), Values: []any{}}
		at, n := elements(t), size(t)
		for i := range min(n, jsonValues) {
			o.Values = append(o.Values, at(i).json(t.DType()))
		}
		o.Truncated = n > jsonValues
		out.Outputs = append(out.Outputs, o)
	}
	return writeJSON(w, out)
}

func (e element) json(d glovebox.DType) any {
	switch {
	case d == glovebox.Bool:
		return e.i != 0
	case e.large:
		return e.u
	case e.integer:
		return e.i
	case math.IsNaN(e.f):
		return "NaN"
	case math.IsInf(e.f, 1):
		return "Infinity"
	case math.IsInf(e.f, -1):
		return "-Infinity"
	case d == glovebox.Float32:
		return float32(e.f)
	}
	return e.f
}
