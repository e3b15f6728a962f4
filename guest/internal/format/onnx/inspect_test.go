package onnx

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
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
