package host

import (
	"slices"
	"sync"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// An arena is memory that runs of a model compute in, one at a time, with the
// frames that were made over it. It waits for the next run, so a served run
// takes no memory and touches pages that are there, one of other sizes too. A
// kernel writes every byte of its results, so nothing of an earlier run is ever
// read.
type arena struct {
	mem    *memory // charged to nobody by itself
	frames map[*program]*frame
	waits  int64 // bytes that the model is charged for what waits of it
}

// arenas are those of a model that wait, the one used last at the end.
type arenas struct {
	mu   sync.Mutex
	idle []*arena
}

// maxIdle is how many arenas of a model wait: more runs at once than that take
// fresh ones.
const maxIdle = 4

// needs is what a run of p is charged.
func (p *program) needs() int64 { return tensor.AddSat(p.layout.arena, p.layout.frame) }

// take is an arena with a frame of p, a prepared program, charged to l.
func (m *Model) take(p *program, l *ledger) (*arena, error) {
	if err := l.charge(p.needs()); err != nil {
		return nil, err
	}
	a := m.idle(p)
	if a == nil {
		mem, err := obtain(p.layout.arena)
		if err != nil {
			l.release(p.needs())
			return nil, err
		}
		a = &arena{mem: mem, frames: map[*program]*frame{}}
	}
	if a.frames[p] == nil {
		a.frames[p] = p.newFrame(a.mem.data, m.pool)
	}
	return a, nil
}

// idle is the arena that p used last, or one that is large enough. The model is
// no longer charged for what p uses of it, but still for what is left over.
func (m *Model) idle(p *program) *arena {
	m.arenas.mu.Lock()
	defer m.arenas.mu.Unlock()
	list := m.arenas.idle
	best := -1
	for i, a := range list {
		if a.frames[p] != nil || int64(len(a.mem.data)) >= p.layout.arena && (best < 0 || list[best].frames[p] == nil) {
			best = i
		}
	}
	if best < 0 {
		if len(list) > 0 {
			m.discard(list[0])
			m.arenas.idle = slices.Delete(list, 0, 1)
		}
		return nil
	}
	a := list[best]
	m.arenas.idle = slices.Delete(list, best, best+1)
	n := p.layout.arena
	if a.frames[p] != nil {
		n = p.needs()
	}
	m.charge(a, -n)
	return a
}

// rest lets an arena wait that p ran in, if the model has room for it. It keeps
// nothing of the run.
func (m *Model) rest(a *arena, p *program, l *ledger) {
	a.frames[p].forget()
	m.arenas.mu.Lock()
	defer m.arenas.mu.Unlock()
	if len(m.arenas.idle) == maxIdle || m.charge(a, p.needs()) != nil {
		m.discard(a)
	} else {
		m.arenas.idle = append(m.arenas.idle, a)
		m.clean(a)
	}
	l.release(p.needs())
}

// charge charges the model for n bytes more that wait.
func (m *Model) charge(a *arena, n int64) error {
	if n < 0 {
		m.ledger.release(-n)
	} else if err := m.ledger.charge(n); err != nil {
		return err
	}
	a.waits += n
	m.spare.Add(n)
	return nil
}

// clean lets go of the frames of programs that ended.
func (m *Model) clean(a *arena) {
	for p := range a.frames {
		if p.life.holders.Load() == 0 {
			delete(a.frames, p)
			_ = m.charge(a, -p.layout.frame)
		}
	}
}

// discard frees an arena that waited.
func (m *Model) discard(a *arena) {
	_ = m.charge(a, -a.waits)
	a.mem.free()
}

// unrest lets go of the frames of programs that ended.
func (m *Model) unrest() {
	m.arenas.mu.Lock()
	defer m.arenas.mu.Unlock()
	for _, a := range m.arenas.idle {
		m.clean(a)
	}
}

// unrestAll frees the arenas that wait.
func (m *Model) unrestAll() {
	m.arenas.mu.Lock()
	defer m.arenas.mu.Unlock()
	for _, a := range m.arenas.idle {
		m.discard(a)
	}
	m.arenas.idle = nil
}

// share is what a run may not take: the model's own memory, without what only
// waits for a run.
func (m *Model) share() int64 { return m.ledger.total() - m.spare.Load() }
