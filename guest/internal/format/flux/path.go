package flux

import (
	"fmt"
	"strings"
)

// path is where in a file a value stands, as Julia would say it: from the name
// of a variable on, by names of fields and by indices from 1.
type path struct {
	parent *path
	name   string // of a field, or
	index  int
}

func (p *path) field(name string) *path { return &path{parent: p, name: name} }

func (p *path) at(index int) *path { return &path{parent: p, index: index} }

// Paths are cut where they are printed: back-references can nest as deep as a
// file is long, and a name be nearly as long.
const (
	maxParts = 64
	maxPart  = 128
	maxPath  = 1 << 10
)

func (p *path) String() string {
	var parts []string
	for q := p; q != nil; q = q.parent {
		if len(parts) == maxParts {
			parts = append(parts, "…")
			break
		}
		switch {
		case q.name == "":
			parts = append(parts, fmt.Sprintf("[%d]", q.index))
		case q.parent == nil:
			parts = append(parts, q.name[:min(len(q.name), maxPart)])
		default:
			parts = append(parts, "."+q.name[:min(len(q.name), maxPart)])
		}
	}
	var b strings.Builder
	for i := len(parts) - 1; i >= 0 && b.Len() < maxPath; i-- {
		b.WriteString(parts[i])
	}
	return b.String()
}
