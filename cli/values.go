package cli

import (
	stdbytes "bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	glovebox "github.com/glovebox-ml/glovebox/runtime"
)

// What is read into the process before the box sees it.
const (
	maxStdin  = 32 << 20
	maxNumber = 4 << 10 // of a file that may be a number or a TensorProto
)

// values turns the arguments of run into inputs.
type values struct {
	rt    *glovebox.Runtime
	ports []glovebox.Port
	specs map[string]glovebox.ImageSpec
	stdin io.Reader
}

func (v *values) read(ctx context.Context, args []string) (glovebox.Values, error) {
	in := glovebox.Values{}
	stdin := false
	for _, a := range args {
		port, value, err := v.port(a)
		if err != nil {
			return nil, err
		}
		if _, twice := in[port.Name]; twice {
			return nil, usagef("input %s is given twice", quoted(port.Name))
		}
		if value == "-" && stdin {
			return nil, usagef("standard input is given twice; give input %s a file", quoted(port.Name))
		}
		stdin = stdin || value == "-"
		t, err := v.value(ctx, port, value)
		if err != nil {
			return nil, err
		}
		in[port.Name] = t
	}
	return in, nil
}

// port splits NAME=VALUE. A name may hold an equals sign, so the ports decide.
// Of a single input the name may be left out, but what looks like another name
// and is no file is a slip.
func (v *values) port(arg string) (glovebox.Port, string, error) {
	if p, value, ok := portOf(v.ports, arg, "="); ok {
		return p, value, nil
	}
	if len(v.ports) == 1 && (!strings.Contains(arg, "=") || exists(arg) || inline(arg)) {
		return v.ports[0], arg, nil
	}
	return glovebox.Port{}, "", usagef("%q names no input; give NAME=VALUE with one of %s", arg, names(v.ports))
}

// portOf is the port whose name text begins with, before sep, and what follows:
// of several that with the longest name.
func portOf(ports []glovebox.Port, text, sep string) (port glovebox.Port, rest string, ok bool) {
	for _, p := range ports {
		if after, is := strings.CutPrefix(text, p.Name+sep); is && (!ok || len(p.Name) > len(port.Name)) {
			port, rest, ok = p, after, true
		}
	}
	return port, rest, ok
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
		b, err := await(ctx, func() ([]byte, error) { return io.ReadAll(io.LimitReader(v.stdin, maxStdin+1)) })
		if ctx.Err() != nil {
			return glovebox.Tensor{}, ctx.Err()
		}
		if err != nil {
			return glovebox.Tensor{}, fileError(err)
		}
		if len(b) > maxStdin {
			return glovebox.Tensor{}, &exit{exitRefused, fmt.Sprintf("standard input is over %d bytes; give a file", maxStdin)}
		}
		return v.decode(ctx, port, "standard input", glovebox.Bytes("standard input", b))
	}
	if inline(value) {
		t, err := jsonTensor(port.DType, strings.NewReader(value))
		if err != nil {
			return t, usagef("input %s: %v", quoted(port.Name), err)
		}
		return t, nil
	}
	f, err := glovebox.OpenFile(value)
	if err != nil {
		return glovebox.Tensor{}, err
	}
	defer f.Close()
	return v.decode(ctx, port, value, f.Part())
}

// inline reports whether a value is JSON on the line: no file has that name,
// and it is an array, or the whole of it a number or a boolean.
func inline(value string) bool {
	switch {
	case value == "" || exists(value):
		return false
	case value[0] == '[' || value == "true" || value == "false":
		return true
	}
	return strings.ContainsAny(value[:1], "-0123456789") && json.Valid([]byte(value))
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

func (v *values) decode(ctx context.Context, port glovebox.Port, path string, part glovebox.Part) (glovebox.Tensor, error) {
	head := make([]byte, min(part.Size, 16))
	if _, err := part.Data.ReadAt(head, 0); err != nil && err != io.EOF {
		return glovebox.Tensor{}, fileError(err)
	}
	switch is, maybe := jsonStart(head); {
	case is && part.Size > maxJSON:
		return glovebox.Tensor{}, &exit{exitRefused, fmt.Sprintf("decode %s: over %d bytes of JSON; use an .npy file", quoted(path), maxJSON)}
	case is || maybe && part.Size <= maxNumber && valid(part):
		t, err := jsonTensor(port.DType, io.NewSectionReader(part.Data, 0, part.Size))
		if err != nil {
			return t, &exit{exitRefused, fmt.Sprintf("decode %s as input %s: %v", quoted(path), quoted(port.Name), err)}
		}
		return t, nil
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

func valid(part glovebox.Part) bool {
	b := make([]byte, part.Size)
	_, err := part.Data.ReadAt(b, 0)
	return (err == nil || err == io.EOF) && json.Valid(b)
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
