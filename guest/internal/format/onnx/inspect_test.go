package onnx

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// lines are the items of a report as a person might note them.
func lines(items []abi.Item) []string {
	var out []string
	for _, it := range items {
		kind := [...]string{abi.ItemFormat: "format", abi.ItemField: "field", abi.ItemTensor: "tensor", abi.ItemOp: "op", abi.ItemRefused: "refused"}[it.Kind]
		out = append(out, fmt.Sprint(kind, " ", strings.Join(it.Strings, "|"), " ", it.Ints))
	}
	return out
}

func TestInspect(t *testing.T) {
	box := boxtest.New(everything(), make([]byte, 8))
	if f := scan.Catch(func() { Inspect(box, abi.TaskInspect) }); f != nil {
		t.Fatalf("%+v", *f)
	}
	want := []string{
		"format onnx|8 []",
		"field opset ai.onnx|17 []",
		"field opset own|1 []",
		"field producer|test []",
		"field author|nobody []",
		"tensor w| [1 12 3]",
		"tensor c| [13 1]",
		"tensor shape| [8 16 2]",
		"tensor half| [3 4 2]",
		"tensor e|b [1 8 2]",
		"op |Add [2 1]",
		"op |Constant [1 1]",
		"op |If [1 1]",
		"op |Abs [1 1]",
		"op |Neg [1 1]",
		"op own|double [1 1]",
	}
	if got := lines(box.Items); !slices.Equal(got, want) {
		t.Errorf("report:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if len(box.Ports) != 3 || box.Ports[0].Name != "x" || box.Ports[0].Dims[0] != (abi.PortDim{Size: -1, Name: "n"}) {
		t.Errorf("ports %+v", box.Ports)
	}
}

// TestInspectGoesOn finds each of several lies, and what is sound among them.
func TestInspectGoesOn(t *testing.T) {
	file := modelOf(addGraph().
		msg(5, rawOf("short", []int64{4}, floats(1))).
		msg(1, nodeOf("Abs", []string{"nowhere"}, []string{"a"})).
		msg(1, nodeOf("Frobnicate", []string{"x"}, []string{"b"})).
		msg(1, pb{}.num(9, 1)).
		msg(1, nodeOf("Add", []string{"short", "b"}, []string{"c"}, intAttr("q", 1), intAttr("q", 1))).
		msg(1, nodeOf("Neg", []string{"c"}, []string{"d"})).
		msg(5, rawOf("sound", []int64{1}, floats(1))))
	box := boxtest.New(file)
	if f := scan.Catch(func() { Inspect(box, abi.TaskInspect) }); f != nil {
		t.Fatalf("%+v", *f)
	}
	report := strings.Join(lines(box.Items), "\n")
	for _, want := range []string{
		"holds 4 bytes", `defines its input "nowhere"|Abs_node|Abs [1]`, "operator Frobnicate (version 17) is not supported|Frobnicate_node|Frobnicate [2]",
		"wire type 0", "tensor sound| [1 4 1]", "op |Frobnicate [1 0]",
	} {
		if !strings.Contains(report, want) {
			t.Errorf("no %q in\n%s", want, report)
		}
	}
	if n := strings.Count(report, "refused"); n != 5 {
		t.Errorf("%d refusals in\n%s", n, report)
	}
	if len(box.Ports) != 2 {
		t.Errorf("ports %+v", box.Ports)
	}
}

// TestInspectPorts shows what cannot be run as what it is, so far as a port can
// say it.
func TestInspectPorts(t *testing.T) {
	text, floats := pb{}.msg(1, pb{}.num(1, elementString).msg(2)), pb{}.msg(1, pb{}.num(1, 1).msg(2, pb{}.msg(1, pb{}.num(1, 3))))
	typed := func(name string, parts ...pb) pb { return pb{}.msg(11, pb{}.str(1, name).msg(2, parts...)) }
	file := in(
		typed("text", text), typed("maybe", pb{}.msg(9, pb{}.msg(1, floats))), typed("maybe text", pb{}.msg(9, pb{}.msg(1, text))),
		typed("maybe list", pb{}.msg(9, pb{}.msg(1, pb{}.msg(4, pb{}.msg(1, floats))))), typed("list", pb{}.msg(4, pb{}.msg(1, text))),
	)
	box := boxtest.New(file)
	if f := scan.Catch(func() { Inspect(box, abi.TaskInspect) }); f != nil {
		t.Fatalf("%+v", *f)
	}
	var got []string
	for _, p := range box.Ports[:len(box.Ports)-1] {
		got = append(got, fmt.Sprint(p.Name, " ", tensor.DType(p.DType), p.Ranked, p.Optional, len(p.Dims)))
	}
	want := []string{
		"x float32 true false 2", "text string true false 0", "maybe float32 true true 1", "maybe text string true true 0",
		"maybe list dtype(0) false true 0", "list dtype(0) false false 0",
	}
	if !slices.Equal(got, want) {
		t.Errorf("ports %q, want %q", got, want)
	}
	if n := strings.Count(strings.Join(lines(box.Items), "\n"), `refused port "`); n != 5 {
		t.Errorf("%d of 5 are refused", n)
	}
}

// TestInspectEnds: a file that is nothing but lies does not fill the report.
func TestInspectEnds(t *testing.T) {
	g := addGraph()
	for range 5000 {
		g = g.msg(1, pb{}.num(9, 1))
	}
	box := boxtest.New(modelOf(g))
	if f := scan.Catch(func() { Inspect(box, abi.TaskInspect) }); f == nil {
		t.Error("no end")
	}
	if len(box.Items) > maxRefusals+20 {
		t.Errorf("%d items", len(box.Items))
	}
}
