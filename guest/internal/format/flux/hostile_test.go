package flux

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// nested is n documents inside each other, in one variable.
func nested(n int) doc {
	d := doc{}
	for range n {
		d = doc{{"d", d}}
	}
	return d
}

// TestRefusedFiles: what is not exactly BSON is refused whole.
func TestRefusedFiles(t *testing.T) {
	good := model(denseOf(2, 3)).String()
	many := doc{}
	for i := range 20 {
		many = append(many, pair{fmt.Sprint("k", i), nil})
	}
	for _, test := range []struct{ name, file, text string }{
		{"empty-document-short", "\x04\x00\x00\x00", "a document of 4 bytes"},
		{"length-over-the-file", u32(len(good)+1) + good[4:], "bytes are left"},
		{"length-negative", "\xff\xff\xff\xff" + good[4:], "bytes are left"},
		{"length-under-the-file", u32(len(good)-1) + good[4:], "does not end"},
		{"bytes-after-the-end", good + "\x00", "1 bytes after the end"},
		{"no-terminator", good[:len(good)-1] + "\x01", "does not end with a zero byte"},
		{"inner-length-over-its-document", doc{{"a", lie{0x03, u32(100) + "\x00"}}}.String(), "bytes are left"},
		{"inner-document-ends-early", doc{{"a", lie{0x03, u32(8) + "\x00\x00\x00\x00"}}}.String(), "before its length"},
		{"element-type-decimal", doc{{"a", lie{0x13, strings.Repeat("\x00", 16)}}}.String(), "type 0x13"},
		{"element-type-javascript", doc{{"a", lie{0x0d, u32(2) + "x\x00"}}}.String(), "type 0x0d"},
		{"element-type-regex", doc{{"a", lie{0x0b, "x\x00y\x00"}}}.String(), "type 0x0b"},
		{"key-without-end", u32(8) + "\x0aabc", "without an end"},
		{"key-too-long", doc{{strings.Repeat("k", maxKey+1), nil}}.String(), "a key of more than"},
		{"key-not-utf8", doc{{"\xff", nil}}.String(), "not UTF-8"},
		{"key-twice", doc{{"a", nil}, {"a", nil}}.String(), `"a" stands twice`},
		{"key-twice-among-many", append(many, pair{"k3", nil}).String(), `"k3" stands twice`},
		{"array-key-out-of-order", doc{{"a", lie{0x04, doc{{"1", nil}, {"0", nil}}.String()}}}.String(), `element "1" of an array, not 0`},
		{"array-key-with-zero", doc{{"a", lie{0x04, doc{{"00", nil}}.String()}}}.String(), `element "00" of an array`},
		{"array-key-missing", doc{{"a", lie{0x04, doc{{"0", nil}, {"2", nil}}.String()}}}.String(), `element "2" of an array, not 1`},
		{"string-empty-length", doc{{"a", lie{0x02, u32(0)}}}.String(), "a string of 0 bytes"},
		{"string-over-its-document", doc{{"a", lie{0x02, u32(50) + "x\x00"}}}.String(), "bytes are left"},
		{"string-without-zero", doc{{"a", lie{0x02, u32(2) + "xy"}}}.String(), "the string does not end"},
		{"string-not-utf8", doc{{"a", lie{0x02, u32(3) + "\xc3\x28\x00"}}}.String(), "not UTF-8"},
		{"string-too-long", doc{{"a", lie{0x02, u32(maxString + 1)}}}.String(), "a string of 1048577 bytes"},
		{"binary-subtype", doc{{"a", lie{0x05, u32(1) + "\x02x"}}}.String(), "subtype 2"},
		{"binary-over-its-document", doc{{"a", lie{0x05, u32(1<<30) + "\x00x"}}}.String(), "bytes are left"},
		{"binary-negative", doc{{"a", lie{0x05, "\xff\xff\xff\xff\x00x"}}}.String(), "bytes are left"},
		{"boolean-of-two", doc{{"a", lie{0x08, "\x02"}}}.String(), "a boolean of 2"},
		{"number-cut", doc{{"a", lie{0x12, "\x02"}}}.String(), "8 bytes expected"},
		{"depth", nested(maxDepth).String(), "nested more than 64 deep"},
	} {
		t.Run(test.name, func(t *testing.T) {
			fault := scan.Catch(func() { Load(boxtest.New([]byte(test.file)), abi.TaskModel) })
			if fault == nil || fault.Kind != abi.FaultMalformed || fault.Offset < 0 || fault.Offset > int64(len(test.file)) || !strings.Contains(fault.Text, test.text) {
				t.Errorf("%+v, want %q", fault, test.text)
			}
		})
	}
	if fault := scan.Catch(func() { Read(boxtest.New([]byte(nested(maxDepth-1).String())), 1, &weights.File{}) }); fault != nil {
		t.Errorf("a file as deep as may be: %+v", fault)
	}
}

// TestTooMuch: counts are bounded however cheap each thing is.
func TestTooMuch(t *testing.T) {
	var text strings.Builder
	for i := range maxText/1000 + 1 {
		fmt.Fprintf(&text, "\x02k%d\x00%s%08d%s\x00", i, u32(1001), i, strings.Repeat("x", 992))
	}
	var nodes strings.Builder
	for i := range maxNodes + 1 {
		fmt.Fprintf(&nodes, "\x0a%d\x00", i)
	}
	whole := func(body string) string { return u32(len(body)+5) + body + "\x00" }
	for name, file := range map[string]string{
		"text":  whole(text.String()),
		"nodes": whole("\x04a\x00" + whole(nodes.String())),
	} {
		fault := scan.Catch(func() { Load(boxtest.New([]byte(file)), abi.TaskModel) })
		if fault == nil || !strings.Contains(fault.Text, "more than") {
			t.Errorf("%s: %+v", name, fault)
		}
	}
}

// reshapeCode is the code of x -> reshape(x, :, size(x, 4)), in two spellings.
func reshapeCode() (early, late doc) {
	size := call(global("size"), argument, 4)
	early = anonymous(nil, size, call(global("reshape"), argument, global(":"), ssa(1)), structure("Core.Expr", symbol("return"), list{ssa(2)}))
	late = anonymous(nil, nil, size, call(global("reshape"), argument, structure("Core.Colon"), ssa(2)), structure("Core.ReturnNode", ssa(3)))
	return early, late
}

// TestRefusedParts: what stands in the way of a network is named by its path,
// everything else is listed.
func TestRefusedParts(t *testing.T) {
	reshape, _ := reshapeCode()
	dense := denseOf(2, 3)
	withField := func(i int, v any) doc {
		d := structure("Flux.Dense", floats(3, 2), floats(3), relu)
		fields := append(list{}, d[2].value.(list)...)
		fields[i] = v
		return d.with("data", fields)
	}
	bad := floats(3, 2)
	for _, test := range []struct {
		name, rule string
		file       doc
		path, text string
		arrays     int
	}{
		{"closure", "closure", model(dense, reshape), "model.layers[2]", "an anonymous function", 2},
		{"closure-with-arrays", "closure", model(dense, anonymous(list{floats(4)})), "model.layers[2]", "an anonymous function", 3},
		{"closure-by-name", "closure", model(dense, structure("Main.#3#4")), "model.layers[2]", "an anonymous function, Main.#3#4", 2},
		{"closure-by-other-name", "closure", model(dense, structure("Main.##9#10")), "model.layers[2]", "an anonymous function", 2},
		{"activation-closure", "closure", model(withField(2, reshape)), "model.layers[1].σ", "an anonymous function", 2},
		{"closure-that-captured", "closure", model(dense, structure("Zygote.#back", floats(2))), "model.layers[2]", "an anonymous function, Zygote.#back", 3},
		{"closure-inside-of-a-name", "closure", model(dense, structure("Zygote.#back#12")), "model.layers[2]", "an anonymous function", 2},
		{"closure-of-bytes", "closure", model(dense, doc{{"tag", "struct"}, {"type", datatype("NNlib.#relu")}, {"data", raw("x")}}), "model.layers[2]", "an anonymous function", 2},
		{"function-with-a-parameter-that-is-none", "function", model(withField(2, structure("Base.Fix2", relu, 0.5))), "model.layers[1].σ", "Base.Fix2 in place of a function", 2},
		{"function-that-evaluates", "function", model(withField(2, structure("Core.#eval"))), "model.layers[1].σ", "may do more than compute, Core.#eval", 2},
		{"composition-with-code", "closure", doc{{"model", structure("Base.ComposedFunction", reshape, chainOf(dense))}}, "model.outer", "an anonymous function", 2},
		{"function-of-main", "function", model(withField(2, structure("Main.#swish"))), "model.layers[1].σ", "a function of whoever saved the file, Main.#swish", 2},
		{"function-unknown", "function", model(withField(2, structure("Base.#run"))), "model.layers[1].σ", "may do more than compute, Base.#run", 2},
		{"function-of-matrices", "function", model(dense, structure("Base.#tanh")), "model.layers[2]", "Base.#tanh in place of a layer", 2},
		{"type-of-main", "type", model(dense, structure("Main.Attack", floats(5))), "model.layers[2]", "a value of the type Main.Attack", 3},
		{"layer-unknown", "type", model(dense, structure("Flux.Mystery", 1)), "model.layers[2]", "Flux.Mystery", 2},
		{"module", "reference", model(dense, doc{{"tag", "ref"}, {"path", list{"Base", "run"}}}), "model.layers[2]", "a reference to a module", 2},
		{"type-as-a-layer", "", model(dense, datatype("Flux.Dense")), "model.layers[2]", "something else", 2},
		{"svec", "machinery", model(dense, doc{{"tag", "svec"}, {"data", list{}}}), "model.layers[2]", "type machinery", 2},
		{"tag-unknown", "type", model(dense, doc{{"tag", "pyobject"}, {"data", raw("x")}}), "model.layers[2]", `the tag "pyobject"`, 2},
		{"pointer", "type", model(dense, structure("Core.Ptr", 1)), "model.layers[2]", "Core.Ptr", 2},
		{"code", "type", model(dense, structure("Core.CodeInfo", list{})), "model.layers[2]", "Core.CodeInfo", 2},
		{"expression", "type", model(dense, call(global("run"), "rm")), "model.layers[2]", "Core.Expr", 2},
		{"type-anonymous-in-params-alone", "machinery", model(dense, doc{{"tag", "struct"}, {"type", doc{{"tag", "unionall"}}}, {"data", list{}}}), "model.layers[2]", "a struct whose type is type machinery", 2},
		{"backref-nowhere", "", model(dense, ref(7)), "model.layers[2]", "leads nowhere", 2},
		{"backref-zero", "", model(dense, ref(0)), "model.layers[2]", "leads nowhere", 2},
		{"backref-of-itself", "", append(model(dense, ref(1)), pair{backrefs, list{ref(1)}}), "model", "or to themselves", 2},
		{"backref-cycle", "", append(model(ref(1)), pair{backrefs, list{chainOf(ref(1))}}), "model", "back-references that come to", 0},
		{"dense-of-four", "", model(structure("Flux.Dense", floats(3, 2), floats(3), relu, 1)), "model.layers[1]", "a Flux.Dense with 4 fields", 2},
		{"weight-missing", "", model(withField(0, nil)), "model.layers[1].weight", "no array", 1},
		{"weight-of-three-dims", "", model(withField(0, floats(3, 2, 1))), "model.layers[1].weight", "3 dims, not 2", 2},
		{"weight-a-string", "", model(withField(0, "weights")), "model.layers[1].weight", "no array", 1},
		{"bias-of-another-size", "", model(withField(1, floats(4))), "model.layers[1]", "bias has the shape [4], not [3]", 2},
		{"array-longer-than-its-data", "", model(withField(0, bad.with("size", list{3, 3}))), "model.layers[1].weight", "[3 3] of Core.Float32, 36 bytes, that has 24", 1},
		{"array-that-wraps", "", model(withField(0, bad.with("size", list{1 << 62, 1 << 62}))), "model.layers[1].weight", "that has 24", 1},
		{"array-of-negative-size", "", model(withField(0, bad.with("size", list{-3, -2}))), "model.layers[1].weight", "no size", 1},
		{"array-of-nine-dims", "", model(withField(0, bad.with("size", list{3, 2, 1, 1, 1, 1, 1, 1, 1}))), "model.layers[1].weight", "9 dims", 1},
		{"array-without-a-type", "", model(withField(0, bad.with("type", doc{{"tag", "jl_bottom_type"}}))), "model.layers[1].weight", "plain type", 1},
		{"array-of-strings", "", model(withField(0, bad.with("type", datatype("Main.S")).with("size", list{24}))), "model.layers[1].weight", "no numbers", 2},
		{"stride-zero", "", model(structure("Flux.Conv", relu, floats(2, 2, 1, 1), floats(1), tuple(0, 1), tuple(0, 0), tuple(1, 1))), "model.layers[1]", "stride is 0", 2},
		{"stride-huge", "", model(structure("Flux.Conv", relu, floats(2, 2, 1, 1), floats(1), tuple(1<<40, 1), tuple(0, 0), tuple(1, 1))), "model.layers[1]", "stride is 1099511627776", 2},
		{"groups-zero", "", model(structure("Flux.Conv", relu, floats(2, 2, 1, 1), floats(1), tuple(1, 1), tuple(0, 0), tuple(1, 1), 0)), "model.layers[1].groups", "0 groups", 2},
		{"groups-that-do-not-divide", "", model(structure("Flux.Conv", relu, floats(2, 2, 1, 3), floats(3), tuple(1, 1), tuple(0, 0), tuple(1, 1), 2)), "model.layers[1]", "2 groups of 2 and 3 channels", 2},
		{"cell-alone", "", model(structure("Flux.GRUCell", floats(6, 2), floats(6, 2), floats(6))), "model.layers[1]", "outside of a layer that steps it", 3},
		{"state-in-the-result", "", model(doc{{"tag", "struct"}, {"type", datatype("Flux.GRU", true)}, {"data", list{structure("Flux.GRUCell", floats(6, 2), floats(6, 2), floats(6))}}}), "model.layers[1]", "returns its state", 3},
		{"upsample-unknown", "", model(structure("Flux.Upsample", 2, nil)), "model.layers[1]", "a Flux.Upsample of the mode \"\"", 0},
		{"scale-zero", "", model(doc{{"tag", "struct"}, {"type", datatype("Flux.Upsample", symbol("nearest"))}, {"data", list{0, nil}}}), "model.layers[1]", "scale is 0", 0},
		{"scale-of-four-dims", "", model(doc{{"tag", "struct"}, {"type", datatype("Flux.Upsample", symbol("nearest"))}, {"data", list{tuple(2, 2, 2, 2), nil}}}), "model.layers[1]", "scale has 4 numbers", 0},
		{"shuffle-by-none", "", model(structure("Flux.PixelShuffle", 0)), "model.layers[1]", "scale is 0", 0},
		{"heads-none", "", model(structure("Flux.MultiHeadAttention", 0, dense, dense, dense, nil, dense)), "model.layers[1]", "heads is 0", 8},
		{"layer-that-does-not-run", "", model(structure("Flux.EmbeddingBag", floats(2, 3), structure("Statistics.#mean"))), "model.layers[1]", "does not run here", 1},
		{"join-unknown", "function", model(structure("Flux.SkipConnection", dense, structure("Base.#push!"))), "model.layers[1].connection", "Base.#push!", 2},
		{"join-closure", "closure", model(structure("Flux.SkipConnection", dense, reshape)), "model.layers[1].connection", "an anonymous function", 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := []byte(test.file.String())
			kind := abi.FaultUnsafe
			if test.rule == "" {
				kind = abi.FaultMalformed
			}
			fault := scan.Catch(func() { Load(boxtest.New(file), abi.TaskModel) })
			if fault == nil || fault.Kind != kind || fault.Rule != test.rule || fault.Node != test.path || fault.Offset < 0 || !strings.Contains(fault.Text, test.text) {
				t.Errorf("load: %+v, want %s: %q", fault, test.path, test.text)
			}
			box := boxtest.New(file)
			Inspect(box, abi.TaskInspect)
			refused, arrays := 0, 0
			for _, it := range box.Items {
				switch it.Kind {
				case abi.ItemRefused:
					if refused++; it.Strings[1] == test.path {
						refused += 100
					}
				case abi.ItemTensor:
					arrays++
				}
			}
			if refused < 100 || arrays != test.arrays {
				t.Errorf("inspect: %d refused, %d arrays, want %d: %+v", refused, arrays, test.arrays, box.Items)
			}
		})
	}
}

// TestHiddenCode: code that no value shows, in the parameters of a type, is found.
func TestHiddenCode(t *testing.T) {
	early, _ := reshapeCode()
	typ := early.get("type")
	method := typ.(doc).get("typename")
	numbers := floats(2)
	for name, test := range map[string]struct {
		file doc
		path string
	}{
		"of-an-array":         {doc{{"w", numbers.with("type", datatype("Core.Array", typ))}}, "w"},
		"of-an-empty-list":    {doc{{"w", doc{{"tag", "array"}, {"type", typ}, {"size", list{0, 1}}, {"data", list{}}}}}, "w"},
		"of-a-struct":         {doc{{"a", doc{{"tag", "struct"}, {"type", datatype("Base.Val", typ)}, {"data", list{}}}}}, "a"},
		"of-a-layer":          {model(doc{{"tag", "struct"}, {"type", datatype("Flux.Dense", typ)}, {"data", list{floats(3, 2), floats(3), relu}}}), "model.layers[1]"},
		"of-a-type":           {doc{{"a", datatype("Core.Array", typ)}}, "a"},
		"of-a-type-in-a-type": {doc{{"a", datatype("Core.Array", datatype("Core.Tuple", typ))}}, "a"},
		"of-a-back-reference": {append(doc{{"a", datatype("Core.Array", ref(1))}}, pair{backrefs, list{typ}}), "a"},
		"of-a-shared-method": {append(doc{{"a", datatype("Core.Array", typ.(doc).with("typename", ref(1)))}, {"b", datatype("Core.Array", typ.(doc).with("typename", ref(1)))}},
			pair{backrefs, list{method}}), "a"},
	} {
		t.Run(name, func(t *testing.T) {
			box := boxtest.New([]byte(test.file.String()))
			Inspect(box, abi.TaskInspect)
			var refused []string
			for _, it := range box.Items {
				if it.Kind == abi.ItemRefused {
					refused = append(refused, it.Strings[1]+" "+it.Strings[3])
				}
			}
			if len(refused) != 1 || refused[0] != test.path+" closure" {
				t.Errorf("refused %q", refused)
			}
		})
	}
}

// TestForeign: what a type that is not known has inside is shown, and does not
// run: what that type does with it nobody knows.
func TestForeign(t *testing.T) {
	file := []byte(doc{{"net", structure("Main.Net", chainOf(denseOf(2, 3)), 1)}}.String())
	if fault := scan.Catch(func() { Load(boxtest.New(file), abi.TaskModel) }); fault == nil || fault.Rule != "type" || fault.Node != "net" {
		t.Errorf("load: %+v", fault)
	}
	box := boxtest.New(file)
	Inspect(box, abi.TaskInspect)
	layers := 0
	for _, it := range box.Items {
		if it.Kind == abi.ItemLayer && strings.HasPrefix(it.Strings[0], "net[1]") {
			layers++
		}
	}
	if layers != 2 || len(box.Ports) != 0 {
		t.Errorf("%d layers, %d ports: %+v", layers, len(box.Ports), box.Items)
	}
	if n, _ := Architecture(boxtest.New(file), abi.TaskArchitecture); len(n.Root.Layers) != 1 {
		t.Errorf("architecture: %v", n.Root)
	}
}

// TestExpansion: 2^30 layers from thirty back-references cost nothing.
func TestExpansion(t *testing.T) {
	refs := list{denseOf(2, 2)}
	for i := range 30 {
		refs = append(refs, chainOf(ref(i+1), ref(i+1)))
	}
	file := append(model(ref(31)), pair{backrefs, refs})
	box := boxtest.New([]byte(file.String()))
	fault := scan.Catch(func() { Load(box, abi.TaskModel) })
	if fault == nil || fault.Node != "model" || !strings.Contains(fault.Text, "back-references that come to more than") {
		t.Errorf("%+v", fault)
	}
	if len(box.Views) != 0 {
		t.Errorf("%d weights were placed", len(box.Views))
	}
	few := append(model(ref(3)), pair{backrefs, refs[:3]})
	if fault := scan.Catch(func() { Load(boxtest.New([]byte(few.String())), abi.TaskModel) }); fault != nil {
		t.Errorf("four shared layers: %+v", fault)
	}
}

// TestKnownClosure: one closure is let in, by its structure, where the caller
// says so, and nothing that is nearly it.
func TestKnownClosure(t *testing.T) {
	early, late := reshapeCode()
	size := call(global("size"), argument, 4)
	done := func(n int) doc { return structure("Core.Expr", symbol("return"), list{ssa(n)}) }
	reshape := func(args ...any) doc { return call(append(list{global("reshape")}, args...)...) }
	for _, test := range []struct {
		name string
		code doc
		ok   bool
	}{
		{"early", early, true},
		{"late", late, true},
		{"size-of-another-axis", anonymous(nil, call(global("size"), argument, 3), reshape(argument, global(":"), ssa(1)), done(2)), false},
		{"another-function", anonymous(nil, size, call(global("run"), argument, global(":"), ssa(1)), done(2)), false},
		{"a-statement-more", anonymous(nil, size, reshape(argument, global(":"), ssa(1)), call(global("run"), argument), done(2)), false},
		{"another-result", anonymous(nil, size, reshape(argument, global(":"), ssa(1)), done(1)), false},
		{"a-result-of-itself", anonymous(nil, size, reshape(argument, global(":"), ssa(2)), done(2)), false},
		{"no-result", anonymous(nil, size, reshape(argument, global(":"), ssa(1))), false},
		{"code-after-the-result", anonymous(nil, size, reshape(argument, global(":"), ssa(1)), done(2), call(global("run"))), false},
		{"a-captured-slot", anonymous(nil, size, reshape(structure("Core.SlotNumber", 1), global(":"), ssa(1)), done(2)), false},
		{"nothing", anonymous(nil), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := []byte(model(test.code, denseOf(2, 3)).String())
			if fault := scan.Catch(func() { Load(boxtest.New(file), abi.TaskModel) }); fault == nil {
				t.Error("it is let in though nobody said so")
			}
			fault := scan.Catch(func() { Load(boxtest.New(file), abi.TaskModel|abi.OptionKnownClosures) })
			if (fault == nil) != test.ok {
				t.Errorf("%+v", fault)
			}
			box := boxtest.New(file)
			Inspect(box, abi.TaskInspect|abi.OptionKnownClosures)
			for _, it := range box.Items {
				if it.Kind == abi.ItemRefused && test.ok {
					t.Errorf("inspect: %+v", it)
				}
			}
		})
	}
}

// small are files to damage: one of each way to write a value.
func small(t testing.TB) [][]byte {
	files := [][]byte{
		[]byte(append(model(denseOf(2, 3), ref(1)), pair{backrefs, list{denseOf(3, 1)}}).String()),
		[]byte(doc{{"a", tuple(1, int32(2), 1.5, true, nil, "text", symbol("s"), raw("xyz"))}}.String()),
	}
	for _, name := range []string{
		"recur-gru-early", "norm-batch-early", "dense-tracked", "data-dicts", "params-tracker", "several-heads", "composed", "foreign-net",
	} {
		file, err := os.ReadFile(filepath.Join(golden, name+".bson"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// visitAll reads a file in every way. A panic that is no fault goes on.
func visitAll(file []byte) {
	for _, task := range [...]abi.Task{abi.TaskModel, abi.TaskModel | abi.OptionKnownClosures} {
		scan.Catch(func() { Load(boxtest.New(file), task) })
		scan.Catch(func() { Inspect(boxtest.New(file), task) })
		scan.Catch(func() { Build(boxtest.New(file), task) })
		scan.Catch(func() { Architecture(boxtest.New(file), task) })
	}
	scan.Catch(func() { Read(boxtest.New(file), 1, &weights.File{}) })
}

func TestTruncated(t *testing.T) {
	for _, file := range small(t) {
		for n := range file {
			cut := file[:n]
			if fault := scan.Catch(func() { Load(boxtest.New(cut), abi.TaskModel) }); fault == nil {
				t.Fatalf("%d of %d bytes are read", n, len(file))
			}
			if n%16 == 0 {
				visitAll(cut)
			}
		}
	}
}

func TestFlipped(t *testing.T) {
	for _, file := range small(t) {
		for i := range file {
			spoiled := bytes.Clone(file)
			spoiled[i] ^= 1 << (i % 8)
			visitAll(spoiled)
		}
	}
}

func FuzzLoad(f *testing.F) {
	for _, file := range small(f) {
		f.Add(file)
	}
	early, late := reshapeCode()
	f.Add([]byte(model(early, late).String()))
	paths, err := filepath.Glob(filepath.Join(golden, "*.bson"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range paths {
		file, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		if len(file) < 4<<10 {
			f.Add(file)
		}
	}
	f.Fuzz(func(_ *testing.T, file []byte) {
		visitAll(file)
		// With the right length the reader comes past the first bytes.
		if len(file) >= 5 {
			file = append([]byte(u32(len(file)+1)+string(file[4:])), 0)
			visitAll(file)
		}
	})
}
