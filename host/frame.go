package host

import (
	"sync"

	"github.com/glovebox-ml/glovebox/kernels"
)

// A frame is what one run of a program computes in: its arena and the argument
// lists of its kernels. Frames of a program wait for its next run, so a served
// run takes no memory and touches pages that are there. A kernel writes every
// byte of its results, so nothing of an earlier run is ever read.
type frame struct {
	arena *memory
	call  kernels.Call
}

// frames are those of one program that wait, charged to the model.
type frames struct {
	mu   sync.Mutex
	idle []*frame
}

// maxIdle is how many frames of a program wait: more runs at once than that
// take fresh ones.
const maxIdle = 4

// frame takes a waiting frame of p, or a new one, charged to l.
func (m *Model) frame(p *program, l *ledger) (*frame, error) {
	p.frames.mu.Lock()
	var f *frame
	if n := len(p.frames.idle); n > 0 {
		f = p.frames.idle[n-1]
		p.frames.idle = p.frames.idle[:n-1]
	}
	p.frames.mu.Unlock()
	if f == nil {
		arena, err := allocate(l, p.layout.arena)
		if err != nil {
			return nil, err
		}
		return &frame{arena: arena}, nil
	}
	m.spare.Add(-f.arena.n)
	if !f.arena.move(l) {
		f.arena.free()
		return nil, ErrMemory
	}
	return f, nil
}

// rest lets a frame wait, if the model has room for it.
func (m *Model) rest(p *program, f *frame) {
	f.call = kernels.Call{In: f.call.In[:0], Out: f.call.Out[:0]}
	p.frames.mu.Lock()
	defer p.frames.mu.Unlock()
	if len(p.frames.idle) == maxIdle || p.life.holders.Load() == 0 || !f.arena.move(&m.ledger) {
		f.arena.free()
		return
	}
	m.spare.Add(f.arena.n)
	p.frames.idle = append(p.frames.idle, f)
}

// unrest frees the frames of p that wait.
func (m *Model) unrest(p *program) {
	p.frames.mu.Lock()
	defer p.frames.mu.Unlock()
	for _, f := range p.frames.idle {
		m.spare.Add(-f.arena.n)
		f.arena.free()
	}
	p.frames.idle = nil
}

// unrestAll frees the waiting frames of every plan.
func (m *Model) unrestAll() {
	m.plans.mu.Lock()
	defer m.plans.mu.Unlock()
	for _, t := range m.plans.trees {
		t.each(m.unrest)
	}
}

// share is what a run may not take: the model's own memory, without what only
// waits for a run.
func (m *Model) share() int64 { return m.ledger.total() - m.spare.Load() }
