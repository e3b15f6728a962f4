package layer

import (
	"fmt"
	"strings"

	"github.com/glovebox-ml/glovebox/guest/abi"
)

// Network is a tree of layers with what it takes and gives.
type Network struct {
	Root          *Layer
	Input, Output abi.Port
	// Reversed says that the axes of the input and the output are in the
	// opposite order of what the layers take and give: Julia's.
	Reversed bool
}

// String is l on one line: its kind and its parameters.
func (l *Layer) String() string {
	var parts []string
	for _, p := range specs[l.Kind].Params {
		switch v := p.At(l).(type) {
		case *int64:
			parts = append(parts, fmt.Sprintf("%s %d", p.Name, *v))
		case *[]int64:
			parts = append(parts, fmt.Sprintf("%s %d", p.Name, *v))
		case *float64:
			parts = append(parts, fmt.Sprintf("%s %g", p.Name, *v))
		case *bool:
			if *v {
				parts = append(parts, p.Name)
			}
		case *Function:
			if !v.identity() {
				parts = append(parts, v.Name)
			}
		case *Join:
			parts = append(parts, string(*v))
		}
	}
	return strings.TrimSpace(string(l.Kind) + " " + strings.Join(parts, ", "))
}
