package engine

import (
	"errors"
	"runtime"
	"testing"
)

// TestRecursionLeavesLittle has fifty guests recurse until they are stopped,
// all alive at once. What the engine keeps for their stacks is outside the
// memory that a guest is charged for, so it has to be small.
func TestRecursionLeavesLittle(t *testing.T) {
	const guests, most = 50, 1 << 20
	held := func() uint64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return m.HeapInuse + m.StackInuse
	}
	instance(t, Options{})
	before := held()
	for range guests {
		if _, _, err := load(instance(t, Options{}), taskRecurse); !errors.Is(err, TrapDepth) {
			t.Fatal(err)
		}
	}
	if after := held(); after > before+guests*most {
		t.Errorf("%d guests left %d bytes behind", guests, after-before)
	}
}
