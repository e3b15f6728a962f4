package engine

import (
	"bytes"
	"context"
	"errors"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/vet"
)

// TestParts: what a part lacks is told apart from what a guest does wrong, and
// a state of the part is one of the whole.
func TestParts(t *testing.T) {
	ctx := context.Background()
	e, err := New(ctx, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	start := make([]byte, 1025*pageSize)
	start[8] = 42
	begun := vet.Begin(start, nil)
	load := func(i *Instance) (uint32, error) {
		return i.Call(ctx, &answers{}, &meter{}, abi.ExportLoad, 0)
	}
	// Unreachable where the word at 16 is zero, else the one at 8.
	wasm := handMade(t, "\x41\x10\x28\x02\x00\x45\x04\x40\x00\x0b\x41\x08\x28\x02\x00")
	part, err := e.CompilePart(ctx, wasm, begun)
	if err != nil {
		t.Fatal(err)
	}
	defer part.Close()
	first, err := part.Instantiate(ctx, Options{Memory: 2 * memory})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	snapshot := func() *State {
		t.Helper()
		s, err := first.Snapshot()
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	fresh := snapshot()
	if fresh.Size() != 0 || !bytes.Equal(fresh.memory(), start) {
		t.Errorf("it begins otherwise, by %d bytes", fresh.Size())
	}
	first.mem.now[16] = 1
	state := snapshot()
	if state.Size() != vet.Leaf {
		t.Errorf("a byte more takes %d bytes", state.Size())
	}
	first.mem.now[16] = 0
	if _, err := load(first); err != TrapAbsent {
		t.Errorf("a part that gives up: %v", err)
	}

	whole, err := e.CompileBegun(ctx, wasm, begun)
	if err != nil {
		t.Fatal(err)
	}
	defer whole.Close()
	second, err := whole.Instantiate(ctx, Options{Memory: 2 * memory})
	if err != nil {
		t.Fatal(err)
	}
	defer second.Close()
	if err := second.Restore(state); err != nil {
		t.Fatal(err)
	}
	if n, err := load(second); n != 42 || err != nil {
		t.Errorf("the state of a part in the whole: %d, %v", n, err)
	}
	if err := second.Restore(fresh); err != nil {
		t.Fatal(err)
	}
	if _, err := load(second); err != TrapUnreachable {
		t.Errorf("a whole that gives up: %v", err)
	}

	other, err := e.Compile(ctx, wasm)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	third, err := other.Instantiate(ctx, Options{Memory: 2 * memory})
	if err != nil {
		t.Fatal(err)
	}
	defer third.Close()
	if err := third.Restore(state); err != ErrState {
		t.Errorf("the state of another guest: %v", err)
	}
	state.Free()
	fourth, err := part.Instantiate(ctx, Options{Memory: 2 * memory})
	if err != nil {
		t.Fatal(err)
	}
	defer fourth.Close()
	if err := fourth.Restore(state); err != ErrClosed {
		t.Errorf("a state that was freed: %v", err)
	}

	misfit, err := e.CompilePart(ctx, wasm, vet.Begin(start, []uint64{1}))
	if err != nil {
		t.Fatal(err)
	}
	defer misfit.Close()
	if _, err := misfit.Instantiate(ctx, Options{Memory: 2 * memory}); !errors.Is(err, ErrModule) {
		t.Errorf("a beginning of another guest: %v", err)
	}
}
