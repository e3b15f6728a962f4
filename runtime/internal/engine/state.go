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
	size    int64         // of the memory
	leaves  *pages.Region // what of it is not as in begun,
	index   []int32       // and where it belongs
	globals []uint64
	random  rand.PCG
	clock   int64
	started bool
}

// Size is what the state takes of the host's memory.
func (s *State) Size() int64 { return int64(len(s.leaves.Bytes())) }

// Free gives the state's memory back. Nobody may restore it any more.
func (s *State) Free() { s.leaves.Free() }

// none is a leaf of zeros.
var none [vet.Leaf]byte

// leaf is the k-th leaf of a memory as the guest begins with it.
func leaf(b *vet.Begun, k int) []byte {
	if p := b.Leaf(k); p != nil {
		return p
	}
	return none[:]
}

// begin puts an instance behind its start-up code.
func (i *Instance) begin(b *vet.Begun) error {
	if b.Size() == 0 {
		return nil
	}
	if len(b.Globals) != len(i.globals) {
		return ErrModule
	}
	if err := i.resize(b.Size()); err != nil {
		return err
	}
	for k := range len(i.mem.now) / vet.Leaf {
		copy(i.mem.now[k*vet.Leaf:], b.Leaf(k))
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
	var index []int32
	for k := range len(i.mem.now) / vet.Leaf {
		if !bytes.Equal(i.mem.now[k*vet.Leaf:][:vet.Leaf], leaf(i.code.begun, k)) {
			index = append(index, int32(k))
		}
	}
	kept, err := pages.Alloc(int64(len(index)) * vet.Leaf)
	if err != nil {
		return nil, ErrMemory
	}
	for n, k := range index {
		copy(kept.Bytes()[n*vet.Leaf:], i.mem.now[int(k)*vet.Leaf:][:vet.Leaf])
	}
	s := &State{
		begun:   i.code.begun,
		size:    i.mem.size,
		leaves:  kept,
		index:   index,
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
	kept := s.leaves.Bytes()
	if kept == nil && len(s.index) > 0 {
		return ErrClosed
	}
	if err := i.resize(s.size); err != nil {
		return err
	}
	// What is as it was is not written: the system need not find pages for it.
	next := 0
	for k := range len(i.mem.now) / vet.Leaf {
		now, then := i.mem.now[k*vet.Leaf:][:vet.Leaf], leaf(s.begun, k)
		if next < len(s.index) && int(s.index[next]) == k {
			then = kept[next*vet.Leaf:][:vet.Leaf]
			next++
		}
		if !bytes.Equal(now, then) {
			copy(now, then)
		}
	}
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
