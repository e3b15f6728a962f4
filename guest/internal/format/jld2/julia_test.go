package jld2

import (
	"bytes"
	"strings"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// TestDictionary: a dictionary is written as an array of pairs, which are
// objects if their values are, and since JLD2 0.5 that is the field of a struct.
// An entry stands under its key.
func TestDictionary(t *testing.T) {
	pair := compound(24, field{"first", 0, textType}, field{"second", 16, refType})
	t.Run("in a row", func(t *testing.T) {
		f := newFile(true)
		pairs := f.typ("Core.Pair", pair, nil)
		keys := f.heap([]byte("weight"), []byte("bias"))
		entries := f.object(filled(), simple(2), shared(pairs), compact(le(
			varying(6, keys, 1), f.floats([]float32{1}, 1), varying(4, keys, 2), f.floats([]float32{1}, 1, 1))))
		dict := f.typ("Base.Dict", refType, nil)
		expect(t, f.root(linked("d", f.value(dict, entries))), "d.weight float32[1] "+one, "d.bias float32[1 1] "+one)
	})
	t.Run("each by itself", func(t *testing.T) {
		f := newFile(true)
		keys := f.heap([]byte("weight"), []byte("bias"))
		pairs := f.typ("Core.Pair", pair, nil)
		numbers := f.typ("Core.Pair", compound(16, field{"first", 0, int64Type}, field{"second", 8, refType}), nil)
		anything := f.typ("Core.Pair", compound(16, field{"first", 0, refType}, field{"second", 8, refType}), nil)
		tuple := f.typ("Core.Tuple", compound(8, field{"1", 0, int64Type}), nil)
		a := func() uint64 { return f.floats([]float32{1}, 1) }
		entries := f.list(
			f.value(pairs, varying(6, keys, 1), a()),
			f.value(pairs, varying(4, keys, 2), f.text("zeros")),
			f.value(numbers, uint64(7), a()),
			f.value(anything, f.text("any"), a()),
			f.value(anything, f.value(tuple, uint64(3)), a()),
			f.value(anything, uint64(0), a()),
			f.value(pairs, varying(6, keys, 1), a()),
		)
		b := f.root(linked("d", f.value(f.typ("Base.Dict", compound(8, field{"kvvec", 0, refType}), nil), entries)))
		expect(t, b,
			"d.weight float32[1] "+one, "d[7] float32[1] "+one, "d.any float32[1] "+one, "d[5].second float32[1] "+one,
			"d[6].second float32[1] "+one, "d[7].second float32[1] "+one,
			`d.bias = "zeros"`, "d[5].first[1] = 3", `d[7].first = "weight"`)
	})
	t.Run("a pair alone", func(t *testing.T) {
		f := newFile(true)
		pairs := f.typ("Core.Pair", pair, nil)
		expect(t, f.root(linked("p", f.value(pairs, varying(1, f.heap([]byte("k")), 1), f.floats([]float32{1}, 1)))),
			"p.second float32[1] "+one, `p.first = "k"`)
	})
}

// TestParameters reads sets of parameters as Zygote has them, whose arrays are
// in a list and the keys of a dictionary, and as Tracker had them.
func TestParameters(t *testing.T) {
	f := newFile(true)
	w, g := f.floats([]float32{1}, 1, 1), f.floats([]float32{0}, 1)
	nothing := f.typ("Core.Nothing", emptyType, nil)
	buffer := f.typ("Zygote.Buffer", compound(9, field{"data", 0, refType}, field{"freeze", 8, boolType}), nil)
	set := f.typ("Zygote.IdSet", compound(8, field{"dict", 0, refType}), nil)
	params := f.typ("Zygote.Params", compound(16, field{"order", 0, refType}, field{"params", 8, compound(8, field{"dict", 0, refType})}),
		[]uint64{buffer}, f.fieldTypes([]string{"order", "params"}, []uint64{0, set})...)
	dict := f.typ("Base.IdDict", compound(24, field{"ht", 0, refType}, field{"count", 8, int64Type}, field{"ndel", 16, int64Type}), []uint64{nothing})
	tracked := f.typ("Tracker.TrackedArray", compound(16, field{"data", 0, refType}, field{"grad", 8, refType}), nil)
	b := f.root(
		linked("ps", f.value(params, f.value(buffer, f.list(w), byte(0)), f.value(dict, f.list(0, w, 0), uint64(1), uint64(0)))),
		linked("x", f.value(tracked, f.floats([]float32{1}, 1), g)),
	)
	expect(t, b,
		"ps.order.data[1] float32[1 1] "+one, "x.data float32[1] "+one, "x.grad float32[1]  [0 0 0 0",
		"ps.order.freeze = false", "ps.params.dict.count = 1", "ps.params.dict.ndel = 0")
}

// TestNoDims: an array of one element and no dims says so in an attribute.
func TestNoDims(t *testing.T) {
	dims := func(space msg, data ...any) []byte {
		return holding(simple(1), attributed("dimensions", 0, int64Type, space, le(data...)), typed(float32Type), compact(le(float32(1))))
	}
	expect(t, dims(simple(0)), "x float32[] "+one)
	expect(t, dims(simple(2), uint64(1), uint64(1)), "x float32[1 1] "+one)
	for name, b := range map[string][]byte{
		"2":           dims(simple(1), uint64(2)),
		"2 to the 64": dims(simple(1), undefined),
		"a scalar":    dims(scalar(), uint64(1)),
		"none":        dims(simple(2), uint64(1)),
		"of 4 bytes":  holding(simple(1), attributed("dimensions", 0, float32Type, simple(1), le(float32(1))), typed(float32Type), compact(le(float32(1)))),
		"100 dims":    dims(simple(100), make([]byte, 800)),
	} {
		lines, fault := readLines(b)
		if fault != nil || len(lines) != 1 || !strings.Contains(lines[0], "dims") {
			t.Errorf("%s: %v, %v", name, lines, fault)
		}
	}
}

// TestTexts: an array of texts is no tensor.
func TestTexts(t *testing.T) {
	f := newFile(true)
	heap := f.heap([]byte("one"), []byte("two"))
	few := f.object(filled(), simple(2), typed(textType), compact(le(varying(3, heap, 1), varying(3, heap, 2))))
	symbols := f.object(filled(), simple(12), shared(f.typ("Core.Symbol", textType, nil)), compact(bytes.Repeat(varying(3, heap, 1), 12)))
	expect(t, f.root(linked("few", few), linked("many", symbols)),
		`few = 2 texts: "one", "two"`, `many = 12 texts: "one", "one", "one", "one", "one", "one", "one", "one", …`)
}

// TestOldText: a text was an array of its bytes for some time, each of the size
// of all.
func TestOldText(t *testing.T) {
	f := newFile(true)
	pairs := f.typ("Core.Pair", compound(16, field{"first", 0, refType}, field{"second", 8, refType}), nil)
	old := func(s string) uint64 {
		return f.object(filled(), simple(uint64(len(s))), typed(textOf(len(s))), compact([]byte(s)))
	}
	entry := f.value(pairs, old("key"), f.floats([]float32{1}, 1))
	expect(t, f.root(linked("s", old("text")), linked("none", old("")), linked("d", f.list(entry))),
		"d.key float32[1] "+one, `s = "text"`, `none = ""`)
}

// TestOldUnion: before JLD2 0.2 a union was a list of types.
func TestOldUnion(t *testing.T) {
	f := newFile(true)
	closure := f.typ("Main.#3#4", emptyType, nil)
	types := f.heap(le(f.expression("Core.Float32"), f.expression("Core.Array", closure)))
	union := f.typ("Core.Union", le(byte(0x39), byte(0), byte(0), byte(0), uint32(16), typeType), nil)
	list := f.object(filled(), simple(1), attributed("julia_type", 1, le(byte(3), byte(2), union), scalar(), varying(2, types, 1)), typed(refType),
		compact(le(f.floats([]float32{1}, 1))))
	expect(t, f.root(linked("x", list)), "x[1] float32[1] "+one, "refused x: a function, Main.#3#4")
}

// TestNames says of what kind what is refused is.
func TestNames(t *testing.T) {
	for name, want := range map[string]string{
		"NNlib.#relu": "", "Flux.#flatten": "", "Base.#tanh": "", "Base.Math.#tanh": "", "Base.#identity": "",
		"Base.#system": "a function, Base.#system", "Base.#run": "a function, Base.#run", "Main.#relu": "a function, Main.#relu",
		"NNlib.#7#8": "a function, NNlib.#7#8", "Flux.##loss#3": "a function, Flux.##loss#3", "NNlib.#": "a function, NNlib.#",
		"JLD2.ReconstructedTypes.##Mine#1": "a function, JLD2.ReconstructedTypes.##Mine#1",
		"CUDA.CuArray":                     "an array on a GPU, CUDA.CuArray, whose numbers JLD2 does not write",
		"Core.Ptr":                         "a pointer", "Core.Module": "a module",
		"Flux.Dense":    "a value of the type Flux.Dense, of which no network is built",
		"Core.CodeInfo": "a value of the type Core.CodeInfo, which is not known", "": "a value of the type , which is not known",
		"Dates.Date": "", "Optimisers.Leaf": "", "Base.Set": "", "Core.Void": "", "OrderedCollections.OrderedDict": "",
	} {
		f := newFile(true)
		typ := f.typ(name, compound(8, field{"a", 0, refType}), nil)
		lines, fault := readLines(f.root(linked("x", f.value(typ, f.floats([]float32{1}, 1)))))
		if fault != nil || len(lines) == 0 || lines[0] != "x.a float32[1]  [0 0 128 63]" {
			t.Errorf("%s: %v, %v", name, lines, fault)
			continue
		}
		if said := strings.Join(lines[1:], ", "); want == "" && said != "" || want != "" && !strings.HasPrefix(said, "refused x: "+want+": nothing of it is run; save Flux.state(model)") {
			t.Errorf("%s: %s", name, said)
		}
	}
}

// TestPlaces: what is refused is said to be where its value stands, not where
// the type of a value around it names it.
func TestPlaces(t *testing.T) {
	f := newFile(true)
	closure := f.typ("Main.#3#4", emptyType, nil)
	inner := compound(8, field{"weight", 0, refType})
	dense := f.typ("Flux.Dense", inner, nil)
	layers := f.typ("Core.Tuple", compound(8, field{"1", 0, inner}), []uint64{dense, closure},
		attributed("field_datatypes", 0, refType, simple(1), le(dense)))
	chain := f.typ("Flux.Chain", compound(8, field{"layers", 0, compound(8, field{"1", 0, inner})}), []uint64{layers},
		attributed("field_datatypes", 0, refType, simple(1), le(layers)))
	expect(t, f.root(linked("m", f.value(chain, f.floats([]float32{1}, 1)))), "m.layers[1].weight float32[1] "+one,
		"refused m: a value of the type Flux.Chain", "refused m.layers[1]: a value of the type Flux.Dense", "refused m.layers[2]: a function, Main.#3#4")
}

// TestAppended reads a group that was added to, twice, in pieces of its own.
func TestAppended(t *testing.T) {
	f := newFile(true)
	piece := func(messages ...msg) (address, size uint64) {
		p := []byte("OCHK")
		for _, m := range messages {
			p = append(p, le(m.kind, uint16(len(m.body)), m.flags, m.body)...)
		}
		p = le(p, lookup3(p))
		return f.add(p), uint64(len(p))
	}
	a := f.floats([]float32{1}, 1)
	room := msg{kind: msgNil, body: make([]byte, 44)}
	last, size := piece(linked("c", f.floats([]float32{1}, 1)), room, msg{kind: msgNil, body: make([]byte, 16)})
	middle, size2 := piece(linked("b", f.floats([]float32{1}, 1)), msg{msgContinuation, 0, le(last, size)})
	b := f.finish(f.group(linked("a", a), msg{msgContinuation, 0, le(middle, size2)}))
	expect(t, b, "a float32[1] "+one, "b float32[1] "+one, "c float32[1] "+one)
}

// TestHeapEnd: a heap as JLD2 counts its bytes, and as HDF5 does, with an object
// right behind it.
func TestHeapEnd(t *testing.T) {
	long := bytes.Repeat([]byte("x"), 80)
	for name, size := range map[string]uint64{"JLD2": 96, "HDF5": 112} {
		f := newFile(true)
		entry := le(uint16(1), uint16(1), uint32(0), uint64(len(long)), long)
		heap := f.add(le("GCOL", uint32(1), size, entry))
		a := f.floats([]float32{1}, 1)
		text := f.object(filled(), simple(1), typed(textType), compact(varying(80, heap, 1)))
		lines, fault := readLines(f.root(linked("a", a), linked("t", text)))
		if fault != nil || len(lines) != 2 || lines[1] != `t = 1 texts: "`+string(long)+`"` {
			t.Errorf("%s: %v, %v", name, lines, fault)
		}
	}
}

// TestFarValue: a value that does not fit into a header lies behind it.
func TestFarValue(t *testing.T) {
	f := newFile(true)
	w := f.floats([]float32{1}, 1)
	far := f.add(le(w))
	typ := f.typ("Core.NamedTuple", compound(8, field{"w", 0, refType}), nil)
	expect(t, f.root(linked("x", f.object(filled(), scalar(), shared(typ), contiguous(far, 8)))), "x.w float32[1] "+one)
}

// TestSuperblock3 is that of a file of HDF5 1.10 on.
func TestSuperblock3(t *testing.T) {
	f := newFile(false)
	b := f.root(linked("a", f.floats([]float32{1}, 1)))
	b[8] = 3
	sign(b)
	expect(t, b, "a float32[1] "+one)
}

// TestLinks: a link that leads nowhere hides nothing else of its group.
func TestLinks(t *testing.T) {
	f := newFile(true)
	b := f.root(
		msg{msgLink, 0, le(byte(1), byte(24), byte(1), byte(1), byte(1), "s", uint16(1), "y")},
		linked("a", f.floats([]float32{1}, 1)),
		msg{msgLink, 0, le(byte(1), byte(24), byte(64), byte(1), byte(1), "e", uint16(1), "y")},
		msg{msgLink, 0, le(byte(1), byte(24), byte(65), byte(1), byte(1), "u", uint16(1), "y")},
	)
	expect(t, b, "a float32[1] "+one, "refused s: a soft link is not", "refused e: a link to another file is not", "refused u: a link of type 65 is not")
}

// TestBrainFloats: bfloat16 is a float of its own layout, or a type of Julia of
// two bytes.
func TestBrainFloats(t *testing.T) {
	half := le(byte(0x31), byte(0x20), byte(15), byte(0), uint32(2), uint16(0), uint16(16), byte(7), byte(8), byte(0), byte(7), uint32(127))
	f := newFile(true)
	brain := f.typ("BFloat16s.BFloat16", le(byte(0x35), byte(0), byte(0), byte(0), uint32(2)), nil)
	lines, fault := readLines(f.root(
		linked("a", f.object(simple(1), typed(half), compact([]byte{0, 1}))),
		linked("b", f.object(simple(1), shared(brain), compact([]byte{0, 1}))),
	))
	if want := tensor.BFloat16.String() + "[1]  [0 1]"; fault != nil || strings.Join(lines, ", ") != "a "+want+", b "+want {
		t.Errorf("%q, %v", lines, fault)
	}
}
