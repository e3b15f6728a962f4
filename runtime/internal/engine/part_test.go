package engine

import (
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
	begun := &vet.Begun{Pages: 1025, Data: []vet.Segment{{Offset: 8, Data: []byte{42}}}}
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
	state, err := first.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	if state.Size() != 1025*pageSize || state.memory.Bytes()[8] != 42 {
		t.Errorf("it begins with %d bytes, of which one is %d", state.Size(), state.memory.Bytes()[8])
	}
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
	state.memory.Bytes()[16] = 1
	if err := second.Restore(state); err != nil {
		t.Fatal(err)
	}
	if n, err := load(second); n != 42 || err != nil {
		t.Errorf("the state of a part in the whole: %d, %v", n, err)
	}
	state.memory.Bytes()[16] = 0
	if err := second.Restore(state); err != nil {
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

	misfit, err := e.CompilePart(ctx, wasm, &vet.Begun{Pages: 1025, Globals: []uint64{1}})
	if err != nil {
		t.Fatal(err)
	}
	defer misfit.Close()
	if _, err := misfit.Instantiate(ctx, Options{Memory: 2 * memory}); !errors.Is(err, ErrModule) {
		t.Errorf("a beginning of another guest: %v", err)
	}
}
