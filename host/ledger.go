package host

import (
	"context"
	"errors"
	"sync/atomic"
)

// Error is a reason of the host's own to end a load or a run.
type Error string

func (e Error) Error() string { return string(e) }

const (
	ErrMemory   Error = "memory limit reached"
	ErrWork     Error = "work limit reached"
	ErrOutput   Error = "output limit reached"
	ErrFile     Error = "file over the size limit"
	ErrTime     Error = "deadline reached"
	ErrCanceled Error = "canceled"
	ErrChanged  Error = "the file changed while it was read"
	ErrRead     Error = "the file cannot be read"
	ErrGuest    Error = "the guest broke the contract"
	ErrInternal Error = "internal fault"
	ErrValue    Error = "a value of the request is out of range"
	ErrClosed   Error = "closed"
)

// Limits bound a model or a run. Every field is positive.
type Limits struct {
	Memory int64  // bytes: weights, plans, guest memory, arena, outputs
	Output int64  // bytes of the results of a run
	File   int64  // bytes of one part
	Work   uint64 // kernel work and guest instructions, 8 FLOP or 8 instructions each
}

// ledger charges memory to a model or to a run. A run's ledger counts what its
// model held when the run began, so what an error says depends on the history
// of that model and that run alone.
type ledger struct {
	limit int64
	base  int64
	used  atomic.Int64
	peak  atomic.Int64
}

// reset makes l the ledger of another run.
func (l *ledger) reset(limit, base int64) {
	l.limit, l.base = limit, base
	l.used.Store(0)
	l.peak.Store(0)
}

func (l *ledger) charge(n int64) error {
	if n < 0 {
		return ErrMemory
	}
	for {
		u := l.used.Load()
		if n > l.limit-l.base-u {
			return ErrMemory
		}
		if l.used.CompareAndSwap(u, u+n) {
			for {
				p := l.peak.Load()
				if u+n <= p || l.peak.CompareAndSwap(p, u+n) {
					return nil
				}
			}
		}
	}
}

func (l *ledger) release(n int64) { l.used.Add(-n) }

// total is what the ledger stands at, its base included.
func (l *ledger) total() int64 { return l.base + l.used.Load() }

// stopped turns the end of a context into a reason.
func stopped(ctx context.Context) error {
	switch err := ctx.Err(); {
	case err == nil:
		return nil
	case errors.Is(err, context.DeadlineExceeded):
		return ErrTime
	default:
		return ErrCanceled
	}
}
