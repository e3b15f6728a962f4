package engine

import "errors"

// Error is why the engine refused, or where it failed itself.
type Error string

func (e Error) Error() string { return string(e) }

const (
	ErrClosed   Error = "engine: closed"
	ErrBusy     Error = "engine: the instance is in use"
	ErrEnded    Error = "engine: the instance has ended"
	ErrModule   Error = "engine: not a module that this engine runs"
	ErrExport   Error = "engine: no such export"
	ErrMemory   Error = "engine: the guest needs more memory than it may have"
	ErrState    Error = "engine: the state is of another guest"
	ErrInternal Error = "engine: internal fault"
)

// Trap is how a guest ended by its own doing.
type Trap string

func (t Trap) Error() string { return string(t) }

const (
	TrapUnreachable Trap = "guest: gave up"
	TrapBounds      Trap = "guest: memory access out of bounds"
	TrapCall        Trap = "guest: bad indirect call"
	TrapArithmetic  Trap = "guest: arithmetic fault"
	TrapDepth       Trap = "guest: calls nested too deeply"
	TrapExit        Trap = "guest: exited"
	TrapAbsent      Trap = "guest: gave up, or needs what this part of it lacks"
)

// traps maps what wazero says to what we say. Its own texts are never passed
// on: they hold names that the guest chose.
var traps = map[string]Trap{
	"unreachable":                   TrapUnreachable,
	"out of bounds memory access":   TrapBounds,
	"invalid table access":          TrapCall,
	"indirect call type mismatch":   TrapCall,
	"integer divide by zero":        TrapArithmetic,
	"integer overflow":              TrapArithmetic,
	"invalid conversion to integer": TrapArithmetic,
	"stack overflow":                TrapDepth,
}

// trapOf finds the trap at the root of an engine's error. What is not in the
// table is a fault of the engine.
func trapOf(err error) error {
	for {
		inner := errors.Unwrap(err)
		if inner == nil {
			break
		}
		err = inner
	}
	if t, ok := traps[err.Error()]; ok {
		return t
	}
	return ErrInternal
}
