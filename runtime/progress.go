package runtime

import (
	"context"
	"time"
)

// Event says how far a call is. Total is 0 where the end is not known.
type Event struct {
	Stage       Stage
	Done, Total int64 // bytes of the parts
}

type progressKey struct{}

// WithProgress has the calls that are given the context report to f, at most a
// few times a second, from a goroutine of their own: nothing waits for f but
// the return of the call. f must not call Close.
func WithProgress(ctx context.Context, f func(Event)) context.Context {
	return context.WithValue(ctx, progressKey{}, f)
}

// tick is the time between two events.
const tick = 100 * time.Millisecond

// watch reports what is read from now on to the context's progress function,
// at the start, at the end when stop is called, and in between. Of a nil reading
// nothing is read.
func (r *reading) watch(ctx context.Context, stage Stage) (stop func()) {
	f, ok := ctx.Value(progressKey{}).(func(Event))
	if !ok || f == nil {
		return func() {}
	}
	if r == nil {
		r = &reading{}
	}
	before := r.done.Load()
	quit, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		report := func() { f(Event{stage, min(r.done.Load()-before, r.total), r.total}) }
		t := time.NewTicker(tick)
		defer t.Stop()
		report()
		for {
			select {
			case <-t.C:
				report()
			case <-quit:
				report()
				return
			}
		}
	}()
	return func() {
		close(quit)
		<-ended
	}
}
