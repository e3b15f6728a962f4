package engine

import (
	"bytes"
	"math/rand/v2"

	"github.com/glovebox-ml/glovebox/guest/vet"
	"github.com/glovebox-ml/glovebox/host/pages"
)

// State is all that a guest remembers: its memory, its mutable globals, its
// clock and where its random numbers are. It never changes, and may be
// restored into any instance of the same guest, at any time.
type State struct {
	begun   *vet.Begun
	memory  *pages.Region
	globals []uint64
	random  rand.PCG
	clock   int64
	started bool
}

// Size is what the state takes of the host's memory.
func (s *State) Size() int64 { return int64(len(s.memory.Bytes())) }

// Free gives the state's memory back. Nobody may restore it any more.
func (s *State) Free() { s.memory.Free() }

// begin puts an instance behind its start-up code.
func (i *Instance) begin(b *vet.Begun) error {
	if b.Pages == 0 {
		return nil
	}
	if len(b.Globals) != len(i.globals) {
		return ErrModule
	}
	if err := i.resize(int64(b.Pages) * pageSize); err != nil {
		return err
	}
	for _, s := range b.Data {
		copy(i.mem.now[s.Offset:], s.Data)
	}
	for k, g := range i.globals {
		g.Set(b.Globals[k])
	}
	i.started = true
	return nil
}

// Snapshot copies the state between two calls.
func (i *Instance) Snapshot() (*State, error) {
	if err := i.enter(); err != nil {
		return nil, err
	}
	defer i.leave(nil)
	memory, err := pages.Alloc(i.mem.size)
	if err != nil {
		return nil, ErrMemory
	}
	copyNonzero(memory.Bytes(), i.mem.now)
	s := &State{
		begun:   i.code.begun,
		memory:  memory,
		globals: make([]uint64, len(i.globals)),
		random:  i.random,
		clock:   i.clock,
		started: i.started,
	}
	for k, g := range i.globals {
		s.globals[k] = g.Get()
	}
	return s, nil
}

// copyNonzero copies to memory that is zero, and leaves alone what stays so:
// the system need not find pages for it.
func copyNonzero(to, from []byte) {
	const page = 4 << 10
	var zero [page]byte
	for at := 0; at < len(from); at += page {
		if p := from[at:min(at+page, len(from))]; !bytes.Equal(p, zero[:len(p)]) {
			copy(to[at:], p)
		}
	}
}

// Restore puts a state in place of what the guest remembers. Nothing is left
// of what it did since. An error ends the instance.
func (i *Instance) Restore(s *State) error {
	if err := i.enter(); err != nil {
		return err
	}
	err := i.restore(s)
	i.leave(err)
	return err
}

func (i *Instance) restore(s *State) error {
	if s.begun != i.code.begun {
		return ErrState
	}
	memory := s.memory.Bytes()
	if memory == nil {
		return ErrClosed
	}
	if err := i.resize(int64(len(memory))); err != nil {
		return err
	}
	copy(i.mem.now, memory)
	for k, g := range i.globals {
		g.Set(s.globals[k])
	}
	i.random, i.clock, i.started = s.random, s.clock, s.started
	return nil
}

// resize makes the memory n bytes long. The engine has no way to shrink one,
// but takes whatever its allocator answers to a growth.
func (i *Instance) resize(n int64) error {
	m := i.mod.Memory()
	if m == nil || n == i.mem.size {
		return nil
	}
	delta := uint32(1)
	if n < i.mem.size {
		i.mem.shrink = n
	} else {
		delta = uint32((n - i.mem.size) / pageSize)
	}
	_, ok := m.Grow(delta)
	i.mem.shrink = -1
	if !ok || i.mem.size != n || int64(m.Size()) != n {
		return ErrMemory
	}
	return nil
}
