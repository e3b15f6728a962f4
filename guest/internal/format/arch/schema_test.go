package arch

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/internal/layer"
)

const docs = "../../../../docs/"

// sample is a layer of which it can be asked what is usual.
func sample(k layer.Kind) (*layer.Layer, layer.Spec) {
	spec, _ := layer.SpecOf(k)
	l := &layer.Layer{Kind: k, Kernel: []int64{1}}
	for _, p := range spec.Params {
		if p.Name == "join" {
			l.Join = layer.JoinAdd
		}
	}
	return l, spec
}

// row is what docs/ARCHITECTURE.md says of a kind: what is in brackets may be
// left out, or is not there unless it is asked for.
func row(k layer.Kind) string {
	l, spec := sample(k)
	var params, weights []string
	for _, p := range spec.Params {
		name := p.Name
		if usual(l, p.Name) {
			name = "[" + name + "]"
		}
		params = append(params, name)
	}
	if spec.MaxLayers > 0 {
		params = append(params, "layers")
	}
	for _, a := range spec.Arrays {
		name := string(a.Role)
		if !slices.Contains(roles(k), a.Role) {
			name = "[" + name + "]"
		}
		weights = append(weights, name)
	}
	return fmt.Sprintf("| %s | %s | %s |", k, strings.Join(params, ", "), strings.Join(weights, ", "))
}

func TestDocument(t *testing.T) {
	b, err := os.ReadFile(docs + "ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(string(b), "\n")
	for _, k := range layer.Kinds() {
		if want := row(k); !slices.Contains(lines, want) {
			t.Errorf("ARCHITECTURE.md lacks the line\n%s", want)
		}
	}
	for _, f := range layer.Functions() {
		if !strings.Contains(string(b), "`"+f+"`") {
			t.Errorf("ARCHITECTURE.md lacks the function %s", f)
		}
	}
	for _, j := range layer.Joins() {
		if !strings.Contains(string(b), "`"+string(j)+"`") {
			t.Errorf("ARCHITECTURE.md lacks the way to join %s", j)
		}
	}
	for name, p := range params {
		if !slices.ContainsFunc(lines, func(line string) bool {
			cells := strings.Split(line, " | ")
			return len(cells) > 2 && strings.Contains(cells[0], "`"+name+"`") && cells[1] == valueOf(p)
		}) {
			t.Errorf("ARCHITECTURE.md does not say that %s is %s", name, valueOf(p))
		}
	}
}

// valueOf is what docs/ARCHITECTURE.md says of the values of a parameter.
func valueOf(p layer.Param) string {
	bounds := fmt.Sprintf("%.0f to %.0f", p.Min, p.Max)
	switch p.At(&layer.Layer{}).(type) {
	case *int64:
		return bounds
	case *[]int64:
		most := 0
		for _, k := range layer.Kinds() {
			if spec, _ := layer.SpecOf(k); slices.ContainsFunc(spec.Params, func(q layer.Param) bool { return q.Name == p.Name }) {
				most = max(most, layer.MaxNumbers(k))
			}
		}
		return fmt.Sprintf("1 to %d × %s", most, bounds)
	case *float64:
		return "a number from " + bounds
	case *bool:
		return "true or false"
	case *layer.Join:
		return "a way to join"
	}
	return "a function"
}

type object = map[string]any

func closed(required []string, properties object) object {
	return object{"type": "object", "additionalProperties": false, "required": required, "properties": properties}
}

func ref(name string) object { return object{"$ref": "#/$defs/" + name} }

// given asks for a key where another one has a value.
func given(key string, value any, required string) object {
	return object{"if": object{"properties": object{key: object{"const": value}}}, "then": object{"required": []string{required}}}
}

// schemaOf is the schema of a parameter.
func schemaOf(l *layer.Layer, p layer.Param) object {
	whole := object{"type": "integer", "minimum": p.Min, "maximum": p.Max}
	switch p.At(l).(type) {
	case *int64:
		return whole
	case *[]int64:
		return object{"type": "array", "items": whole, "minItems": 1, "maxItems": layer.MaxNumbers(l.Kind)}
	case *float64:
		return object{"type": "number", "minimum": p.Min, "maximum": p.Max}
	case *bool:
		return object{"type": "boolean"}
	case *layer.Join:
		return object{"enum": layer.Joins()}
	}
	return ref("function")
}

func schema() object {
	name, note := object{"type": "string", "minLength": 1, "maxLength": maxName}, object{"type": "string", "maxLength": maxNote}
	list := func(limit int64, n int) object {
		return object{"type": "array", "maxItems": n, "items": object{"type": "integer", "minimum": 0, "maximum": limit}}
	}
	defs := object{
		"function": object{"oneOf": []any{
			object{"enum": layer.Functions()},
			closed([]string{"name"}, object{"name": object{"enum": layer.Functions()}, "alpha": object{"type": "number"}}),
		}},
		"tensor": object{"oneOf": []any{name, closed([]string{"tensor"}, object{
			"tensor": name, "dims": list(maxDim, maxDims), "perm": list(maxDims-1, maxDims), "flip": list(maxDims-1, maxDims),
		})}},
	}
	var kinds []any
	for _, k := range layer.Kinds() {
		l, spec := sample(k)
		required := []string{"kind"}
		properties := object{"kind": object{"const": k}, "name": name, "note": note}
		for _, p := range spec.Params {
			properties[p.Name] = schemaOf(l, p)
			if !usual(l, p.Name) {
				required = append(required, p.Name)
			}
		}
		if spec.MaxLayers > 0 {
			properties["layers"] = object{"type": "array", "items": ref("layer"), "minItems": spec.MinLayers, "maxItems": min(spec.MaxLayers, maxLayers)}
			required = append(required, "layers")
		}
		if l.Join != layer.JoinNone {
			properties["joiner"] = ref("layer")
		}
		var all []layer.Role
		each := object{}
		for _, a := range spec.Arrays {
			all, each[string(a.Role)] = append(all, a.Role), ref("tensor")
		}
		if len(all) > 0 {
			properties["weights"] = object{"oneOf": []any{
				object{"type": "array", "uniqueItems": true, "items": object{"enum": all}},
				closed([]string{}, each),
			}}
		}
		def := closed(required, properties)
		if l.Join != layer.JoinNone {
			def["allOf"] = []any{given("join", layer.JoinConcat, "axis"), given("join", layer.JoinLayer, "joiner"), object{
				"if": object{"required": []string{"joiner"}}, "then": object{"properties": object{"join": object{"const": layer.JoinLayer}}},
			}}
		}
		defs[string(k)] = def
		kinds = append(kinds, ref(string(k)))
	}
	defs["layer"] = object{"oneOf": kinds}
	var types []string
	for d := range dtypes {
		types = append(types, d)
	}
	slices.Sort(types)
	root := closed([]string{"glovebox", "input", "layers"}, object{
		"glovebox": object{"const": Version},
		"note":     note,
		"input": closed([]string{}, object{
			"name": name, "dtype": object{"enum": types},
			"shape": object{"type": "array", "maxItems": maxDims, "items": object{"oneOf": []any{
				name, object{"type": "integer", "minimum": 0, "maximum": maxDim},
			}}},
		}),
		"output": name,
		"bind":   object{"enum": []Bind{ByPath, ByOrder}},
		"layers": object{"type": "array", "items": ref("layer"), "maxItems": maxLayers},
	})
	root["$schema"] = "https://json-schema.org/draft/2020-12/schema"
	root["title"] = "Glovebox architecture"
	root["$defs"] = defs
	return root
}

// lined writes an object with a line for each key, and for each definition.
func lined(t *testing.T, o object, indent string) string {
	t.Helper()
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(o)) {
		text := ""
		if inner, ok := o[key].(object); ok && key == "$defs" {
			text = lined(t, inner, indent+"  ")
		} else {
			b, err := json.Marshal(o[key])
			if err != nil {
				t.Fatal(err)
			}
			text = string(b)
		}
		lines = append(lines, fmt.Sprintf("%s  %q: %s", indent, key, text))
	}
	return "{\n" + strings.Join(lines, ",\n") + "\n" + indent + "}"
}

// fits reports whether v, which encoding/json decoded, is as schema s says. s has
// the keywords that the schema of architectures has.
func fits(s object, v any, defs object) bool {
	is := func(s any) bool { return fits(s.(object), v, defs) }
	each := func(key string, test func(any) bool) (n int) {
		list, _ := s[key].([]any)
		for _, x := range list {
			if test(x) {
				n++
			}
		}
		return n
	}
	same := func(x any) bool { return x == v }
	number, _ := v.(float64)
	text, _ := v.(string)
	list, _ := v.([]any)
	o, _ := v.(object)
	limit := func(key string, n float64, low bool) bool {
		m, ok := s[key].(float64)
		return !ok || low && n >= m || !low && n <= m
	}
	types := map[any]bool{
		nil: true, "object": o != nil, "array": list != nil, "string": text != "" || v == "", "boolean": v == true || v == false,
		"number": v == number, "integer": v == number && number == math.Trunc(number),
	}
	ok := types[s["type"]] &&
		limit("minimum", number, true) && limit("maximum", number, false) && limit("minItems", float64(len(list)), true) &&
		limit("maxItems", float64(len(list)), false) && limit("minLength", float64(len(text)), true) && limit("maxLength", float64(len(text)), false)
	if ref, is := s["$ref"].(string); is {
		ok = ok && fits(defs[strings.TrimPrefix(ref, "#/$defs/")].(object), v, defs)
	}
	if c, is := s["const"]; is {
		ok = ok && c == v
	}
	if s["enum"] != nil {
		ok = ok && each("enum", same) == 1
	}
	if s["oneOf"] != nil {
		ok = ok && each("oneOf", is) == 1
	}
	if all, has := s["allOf"].([]any); has {
		ok = ok && each("allOf", is) == len(all)
	}
	if s["if"] != nil && is(s["if"]) {
		ok = ok && is(s["then"])
	}
	ok = ok && each("required", func(key any) bool { _, has := o[key.(string)]; return !has }) == 0
	properties, _ := s["properties"].(object)
	for key, x := range o {
		if p, known := properties[key].(object); known {
			ok = ok && fits(p, x, defs)
		} else if s["additionalProperties"] == false {
			ok = false
		}
	}
	seen := map[any]bool{}
	for _, x := range list {
		if items, is := s["items"].(object); is {
			ok = ok && fits(items, x, defs)
		}
		if s["uniqueItems"] == true && seen[x] {
			ok = false
		} else if s["uniqueItems"] == true {
			seen[x] = true
		}
	}
	return ok
}

// published is the schema as it is beside the document.
var published = sync.OnceValue(func() (s object) {
	b, err := os.ReadFile(docs + "architecture.schema.json")
	if err == nil {
		err = json.Unmarshal(b, &s)
	}
	if err != nil {
		panic(err)
	}
	return s
})

// bySchema reports whether the schema lets a text in.
func bySchema(text string) bool {
	var v any
	if json.Unmarshal([]byte(text), &v) != nil {
		return false
	}
	return fits(published(), v, published()["$defs"].(object))
}

// TestBounds gives each parameter the numbers at its bounds and beyond them, and
// lists of all lengths: the reader and the schema agree about each.
func TestBounds(t *testing.T) {
	tried := 0
	for _, k := range layer.Kinds() {
		l, spec := sample(k)
		for _, p := range spec.Params {
			var values []string
			numbers := []float64{p.Min - 1, p.Min, p.Max, p.Max + 1}
			switch p.At(l).(type) {
			case *int64, *float64:
				for _, n := range numbers {
					values = append(values, strconv.FormatFloat(n, 'f', -1, 64))
				}
			case *[]int64:
				for n := range 10 {
					values = append(values, "["+strings.TrimSuffix(strings.Repeat("1,", n), ",")+"]")
				}
				for _, n := range numbers {
					values = append(values, "["+strconv.FormatFloat(n, 'f', -1, 64)+"]")
				}
			default:
				values = []string{"true", "false", "1", `"relu"`, `"nothing"`, `{"name":"elu","alpha":-1}`, `{"alpha":1}`, `"add"`, `"concat"`, "null"}
			}
			for _, v := range values {
				text := describe(withParam(k, p.Name, v))
				tried++
				if _, fault := parse(text); (fault == nil) != bySchema(text) {
					t.Errorf("%s: %+v; by the schema %v", text, fault, bySchema(text))
				}
			}
		}
	}
	t.Logf("%d descriptions", tried)
}

// withParam is a layer of kind k whose parameters are usual or small, but one.
func withParam(k layer.Kind, name, value string) string {
	l, spec := sample(k)
	text := fmt.Sprintf(`{"kind":%q,%q:%s`, k, name, value)
	length := strings.Count(value, ",") + 1
	for _, p := range spec.Params {
		if p.Name == name || usual(l, p.Name) && p.Name != "axis" {
			continue
		}
		switch p.At(l).(type) {
		case *int64:
			text += fmt.Sprintf(`,%q:1`, p.Name)
		case *[]int64:
			text += fmt.Sprintf(`,%q:[%s]`, p.Name, strings.TrimSuffix(strings.Repeat("1,", min(length, layer.MaxNumbers(k))), ","))
		case *layer.Function:
			text += fmt.Sprintf(`,%q:"relu"`, p.Name)
		case *layer.Join:
			text += fmt.Sprintf(`,%q:"add"`, p.Name)
		}
	}
	if spec.MaxLayers > 0 {
		text += `,"layers":[` + strings.TrimSuffix(strings.Repeat(`{"kind":"Flatten"},`, spec.MinLayers), ",") + `]`
	}
	return text + "}"
}

func TestSchema(t *testing.T) {
	want := lined(t, schema(), "") + "\n"
	got, err := os.ReadFile(docs + "architecture.schema.json")
	if string(got) != want {
		t.Errorf("docs/architecture.schema.json (%v) is to be\n%s", err, want)
	}
}
