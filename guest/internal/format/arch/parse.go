package arch

import (
	"bytes"
	"fmt"
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/layer"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
	"github.com/glovebox-ml/glovebox/guest/internal/strictjson"
)

// What a description may hold. A person writes it, or inspect does; none is
// near these.
const (
	maxFile   = 16 << 20
	maxLayers = 1 << 16  // of package layer
	maxDepth  = 64       // of package layer
	maxText   = 16 << 20 // bytes of all paths, in which names of outer layers repeat

)

// Fits reports whether a file begins as a description does: with an object
// whose first key is "glovebox".
func Fits(c scan.Cursor) bool {
	p := bytes.TrimLeft(c.Peek(256), blanks)
	if len(p) == 0 || p[0] != '{' {
		return false
	}
	return bytes.HasPrefix(bytes.TrimLeft(p[1:], blanks), []byte(`"glovebox"`))
}

const blanks = " \t\r\n"

// Parse reads the description in blob h. It ends with a fault unless all of it
// is as it should be; only holes are left to whoever wants to use it.
func Parse(box abi.Box, h abi.Handle) *Description {
	c := scan.Open(box, h).All()
	if c.Left() > maxFile {
		c.Fail("a description of %d bytes, over the limit of %d", c.Left(), maxFile)
	}
	p := &parser{Reader: strictjson.New(c, "architecture"), blob: h}
	p.d = &Description{Output: "output", Bind: ByPath}
	p.description()
	p.End()
	return p.d
}

type parser struct {
	*strictjson.Reader
	blob   abi.Handle
	d      *Description
	layers int
	text   int
}

func (p *parser) lacks(at int64, format string, args ...any) {
	scan.Refuse(abi.Fault{Kind: abi.FaultUnsupported, Blob: p.blob, Offset: at, Text: "architecture: " + fmt.Sprintf(format, args...)})
}

func (p *parser) description() {
	seen := map[string]bool{}
	root := &draft{Layer: &layer.Layer{Kind: layer.Chain, Blob: p.blob}}
	p.Object(maxName, func(key string, at int64) {
		seen[key] = true
		switch key {
		case "glovebox":
			if v := p.Uint(); v != Version {
				p.lacks(at, "version %d; %d is known", v, Version)
			}
		case "note":
			p.String(maxNote)
		case "input":
			p.input()
		case "output":
			p.d.Output = p.name()
		case "bind":
			p.d.Bind = Bind(p.String(maxName))
			if p.d.Bind != ByPath && p.d.Bind != ByOrder {
				p.Refuse(at, "bind is %q, not %q or %q", p.d.Bind, ByPath, ByOrder)
			}
		case "layers":
			root.Offset = at
			root.inner = p.drafts(0)
		default:
			p.Refuse(at, "key %q", key)
		}
	})
	for _, key := range [...]string{"glovebox", "input", "layers"} {
		if !seen[key] {
			p.Refuse(0, "no key %q", key)
		}
	}
	p.inside(root)
	p.d.Root = root.Layer
}

// name reads a text that is not empty.
func (p *parser) name() string {
	p.Next()
	at := p.Offset()
	s := p.String(maxName)
	if s == "" {
		p.Refuse(at, "an empty name")
	}
	return s
}

// input reads what the network takes. A dim is a size, or the name of one that
// is free.
func (p *parser) input() {
	in := &p.d.Input
	in.Name, in.DType = "input", uint8(dtypes["float32"])
	p.Object(maxName, func(key string, at int64) {
		switch key {
		case "name":
			in.Name = p.name()
		case "dtype":
			name := p.String(maxName)
			if in.DType = uint8(dtypes[name]); in.DType == 0 {
				p.Refuse(at, "dtype %q", name)
			}
		case "shape":
			in.Ranked = true
			p.Array(func(i int) {
				if i == maxDims {
					p.Refuse(at, "more than %d dims", maxDims)
				}
				if p.Next() == '"' {
					in.Dims = append(in.Dims, abi.PortDim{Size: -1, Name: p.name()})
				} else {
					n := p.Uint()
					if n > maxDim {
						p.Refuse(at, "a dim of %d", n)
					}
					in.Dims = append(in.Dims, abi.PortDim{Size: n})
				}
			})
		default:
			p.Refuse(at, "key %q of the input", key)
		}
	})
}

// draft is a layer as it stands in the file: keys come in any order, so what
// they mean together is settled once all were read.
type draft struct {
	*layer.Layer
	name   string
	keys   map[string]int64 // parameters and layers that are given, and where
	wanted []slot
	chosen bool // the description says which weights
	inner  []*draft
	joiner *draft
}

// drafts reads a list of layers.
func (p *parser) drafts(depth int) []*draft {
	var list []*draft
	p.Array(func(i int) {
		d := p.draft(depth + 1)
		if d.name == "" {
			d.name = fmt.Sprint(i)
		}
		list = append(list, d)
	})
	return list
}

func (p *parser) draft(depth int) *draft {
	p.Next()
	d := &draft{Layer: &layer.Layer{Blob: p.blob, Offset: p.Offset()}, keys: map[string]int64{}}
	if p.layers++; p.layers > maxLayers || depth > maxDepth {
		p.lacks(d.Offset, "more than %d layers, or nested more than %d deep", maxLayers, maxDepth)
	}
	p.Object(maxName, func(key string, at int64) {
		switch key {
		case "kind":
			d.Kind = layer.Kind(p.String(maxName))
			return
		case "name":
			d.name = p.name()
			return
		case "note":
			p.String(maxNote)
			return
		case "weights":
			d.chosen, d.wanted = true, p.weights()
		case "layers":
			d.inner = p.drafts(depth)
		case "joiner":
			d.joiner = p.draft(depth + 1)
			d.joiner.name = "joiner"
		default:
			p.param(d.Layer, key, at)
		}
		d.keys[key] = at
	})
	return d
}

// param reads a parameter, of whichever kind the layer is.
func (p *parser) param(l *layer.Layer, name string, at int64) {
	param, ok := params[name]
	if !ok {
		p.Refuse(at, "key %q of a layer", name)
	}
	within := func(x float64) {
		if !(x >= param.Min && x <= param.Max) {
			p.Refuse(at, "%s is %g, not from %g to %g", name, x, param.Min, param.Max)
		}
	}
	whole := func() int64 {
		n := p.Int()
		within(float64(n))
		return n
	}
	switch v := param.At(l).(type) {
	case *int64:
		*v = whole()
	case *[]int64:
		*v = p.list(name, at, whole)
	case *float64:
		*v = p.Float()
		within(*v)
	case *bool:
		*v = p.Bool()
	case *layer.Join:
		if *v = layer.Join(p.String(maxName)); !slices.Contains(layer.Joins(), *v) {
			p.lacks(at, "way to join %q", *v)
		}
	case *layer.Function:
		*v = p.function(at)
	}
}

// list reads at most as many numbers as a tensor has dims.
func (p *parser) list(name string, at int64, number func() int64) []int64 {
	list := []int64{}
	p.Array(func(i int) {
		if i == maxDims {
			p.Refuse(at, "%s has more than %d numbers", name, maxDims)
		}
		list = append(list, number())
	})
	return list
}

// function reads a function: its name, or an object with its parameter.
func (p *parser) function(at int64) (f layer.Function) {
	if p.Next() == '"' {
		f.Name = p.String(maxName)
	} else {
		p.Object(maxName, func(key string, at int64) {
			switch key {
			case "name":
				f.Name = p.String(maxName)
			case "alpha":
				f.Alpha = p.Float()
			default:
				p.Refuse(at, "key %q of a function", key)
			}
		})
	}
	if f.Name != string(layer.Hole) && !layer.IsFunction(f.Name) {
		p.lacks(at, "function %q", f.Name)
	}
	return f
}

// weights reads which weights a layer has: a list of them, or an object that
// says of each which tensor it is.
func (p *parser) weights() []slot {
	var list []slot
	if p.Next() == '[' {
		p.Array(func(int) {
			p.Next()
			at := p.Offset()
			role := layer.Role(p.String(maxName))
			for _, s := range list {
				if s.role == role {
					p.Refuse(at, "weight %q stands twice", role)
				}
			}
			p.known(role, at)
			list = append(list, slot{role: role, offset: at})
		})
		return list
	}
	p.Object(maxName, func(key string, at int64) {
		s := slot{role: layer.Role(key), offset: at}
		p.known(s.role, at)
		if p.Next() == '"' {
			s.name = p.name()
		} else {
			p.tensor(&s, at)
		}
		list = append(list, s)
	})
	return list
}

// known refuses a weight that no layer has, which also bounds their number.
func (p *parser) known(r layer.Role, at int64) {
	if !allRoles[r] {
		p.Refuse(at, "no layer has a weight %q", r)
	}
}

// tensor reads which tensor a weight is and how it comes out of its bytes.
func (p *parser) tensor(s *slot, at int64) {
	s.steps = &steps{}
	lists := map[string]struct {
		list *[]int64
		max  int64
	}{"dims": {&s.steps.dims, maxDim}, "perm": {&s.steps.perm, maxDims - 1}, "flip": {&s.steps.flip, maxDims - 1}}
	p.Object(maxName, func(key string, at int64) {
		if key == "tensor" {
			s.name = p.name()
			return
		}
		l, ok := lists[key]
		if !ok {
			p.Refuse(at, "key %q of a weight", key)
		}
		*l.list = p.list(key, at, func() int64 {
			n := p.Uint()
			if n > l.max {
				p.Refuse(at, "%s has %d, over %d", key, n, l.max)
			}
			return n
		})
	})
	if s.name == "" {
		p.Refuse(at, "a weight without its tensor")
	}
}
