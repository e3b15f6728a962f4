package flux

import (
	"encoding/binary"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Values of tests are written with these: any of string, int64, float64, bool,
// nil, raw bytes, a doc or a list.
type (
	pair struct {
		key   string
		value any
	}
	doc  []pair
	list []any
	raw  string // binary data
	// lie is an element whose bytes are given as they are.
	lie struct {
		kind byte
		body string
	}
)

func u32(n int) string { return string(binary.LittleEndian.AppendUint32(nil, uint32(n))) }

func u64(n uint64) string { return string(binary.LittleEndian.AppendUint64(nil, n)) }

func (d doc) String() string {
	var b strings.Builder
	for _, p := range d {
		kind, body := encoded(p.value)
		fmt.Fprintf(&b, "%c%s\x00%s", kind, p.key, body)
	}
	return u32(b.Len()+5) + b.String() + "\x00"
}

func (l list) String() string {
	var d doc
	for i, v := range l {
		d = append(d, pair{strconv.Itoa(i), v})
	}
	return d.String()
}

func encoded(v any) (kind, string) {
	switch v := v.(type) {
	case nil:
		return kindNull, ""
	case string:
		return kindString, u32(len(v)+1) + v + "\x00"
	case int:
		return kindInt64, u64(uint64(v))
	case int32:
		return kindInt32, u32(int(v))
	case float64:
		return kindDouble, u64(math.Float64bits(v))
	case bool:
		if v {
			return kindBool, "\x01"
		}
		return kindBool, "\x00"
	case raw:
		return kindBinary, u32(len(v)) + "\x00" + string(v)
	case doc:
		return kindDocument, v.String()
	case list:
		return kindArray, v.String()
	case lie:
		return kind(v.kind), v.body
	}
	panic(fmt.Sprintf("%T", v))
}

func datatype(name string, params ...any) doc {
	var parts list
	for _, p := range strings.Split(name, ".") {
		parts = append(parts, p)
	}
	return doc{{"tag", "datatype"}, {"params", append(list{}, params...)}, {"name", parts}}
}

func structure(name string, fields ...any) doc {
	return doc{{"tag", "struct"}, {"type", datatype(name)}, {"data", append(list{}, fields...)}}
}

func tuple(items ...any) doc { return doc{{"tag", "tuple"}, {"data", append(list{}, items...)}} }

func symbol(name string) doc { return doc{{"tag", "symbol"}, {"name", name}} }

func ref(n int) doc { return doc{{"tag", "backref"}, {"ref", n}} }

func floats(dims ...int) doc {
	n, size := 1, list{}
	for _, d := range dims {
		n, size = n*d, append(size, d)
	}
	var b strings.Builder
	for i := range n {
		b.WriteString(u32(int(math.Float32bits(float32(i%7) - 3))))
	}
	return doc{{"tag", "array"}, {"type", datatype("Core.Float32")}, {"size", size}, {"data", raw(b.String())}}
}

var relu = structure("NNlib.#relu")

func denseOf(in, out int) doc { return structure("Flux.Dense", floats(out, in), floats(out), relu) }

func chainOf(layers ...any) doc { return structure("Flux.Chain", tuple(layers...)) }

// model is a file of one chain.
func model(layers ...any) doc { return doc{{"model", chainOf(layers...)}} }

func (d doc) get(key string) any {
	for _, p := range d {
		if p.key == key {
			return p.value
		}
	}
	panic("no key " + key)
}

// with is d with one of its values replaced.
func (d doc) with(key string, v any) doc {
	d = append(doc{}, d...)
	for i := range d {
		if d[i].key == key {
			d[i].value = v
			return d
		}
	}
	panic("no key " + key)
}

// anonymous is an anonymous function of one argument with lowered code.
func anonymous(captured list, code ...any) doc {
	info := structure("Core.CodeInfo", append(list{}, code...), nil)
	method := structure("Core.Method", doc{{"tag", "ref"}, {"path", list{"Main"}}}, symbol("#1"), info)
	table := list{symbol("#1"), list{method}, 2, nil}
	name := structure("Core.TypeName", "1.6.0", symbol("##1#2"), table)
	typ := doc{{"tag", "jl_anonymous"}, {"params", list{}}, {"typename", name}}
	return doc{{"tag", "struct"}, {"type", typ}, {"data", append(list{}, captured...)}}
}

func global(name string) doc {
	return structure("Core.GlobalRef", doc{{"tag", "ref"}, {"path", list{"Main"}}}, symbol(name))
}

func call(args ...any) doc {
	return structure("Core.Expr", symbol("call"), append(list{}, args...))
}

func ssa(n int) doc { return structure("Core.SSAValue", n) }

var argument = structure("Core.SlotNumber", 2)
