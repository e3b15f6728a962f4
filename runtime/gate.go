package runtime

import "sync"

// gate holds the calls inside something that can be closed. Closing refuses new
// calls, ends those inside and waits until each has returned: only then may
// memory that they read be given back.
type gate struct {
	mu     sync.Mutex
	closed bool
	inside *call // the first of a list
	calls  sync.WaitGroup
}

// enter lets a call in, which must leave; false, if the gate is closed.
func (g *gate) enter(c *call) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return false
	}
	if c.next = g.inside; c.next != nil {
		c.next.before = c
	}
	g.inside = c
	g.calls.Add(1)
	return true
}

func (g *gate) leave(c *call) {
	g.mu.Lock()
	if c.before != nil {
		c.before.next = c.next
	} else {
		g.inside = c.next
	}
	if c.next != nil {
		c.next.before = c.before
	}
	c.before, c.next = nil, nil
	g.mu.Unlock()
	g.calls.Done()
}

// close may be called any number of times; each returns when no call is inside.
func (g *gate) close() {
	g.mu.Lock()
	g.closed = true
	for c := g.inside; c != nil; c = c.next {
		c.end(ErrClosed)
	}
	g.mu.Unlock()
	g.calls.Wait()
}
