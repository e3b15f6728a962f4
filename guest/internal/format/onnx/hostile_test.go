package onnx

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// in is a graph that has, beside what a valid one needs, the parts of a lie.
func in(parts ...pb) pb {
	g := addGraph()
	for _, p := range parts {
		g = append(g, p...)
	}
	return modelOf(g)
}

// constantOf is a model whose second initializer is t.
func constantOf(t pb) pb { return in(pb{}.msg(5, t)) }

func external(entries ...string) pb {
	t := pb{}.packed(1, 2).num(2, 1).str(8, "e").num(14, 1)
	for i := 0; i < len(entries); i += 2 {
		t = t.msg(13, pb{}.str(1, entries[i]).str(2, entries[i+1]))
	}
	return constantOf(t)
}

// nested is a graph in a graph, n deep.
func nested(n int) pb {
	g := pb{}
	for range n {
		g = pb{}.msg(1, nodeOf("If", nil, nil, graphAttr("then_branch", g)))
	}
	return g
}

func functionOf(name string, nodes ...pb) pb {
	f := pb{}.str(1, name).str(4, "a").str(5, "b").msg(9, pb{}.num(2, 17)).msg(9, pb{}.str(1, "own").num(2, 1)).str(10, "own")
	for _, n := range nodes {
		f = f.msg(7, n)
	}
	return pb{}.msg(25, f)
}

func callOf(name, in, out string) pb { return nodeOf(name, []string{in}, []string{out}).str(7, "own") }

var ownOpset = pb{}.msg(8, pb{}.str(1, "own").num(2, 1))

const (
	malformed = abi.FaultMalformed
	missing   = abi.FaultUnsupported
)

// lies are files that are not what they say. at is a mark in the file: the
// fault must name the byte where it stands, plus the number after it.
var lies = []struct {
	name string
	file pb
	kind abi.FaultKind
	at   string
	plus int
	text string
}{
	{"empty-graph-length-of-a-gigabyte", append(pb{}.num(1, 8), 0x3a, 0x80, 0x80, 0x80, 0x80, 0x04, 1, 2, 3), malformed, "\x80\x80\x80\x80\x04", 5, "length 1073741824, but 3 bytes are left"},
	{"length-of-2-to-the-64", append(pb{}.num(1, 8), 0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), malformed, "\x3a\xff", 11, "length 18446744073709551615"},
	{"varint-without-end", append(pb{}.num(1, 8), 0x3a, 0xff, 0xff), malformed, "\x3a\xff", 1, "bad varint"},
	{"unknown-field", append(pb{}.num(1, 8), pb{}.num(9, 1)...), malformed, "\x48\x01", 0, "field 9 is not one of a ModelProto"},
	{"group", append(pb{}.num(1, 8), 0x3b), malformed, "\x3b", 0, "wire type 3"},
	{"wrong-wire-type", pb{}.str(1, "8"), malformed, "\x0a", 0, "wire type 2, not 0"},
	{"version-twice", pb{}.num(1, 8).num(1, 8), malformed, "\x08\x08\x08", 2, "field 1 of ModelProto stands twice"},
	{"version-of-the-future", pb{}.num(1, 99).msg(7), missing, "\x08", 0, "IR version 99"},
	{"no-version", pb{}.msg(7, addGraph()), malformed, "\x3a", 0, "no IR version"},
	{"no-graph", pb{}.num(1, 8), malformed, "\x08", 0, "no graph"},
	{"training", append(modelOf(addGraph()), pb{}.msg(20)...), missing, "\xa2\x01", 3, "training information"},
	{"opset-twice", modelOf(addGraph(), pb{}.msg(8, pb{}.num(2, 17))), malformed, "B\x02\x10\x11B\x02", 6, "imported twice"},

	{"name-not-utf8", in(pb{}.msg(1, nodeOf("Add\xff", []string{"x", "w"}, []string{"z"}))), malformed, "Add\xff_node", 0, "not UTF-8"},
	{"node-without-operator", in(pb{}.msg(1, pb{}.str(2, "zz"))), malformed, "\x12\x02zz", 0, "without an operator"},
	{"input-of-nowhere", in(pb{}.msg(1, nodeOf("Abs", []string{"nowhere"}, []string{"z"}))), malformed, "\x0a\x07nowhere", 0, `defines its input "nowhere"`},
	{"input-of-the-future", in(pb{}.msg(1, nodeOf("Abs", []string{"b"}, []string{"a"})), pb{}.msg(1, nodeOf("Abs", []string{"x"}, []string{"b"}))), malformed, "\x0a\x01b\x12\x01a", 0, `defines its input "b"`},
	{"value-twice", in(pb{}.msg(1, nodeOf("Abs", []string{"x"}, []string{"y"}))), malformed, "\x0a\x01x\x12\x01y", 0, `"y" is defined twice`},
	{"initializer-twice", constantOf(rawOf("w", []int64{1}, floats(1))), malformed, "\x0a\x01\x01\x10\x01B\x01w", 0, `"w" is defined twice`},
	{"initializer-without-name", constantOf(rawOf("", []int64{1}, floats(1))), malformed, "\x0a\x01\x01\x10\x01B\x00", 0, "without a name"},
	{"output-of-nowhere", in(pb{}.msg(12, portOf("nowhere", 1))), malformed, "\x0a\x07nowhere", 0, `nothing defines the output "nowhere"`},
	{"output-twice", in(pb{}.msg(12, portOf("y", 10))), malformed, "\x0a\x01y\x12\x06\x0a\x04\x08\x0a", 0, "stands twice"},
	{"opset-not-imported", in(pb{}.msg(1, nodeOf("Abs", []string{"x"}, []string{"z"}).str(7, "nobody"))), malformed, "\x0a\x01x\x12\x01z", 0, `"nobody" is used but not imported`},
	{"type-that-is-two", in(pb{}.msg(11, pb{}.str(1, "q").msg(2, pb{}.msg(1).msg(4)))), malformed, "\x0a\x00\x22\x00", 2, "two types"},
	{"dimension-that-is-two", in(pb{}.msg(11, pb{}.str(1, "q").msg(2, pb{}.msg(1, pb{}.msg(2, pb{}.msg(1, pb{}.num(1, 5).str(2, "m"))))))), malformed, "\x08\x05\x12\x01m", 0, "both a size and a name"},
	{"graphs-without-bottom", modelOf(nested(70)), malformed, "", -1, "nested more than 64 deep"},

	{"attribute-without-type", in(pb{}.msg(1, nodeOf("Abs", []string{"x"}, []string{"z"}, pb{}.str(1, "attr").num(3, 1)))), malformed, "\x0a\x04attr", 0, "has type 0"},
	{"attribute-of-another-type", in(pb{}.msg(1, nodeOf("Abs", []string{"x"}, []string{"z"}, pb{}.str(1, "attr").num(3, 1).num(20, attrFloat)))), malformed, "\x0a\x04attr", 0, "value of another type"},
	{"attribute-twice", in(pb{}.msg(1, nodeOf("Abs", []string{"x"}, []string{"z"}, intAttr("attr", 1), intAttr("attr", 2)))), malformed, "\x0a\x04attr\x18\x02", 0, "stands twice"},
	{"attribute-without-graph", in(pb{}.msg(1, nodeOf("If", []string{"x"}, []string{"z"}, pb{}.str(1, "attr").num(20, attrGraph)))), malformed, "\x0a\x04attr", 0, "has no value"},

	{"more-bytes-than-elements", constantOf(rawOf("q", []int64{1}, floats(1, 2))), malformed, "\x0a\x01\x01\x10\x01B\x01q", 0, "4 bytes, but holds 8 bytes"},
	{"fewer-bytes-than-elements", constantOf(rawOf("q", []int64{1 << 20, 1 << 20}, floats(1, 2))), malformed, "B\x01q", -10, "4398046511104 bytes, but holds 8 bytes"},
	{"elements-that-overflow", constantOf(rawOf("q", []int64{1 << 40, 1 << 40}, "")), malformed, "B\x01q", -16, "size over"},
	{"negative-dimension", constantOf(rawOf("q", []int64{-1}, "")), malformed, "", -1, "dimension -1"},
	{"elements-in-two-fields", constantOf(rawOf("q", []int64{1}, floats(1)).packed(7, 1)), malformed, "\x3a\x01\x01", 0, "elements in fields 9 and 7"},
	{"elements-of-another-type", constantOf(pb{}.packed(1, 1).num(2, 1).packed(5, 1).str(8, "q")), malformed, "", -1, "holds its elements in field 5"},
	{"packed-count", constantOf(pb{}.packed(1, 2).num(2, 7).packed(7, 1, 2, 3).str(8, "q")), malformed, "", -1, "2 elements, but holds 3"},
	{"packed-not-a-multiple", constantOf(pb{}.packed(1, 1).num(2, 1).str(4, "12345").str(8, "q")), malformed, "12345", 4, "4 bytes expected, but 1 are left"},
	{"int8-of-300", in(pb{}.msg(5, pb{}.packed(1, 1).num(2, 3).packed(5, 300).str(8, "q"))), malformed, "*\x02\xac\x02", 0, "element 300 is not a int8"},
	{"element-type-99", constantOf(pb{}.num(2, 99).str(8, "q")), malformed, "\x10\x63", 0, "element type 99"},
	{"segment", constantOf(pb{}.num(2, 1).msg(3)), missing, "\x1a\x00", 2, "segments"},

	{"external-in-parent-folder", external("location", "../b"), malformed, "", -1, "cannot be the name"},
	{"external-absolute", external("location", "/etc/passwd"), malformed, "", -1, "cannot be the name"},
	{"external-backslash", external("location", `..\b`), malformed, "", -1, "cannot be the name"},
	{"external-without-location", external("offset", "0"), malformed, "", -1, "cannot be the name"},
	{"external-part-that-is-not-there", external("location", "c"), abi.FaultInput, "", -1, `kept in the file "c": give it as a part of that name`},
	{"external-beyond-the-end", external("location", "b", "offset", "4"), malformed, "", -1, "bytes 4 to 12 of part \"b\", which has 8"},
	{"external-offset-that-wraps", external("location", "b", "offset", "9223372036854775807"), malformed, "", -1, "which has 8"},
	{"external-negative-offset", external("location", "b", "offset", "-4"), malformed, "", -1, `offset "-4"`},
	{"external-length-of-another", external("location", "b", "length", "4"), malformed, "", -1, "its external data has 4"},
	{"external-key-twice", external("location", "b", "location", "a"), malformed, "", -1, "stands twice"},
	{"external-unknown-key", external("location", "b", "command", "sh"), malformed, "", -1, `with "command"`},
	{"external-and-inside", constantOf(rawOf("q", []int64{1}, floats(1)).num(14, 1)), malformed, "", -1, "both inside and outside"},

	{"function-that-calls-itself", modelOf(addGraph().msg(1, callOf("f", "x", "z")), ownOpset, functionOf("f", callOf("f", "a", "b"))), malformed, "", -1, "call themselves"},
	{"functions-in-a-circle", modelOf(addGraph().msg(1, callOf("f", "x", "z")), ownOpset, functionOf("f", callOf("g", "a", "b")), functionOf("g", callOf("f", "a", "b"))), malformed, "", -1, "call themselves"},
	{"functions-that-double", modelOf(addGraph().msg(1, callOf("f0", "x", "z")), append([]pb{ownOpset}, doubling(40)...)...), malformed, "", -1, "when functions are written out"},
	{"function-twice", modelOf(addGraph(), ownOpset, functionOf("f", callOf("Abs", "a", "b")), functionOf("f", callOf("Abs", "a", "b"))), malformed, "", -1, "defined twice"},

	{"unknown-operator", in(pb{}.msg(1, nodeOf("Frobnicate", []string{"x"}, []string{"z"}))), missing, "\x0a\x01x\x12\x01z", 0, "operator Frobnicate (version 17)"},
	{"sequence-port", in(pb{}.msg(11, pb{}.str(1, "q").msg(2, pb{}.msg(4)))), missing, "\x0a\x01q", 0, "a sequence"},
	{"rank-9-port", in(pb{}.msg(11, portOf("q", 1, 1, 1, 1, 1, 1, 1, 1, 1, 1))), missing, "\x0a\x01q", 0, "rank 9"},
	{"string-tensor", constantOfNode(pb{}.num(2, 8).str(6, "s").str(8, "q")), missing, "", -1, "element type string"},
	{"sparse-attribute", in(pb{}.msg(1, nodeOf("Constant", nil, []string{"z"}, pb{}.str(1, "sparse_value").msg(22).num(20, attrSparse)))), missing, "\x0a\x0csparse_value", 0, "a sparse tensor"},
}

func constantOfNode(t pb) pb {
	return in(pb{}.msg(1, nodeOf("Constant", nil, []string{"z"}, tensorAttr("value", t))))
}

// doubling are functions of which each calls the next twice.
func doubling(n int) []pb {
	var fs []pb
	for i := range n {
		next := fmt.Sprintf("f%d", i+1)
		fs = append(fs, functionOf(fmt.Sprintf("f%d", i), callOf(next, "a", "c"), callOf(next, "c", "b")))
	}
	return append(fs, functionOf(fmt.Sprintf("f%d", n), nodeOf("Abs", []string{"a"}, []string{"b"})))
}

func TestLies(t *testing.T) {
	for _, lie := range lies {
		t.Run(lie.name, func(t *testing.T) {
			box := boxtest.New(lie.file, make([]byte, 8))
			fault := scan.Catch(func() { Load(box) })
			if fault == nil {
				t.Fatal("loaded")
			}
			if fault.Kind != lie.kind || !strings.Contains(fault.Text, lie.text) {
				t.Errorf("%+v, want %q", *fault, lie.text)
			}
			if lie.at == "" {
				return
			}
			if want := int64(bytes.Index(lie.file, []byte(lie.at)) + lie.plus); fault.Blob != 1 || fault.Offset != want {
				t.Errorf("%+v, want offset %d", *fault, want)
			}
		})
	}
}

// everything is a small valid model with something of each kind in it.
func everything() pb {
	double := functionOf("double", nodeOf("Add", []string{"a", "a"}, []string{"b"}))
	branch := func(op string) pb {
		return pb{}.msg(1, nodeOf(op, []string{"y"}, []string{"r"})).msg(12, pb{}.str(1, "r"))
	}
	g := addGraph().
		msg(1, nodeOf("Constant", nil, []string{"c"}, tensorAttr("value", pb{}.num(2, 9).num(5, 1)))).
		msg(1, nodeOf("If", []string{"c"}, []string{"z"}, graphAttr("then_branch", branch("Abs")), graphAttr("else_branch", branch("Neg")))).
		msg(1, callOf("double", "z", "d")).
		msg(5, pb{}.packed(1, 2).num(2, 7).packed(7, -1, 3).str(8, "shape")).
		msg(5, pb{}.packed(1, 2).num(2, 10).num(5, 15360).num(5, 0).str(8, "half")).
		msg(5, pb{}.packed(1, 2).num(2, 1).str(8, "e").msg(13, pb{}.str(1, "location").str(2, "b")).num(14, 1)).
		msg(12, portOf("d", 1, -1, 3)).
		msg(13, portOf("y", 1))
	return modelOf(g, ownOpset, double, pb{}.msg(14, pb{}.str(1, "author").str(2, "nobody")))
}

func load(file []byte) *abi.Fault {
	return scan.Catch(func() { Load(boxtest.New(file, make([]byte, 8))) })
}

func inspect(file []byte) []abi.Item {
	box := boxtest.New(file, make([]byte, 8))
	scan.Catch(func() { Inspect(box, abi.TaskInspect|abi.OptionDigests) })
	return box.Items
}

// TestDamage cuts a valid model at each byte and changes each byte of it. Each
// is loaded or refused; any other end is a panic, which fails the test.
func TestDamage(t *testing.T) {
	file := everything()
	if f := load(file); f != nil {
		t.Fatalf("%+v", *f)
	}
	for i := range file {
		load(file[:i])
		inspect(file[:i])
		for _, flip := range []byte{0x01, 0x02, 0x08, 0x80, 0xff} {
			bad := bytes.Clone(file)
			bad[i] ^= flip
			load(bad)
			inspect(bad)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(everything()))
	for _, lie := range lies {
		f.Add([]byte(lie.file))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		refused := load(file) != nil
		for _, it := range inspect(file) {
			if it.Kind == abi.ItemRefused {
				return
			}
		}
		if refused {
			t.Error("refused when loaded, but not when inspected")
		}
	})
}
