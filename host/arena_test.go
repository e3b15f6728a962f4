package host

import (
	"testing"

	"github.com/glovebox-ml/glovebox/kernels"
)

// waits checks what a model is charged for arenas that wait, and lists them.
func waits(t *testing.T, m *Model) []*arena {
	t.Helper()
	var all int64
	for _, a := range m.arenas.idle {
		n := int64(len(a.mem.data))
		for p := range a.frames {
			n += p.layout.frame
			if p.layout.arena > int64(len(a.mem.data)) {
				t.Errorf("a frame of %d bytes in an arena of %d", p.layout.arena, len(a.mem.data))
			}
		}
		if a.waits != n {
			t.Errorf("an arena of %d bytes with its frames is charged %d", n, a.waits)
		}
		all += n
	}
	if n := m.spare.Load(); n != all || len(m.arenas.idle) > maxIdle {
		t.Errorf("%d arenas of %d bytes wait, charged %d", len(m.arenas.idle), all, n)
	}
	return m.arenas.idle
}

// Sizes of one model compute in the same arena, the largest one's.
func TestArenasAreShared(t *testing.T) {
	m := newTestModel(t, small, nil)
	trace(t, m, false, numbered(3, 0))
	held := m.share()
	var last *arena
	for i, c := range []struct {
		size   int
		frames int
		fresh  bool
	}{{50, 1, true}, {40, 2, false}, {50, 2, false}, {90, 1, true}, {20, 2, false}, {50, 3, false}, {90, 3, false}} {
		in := numbered(c.size, i)
		got, ok := serve(t, m, in)
		if !ok {
			t.Fatalf("%d numbers are not served", c.size)
		}
		want(t, got, in)
		list := waits(t, m)
		if len(list) != 1 || len(list[0].frames) != c.frames {
			t.Fatalf("after %d numbers %d arenas wait, want one of %d frames", c.size, len(list), c.frames)
		}
		if fresh := list[0] != last; fresh != c.fresh {
			t.Errorf("%d numbers in a fresh arena: %t", c.size, fresh)
		}
		last = list[0]
	}
	if m.share() < held {
		t.Errorf("the model holds %d bytes, fewer than the %d of before", m.share(), held)
	}
	m.unrestAll()
	if waits(t, m); m.ledger.total() != m.share() {
		t.Errorf("%d bytes are charged for what does not wait", m.ledger.total()-m.share())
	}
}

// A program that ended has no frame in any arena, neither in one that waits nor
// in one that was used while the program ended.
func TestArenasForgetPrograms(t *testing.T) {
	m := newTestModel(t, small, nil)
	trace(t, m, false, numbered(3, 0))
	for _, size := range []int{60, 50} {
		serve(t, m, numbered(size, 0))
	}
	var programs []*program
	m.plans.mu.Lock()
	for _, tree := range m.plans.trees {
		tree.each(func(p *program) { programs = append(programs, p) })
	}
	m.plans.mu.Unlock()
	var own ledger
	own.reset(small.Memory, m.share())
	p := programs[0]
	p.hold()
	a, err := m.take(p, &own)
	if err != nil {
		t.Fatal(err)
	}
	m.plans.mu.Lock()
	for _, tree := range m.plans.trees {
		m.plans.drop(m, tree)
	}
	m.plans.mu.Unlock()
	m.sweep()
	m.rest(a, p, &own)
	if len(a.frames) != 1 || a.frames[p] == nil || len(waits(t, m)) != 1 {
		t.Errorf("%d frames wait, want that of the program which is held", len(a.frames))
	}
	m.drop(p)
	m.sweep()
	if len(a.frames) != 0 || own.used.Load() != 0 {
		t.Errorf("%d frames of programs that ended wait, %d bytes are charged to a run", len(a.frames), own.used.Load())
	}
	waits(t, m)
}

// Where the model has no room an arena does not wait.
func TestArenasWithinTheLimit(t *testing.T) {
	m := newTestModel(t, small, nil)
	trace(t, m, false, numbered(3, 0))
	serve(t, m, numbered(60, 0))
	m.unrestAll()
	if err := m.ledger.charge(small.Memory - m.ledger.total()); err != nil {
		t.Fatal(err)
	}
	tree, w, err := m.lookup(t.Context(), []kernels.Tensor{numbered(60, 0)})
	if err != nil {
		t.Fatal(err)
	}
	defer m.left(tree, w)
	var own ledger
	own.reset(small.Memory, 0)
	p := tree.root.steps[0].prog
	a, err := m.take(p, &own)
	if err != nil {
		t.Fatal(err)
	}
	if m.rest(a, p, &own); len(waits(t, m)) != 0 || own.used.Load() != 0 {
		t.Errorf("an arena waits beyond the limit, or is charged to its run")
	}
}
