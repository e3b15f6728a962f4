package arch

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
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
}

type object = map[string]any

func closed(required []string, properties object) object {
	return object{"type": "object", "additionalProperties": false, "required": required, "properties": properties}
}

func ref(name string) object { return object{"$ref": "#/$defs/" + name} }

// schemaOf is the schema of a parameter.
func schemaOf(l *layer.Layer, p layer.Param) object {
	whole := object{"type": "integer", "minimum": p.Min, "maximum": p.Max}
	switch p.At(l).(type) {
	case *int64:
		return whole
	case *[]int64:
		return object{"type": "array", "items": whole, "minItems": 1, "maxItems": maxDims}
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
		defs[string(k)] = closed(required, properties)
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

func TestSchema(t *testing.T) {
	want := lined(t, schema(), "") + "\n"
	got, err := os.ReadFile(docs + "architecture.schema.json")
	if string(got) != want {
		t.Errorf("docs/architecture.schema.json (%v) is to be\n%s", err, want)
	}
}
