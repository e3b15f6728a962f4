package runtime

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Port is something a model takes or gives. Names are text from the file.
type Port struct {
	Name     string `json:"name"`
	DType    DType  `json:"dtype"`
	Ranked   bool   `json:"ranked"` // false: any shape, and no Dims
	Dims     []Dim  `json:"dims"`
	Optional bool   `json:"optional"`
}

// Dim is one dim of a Port. A negative size is free; a free dim may have a
// name.
type Dim struct {
	Size int    `json:"size"`
	Name string `json:"name,omitempty"`
}

// String is the port as it is printed to people: "x" float32[batch, 3, ?].
func (p Port) String() string { return quote(p.Name) + " " + p.shape() }

func (p Port) shape() string {
	if !p.Ranked {
		return p.DType.String() + " of any shape"
	}
	dims := make([]string, len(p.Dims))
	for i, d := range p.Dims {
		switch {
		case d.Size >= 0:
			dims[i] = strconv.Itoa(d.Size)
		case plain(d.Name):
			dims[i] = d.Name
		case d.Name != "":
			dims[i] = quote(d.Name)
		default:
			dims[i] = "?"
		}
	}
	return p.DType.String() + "[" + strings.Join(dims, ", ") + "]"
}

// plain reports whether a name can be printed as it is.
func plain(s string) bool {
	for i := range len(s) {
		switch c := s[i]; {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '_':
		default:
			return false
		}
	}
	return s != "" && len(s) <= 32
}

// portsOf are the ports that a guest declared.
func portsOf(declared []abi.Port) []Port {
	ports := make([]Port, len(declared))
	for i, d := range declared {
		ports[i] = Port{Name: d.Name, DType: DType(d.DType), Ranked: d.Ranked, Optional: d.Optional, Dims: make([]Dim, len(d.Dims))}
		for j, dim := range d.Dims {
			ports[i].Dims[j] = Dim{int(dim.Size), dim.Name}
		}
	}
	return ports
}

// copied are ports for the caller, who may change them.
func copied(ports []Port) []Port {
	ports = slices.Clone(ports)
	for i := range ports {
		ports[i].Dims = slices.Clone(ports[i].Dims)
	}
	return ports
}

// bind puts the values of a request into the order of the ports. An absent
// optional input stays the zero Tensor. Floats are borrowed; integers are
// copied, since an index must not change after it was checked.
func (c *call) bind(ports []Port, in Values) error {
	c.in = slices.Grow(c.in[:0], len(ports))[:len(ports)]
	used, copies := 0, 0
	for i := range ports {
		p := &ports[i]
		v, ok := in[p.Name]
		if !ok {
			if p.Optional {
				c.in[i] = kernels.Tensor{}
				continue
			}
			return faultf(StageRun, ErrInput, "no value for %s; %s", quote(p.Name), expects(ports))
		}
		used++
		t, ok := v.(Tensor)
		if !ok {
			return faultf(StageRun, ErrInput, "%s takes a tensor", p)
		}
		if err := p.fits(t.typ); err != nil {
			return err
		}
		c.in[i] = kernels.Tensor{Type: t.typ, Data: t.data}
		if owned(&c.in[i]) {
			copies += len(t.data) + maxElement
		}
	}
	if used != len(in) {
		for _, name := range slices.Sorted(maps.Keys(in)) {
			if !slices.ContainsFunc(ports, func(p Port) bool { return p.Name == name }) {
				return faultf(StageRun, ErrInput, "the model has no input %s; %s", quote(name), expects(ports))
			}
		}
	}
	if copies > cap(c.copies) {
		c.copies = tensor.Aligned(int64(copies))
	}
	free := c.copies[:cap(c.copies)]
	for i := range c.in {
		if t := &c.in[i]; owned(t) {
			n := copy(free, t.Data)
			t.Data = free[:n:n]
			if t.DType == tensor.Bool {
				tidy(t.Data)
			}
			free = free[(n+maxElement-1)&^(maxElement-1):]
		}
	}
	return nil
}

// owned reports whether an input is copied before kernels see it.
func owned(t *kernels.Tensor) bool { return !t.DType.IsFloat() || !aligned(t.Data, maxElement) }

// tidy makes bools of what the caller may have written into a tensor since it
// was made.
func tidy(data []byte) {
	for i, v := range data {
		data[i] = min(v, 1)
	}
}

// maxElement is the size of the largest element, to which inputs are aligned.
const maxElement = 8

// fits reports why a tensor of type t may not enter the port.
func (p *Port) fits(t tensor.Type) error {
	ok := t.DType == tensor.DType(p.DType) && (!p.Ranked || int(t.Rank) == len(p.Dims))
	if ok && p.Ranked {
		for i, d := range p.Dims {
			ok = ok && (d.Size < 0 || int64(d.Size) == t.Dims[i])
		}
	}
	if !ok {
		return faultf(StageRun, ErrInput, "%s is given %v", p, t)
	}
	return nil
}

// maxListed caps how many ports an error lists.
const maxListed = 8

func expects(ports []Port) string {
	if len(ports) == 0 {
		return "the model takes no input"
	}
	var b strings.Builder
	b.WriteString("the model takes ")
	for i, p := range ports[:min(len(ports), maxListed)] {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(p.String())
	}
	if n := len(ports) - maxListed; n > 0 {
		fmt.Fprintf(&b, " and %d more", n)
	}
	return b.String()
}
