package jld2

import (
	"strings"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/format/flux"
	"github.com/glovebox-ml/glovebox/guest/internal/layer"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// check refuses a type whose values are not data, where it is met first.
func (f *file) check(jl *julia, p *path) {
	if jl != nil && !jl.checked {
		jl.checked = true
		f.checkName(jl.name, jl.at, p, false)
	}
}

// behind checks what the fields and parameters of a type name, once. It is
// called behind the values of its fields, which know better where they stand.
func (f *file) behind(jl *julia, p *path, depth int) {
	if jl == nil || jl.behind || !f.names {
		return
	}
	if depth >= maxDepth {
		f.wrong(jl.at, "types nested more than %d deep", maxDepth)
	}
	jl.behind = true
	for _, a := range jl.absent {
		to := p.field(a.name)
		if isTuple(jl.name) {
			to = p.item(a.name)
		}
		f.out.Attempt(func() {
			typ := f.typeAt(a.typ)
			f.check(typ, to)
			f.behind(typ, to, depth+1)
		})
	}
	for i, at := range jl.params {
		to := p
		if isTuple(jl.name) && jl.name != "NTuple" {
			to = &path{up: p, kind: inTuple, at: int64(i + 1)}
		}
		f.parameter(at, to, 0)
	}
}

// parameter checks an object that is the parameter of a type: often a type.
func (f *file) parameter(at int64, p *path, depth int) {
	if f.named[at] {
		return
	}
	f.named[at] = true
	f.out.Attempt(func() {
		if depth >= maxDepth {
			f.wrong(at, "types nested more than %d deep", maxDepth)
		}
		o := f.object(at)
		switch {
		case o.data == nil && o.typ != nil:
			jl := f.typeAt(at)
			f.expressed(expression{jl.name, jl.params}, at, p, depth)
		case o.data != nil && o.data.at >= 0:
			f.written(o.typ, f.data(o.data, depth), p, depth)
		}
	})
}

// expressed checks a type that stands as a parameter, and its own parameters.
func (f *file) expressed(e expression, at int64, p *path, depth int) {
	f.checkName(e.name, at, p, true)
	for _, inner := range e.params {
		f.parameter(inner, p, depth+1)
	}
}

// written checks a type that stands as a value: one with a name and parameters,
// or a union, which has a description and others, and was a list of them before
// JLD2 0.2. Anything else is no type.
func (f *file) written(t *typ, c scan.Cursor, p *path, depth int) {
	if t.committed == 0 || !f.names {
		return
	}
	at := c.Offset()
	switch f.typeAt(t.committed).name {
	case "Core.DataType":
		f.expressed(f.expression(c), at, p, depth)
	case "Core.Union":
		if t, _ := f.resolve(t); t.class != classVarying {
			for _, inner := range f.expression(c).params {
				f.parameter(inner, p, depth+1)
			}
			return
		}
		list := f.varying(&c, expressionSize)
		for list.Left() > 0 {
			f.expressed(f.expression(list.Take(expressionSize)), at, p, depth)
		}
	}
}

// checkName refuses a name that is not one of data. As a parameter, a type is
// no value: there it may be any of Julia's own, except a function.
func (f *file) checkName(name string, at int64, p *path, param bool) {
	switch {
	case isFunction(name):
		if !isKnown(name) {
			f.says(at, p, "a function, "+name)
		}
	case onDevice[name]:
		f.says(at, p, "an array on a GPU, "+name+", whose numbers JLD2 does not write")
	case plain[name] || isTuple(name) || isPair(name) || flux.HoldsData(name):
	case param && (strings.HasPrefix(name, "Core.") || strings.HasPrefix(name, "Base.")):
	case isType(name):
		f.says(at, p, "a type")
	case name == "Core.Module":
		f.says(at, p, "a module")
	case name == "Core.Ptr":
		f.says(at, p, "a pointer")
	case strings.HasPrefix(name, "Flux."):
		f.says(at, p, "a value of the type "+name+", of which no network is built")
	default:
		f.says(at, p, "a value of the type "+name+", which is not known")
	}
}

// says refuses a part of a file, once for each thing that can be said.
func (f *file) says(at int64, p *path, what string) {
	if !f.names || f.said[what] {
		return
	}
	f.said[what] = true
	f.out.Refuse(abi.Fault{
		Kind: abi.FaultMalformed, Blob: f.blob.Handle(), Offset: at, Node: p.short(),
		Text: what + ": nothing of it is run; save Flux.state(model) and give the architecture as JSON",
	})
}

// plain are the types of Julia that are numbers, texts and arrays.
var plain = map[string]bool{
	"Core.Float16": true, "Core.Float32": true, "Core.Float64": true, "Core.BFloat16": true, "BFloat16s.BFloat16": true,
	"Core.Int8": true, "Core.Int16": true, "Core.Int32": true, "Core.Int64": true, "Core.Int128": true,
	"Core.UInt8": true, "Core.UInt16": true, "Core.UInt32": true, "Core.UInt64": true, "Core.UInt128": true,
	"Core.Bool": true, "Core.Char": true, "Core.String": true, "Core.Symbol": true, "Core.Nothing": true, "Core.Void": true,
	"Base.GMP.BigInt": true, "Base.MPFR.BigFloat": true, "Base.SubString": true,
	"Core.Array": true, "Core.GenericMemory": true, "Core.SimpleVector": true, "Core.NamedTuple": true,
	"JLD2.InlineUnionEl": true, "Base.PermutedDimsArrays.PermutedDimsArray": true, "Base.Slice": true, "Zygote.IdSet": true,
}

// onDevice are arrays that JLD2 writes as pointers, which it writes as nothing.
var onDevice = map[string]bool{"CUDA.CuArray": true, "CuArrays.CuArray": true, "AMDGPU.ROCArray": true, "Metal.MtlArray": true}

func isTuple(name string) bool { return name == "Core.Tuple" || name == "Tuple" || name == "NTuple" }

func isType(name string) bool {
	return name == "Core.DataType" || name == "Core.Union" || name == "Core.UnionAll"
}

func isPair(name string) bool { return name == "Core.Pair" || name == "Base.Pair" }

// isDict reports whether a value is a dictionary. Since JLD2 0.5 it is written
// as a struct of one field, which is an array of pairs.
func isDict(name string) bool {
	return name == "Base.Dict" || name == "Base.IdDict" || name == "Base.ImmutableDict"
}

// isFunction reports whether a type is that of a function. The types that JLD2
// makes up for those that it does not find have such names too.
func isFunction(name string) bool {
	return strings.Contains(name[strings.LastIndexByte(name, '.')+1:], "#")
}

// isKnown reports whether a function is one of a library for networks, or one
// of Julia's own that is applied to each element: a name, which is data.
func isKnown(name string) bool {
	module, name, ok := strings.Cut(name, ".#")
	if !ok || name == "" || name[0] >= '0' && name[0] <= '9' || strings.ContainsAny(name, "#.") {
		return false
	}
	switch module {
	case "NNlib", "Flux", "MLUtils":
		return true
	case "Base", "Base.Math":
		return name == "identity" || layer.IsFunction(name)
	}
	return false
}
