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

// Results is how many arrays l gives, as far as that can be told without
// tracing it.
func (l *Layer) Results() int {
	all := func(ls []*Layer) (n int) {
		for _, inner := range ls {
			n += inner.Results()
		}
		return n
	}
	switch l.Kind {
	case Chain:
		for i := len(l.Layers) - 1; i >= 0; i-- {
			if k := l.Layers[i].Kind; k != Identity && k != Dropout {
				return l.Layers[i].Results()
			}
		}
	case PairwiseFusion:
		return all(l.Layers)
	case MultiHeadAttention:
		return 2
	case Parallel, SkipConnection:
		switch l.Join {
		case JoinTuple:
			n := all(l.Layers)
			if l.Kind == SkipConnection {
				n++
			}
			return n
		case JoinLayer:
			return l.Joiner.Results()
		}
	}
	return 1
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
