package runtime

import (
	"context"
	"crypto/sha256"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/host"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/runtime/internal/engine"
)

// Model is a loaded model. It is safe for concurrent use: runs share its
// weights and nothing else.
type Model struct {
	rt      *Runtime
	limits  Limits
	host    *host.Model
	files   []*File
	parts   []Part
	read    *reading
	inputs  []Port
	outputs []Port
	gate    gate
	shut    sync.Once
	broken  atomic.Bool // a fault of ours was seen

	// What load left: the model is charged for this state and for one idle
	// guest of the same size.
	frozen  *engine.State
	size    int64
	maxIdle int

	calls sync.Pool // of *call

	mu    sync.Mutex
	idle  []*guest
	stats Stats
}

// Stats is what a model has done so far.
type Stats struct {
	Entered    int64         // runs that entered the box
	Served     int64         // runs that a plan served without it
	LoadTime   time.Duration // of Load, compiling included
	GuestTime  time.Duration // in the box, by all runs
	KernelTime time.Duration // in kernels, by all runs
	Memory     int64         // bytes that the model holds now: weights, plans
	PeakBytes  int64         // most that the model and one run held together
}

// maxIdle bounds the memory of the guests that wait for a run, in bytes.
const maxIdle = 64 << 20

// newModel takes the guest and the model out of a visit that loaded one.
func newModel(r *Runtime, c *call, v *visit) (*Model, error) {
	size := v.guest.MemorySize()
	if err := v.box.Grow(size); err != nil {
		return nil, c.fault(err)
	}
	frozen, err := v.guest.Snapshot()
	if err != nil {
		return nil, c.fault(err)
	}
	v.model.Freeze(v.box)
	m := &Model{
		rt: r, limits: c.limits, host: v.model, parts: v.parts, read: v.read,
		frozen: frozen, size: size, idle: []*guest{v.guest},
		maxIdle: int(min(int64(r.config.Threads), max(1, maxIdle/max(1, size)))),
	}
	in, out := v.model.Ports()
	m.inputs, m.outputs = portsOf(in), portsOf(out)
	v.guest, v.model = nil, nil
	return m, nil
}

// Inputs are what the model takes.
func (m *Model) Inputs() []Port { return copied(m.inputs) }

// Outputs are what the model gives.
func (m *Model) Outputs() []Port { return copied(m.outputs) }

// Stats is what the model has done so far.
func (m *Model) Stats() Stats {
	m.mu.Lock()
	defer m.mu.Unlock()
	s := m.stats
	s.Memory = m.host.Memory()
	return s
}

// Digest is the SHA-256 of the model's file. Of a model in several parts it is
// the SHA-256 of theirs, one after another.
func (m *Model) Digest(ctx context.Context) (digest [sha256.Size]byte, err error) {
	err = m.within(ctx, StageHash, func(c *call) error {
		defer m.read.watch(c, StageHash)()
		sums, err := digests(c, m.host, len(m.parts))
		if err != nil {
			return err
		}
		digest = [sha256.Size]byte(sums[0])
		if len(sums) > 1 {
			digest = sha256.Sum256(slices.Concat(sums...))
		}
		return nil
	})
	return digest, err
}

// Run runs the model. Integers in the values are copied, floats borrowed until
// Run returns; the result is the caller's, also after Close.
func (m *Model) Run(ctx context.Context, in Values) (res *Result, err error) {
	err = m.within(ctx, StageRun, func(c *call) error {
		if err := c.bind(m.inputs, in); err != nil {
			return err
		}
		defer (*reading)(nil).watch(c, StageRun)()
		out, cost, err := m.serve(c)
		if err != nil {
			return err
		}
		if res, err = m.result(out); err == nil {
			res.Cost = cost
		}
		return err
	})
	return res, err
}

// Cost is what a run on inputs of these types takes, found without running
// anything: the box is entered with types alone.
func (m *Model) Cost(ctx context.Context, in map[string]Type) (cost Cost, err error) {
	err = m.within(ctx, StageRun, func(c *call) error {
		values := make(Values, len(in))
		for name, t := range in {
			typ, err := t.check()
			if err != nil {
				return faultf(StageRun, ErrInput, "type %v of %s: %w", t, quote(name), err)
			}
			values[name] = Tensor{typ: typ}
		}
		if err := c.bind(m.inputs, values); err != nil {
			return err
		}
		_, cost, err = m.enter(c, true)
		return err
	})
	return cost, err
}

// Metadata is what the model's file says of itself, read anew. Names and
// values are hostile text.
func (m *Model) Metadata(ctx context.Context) (fields []ReportField, err error) {
	err = m.within(ctx, StageInspect, func(c *call) error {
		v, err := m.rt.visit(c, abi.TaskInspect, m.parts)
		if err != nil {
			return err
		}
		defer v.close()
		var rep Report
		for _, it := range v.box.Items() {
			rep.add(it, v.model.PartName)
		}
		fields = rep.Fields
		return v.end
	})
	return fields, err
}

// within runs do inside the gate, unless a fault of ours was seen before.
func (m *Model) within(ctx context.Context, stage Stage, do func(*call) error) error {
	c, _ := m.calls.Get().(*call)
	if c == nil {
		c = &call{}
	}
	c.Context, c.stage = ctx, stage
	if !m.gate.enter(c) {
		return &Fault{Kind: ErrClosed, Stage: stage, Offset: -1}
	}
	defer m.leave(c)
	if m.broken.Load() || m.host.Poisoned() {
		return faultf(stage, ErrInternal, "the model had an internal fault before and must be loaded again")
	}
	err := m.rt.attempt(c, m.limits, do)
	if f, ok := err.(*Fault); ok && f.Kind == ErrInternal {
		m.broken.Store(true)
	}
	return err
}

// maxCopies bounds the copies of integers that wait with a call.
const maxCopies = 1 << 20

// leave ends a call. One that a plan served is the next one's, but for what was
// in it: an engine that was entered may hold its context for longer.
func (m *Model) leave(c *call) {
	m.gate.leave(c)
	if !c.finish() || !c.served || cap(c.copies) > maxCopies {
		return
	}
	clear(c.in)
	clear(c.out)
	c.Context, c.again, c.served = nil, false, false
	m.calls.Put(c)
}

// serve answers from a published plan, or else enters the guest.
func (m *Model) serve(c *call) ([]kernels.Tensor, Cost, error) {
	begin := time.Now()
	c.out = slices.Grow(c.out[:0], len(m.outputs))[:len(m.outputs)]
	cost, ok, err := m.host.Serve(c, c.in, c.out, c.limits.host())
	if !ok && err == nil {
		return m.enter(c, false)
	}
	c.served = true
	m.note(cost, func(s *Stats) {
		s.Served++
		s.KernelTime += time.Since(begin)
	})
	if err != nil {
		return nil, Cost{}, c.fault(err)
	}
	return c.out, costOf(cost), nil
}

// enter runs the guest; dry only costs what it would run.
func (m *Model) enter(c *call, dry bool) ([]kernels.Tensor, Cost, error) {
	begin := time.Now()
	g, err := m.take(c)
	if err != nil {
		return nil, Cost{}, err
	}
	box := m.host.RunBox(c, c.in, c.limits.host(), dry)
	defer box.Close()
	ret, err := g.call(c, box, m.rt.config.Logger, abi.ExportRun)
	m.put(g, err)
	if err == engine.TrapAbsent && box.Stopped() == nil {
		return nil, Cost{}, err
	}
	cost := box.Cost()
	if !dry {
		m.note(cost, func(s *Stats) {
			s.Entered++
			s.KernelTime += box.KernelTime()
			s.GuestTime += time.Since(begin) - box.KernelTime()
		})
	}
	if err := c.ended(m.host, box, ret, err); err != nil && cost.Exact {
		return nil, Cost{}, err
	}
	return box.Outputs(), costOf(cost), nil
}

func (m *Model) note(cost host.Cost, add func(*Stats)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	add(&m.stats)
	m.stats.PeakBytes = max(m.stats.PeakBytes, cost.Memory)
}

// take is a guest in the state that load left, whatever it did before.
func (m *Model) take(c *call) (*guest, error) {
	g := m.pop()
	if g != nil && c.again {
		g.Close()
		g = nil
	}
	if g == nil {
		var err error
		if g, err = newGuest(c, m.rt.guests, m.limits.Memory, m.rt.config.Seed); err != nil {
			return nil, c.fault(err)
		}
	}
	if err := g.Restore(m.frozen); err != nil {
		g.Close()
		return nil, c.fault(err)
	}
	return g, nil
}

func (m *Model) pop() *guest {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := len(m.idle)
	if n == 0 {
		return nil
	}
	g := m.idle[n-1]
	m.idle = m.idle[:n-1]
	return g
}

// put keeps a guest for the next run, but none that failed, that grew, or that
// would be one too many.
func (m *Model) put(g *guest, err error) {
	m.mu.Lock()
	keep := err == nil && g.MemorySize() == m.size && len(m.idle) < m.maxIdle
	if keep {
		m.idle = append(m.idle, g)
	}
	m.mu.Unlock()
	if !keep {
		g.Close()
	}
}

// result names the outputs of a run.
func (m *Model) result(out []kernels.Tensor) (*Result, error) {
	res := &Result{Values: make(Values, len(out))}
	for i, t := range out {
		if t.Type == (kernels.Tensor{}).Type {
			if !m.outputs[i].Optional {
				return nil, faultf(StageRun, ErrGuest, "it gave nothing for output %s", quote(m.outputs[i].Name))
			}
			continue
		}
		res.Values[m.outputs[i].Name] = Tensor{t.Type, t.Data}
	}
	return res, nil
}

func costOf(c host.Cost) Cost {
	return Cost{Work: c.Work, GuestFuel: uint64(c.Fuel), Flops: c.Flops, Memory: c.Memory, Exact: c.Exact}
}

// Close refuses new runs, cancels those under way, waits for them and frees
// the model. It may be called any number of times.
func (m *Model) Close() error {
	m.gate.close()
	m.shut.Do(func() {
		for _, g := range m.idle {
			g.Close()
		}
		if m.frozen != nil {
			m.frozen.Free()
		}
		m.host.Close()
		closeFiles(m.files)
		m.rt.mu.Lock()
		delete(m.rt.models, m)
		m.rt.mu.Unlock()
	})
	return nil
}
