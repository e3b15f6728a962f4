package arch

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/guest/internal/export"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/layer"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// describe is a description of layers.
func describe(layers ...string) string {
	return `{"glovebox":1,"input":{"shape":["n",4]},"layers":[` + strings.Join(layers, ",") + `]}`
}

func parse(text string) (d *Description, fault *abi.Fault) {
	fault = scan.Catch(func() { d = Parse(boxtest.New([]byte(text)), 1) })
	return d, fault
}

// tensors are float32 tensors of a file, one after the other.
func tensors(shapes map[string][]int64, order ...string) *weights.File {
	f := &weights.File{Format: "safetensors"}
	at := int64(0)
	for _, name := range order {
		t := weights.Tensor{Name: name, DType: tensor.Float32, Shape: shapes[name], Blob: 2, At: at, Size: 4 * tensor.Product(shapes[name])}
		f.Tensors = append(f.Tensors, t)
		at += t.Size
	}
	return f
}

// load gives a description the weights of f and places all of it.
func load(text string, f *weights.File) (m *Model, box *boxtest.Box, fault *abi.Fault) {
	box = boxtest.New([]byte(text), make([]byte, 1<<16))
	box.Names[1] = WeightsPart
	fault = scan.Catch(func() { m = Load(box, func(abi.Box, abi.Handle) *weights.File { return f }) })
	return m, box, fault
}

const complete = `
{
  "glovebox": 1, "note": "each kind of value",
  "input": {"name": "image", "dtype": "float64", "shape": ["n", 1, 8, 8]},
  "output": "scores",
  "bind": "path",
  "layers": [
    {"kind": "Conv", "name": "first", "in": 1, "out": 4, "kernel": [3, 3], "pad_before": [1, 0], "function": {"name": "leakyrelu", "alpha": 0.5}},
    {"kind": "SkipConnection", "join": "concat", "axis": 1, "note": "twice the channels", "layers": [
      {"kind": "BatchNorm", "in": 4, "weights": ["running_mean", "running_var"], "eps": 1e-3}
    ]},
    {"layers": [
      {"kind": "GlobalMeanPool"},
      {"kind": "Flatten"},
      {"kind": "Dense", "in": 8, "out": 2, "weights": {"weight": {"tensor": "w", "perm": [1, 0], "flip": [0]}, "bias": "b"}}
    ], "kind": "Chain", "name": "head"}
  ]
}`

func TestParse(t *testing.T) {
	d, fault := parse(complete)
	if fault != nil || !bySchema(complete) {
		t.Fatalf("%+v, by the schema %v", fault, bySchema(complete))
	}
	if in := d.Input; in.Name != "image" || in.DType != uint8(tensor.Float64) || fmt.Sprint(in.Dims) != "[{-1 n} {1 } {8 } {8 }]" || d.Output != "scores" {
		t.Errorf("%+v", d)
	}
	var got []string
	var walk func(l *layer.Layer)
	walk = func(l *layer.Layer) {
		for _, inner := range l.Inner() {
			got = append(got, inner.Path+": "+inner.String())
			walk(inner)
		}
	}
	walk(d.Root)
	want := []string{
		"first: Conv in 1, out 4, kernel [3 3], stride [1 1], dilation [1 1], pad_before [1 0], pad_after [1 0], groups 1, leakyrelu",
		"1: SkipConnection concat, axis 1",
		"1.0: BatchNorm in 4, eps 0.001",
		"head: Chain",
		"head.0: GlobalMeanPool",
		"head.1: Flatten",
		"head.2: Dense in 8, out 2",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	got = nil
	for _, s := range d.slots {
		got = append(got, fmt.Sprint(s.layer.Path, " ", s.role, " ", s.name))
	}
	want = []string{
		"first weight first.weight", "first bias first.bias", "1.0 running_mean 1.0.running_mean", "1.0 running_var 1.0.running_var",
		"head.2 weight w", "head.2 bias b",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
}

// TestUsualNames are those of PyTorch's state dictionaries.
func TestUsualNames(t *testing.T) {
	d, fault := parse(describe(`{"kind":"LSTM","name":"encoder","in":4,"out":8}`))
	if fault != nil {
		t.Fatalf("%+v", *fault)
	}
	var got []string
	for _, s := range d.slots {
		got = append(got, s.name)
	}
	if fmt.Sprint(got) != "[encoder.weight_ih_l0 encoder.weight_hh_l0 encoder.bias_ih_l0 encoder.bias_hh_l0]" {
		t.Errorf("%q", got)
	}
}

// beyondSchema are the lies that no schema can name.
var beyondSchema = map[string]bool{
	"a key twice": true, "a key twice by an escape": true, "two layers of one name": true, "paths without end": true,
	"a depth without end": true,
}

func TestRefused(t *testing.T) {
	dense := `{"kind":"Dense","in":4,"out":2`
	tests := []struct{ lie, text, want string }{
		{"nothing", `{}`, `no key "glovebox"`},
		{"no version", `{"input":{},"layers":[]}`, `no key "glovebox"`},
		{"a version to come", `{"glovebox":2,"input":{},"layers":[]}`, "version 2"},
		{"a version as text", `{"glovebox":"1","input":{},"layers":[]}`, "a number expected"},
		{"no input", `{"glovebox":1,"layers":[]}`, `no key "input"`},
		{"no layers", `{"glovebox":1,"input":{}}`, `no key "layers"`},
		{"an unknown key", `{"glovebox":1,"input":{},"layers":[],"code":"x"}`, `key "code"`},
		{"a key twice", `{"glovebox":1,"input":{},"layers":[],"layers":[]}`, `key "layers" stands twice`},
		{"a key twice by an escape", `{"glovebox":1,"input":{},"layers":[],"l\u0061yers":[]}`, `key "layers" stands twice`},
		{"text after the end", `{"glovebox":1,"input":{},"layers":[]} {}`, "text after the end"},
		{"a comment", "{\"glovebox\":1, // x\n\"input\":{},\"layers\":[]}", `'"' expected`},
		{"an unknown way to bind", `{"glovebox":1,"input":{},"layers":[],"bind":"magic"}`, `bind is "magic"`},
		{"an empty name", `{"glovebox":1,"input":{"name":""},"layers":[]}`, "an empty name"},
		{"an unknown dtype", `{"glovebox":1,"input":{"dtype":"int4"},"layers":[]}`, `dtype "int4"`},
		{"strings to take in", `{"glovebox":1,"input":{"dtype":"string"},"layers":[]}`, `dtype "string"`},
		{"a dim below zero", `{"glovebox":1,"input":{"shape":[-1]},"layers":[]}`, "not a whole number"},
		{"a dim beyond measure", `{"glovebox":1,"input":{"shape":[9223372036854775807]},"layers":[]}`, "a dim of 9223372036854775807"},
		{"nine dims", `{"glovebox":1,"input":{"shape":[1,1,1,1,1,1,1,1,1]},"layers":[]}`, "more than 8 dims"},
		{"an unknown key of the input", `{"glovebox":1,"input":{"file":"x"},"layers":[]}`, `key "file" of the input`},
		{"an unknown kind", describe(`{"kind":"Lambda"}`), `kind of layer "Lambda"`},
		{"no kind", describe(`{}`), `kind of layer ""`},
		{"an unknown key of a layer", describe(dense + `,"code":"import os"}`), `key "code" of a layer`},
		{"a parameter of another kind", describe(dense + `,"kernel":[3]}`), "a Dense has no kernel"},
		{"layers inside of a layer", describe(dense + `,"layers":[]}`), "a Dense has no layers"},
		{"a layer to join that is not used", describe(`{"kind":"SkipConnection","join":"add","joiner":` + dense + `},"layers":[` + dense + `}]}`), "a SkipConnection has no joiner"},
		{"no features", describe(`{"kind":"Dense","in":4}`), "a Dense without its out"},
		{"no axis", describe(`{"kind":"Softmax"}`), "a Softmax without its axis"},
		{"no layers in a layer of layers", describe(`{"kind":"Chain"}`), "a Chain without its layers"},
		{"no way to join", describe(`{"kind":"Parallel","layers":[]}`), "a Parallel without its join"},
		{"no axis to join along", describe(`{"kind":"Parallel","join":"concat","layers":[]}`), "a Parallel without its axis"},
		{"an unknown function", describe(dense + `,"function":"system"}`), `function "system"`},
		{"an unknown key of a function", describe(dense + `,"function":{"name":"elu","beta":1}}`), `key "beta" of a function`},
		{"features below zero", describe(`{"kind":"Dense","in":-4,"out":2}`), "in is -4"},
		{"features beyond measure", describe(`{"kind":"Dense","in":9223372036854775807,"out":2}`), "in is 9.22"},
		{"a fraction of features", describe(`{"kind":"Dense","in":4.5,"out":2}`), "not a whole number"},
		{"a truth that is a number", describe(`{"kind":"GRU","in":4,"out":2,"batch_first":1}`), "true or false expected"},
		{"an eps over one", describe(`{"kind":"BatchNorm","in":4,"eps":2}`), "eps is 2"},
		{"an eps without end", describe(`{"kind":"BatchNorm","in":4,"eps":1e999}`), "out of range"},
		{"nine numbers", describe(`{"kind":"MaxPool","kernel":[1,1,1,1,1,1,1,1,1]}`), "more than 8 numbers"},
		{"no numbers", describe(`{"kind":"LayerNorm","size":[]}`), "size has 0 numbers, not 1 to 8"},
		{"a window of four dims", describe(`{"kind":"MaxPool","kernel":[2,2,2,2]}`), "kernel has 4 numbers, not 1 to 3"},
		{"an unknown way to join", describe(`{"kind":"Maxout","layers":[{"kind":"Parallel","join":"pow","layers":[{"kind":"Flatten"}]}]}`), `way to join "pow"`},
		{"a stride of nothing", describe(`{"kind":"MaxPool","kernel":[2],"stride":[0]}`), "stride is 0"},
		{"two layers of one name", describe(dense+`,"name":"1"}`, dense+`}`), `two layers are called "1"`},
		{"an unknown weight", describe(dense + `,"weights":["kernel"]}`), `no layer has a weight "kernel"`},
		{"a weight of another kind", describe(dense + `,"weights":["running_mean"]}`), `a Dense has no weight "running_mean"`},
		{"weights of a kind without any", describe(`{"kind":"Flatten","weights":[]}`), "a Flatten has no weights"},
		{"a weight twice", describe(dense + `,"weights":["bias","bias"]}`), `weight "bias" stands twice`},
		{"a weight without a tensor", describe(dense + `,"weights":{"weight":{}}}`), "a weight without its tensor"},
		{"an unknown step", describe(dense + `,"weights":{"weight":{"tensor":"w","call":"x"}}}`), `key "call" of a weight`},
		{"an axis of nothing", describe(dense + `,"weights":{"weight":{"tensor":"w","flip":[8]}}}`), "flip has 8"},
		{"a depth without end", describe(strings.Repeat(`{"kind":"Chain","layers":[`, 100) + strings.Repeat(`]}`, 100)), "nested more than"},
		{"joiners without end", describe(strings.Repeat(`{"kind":"SkipConnection","joiner":`, 100)), "nested more than"},
		{"layers without end", describe(strings.Repeat(`{},`, 1<<16) + `{}`), "more than 65536 layers"},
		{"paths without end", describe(nested(60, 500, 4000)), "paths of more than"},
	}
	for _, tt := range tests {
		t.Run(tt.lie, func(t *testing.T) {
			_, fault := parse(tt.text)
			if fault == nil || !strings.Contains(fault.Text, tt.want) {
				t.Fatalf("%+v, want %q", fault, tt.want)
			}
			if !beyondSchema[tt.lie] && bySchema(tt.text) {
				t.Error("the schema lets it in")
			}
			if fault.Blob != 1 || fault.Offset < 0 || fault.Offset > int64(len(tt.text)) {
				t.Errorf("refused at %d of blob %d", fault.Offset, fault.Blob)
			}
		})
	}
}

// nested is layers inside each other with long names, and many in the last.
func nested(depth, count, name int) string {
	inner := strings.TrimSuffix(strings.Repeat(`{"kind":"Flatten"},`, count), ",")
	for i := range depth {
		inner = fmt.Sprintf(`{"name":"%s%d","kind":"Chain","layers":[%s]}`, strings.Repeat("x", name/depth), i, inner)
	}
	return strings.Repeat(inner+",", 20) + inner
}

var shapes = map[string][]int64{
	"0.weight": {2, 4}, "0.bias": {2}, "wide": {4, 2}, "flat": {8}, "3d": {1, 2, 4}, "mean": {1}, "count": {},
}

func TestBindRefused(t *testing.T) {
	all := []string{"0.weight", "0.bias", "wide", "flat", "3d", "mean"}
	dense := func(weight string) string {
		return describe(`{"kind":"Dense","in":4,"out":2,"weights":{"weight":` + weight + `}}`)
	}
	order := strings.Replace(describe(`{"kind":"Dense","in":4,"out":2}`), `"input"`, `"bind":"order","input"`, 1)
	norm := describe(`{"kind":"BatchNorm","in":4,"weights":{"running_mean":"mean","running_var":"mean"}}`)
	tests := []struct {
		lie, text string
		have      []string
		want      string
	}{
		{"a tensor that is not there", describe(`{"kind":"Dense","in":4,"out":2}`), []string{"0.weight"}, `no tensor "0.bias"`},
		{"two tensors of one name", describe(`{"kind":"Dense","in":4,"out":2}`), []string{"0.weight", "0.bias", "0.bias"}, `several tensors in the file of weights are called "0.bias"`},
		{"another shape", dense(`"wide"`), all, "has the shape [4 2], not [2 4]"},
		{"another number of dims", dense(`"3d"`), all, "[1 2 4], not [2 4]"},
		{"dims of another size", dense(`{"tensor":"flat","dims":[2,5]}`), all, "not [2 5]"},
		{"dims that wrap", dense(`{"tensor":"flat","dims":[4294967296,4294967296,8]}`), all, "flat"},
		{"a permutation of others", dense(`{"tensor":"wide","perm":[1,2]}`), all, "perm [1 2] of 2 dims"},
		{"a permutation of fewer", dense(`{"tensor":"wide","perm":[0]}`), all, "perm [0] of 2 dims"},
		{"an axis twice", dense(`{"tensor":"0.weight","flip":[1,1]}`), all, "flip [1 1] of 2 dims"},
		{"an axis that is not there", dense(`{"tensor":"0.weight","flip":[2]}`), all, "flip [2] of 2 dims"},
		{"one statistic for all channels", norm, all, "[1], not [4]"},
		{"more tensors than weights", order, all, "2 weights to be taken in order from a file of 6 tensors"},
		{"fewer tensors than weights", order, []string{"0.weight"}, "from a file of 1 tensors"},
		{"the wrong order", order, []string{"0.bias", "0.weight"}, "[2], not [2 4]"},
		{"a hole", describe(`{"kind":"?","note":"an anonymous function"}`), all, "a hole"},
		{"a hole for a function", describe(`{"kind":"Dense","in":4,"out":2,"function":"?"}`), all, "a hole"},
		{"groups that divide nothing", describe(`{"kind":"Conv","in":4,"out":2,"kernel":[1],"groups":3,"weights":[]}`), all, "3 groups"},
		{"lists of two lengths", describe(`{"kind":"MaxPool","kernel":[2,2],"stride":[2]}`), all, "stride has 1 numbers for 2 spatial dims"},
		{"nothing inside", describe(`{"kind":"SkipConnection","join":"add","layers":[]}`), all, "0 layers inside"},
		{"no weight where one must be", describe(`{"kind":"Dense","in":4,"out":2,"weights":[]}`), all, "no weight"},
		{"one name for both sides", strings.Replace(describe(`{"kind":"Flatten"}`), `"input":{`, `"output":"","input":{`, 1), all, "an empty name"},
	}
	for _, tt := range tests {
		t.Run(tt.lie, func(t *testing.T) {
			_, _, fault := load(tt.text, tensors(shapes, tt.have...))
			if fault == nil || !strings.Contains(fault.Text, tt.want) {
				t.Fatalf("%+v, want %q", fault, tt.want)
			}
		})
	}
	box := boxtest.New([]byte(describe(`{"kind":"Dense","in":4,"out":2}`)))
	if fault := scan.Catch(func() { Load(box, nil) }); fault == nil || fault.Kind != abi.FaultInput {
		t.Errorf("without weights: %+v", fault)
	}
}

func TestBind(t *testing.T) {
	integers := tensors(shapes, "0.weight", "0.bias")
	integers.Tensors[0].DType = tensor.Int32
	columns := tensors(shapes, "0.weight", "0.bias")
	columns.Tensors[0].ColumnMajor = true
	tests := []struct {
		name, text string
		file       *weights.File
		want       string // what the matrix is made of; empty: refused
	}{
		{"by path", describe(`{"kind":"Dense","in":4,"out":2}`), tensors(shapes, "flat", "0.bias", "0.weight"), "float32[2, 4] [] []"},
		{"by order", strings.Replace(describe(`{"kind":"Dense","in":4,"out":2,"name":"x"}`), `"input"`, `"bind":"order","input"`, 1), tensors(shapes, "0.weight", "0.bias"), "float32[2, 4] [] []"},
		{"turned", describe(`{"kind":"Dense","in":4,"out":2,"weights":{"weight":{"tensor":"wide","perm":[1,0]}}}`), tensors(shapes, "wide"), "float32[4, 2] [] [1 0]"},
		{"flat", describe(`{"kind":"Dense","in":4,"out":2,"weights":{"weight":{"tensor":"flat","dims":[4,2],"perm":[1,0]}}}`), tensors(shapes, "flat"), "float32[8] [4 2] [1 0]"},
		{"by columns", describe(`{"kind":"Dense","in":4,"out":2}`), columns, "float32[4, 2] [] [1 0]"},
		{"of integers", describe(`{"kind":"Dense","in":4,"out":2}`), integers, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, box, fault := load(tt.text, tt.file)
			if fault != nil {
				if tt.want != "" {
					t.Fatalf("%+v", *fault)
				}
				return
			}
			w := m.net.Root.Layers[0].Weights[layer.Main]
			if got := fmt.Sprint(w.Type, " ", w.Dims, " ", w.Perm); got != tt.want {
				t.Errorf("%s, want %s", got, tt.want)
			}
			if len(box.Ports) != 2 {
				t.Errorf("%d ports", len(box.Ports))
			}
		})
	}
}

// TestInspect reports a description with its weights and without them, which is
// no refusal.
func TestInspect(t *testing.T) {
	text := describe(`{"kind":"Chain","layers":[{"kind":"Dense","in":4,"out":2,"weights":{"weight":"0.weight","bias":"0.bias"}}]}`)
	file := tensors(shapes, "0.weight", "0.bias")
	for _, weighted := range []bool{false, true} {
		box := boxtest.New([]byte(text), make([]byte, 1<<16))
		if weighted {
			box.Names[1] = WeightsPart
		}
		Inspect(box, abi.TaskInspect, func(abi.Box, abi.Handle) *weights.File { return file })
		counts := map[abi.ItemKind]int{}
		for _, it := range box.Items {
			counts[it.Kind]++
		}
		if counts[abi.ItemRefused] != 0 || counts[abi.ItemLayer] != 2 || (counts[abi.ItemTensor] == 2) != weighted || (len(box.Ports) == 2) != weighted {
			t.Errorf("with weights %v: %v, %d ports", weighted, counts, len(box.Ports))
		}
	}
}

// TestShiftFirst takes the arrays of a norm in the order of Flux's fields from a
// file of Flux's.
func TestShiftFirst(t *testing.T) {
	names := []string{"β", "γ", "μ", "σ²"}
	f := tensors(map[string][]int64{"β": {4}, "γ": {4}, "μ": {4}, "σ²": {4}}, names...)
	f.Format = "bson"
	text := strings.Replace(describe(`{"kind":"BatchNorm","in":4}`), `"input"`, `"bind":"order","input"`, 1)
	m, _, fault := load(text, f)
	if fault != nil {
		t.Fatalf("%+v", *fault)
	}
	for i, r := range [...]layer.Role{layer.Bias, layer.Main, layer.Mean, layer.Variance} {
		if got := m.net.Root.Layers[0].Weights[r].Path; got != names[i] {
			t.Errorf("%s is %s, not %s", r, got, names[i])
		}
	}
}

// TestFromJulia checks what axes of Flux's arrays become.
func TestFromJulia(t *testing.T) {
	tests := []struct {
		kind layer.Kind
		role layer.Role
		rank int
		want string
	}{
		{layer.Dense, layer.Main, 2, "[1 0] []"},
		{layer.Dense, layer.Bias, 1, "[] []"},
		{layer.Bilinear, layer.Main, 3, "[2 1 0] []"},
		{layer.Embedding, layer.Main, 2, "[] []"},
		{layer.Conv, layer.Main, 4, "[] [2 3]"},
		{layer.ConvTranspose, layer.Main, 3, "[] [2]"},
		{layer.LSTM, layer.WeightHH, 2, "[1 0] []"},
		{layer.LSTM, layer.Hidden, 2, "[] []"},
		{layer.LayerNorm, layer.Main, 2, "[] []"},
	}
	for _, tt := range tests {
		perm, flip := fromJulia(tt.kind, tt.role, tt.rank, true)
		if got := fmt.Sprint(perm, " ", flip); got != tt.want {
			t.Errorf("%s %s: %s, want %s", tt.kind, tt.role, got, tt.want)
		}
	}
}

// TestDamage cuts a description off at each byte and changes each of them. It
// may be refused or read, and nothing else.
func TestDamage(t *testing.T) {
	f := tensors(map[string][]int64{"w": {8, 2}, "b": {2}}, "w", "b")
	for n := range complete {
		if _, fault := parse(complete[:n]); fault == nil {
			t.Fatalf("the first %d bytes are taken", n)
		}
		for _, bit := range []byte{0x01, 0x20, 0x80} {
			b := []byte(complete)
			b[n] ^= bit
			load(string(b), f)
		}
	}
}

func TestFits(t *testing.T) {
	for text, want := range map[string]bool{
		complete: true, `{"glovebox"`: true, "\n\t {\r\n \"glovebox\":": true,
		"": false, "{": false, `{"Glovebox"`: false, `{}`: false, `["glovebox"]`: false, `"glovebox"`: false, "{" + strings.Repeat(" ", 300) + `"glovebox"`: false,
	} {
		if got := Fits(scan.Open(boxtest.New([]byte(text)), 1).All()); got != want {
			t.Errorf("%.20q: %v", text, got)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add(complete)
	f.Add(describe(`{"kind":"LSTM","in":4,"out":2,"weights":["weight_ih"]}`))
	f.Add(describe(`{"kind":"Parallel","join":"layer","layers":[{"kind":"Flatten"}],"joiner":{"kind":"Bilinear","in":1,"in2":1,"out":1}}`))
	f.Add(`{"glovebox":1,"input":{"shape":["t","n",4]},"bind":"order","layers":[{"kind":"GRU","in":4,"out":2,"weights":{}}]}`)
	f.Add(`{"glovebox":1,"input":{"shape":["n",1,8,8]},"layers":[{"kind":"AdaptiveMeanPool","size":[2,3]},{"kind":"Softmax","axis":-1}]}`)
	f.Add(describe(`{"kind":"Embedding","in":4,"out":2,"weights":{"weight":{"tensor":"w","dims":[2,4],"perm":[1,0],"flip":[0]}}}`))
	file := tensors(map[string][]int64{"w": {8, 2}, "b": {2}, "0.weight": {2, 4}, "0.bias": {2}}, "w", "b", "0.weight", "0.bias")
	f.Fuzz(func(t *testing.T, text string) {
		m, _, fault := load(text, file)
		if fault != nil {
			return
		}
		if !bySchema(text) {
			t.Errorf("the schema does not let it in: %s", text)
		}
		scan.Catch(func() { export.ONNX(boxtest.New(nil, make([]byte, 1<<16)), m.net) })
		written := Write(m.net, func(w *layer.Weight) string { return w.Path })
		if _, fault := parse(string(written)); fault != nil {
			t.Errorf("what is written of it is refused: %+v\n%s", fault, written)
		}
	})
}
