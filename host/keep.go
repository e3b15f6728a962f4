package host

import (
	"slices"
	"sync/atomic"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// A constant stays with its model for as long as a program that may run needs
// it. Those that none needs are kept for the next trace of the model, which
// asks for the same ones, but only up to a share of the memory: a loop whose
// every turn makes a constant of its own must not fill the model.

// spareShare is the share of the memory limit that unneeded constants may take.
const spareShare = 8

// manyDead is when programs that ended are swept within a run.
const manyDead = 64

// life counts who may run a program: boxes, plans, the runs under way.
type life struct{ holders atomic.Int32 }

// hold keeps p. Its first holder has it hold what it runs.
func (p *program) hold() {
	if p.life.holders.Add(1) == 1 {
		for _, b := range p.bodies {
			b.hold()
		}
	}
}

// drop ends one hold. With the last the program's constants are no longer
// needed by it, nor is what it runs.
func (m *Model) drop(p *program) {
	if p.life.holders.Add(-1) != 0 {
		return
	}
	for _, b := range p.bodies {
		m.drop(b)
	}
	m.deadMu.Lock()
	m.dead = append(m.dead, p)
	many := len(m.dead) >= manyDead
	m.deadMu.Unlock()
	if many {
		m.sweep()
	}
}

// sweep lets go of what dead programs needed, and then of the oldest constants
// that nothing needs, until few are left. While a program is being prepared it
// leaves everything to the next time.
func (m *Model) sweep() {
	select {
	case m.preparing <- struct{}{}:
	default:
		return
	}
	defer func() { <-m.preparing }()
	m.bury()
	m.evict(m.turn+1, m.limits.Memory/spareShare)
}

// bury ends what dead programs needed. The caller holds preparing.
func (m *Model) bury() {
	m.deadMu.Lock()
	dead := m.dead
	m.dead = nil
	m.deadMu.Unlock()
	m.unrest()
	for _, p := range dead {
		for _, c := range p.ready.uses {
			c.uses--
		}
		p.ready.uses = nil
	}
}

// squeeze allocates for a constant, at the expense of those of earlier turns
// that nothing needs.
// The caller holds preparing.
func (m *Model) squeeze(before uint64, n int64) (*memory, error) {
	c, err := allocate(&m.ledger, n)
	if err == nil {
		return c, nil
	}
	m.bury()
	m.unrestAll()
	m.evict(before, 0)
	return allocate(&m.ledger, n)
}

// evict frees the oldest constants from before a turn that nothing needs, until
// at most spare bytes of them are left. The caller holds preparing.
func (m *Model) evict(before uint64, spare int64) {
	type entry struct {
		k    key
		of   map[key]*memory
		turn uint64
		n    int64
	}
	var unused []entry
	var total int64
	for _, of := range [...]map[key]*memory{m.kept, m.packed} {
		for k, c := range of {
			if c.uses == 0 && c.turn < before {
				unused = append(unused, entry{k, of, c.turn, c.n})
				total = tensor.AddSat(total, c.n)
			}
		}
	}
	if total <= spare {
		return
	}
	slices.SortFunc(unused, func(a, b entry) int {
		if a.turn < b.turn {
			return -1
		}
		return 1
	})
	for _, e := range unused {
		if total <= spare {
			return
		}
		e.of[e.k].free()
		delete(e.of, e.k)
		total -= e.n
	}
}

// viewKey names the bytes at off of blob number b, read as type t.
func viewKey(b abi.Handle, off int64, t tensor.Type) key { return hashKey('v', int64(b), off, t) }
