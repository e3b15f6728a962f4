package runtime

import (
	"context"
	"time"
)

// Limits bound a model and each of its runs. Zero is the default, and there is
// no way to have none.
//
// Time begins when the box has been compiled, which a call of a new process
// waits for as long as its context says; compiling goes on without it. A call
// that finds that it needs more of the box waits for that in its Time.
type Limits struct {
	Memory int64         // bytes of a model with one run of it; 1 GiB
	Output int64         // bytes of the outputs of a run, and of a value that Decode gives; 64 MiB
	File   int64         // bytes of one part; 4 GiB
	Time   time.Duration // of one call; 30 s
	Work   uint64        // kernel work and guest instructions of one call, 8 FLOP each; 1e13
}

// defaults are what a zero field stands for.
var defaults = Limits{Memory: 1 << 30, Output: 64 << 20, File: 4 << 30, Time: 30 * time.Second, Work: 1e13}

// or fills what l leaves open from d.
func (l Limits) or(d Limits) Limits {
	return Limits{
		Memory: first(l.Memory, d.Memory), Output: first(l.Output, d.Output), File: first(l.File, d.File),
		Time: first(l.Time, d.Time), Work: first(l.Work, d.Work),
	}
}

// lower takes the smaller of each field; what by leaves open stays.
func (l Limits) lower(by Limits) Limits {
	by = by.or(l)
	return Limits{
		Memory: min(l.Memory, by.Memory), Output: min(l.Output, by.Output), File: min(l.File, by.File),
		Time: min(l.Time, by.Time), Work: min(l.Work, by.Work),
	}
}

// negative reports a field that means nothing.
func (l Limits) negative() bool { return l.Memory < 0 || l.Output < 0 || l.File < 0 || l.Time < 0 }

func first[T comparable](a, b T) T {
	var zero T
	if a != zero {
		return a
	}
	return b
}

type limitsKey struct{}

// WithLimits lowers the limits of the calls that are given the context. Fields
// that are zero, or above the limit in force, change nothing.
func WithLimits(ctx context.Context, l Limits) context.Context {
	if outer, ok := ctx.Value(limitsKey{}).(Limits); ok {
		l = tighten(outer, l)
	}
	return context.WithValue(ctx, limitsKey{}, l)
}

// tighten joins two sets of lower limits, either of which may leave fields
// open.
func tighten(a, b Limits) Limits { return a.or(b).lower(b) }

// limitsOf is base, lowered by what the context says.
func limitsOf(ctx context.Context, stage Stage, base Limits) (Limits, error) {
	by, ok := ctx.Value(limitsKey{}).(Limits)
	if !ok {
		return base, nil
	}
	if by.negative() {
		return Limits{}, faultf(stage, ErrInput, "a negative limit")
	}
	return base.lower(by), nil
}
