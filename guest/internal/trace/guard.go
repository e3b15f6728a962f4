package trace

import "github.com/glovebox-ml/glovebox/guest/abi"

// guard is a decision that the trace took: it must be the same for every other
// input that a program serves.
type guard struct {
	cmp   abi.Cmp
	sym   symbol
	limit int64
}

// guard records that a, compared with limit, was true. It goes into the next
// program that runs, before anything that was built on the decision.
func (t *Tracer) guard(cmp abi.Cmp, a Int, limit int64) {
	g := guard{cmp, *a.sym, limit}
	if t.guarded[g] {
		return
	}
	if len(t.guards) >= abi.MaxGuards {
		t.mixed = true
		return
	}
	if t.guarded == nil {
		t.guarded = map[guard]bool{}
	}
	t.guarded[g] = true
	t.guards = append(t.guards, g)
}

// due takes the guards that a program at this depth carries: those of a loop's
// body stay with the body.
func (t *Tracer) due() []guard {
	var now, later []guard
	for _, g := range t.guards {
		if g.sym.of.depth <= t.depth {
			now = append(now, g)
		} else {
			later = append(later, g)
		}
	}
	t.guards = later
	return now
}
