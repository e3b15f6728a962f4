package cli

import (
	stdbytes "bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

// maxJSON bounds a JSON input: text is a poor way to carry more.
const maxJSON = 64 << 20

// values turns the arguments of run into inputs.
type values struct {
	rt    *glovebox.Runtime
	ports []glovebox.Port
	specs map[string]glovebox.ImageSpec
	stdin io.Reader
}

func (v *values) read(ctx context.Context, args []string) (glovebox.Values, error) {
	in := glovebox.Values{}
	for _, a := range args {
		port, value, err := v.port(a)
		if err != nil {
			return nil, err
		}
		if _, twice := in[port.Name]; twice {
			return nil, usagef("input %s is given twice", quoted(port.Name))
		}
		t, err := v.value(ctx, port, value)
		if err != nil {
			return nil, err
		}
		in[port.Name] = t
	}
	return in, nil
}

// port splits NAME=VALUE. A name may hold an equals sign, so the ports decide.
func (v *values) port(arg string) (glovebox.Port, string, error) {
	for _, p := range v.ports {
		if value, ok := strings.CutPrefix(arg, p.Name+"="); ok {
			return p, value, nil
		}
	}
	if len(v.ports) == 1 {
		return v.ports[0], arg, nil
	}
	return glovebox.Port{}, "", usagef("%q names no input; give NAME=VALUE with one of %s", arg, names(v.ports))
}

func names(ports []glovebox.Port) string {
	var s []string
	for _, p := range ports {
		s = append(s, p.String())
	}
	if len(s) == 0 {
		return "none (the model has no inputs)"
	}
	return strings.Join(s, ", ")
}

func (v *values) value(ctx context.Context, port glovebox.Port, value string) (glovebox.Tensor, error) {
	if value == "-" {
		b, err := io.ReadAll(io.LimitReader(v.stdin, 1<<30))
		if err != nil {
			return glovebox.Tensor{}, &exit{exitOpen, err.Error()}
		}
		return v.decode(ctx, port, "standard input", glovebox.Bytes("standard input", b))
	}
	if inline(value) {
		return parseJSON(port, []byte(value))
	}
	f, err := glovebox.OpenFile(value)
	if err != nil {
		return glovebox.Tensor{}, err
	}
	defer f.Close()
	return v.decode(ctx, port, value, f.Part())
}

// inline reports whether a value is JSON on the line: it starts like JSON, and
// no file has that name.
func inline(value string) bool {
	if value == "" {
		return false
	}
	if _, err := os.Lstat(value); err == nil {
		return false
	}
	return strings.ContainsAny(value[:1], "[-0123456789.") || value == "true" || value == "false"
}

func (v *values) decode(ctx context.Context, port glovebox.Port, path string, part glovebox.Part) (glovebox.Tensor, error) {
	head := make([]byte, min(part.Size, 16))
	if _, err := part.Data.ReadAt(head, 0); err != nil && err != io.EOF {
		return glovebox.Tensor{}, &exit{exitOpen, err.Error()}
	}
	if len(head) > 0 && strings.ContainsRune("[ \n\t-0123456789", rune(head[0])) && part.Size <= maxJSON {
		b := make([]byte, part.Size)
		if _, err := part.Data.ReadAt(b, 0); err != nil && err != io.EOF {
			return glovebox.Tensor{}, &exit{exitOpen, err.Error()}
		}
		if json.Valid(b) {
			return parseJSON(port, b)
		}
	}
	var spec glovebox.ImageSpec
	if isImage(head) {
		var err error
		if spec, err = v.spec(port, path); err != nil {
			return glovebox.Tensor{}, err
		}
	}
	return v.rt.Decode(ctx, part, spec)
}

// isImage reports whether a file starts like a picture. Only the box reads it.
func isImage(head []byte) bool {
	for _, magic := range [...]string{"\x89PNG", "\xff\xd8\xff", "GIF8", "BM"} {
		if stdbytes.HasPrefix(head, []byte(magic)) {
			return true
		}
	}
	return len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP"
}

// parseJSON reads nested arrays of numbers or bools as the port's type.
func parseJSON(port glovebox.Port, b []byte) (glovebox.Tensor, error) {
	var root any
	d := json.NewDecoder(stdbytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&root); err != nil {
		return glovebox.Tensor{}, usagef("input %s: %v", quoted(port.Name), err)
	}
	var shape []int
	for v := root; ; {
		list, ok := v.([]any)
		if !ok {
			break
		}
		shape = append(shape, len(list))
		if len(list) == 0 {
			break
		}
		v = list[0]
	}
	leaves := make([]string, 0, 16)
	if err := flatten(root, shape, &leaves); err != nil {
		return glovebox.Tensor{}, usagef("input %s: %v", quoted(port.Name), err)
	}
	t, err := fromText(port.DType, leaves, shape)
	if err != nil {
		return t, usagef("input %s: %v", quoted(port.Name), err)
	}
	return t, nil
}

func flatten(v any, shape []int, out *[]string) error {
	list, ok := v.([]any)
	if len(shape) == 0 {
		switch v := v.(type) {
		case json.Number:
			*out = append(*out, v.String())
		case bool:
			*out = append(*out, strconv.FormatBool(v))
		default:
			return fmt.Errorf("want numbers or booleans")
		}
		return nil
	}
	if !ok || len(list) != shape[0] {
		return fmt.Errorf("the nested arrays are not all of one shape")
	}
	for _, e := range list {
		if err := flatten(e, shape[1:], out); err != nil {
			return err
		}
	}
	return nil
}

// fromText makes a tensor of the type d from the text of its elements.
func fromText(d glovebox.DType, text []string, shape []int) (glovebox.Tensor, error) {
	switch d {
	case glovebox.Float32:
		return parse(text, shape, func(s string) (float32, error) { f, err := strconv.ParseFloat(s, 32); return float32(f), err })
	case glovebox.Float64:
		return parse(text, shape, func(s string) (float64, error) { return strconv.ParseFloat(s, 64) })
	case glovebox.Int8:
		return parse(text, shape, func(s string) (int8, error) { n, err := strconv.ParseInt(s, 10, 8); return int8(n), err })
	case glovebox.Int16:
		return parse(text, shape, func(s string) (int16, error) { n, err := strconv.ParseInt(s, 10, 16); return int16(n), err })
	case glovebox.Int32:
		return parse(text, shape, func(s string) (int32, error) { n, err := strconv.ParseInt(s, 10, 32); return int32(n), err })
	case glovebox.Int64:
		return parse(text, shape, func(s string) (int64, error) { return strconv.ParseInt(s, 10, 64) })
	case glovebox.Uint8:
		return parse(text, shape, func(s string) (uint8, error) { n, err := strconv.ParseUint(s, 10, 8); return uint8(n), err })
	case glovebox.Uint16:
		return parse(text, shape, func(s string) (uint16, error) { n, err := strconv.ParseUint(s, 10, 16); return uint16(n), err })
	case glovebox.Uint32:
		return parse(text, shape, func(s string) (uint32, error) { n, err := strconv.ParseUint(s, 10, 32); return uint32(n), err })
	case glovebox.Uint64:
		return parse(text, shape, func(s string) (uint64, error) { return strconv.ParseUint(s, 10, 64) })
	case glovebox.Bool:
		return parse(text, shape, strconv.ParseBool)
	}
	return glovebox.Tensor{}, fmt.Errorf("%v cannot be given as JSON; use an .npy file", d)
}

func parse[T glovebox.Element](text []string, shape []int, one func(string) (T, error)) (glovebox.Tensor, error) {
	data := make([]T, len(text))
	for i, s := range text {
		v, err := one(s)
		if err != nil {
			return glovebox.Tensor{}, err
		}
		data[i] = v
	}
	return glovebox.Of(data, shape...)
}
