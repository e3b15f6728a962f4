package jld2

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/boxtest"
	"github.com/glovebox-ml/glovebox/guest/internal/format/weights"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// inspected reads a file and looks at what it names.
func inspected(box abi.Box, h abi.Handle, f *weights.File) { read(box, h, f, true) }

// readLines gives what was found in a file, a line each, and the fault that ended
// the reading.
func readLines(b []byte) (lines []string, fault *abi.Fault) {
	f := &weights.File{}
	fault = scan.Catch(func() { inspected(boxtest.New(b), 1, f) })
	for _, x := range f.Tensors {
		line := fmt.Sprintf("%s %v%v %s %v", x.Name, x.DType, x.Shape, x.Element, b[x.At:][:x.Size])
		lines = append(lines, line)
	}
	for _, x := range f.Fields {
		if x.Name != "written by" && x.Name != "axes" {
			lines = append(lines, x.Name+" = "+x.Value)
		}
	}
	for _, x := range f.Refused {
		lines = append(lines, "refused "+x.Node+": "+x.Text)
	}
	return lines, fault
}

func expect(t *testing.T, b []byte, want ...string) {
	t.Helper()
	got, fault := readLines(b)
	if fault != nil {
		t.Errorf("%+v", *fault)
	}
	for i := range max(len(got), len(want)) {
		if i >= len(got) || i >= len(want) || !strings.HasPrefix(got[i], want[i]) {
			t.Fatalf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
}

const one = " [0 0 128 63]"

// state is what Flux.state of a chain of a layer without activation, nothing,
// and one with a list of arrays comes to.
func state() []byte {
	f := newFile(true)
	w, b := f.floats([]float32{1, 2, 3, 4, 5, 6}, 3, 2), f.floats([]float32{1}, 1)
	empty := f.typ("Core.Tuple", emptyType, nil)
	void := f.typ("Core.Nothing", emptyType, nil)
	inner := compound(24, field{"weight", 0, refType}, field{"bias", 8, refType}, field{"eps", 16, float32Type}, field{"on", 20, boolType})
	dense := f.typ("Core.NamedTuple", inner, []uint64{void}, f.fieldTypes([]string{"weight", "bias", "σ", "eps", "on"}, []uint64{0, 0, empty, 0, 0})...)
	layers := f.typ("Core.Tuple", compound(32, field{"1", 0, inner}, field{"3", 24, refType}), nil,
		f.fieldTypes([]string{"1", "2", "3"}, []uint64{dense, void, 0})...)
	model := f.typ("Core.NamedTuple", compound(32, field{"layers", 0, compound(32, field{"1", 0, inner}, field{"3", 24, refType})}), nil,
		f.fieldTypes([]string{"layers"}, []uint64{layers})...)
	any := f.expression("Core.Any")
	list := f.object(filled(), simple(2), attributed("julia_type", 1, le(byte(3), byte(2), f.typeType), scalar(), any), typed(refType),
		compact(le(f.floats([]float32{1}, 1), b)))
	value := f.object(filled(), scalar(), shared(model), compact(le(w, b, float32(1), byte(1), make([]byte, 3), list)))
	return f.root(linked("model_state", value))
}

func TestState(t *testing.T) {
	expect(t, state(),
		"model_state.layers[1].weight float32[2 3]  [0 0 128 63 0 0 0 64 0 0 64 64",
		"model_state.layers[1].bias float32[1] "+one,
		"model_state.layers[3][1] float32[1] "+one,
		"model_state.layers[1].eps = 1",
		"model_state.layers[1].on = true",
	)
}

func TestPlain(t *testing.T) {
	f := newFile(false)
	far := f.add(le(float32(1), float32(1)))
	array := f.object(filled(), simple(2, 1), typed(float32Type), contiguous(far, 8))
	texts := f.object(filled(), scalar(), typed(textOf(2)), compact([]byte("hi")))
	committed := f.object(typed(float32Type))
	same := f.object(filled(), scalar(), shared(committed), compact(le(float32(1))))
	group := f.group(linked("array", array), linked("again", array))
	expect(t, f.root(linked("g", group), linked("text", texts), linked("number", same)),
		"g/array float32[2 1]  [0 0 128 63 0 0 128 63]", "number float32[] "+one, `text = "hi"`)
}

// TestBesideCode lists the arrays of a model, and refuses what is code in it,
// each kind once.
func TestBesideCode(t *testing.T) {
	f := newFile(true)
	relu := f.typ("NNlib.#relu", emptyType, nil)
	inner := compound(16, field{"weight", 0, refType}, field{"bias", 8, refType})
	dense := f.typ("Flux.Dense", inner, []uint64{relu}, f.fieldTypes([]string{"weight", "bias", "σ"}, []uint64{0, 0, relu})...)
	closure := f.typ("Main.#3#4", emptyType, nil)
	module := f.typ("Core.Module", textType, nil)
	text := f.heap([]byte("Base"))
	layer := func() uint64 {
		return f.object(filled(), scalar(), shared(dense), compact(le(f.floats([]float32{1}, 1), f.floats([]float32{1}, 1))))
	}
	b := f.root(
		linked("k", f.object(filled(), nothing(), shared(relu), compact(nil))),
		linked("f", f.object(filled(), nothing(), shared(closure), compact(nil))),
		linked("m", f.object(filled(), scalar(), shared(module), compact(varying(4, text, 1)))),
		linked("t", f.object(filled(), scalar(), shared(f.typeType), compact(f.expression("Core.Float32")))),
		linked("a", layer()), linked("b", layer()), linked("c", closure),
	)
	expect(t, b,
		"a.weight float32[1] "+one, "a.bias float32[1] "+one, "b.weight float32[1] "+one, "b.bias float32[1] "+one,
		"k = NNlib.relu", "m = \"Base\"",
		"refused f: a function, Main.#3#4: nothing of it is run",
		"refused m: a module: nothing",
		"refused t: a type: nothing",
		"refused a: a value of the type Flux.Dense, of which no network is built")
}

// TestWeightsBesideCode: code plays no part in the arrays of a file, and what is
// wrong with the file itself does.
func TestWeightsBesideCode(t *testing.T) {
	f := newFile(true)
	dense := f.typ("Flux.Dense", compound(8, field{"weight", 0, refType}), []uint64{f.typ("Main.#3#4", emptyType, nil)})
	layer := f.value(dense, f.floats([]float32{1}, 1))
	var w *weights.File
	if fault := scan.Catch(func() { w = weights.Load(boxtest.New(f.root(linked("m", layer))), 1, Read) }); fault != nil || len(w.Tensors) != 1 {
		t.Errorf("%+v, %v", w, fault)
	}
	f = newFile(true)
	b := f.root(linked("x", f.object(msg{0x7f, 0, nil})))
	if fault := scan.Catch(func() { weights.Load(boxtest.New(b), 1, Read) }); fault == nil {
		t.Error("read")
	}
}

// TestTypes: a type is refused also in a field, and not where it says what an
// array holds.
func TestTypes(t *testing.T) {
	f := newFile(true)
	nothing := f.typ("Core.Nothing", emptyType, nil)
	tuple := f.typ("Core.NamedTuple", compound(40, field{"t", 0, typeType}, field{"w", 32, refType}), nil,
		f.fieldTypes([]string{"t", "w"}, []uint64{f.typeType, 0})...)
	union := f.typ("Core.Union", compound(48, field{"description", 0, textType}, field{"datatype", 16, listType}, field{"unionall", 32, listType}), nil)
	either := append(f.expression("Union{Nothing, Core.Array}", nothing), make([]byte, 16)...)
	list := f.object(filled(), simple(1), attributed("julia_type", 1, le(byte(3), byte(2), union), scalar(), either), typed(refType),
		compact(le(f.floats([]float32{1}, 1))))
	value := f.object(filled(), scalar(), shared(tuple), compact(le(f.expression("Core.Float32"), list)))
	expect(t, f.root(linked("x", value)), "x.w[1] float32[1] "+one, "refused x.t: a type: nothing")
}

// TestOldFunctions: before fields without data were listed, a function stood
// among the parameters of the type alone.
func TestOldFunctions(t *testing.T) {
	f := newFile(true)
	relu := f.typ("Main.#mine", emptyType, nil)
	inner := compound(8, field{"1", 0, refType})
	tuple := f.typ("Core.Tuple", inner, []uint64{relu})
	b := f.root(linked("t", f.object(filled(), scalar(), shared(tuple), compact(le(f.floats([]float32{1}, 1))))))
	expect(t, b, "t[1] float32[1] "+one, "refused t[1]: a function, Main.#mine")
}

// TestDamage cuts a valid file at each byte and changes each byte of it, with
// checksums as they were and with new ones. Each is read or refused; any other
// end is a panic, which fails the test.
func TestDamage(t *testing.T) {
	b := state()
	for i := range b {
		if _, fault := readLines(b[:i]); fault == nil && i > 0 {
			t.Errorf("read when cut at byte %d", i)
		}
		for _, flip := range []byte{0x01, 0x02, 0x08, 0x40, 0x80, 0xff} {
			bad := bytes.Clone(b)
			bad[i] ^= flip
			readLines(bad)
			sign(bad)
			readLines(bad)
		}
	}
}
