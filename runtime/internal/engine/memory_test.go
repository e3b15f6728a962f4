package engine

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/vet"
)

func TestMemoryIsCharged(t *testing.T) {
	var now, peak int64
	i := instance(t, Options{OnGrow: func(delta int64) bool {
		now += delta
		peak = max(peak, now)
		return true
	}})
	if size := i.MemorySize(); now != size || size == 0 {
		t.Errorf("%d bytes charged for a fresh memory of %d", now, size)
	}
	if _, _, err := load(i, taskRemember); err != nil {
		t.Fatal(err)
	}
	if size := i.MemorySize(); now != size || size < 8<<20 {
		t.Errorf("%d bytes charged for a memory of %d", now, size)
	}
	i.Close()
	if now != 0 || peak > memory {
		t.Errorf("%d bytes still charged, %d at most", now, peak)
	}
}

func TestMemoryCaps(t *testing.T) {
	i := instance(t, Options{OnGrow: func(delta int64) bool { return delta < 4<<20 }})
	if _, _, err := load(i, taskRemember); !errors.Is(err, ErrMemory) {
		t.Errorf("past what the ledger has: %v", err)
	}
	code, err := sharedCode()
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range []Options{{Memory: 0}, {Memory: -1}, {Memory: pageSize}, {Memory: memory, OnGrow: func(int64) bool { return false }}} {
		if _, err := code.Instantiate(context.Background(), o); !errors.Is(err, ErrMemory) {
			t.Errorf("%d bytes of memory: %v", o.Memory, err)
		}
	}
}

// memory is all of a state's memory.
func (s *State) memory() []byte {
	b := make([]byte, s.size)
	for k := range len(b) / vet.Leaf {
		copy(b[k*vet.Leaf:], s.begun.Leaf(k))
	}
	for n, k := range s.index {
		copy(b[int(k)*vet.Leaf:], s.leaves.Bytes()[n*vet.Leaf:][:vet.Leaf])
	}
	return b
}

func TestRestoreLeavesNothing(t *testing.T) {
	i := instance(t, Options{})
	if _, _, err := load(i, taskOK); err != nil {
		t.Fatal(err)
	}
	frozen, err := i.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	run := func(i *Instance, task uint64) (uint32, int64) {
		ret, fuel, err := load(i, task)
		if err != nil {
			t.Fatal(err)
		}
		return ret, fuel
	}
	same := func(what string, i *Instance) {
		t.Helper()
		s, err := i.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		defer s.Free()
		if !bytes.Equal(s.memory(), frozen.memory()) || s.random != frozen.random || s.clock != frozen.clock || s.size != i.MemorySize() {
			t.Errorf("%s: the state is not what was frozen", what)
		}
		for k, g := range s.globals {
			if g != frozen.globals[k] {
				t.Errorf("%s: global %d is %d, was %d", what, k, g, frozen.globals[k])
			}
		}
	}
	type answer struct {
		n    uint32
		fuel int64
	}
	var first [3]answer
	tasks := [...]uint64{taskRandom, taskWork, taskRemember}
	for round := range 3 {
		for k, task := range tasks {
			if err := i.Restore(frozen); err != nil {
				t.Fatal(err)
			}
			same("after a run", i)
			if n, _ := run(i, taskRecall); n != 0 {
				t.Fatalf("%d bytes of an earlier run are there", n)
			}
			n, fuel := run(i, task)
			if round == 0 {
				first[k] = answer{n, fuel}
			} else if first[k] != (answer{n, fuel}) {
				t.Errorf("task %d gives %v, then %v", task, first[k], answer{n, fuel})
			}
		}
	}

	fresh := instance(t, Options{Seed: 99})
	if err := fresh.Restore(frozen); err != nil {
		t.Fatal(err)
	}
	same("in another instance", fresh)
	run(fresh, taskRecall)
	n, fuel := run(fresh, taskRandom)
	if first[0] != (answer{n, fuel}) {
		t.Errorf("another instance gives %v, not %v", answer{n, fuel}, first[0])
	}

	large := instance(t, Options{})
	run(large, taskRemember)
	s, err := large.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if err := fresh.Restore(s); err != nil {
		t.Fatal(err)
	}
	if n, _ := run(fresh, taskRecall); n != 8<<20 {
		t.Errorf("%d bytes are remembered", n)
	}
	if err := fresh.Restore(frozen); err != nil {
		t.Fatal(err)
	}
	fresh.mem.limit = 0
	if err := fresh.Restore(s); !errors.Is(err, ErrMemory) {
		t.Errorf("restoring more than the cap: %v", err)
	}
	if _, _, err := load(fresh, taskOK); !errors.Is(err, ErrEnded) {
		t.Errorf("then %v", err)
	}
	if err := i.Restore(&State{}); !errors.Is(err, ErrState) {
		t.Errorf("the state of another guest: %v", err)
	}
}

func BenchmarkInstantiate(b *testing.B) {
	goGuest(b)
	code, err := sharedCode()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		i, err := code.Instantiate(context.Background(), Options{Memory: memory})
		if err != nil {
			b.Fatal(err)
		}
		i.Close()
	}
}

func BenchmarkRestore(b *testing.B) {
	i := instance(b, Options{})
	if _, _, err := load(i, taskOK); err != nil {
		b.Fatal(err)
	}
	s, err := i.Snapshot()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := i.Restore(s); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkCall(b *testing.B) {
	i := instance(b, Options{})
	if _, _, err := load(i, taskOK); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := i.Call(context.Background(), &box{}, &meter{}, abi.ExportRun); err != nil {
			b.Fatal(err)
		}
	}
}
