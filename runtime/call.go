package runtime

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/host"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/runtime/internal/engine"
)

// call is one call of the user's: its limits, and what its errors are explained
// with. It is the context of all that is done for it, and ends with the
// caller's, when its time is up, or when the gate that it came through closes.
type call struct {
	context.Context // the caller's
	stage           Stage
	limits          Limits
	again           bool // the guest lacked something the first time
	served          bool // by a plan

	before, next *call // in its gate

	deadline time.Time
	timer    *time.Timer
	why      atomic.Uint32 // the Kind for which it ended, if the caller's did not
	mu       sync.Mutex
	waited   context.Context // what Done waits for, once someone does
	cancel   context.CancelFunc

	// Of a run: what goes in and comes out, in the order of the ports, and
	// where integers are copied to.
	in, out []kernels.Tensor
	copies  []byte
}

// Deadline is when the time of the call, or of its caller, is up.
func (c *call) Deadline() (time.Time, bool) {
	if d, ok := c.Context.Deadline(); ok && d.Before(c.deadline) {
		return d, true
	}
	return c.deadline, true
}

// Done is closed when the call ends.
func (c *call) Done() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.waited == nil {
		c.waited, c.cancel = context.WithCancel(c.Context)
		if c.why.Load() != 0 {
			c.cancel()
		}
	}
	return c.waited.Done()
}

// Err is why the call ended, or nil.
func (c *call) Err() error {
	switch Kind(c.why.Load()) {
	case 0:
		return c.Context.Err()
	case ErrTime:
		return context.DeadlineExceeded
	}
	return context.Canceled
}

// end ends the call for a reason that the caller's context does not know.
func (c *call) end(why Kind) {
	c.why.CompareAndSwap(0, uint32(why))
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cancel != nil {
		c.cancel()
	}
}

// finish ends the call's clock. True, if nothing knows of the call any more and
// it may be another's.
func (c *call) finish() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	idle := c.timer != nil && c.timer.Stop() && c.why.Load() == 0 && c.waited == nil
	if c.cancel != nil {
		c.cancel()
	}
	return idle
}

// attempt runs do under base, lowered by what the context says, with the guest
// compiled before its clock starts. Where do needs more of the guest than there
// is, it is run anew with guests that have more, in the time that compiling them
// leaves; nothing else of the first time is.
func (r *Runtime) attempt(c *call, base Limits, do func(*call) error) (err error) {
	if c.limits, err = limitsOf(c.Context, c.stage, base); err != nil {
		return err
	}
	for need := extents[c.stage]; ; need = min(need+1, whole) {
		if need, err = r.guests.ready(c, need); err != nil {
			if c.Err() != nil {
				return c.fault(c.Err())
			}
			return faultf(StageStart, ErrInternal, "%s", quote(err.Error()))
		}
		if err = c.timed(do); err != engine.TrapAbsent || c.again && need == whole {
			return err
		}
		c.again = true
	}
}

// timed runs do in the time of the call. A panic of ours becomes ErrInternal.
func (c *call) timed(do func(*call) error) (err error) {
	if !c.again {
		c.deadline = time.Now().Add(c.limits.Time)
	}
	switch left := time.Until(c.deadline); {
	case left <= 0:
		c.end(ErrTime)
	case c.timer == nil:
		c.timer = time.AfterFunc(left, func() { c.end(ErrTime) })
	default:
		c.timer.Reset(left)
	}
	defer func() {
		if r := recover(); r != nil {
			err = faultf(c.stage, ErrInternal, "%s", quote(fmt.Sprint(r)))
		}
	}()
	return do(c)
}

func (l Limits) host() host.Limits {
	return host.Limits{Memory: l.Memory, Output: l.Output, File: l.File, Work: l.Work}
}

// reasons are the errors of the packages below and what they are here. No
// text of an error from below is passed on.
var reasons = [...]struct {
	err  error
	kind Kind
	text string
}{
	{host.ErrMemory, ErrMemory, ""},
	{host.ErrWork, ErrWork, ""},
	{host.ErrOutput, ErrOutput, ""},
	{host.ErrFile, ErrFile, "over the limit; raise Limits.File"},
	{host.ErrRead, ErrFile, "it cannot be read"},
	{host.ErrTime, ErrTime, ""},
	{host.ErrCanceled, ErrCanceled, ""},
	{host.ErrChanged, ErrChanged, ""},
	{host.ErrValue, ErrInput, "a value is out of range, such as an index"},
	{host.ErrGuest, ErrGuest, "it broke its contract"},
	{host.ErrClosed, ErrClosed, ""},
	{context.DeadlineExceeded, ErrTime, ""},
	{context.Canceled, ErrCanceled, ""},
	{engine.ErrMemory, ErrMemory, ""},
	{engine.ErrClosed, ErrClosed, ""},
	{engine.TrapUnreachable, ErrGuest, "it gave up"},
	{engine.TrapBounds, ErrGuest, "memory access out of bounds"},
	{engine.TrapCall, ErrGuest, "a bad indirect call"},
	{engine.TrapArithmetic, ErrGuest, "an arithmetic fault"},
	{engine.TrapDepth, ErrGuest, "calls nested too deeply"},
	{engine.TrapExit, ErrGuest, "it exited"},
}

// fault explains an error of host or engine.
func (c *call) fault(err error) *Fault {
	f := &Fault{Kind: ErrInternal, Stage: c.stage, Offset: -1}
	for _, r := range reasons {
		if errors.Is(err, r.err) {
			f.Kind = r.kind
			if r.text != "" {
				f.Err = errors.New(r.text)
			}
			break
		}
	}
	switch f.Kind {
	case ErrInternal:
		f.Err = errors.New(quote(err.Error()))
	case ErrTime, ErrCanceled:
		if Kind(c.why.Load()) == ErrClosed {
			f.Kind = ErrClosed
		} else if f.Kind == ErrTime && c.Context.Err() == nil {
			f.Err = fmt.Errorf("over %v", c.limits.Time)
		}
	case ErrMemory:
		f.Err = errors.New("over " + sizeText(c.limits.Memory))
	case ErrOutput:
		f.Err = errors.New("over " + sizeText(c.limits.Output))
	case ErrWork:
		f.Err = fmt.Errorf("over %d", c.limits.Work)
	}
	return f
}

// guestFaults are the kinds that a guest may blame.
var guestFaults = map[abi.FaultKind]Kind{
	abi.FaultMalformed: ErrMalformed, abi.FaultUnsupported: ErrUnsupported, abi.FaultInput: ErrInput, abi.FaultUnsafe: ErrUnsafe,
}

// guestText is what a guest says of a file: hostile, so printed quoted.
type guestText string

func (t guestText) Error() string { return quote(string(t)) }

// ended explains how a visit to the guest ended; nil is well. What the host
// ended the guest for comes before what the guest says. An engine.TrapAbsent is
// passed on to attempt as it is.
func (c *call) ended(m *host.Model, box *host.Box, ret uint32, err error) error {
	said := box.Fault()
	switch {
	case box.Stopped() != nil:
		return c.fault(box.Stopped())
	case err == engine.TrapAbsent:
		return err
	case err != nil:
		return c.fault(err)
	case ret == 0:
		return nil
	case said == nil:
		return faultf(c.stage, ErrGuest, "it failed without a reason")
	}
	f := &Fault{
		Kind: guestFaults[said.Kind], Stage: c.stage, Part: m.PartName(said.Blob), Offset: said.Offset,
		Node: said.Node, Op: said.Op, Rule: said.Rule,
	}
	if said.Text != "" {
		f.Err = guestText(said.Text)
	}
	return f
}

// sizeText is a number of bytes in the largest unit that keeps it whole.
func sizeText(n int64) string {
	for _, u := range [...]struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.size && n%u.size == 0 {
			return fmt.Sprint(n/u.size, " ", u.name)
		}
	}
	return fmt.Sprint(n, " bytes")
}

func overFile(size int64, l Limits) error {
	return fmt.Errorf("%s are over the limit of %s; raise Limits.File", sizeText(size), sizeText(l.File))
}
