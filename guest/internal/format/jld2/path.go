package jld2

import (
	"slices"
	"strconv"
	"strings"
)

// path is where in a file a value stands, as Julia would say it: from the name
// of a variable on, by names of fields and by indices from 1. The zero path is
// the root. It is written out only where something is said of it, since many
// values may stand behind a long name.
type path struct {
	up   *path
	kind byte // one of the following
	name string
	at   int64
}

const (
	inGroup = '/' // name is of an entry
	inField = '.' // name is of a field, or a key of a dictionary
	inTuple = '(' // at is an index
	inArray = '[' // at is an index, or a key of a dictionary
)

func (p *path) in(name string) *path { return &path{up: p, kind: inGroup, name: name} }

func (p *path) field(name string) *path { return &path{up: p, kind: inField, name: name} }

func (p *path) element(i int64) *path { return &path{up: p, kind: inArray, at: i} }

// item is a field of a tuple, whose fields are called by their indices.
func (p *path) item(name string) *path {
	i, err := strconv.ParseInt(name, 10, 64)
	if err != nil {
		return p.field(name)
	}
	return &path{up: p, kind: inTuple, at: i}
}

// maxName bounds a path, which becomes the name of a tensor.
func (p *path) String() string {
	var parts []string
	for n := 0; p.kind != 0 && n <= maxName; p = p.up {
		part := p.name
		switch {
		case p.kind == inTuple || p.kind == inArray:
			part = "[" + strconv.FormatInt(p.at, 10) + "]"
		case p.up.kind != 0:
			part = string(p.kind) + p.name
		}
		parts = append(parts, part)
		n += len(part)
	}
	slices.Reverse(parts)
	return strings.Join(parts, "")
}

// short is a path as it is said in a refusal.
func (p *path) short() string {
	s := p.String()
	return s[:min(len(s), maxName)]
}

// name is a path that is the name of a tensor.
func (f *file) name(at int64, p *path) string {
	name := p.String()
	if len(name) > maxName {
		f.wrong(at, "a path of more than %d bytes", maxName)
	}
	if f.listed[name] {
		f.wrong(at, "a second array is called %.100q", name)
	}
	f.listed[name] = true
	return name
}
