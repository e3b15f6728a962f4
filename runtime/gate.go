package runtime

import (
	"context"
	"sync"
)

// gate counts the calls inside something that can be closed. Closing refuses
// new calls, cancels those inside and waits until each has returned: only then
// may memory that they read be given back.
type gate struct {
	mu     sync.Mutex
	closed bool
	next   int
	cancel map[int]context.CancelCauseFunc
	calls  sync.WaitGroup
}

// within runs do as a call inside. Its context ends with ErrClosed as the cause
// when the gate closes.
func (g *gate) within(ctx context.Context, stage Stage, do func(context.Context) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	id, ok := g.enter(cancel)
	if !ok {
		return &Fault{Kind: ErrClosed, Stage: stage, Offset: -1}
	}
	defer g.leave(id)
	return do(ctx)
}

func (g *gate) enter(cancel context.CancelCauseFunc) (id int, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return 0, false
	}
	if g.cancel == nil {
		g.cancel = map[int]context.CancelCauseFunc{}
	}
	g.next++
	g.cancel[g.next] = cancel
	g.calls.Add(1)
	return g.next, true
}

func (g *gate) leave(id int) {
	g.mu.Lock()
	delete(g.cancel, id)
	g.mu.Unlock()
	g.calls.Done()
}

// close may be called any number of times; each returns when no call is inside.
func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	for _, cancel := range g.cancel {
		cancel(ErrClosed)
	}
	g.mu.Unlock()
	g.calls.Wait()
}
