package layer

import (
	"fmt"
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// refuse ends the load for something that is wrong with l. offset may be -1.
func (l *Layer) refuse(offset int64, kind abi.FaultKind, format string, args ...any) {
	if offset < 0 {
		offset = l.Offset
	}
	scan.Refuse(abi.Fault{Kind: kind, Blob: l.Blob, Offset: offset, Node: l.Path, Op: string(l.Kind), Text: fmt.Sprintf(format, args...)})
}

// refuseWeight ends the load for something that is wrong with a weight of l,
// which may be in another file than l.
func (l *Layer) refuseWeight(w *Weight, kind abi.FaultKind, format string, args ...any) {
	scan.Refuse(abi.Fault{Kind: kind, Blob: w.Blob, Offset: w.Offset, Node: l.Path, Op: string(l.Kind), Text: fmt.Sprintf(format, args...)})
}

// Check refuses a tree that breaks the table of kinds: a parameter out of its
// range, a weight of the wrong shape, too many layers.
func (l *Layer) Check() {
	left := maxLayers
	l.check(&left, 0)
}

func (l *Layer) check(left *int, depth int) {
	if *left--; *left < 0 || depth > maxDepth {
		l.refuse(-1, abi.FaultUnsupported, "more than %d layers, or nested more than %d deep", maxLayers, maxDepth)
	}
	spec, ok := specs[l.Kind]
	if !ok {
		l.refuse(-1, abi.FaultUnsupported, "no such kind of layer")
	}
	for _, p := range spec.Params {
		l.checkParam(p)
	}
	if spec.Spatial {
		l.checkSpatial(spec)
	}
	if n := len(l.Layers); n < spec.MinLayers || n > spec.MaxLayers {
		l.refuse(-1, abi.FaultMalformed, "%d layers inside", n)
	}
	l.checkGroups()
	l.checkWeights(spec)
	if (l.Join == JoinLayer) != (l.Joiner != nil) {
		l.refuse(-1, abi.FaultMalformed, "a way to join without its layer")
	}
	for _, inner := range l.Inner() {
		inner.check(left, depth+1)
	}
}

func (l *Layer) checkParam(p Param) {
	numbers := func(ns ...int64) {
		for _, n := range ns {
			if float64(n) < p.Min || float64(n) > p.Max {
				l.refuse(-1, abi.FaultMalformed, "%s is %d, not from %g to %g", p.Name, n, p.Min, p.Max)
			}
		}
	}
	switch v := p.At(l).(type) {
	case *int64:
		numbers(*v)
	case *[]int64:
		numbers(*v...)
		if n := len(*v); n < 1 || n > MaxNumbers(l.Kind) {
			l.refuse(-1, abi.FaultMalformed, "%s has %d numbers, not 1 to %d", p.Name, n, MaxNumbers(l.Kind))
		}
	case *float64:
		if !(*v >= p.Min && *v <= p.Max) {
			l.refuse(-1, abi.FaultMalformed, "%s is %g, not from %g to %g", p.Name, *v, p.Min, p.Max)
		}
	case *Function:
		if _, ok := v.known(); !ok {
			l.refuse(-1, abi.FaultUnsupported, "function %q", v.Name)
		}
	case *Join:
		if !slices.Contains(joins, *v) {
			l.refuse(-1, abi.FaultUnsupported, "way to join %q", *v)
		}
	}
}

var joins = []Join{JoinAdd, JoinSub, JoinMul, JoinMax, JoinConcat, JoinTuple, JoinLayer}

func (l *Layer) checkSpatial(spec Spec) {
	n := max(len(l.Kernel), len(l.Size))
	for _, p := range spec.Params {
		if v, ok := p.At(l).(*[]int64); ok && len(*v) != n {
			l.refuse(-1, abi.FaultMalformed, "%s has %d numbers for %d spatial dims", p.Name, len(*v), n)
		}
	}
}

// checkGroups refuses groups that do not divide the channels.
func (l *Layer) checkGroups() {
	if l.Groups != 0 && (l.In%l.Groups != 0 || l.Out%l.Groups != 0) {
		l.refuse(-1, abi.FaultMalformed, "%d groups of %d and %d channels", l.Groups, l.In, l.Out)
	}
}

func (l *Layer) checkWeights(spec Spec) {
	found := 0
	for _, a := range spec.Arrays {
		w := l.Weights[a.Role]
		if w == nil && !a.Optional {
			l.refuse(-1, abi.FaultMalformed, "no %s", a.Role)
		}
		if w == nil {
			continue
		}
		found++
		if !w.Type.DType.IsFloat() {
			l.refuseWeight(w, abi.FaultUnsupported, "%s is %s", a.Role, w.Type)
		}
		if a.Dims != nil && !slices.Equal(w.Shape(), a.Dims(l)) {
			l.refuseWeight(w, abi.FaultMalformed, "%s has the shape %d, not %d", a.Role, w.Shape(), a.Dims(l))
		}
	}
	if found != len(l.Weights) {
		l.refuse(-1, abi.FaultMalformed, "a weight that %s does not have", l.Kind)
	}
}
