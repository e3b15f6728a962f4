package host

import (
	"context"
	"slices"
	"time"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// held is a tensor behind a handle: a view of a blob, an input of the request,
// a result of a program, or bytes that the guest writes.
type held struct {
	typ    tensor.Type
	view   *constant // of a blob; data is read when a program needs it
	data   []byte
	mem    *memory // what free gives back
	used   bool    // seen by a program or an output: no more writes
	source source
}

// slot is a program behind a handle, and what holding it is charged at.
type slot struct {
	*program
	weight int64
}

// Box answers the imports of one guest during one load or one run. It is
// abi.Box: every argument is hostile. One goroutine at a time uses it.
type Box struct {
	m      *Model
	ctx    context.Context
	task   abi.Task // 0 in a run
	limits Limits
	ledger *ledger
	own    ledger // of a run
	dry    bool   // types only: programs are costed, not run

	next     abi.Handle
	tensors  map[abi.Handle]*held
	views    map[abi.Handle]*memory // bytes of views that a program took as inputs
	programs map[abi.Handle]*slot
	retired  []*slot           // freed, but part of the record
	names    map[portName]bool // of a load
	built    int
	prework  uint64 // of the programs that were sealed: work that no run is charged for
	weight   int64  // bytes charged for holding programs
	readBack int64

	in     []kernels.Tensor
	inRefs []abi.Handle
	out    []kernels.Tensor
	outRef []source
	given  int64

	rec    record
	fault  *abi.Fault
	items  []abi.Item
	report int
	log    []byte

	cost   Cost
	fuel   int64
	stop   error
	kernel time.Duration
}

// Cost is what a run took, or would take.
type Cost struct {
	Work   uint64 // of the kernels: a function of model, inputs and limits
	Fuel   int64  // guest instructions; 0 when a plan served the run
	Flops  int64
	Memory int64 // peak bytes, the model's share included
	Exact  bool  // false where the data decides what else is run
}

var _ abi.Box = (*Box)(nil)

// LoadBox opens the box for a load. Freeze ends it.
func (m *Model) LoadBox(ctx context.Context, task abi.Task) *Box {
	return &Box{
		m: m, ctx: ctx, task: task, limits: m.limits, ledger: &m.ledger,
		next: m.next, tensors: map[abi.Handle]*held{}, views: map[abi.Handle]*memory{}, programs: map[abi.Handle]*slot{},
	}
}

// RunBox opens the box for one run on inputs in the order of the input ports;
// an absent optional input is the zero Tensor. With dry set inputs have types
// only, nothing is computed, and the cost is what matters.
func (m *Model) RunBox(ctx context.Context, in []kernels.Tensor, limits Limits, dry bool) *Box {
	b := &Box{
		m: m, ctx: ctx, limits: limits, dry: dry,
		own:  ledger{limit: limits.Memory, base: m.share()},
		next: m.next, tensors: map[abi.Handle]*held{}, views: map[abi.Handle]*memory{}, programs: map[abi.Handle]*slot{},
		in: in, inRefs: make([]abi.Handle, len(in)), out: make([]kernels.Tensor, len(m.outputs)),
		outRef: slices.Repeat([]source{{step: noSource}}, len(m.outputs)),
	}
	b.ledger = &b.own
	b.rec.open = true
	return b
}

// Freeze ends a successful load: what the guest declared and wrote is final
// and every run starts from it.
func (m *Model) Freeze(b *Box) {
	for h, t := range b.tensors {
		m.tensors[h] = t
	}
	m.next = b.next
	for i, p := range m.ports {
		if p.Output {
			m.outputs = append(m.outputs, i)
		} else {
			m.inputs = append(m.inputs, i)
		}
	}
	for _, f := range m.blobs[:m.files] {
		f.drop()
	}
}

// Close ends the box: every tensor and program of it is gone.
func (b *Box) Close() {
	for _, t := range b.tensors {
		t.mem.free()
	}
	for _, m := range b.views {
		m.free()
	}
	for _, p := range b.programs {
		b.release(p)
	}
	b.rec.close()
	b.retire()
	b.tensors, b.views, b.programs = nil, nil, nil
	b.m.sweep()
}

// Stopped is why the guest must end, or nil.
func (b *Box) Stopped() error { return b.stop }

// Fault is what the guest said went wrong, or nil.
func (b *Box) Fault() *abi.Fault { return b.fault }

// Items are the records of an inspection.
func (b *Box) Items() []abi.Item { return b.items }

// Log is what the guest logged: hostile text.
func (b *Box) Log() []byte { return b.log }

// Outputs are the results in the order of the output ports. Their memory is
// on the Go heap and stays valid. A port that was not given is the zero Tensor.
func (b *Box) Outputs() []kernels.Tensor { return b.out }

// Cost is what the box has seen so far.
func (b *Box) Cost() Cost {
	c := b.cost
	c.Fuel = b.fuel
	c.Exact = b.stop != errDry
	c.Memory = b.ledger.base + b.ledger.peak.Load()
	return c
}

// KernelTime is the wall time spent in programs.
func (b *Box) KernelTime() time.Duration { return b.kernel }

// Fuel charges guest instructions. The error ends the guest.
func (b *Box) Fuel(n int64) error {
	if n > 0 {
		b.fuel += n
	}
	if b.stop == nil {
		b.stop = b.check()
	}
	return b.stop
}

// Grow charges the guest's linear memory.
func (b *Box) Grow(n int64) error { return b.ledger.charge(n) }

func (b *Box) check() error {
	if b.cost.Work+uint64(b.fuel)/8 > b.limits.Work {
		return ErrWork
	}
	return stopped(b.ctx)
}

// end stops the guest for a reason of the host's own.
func (b *Box) end(err error) abi.Errno {
	if b.stop == nil {
		b.stop = err
	}
	return abi.ErrState
}

func (b *Box) running() bool { return b.task == 0 }

func (b *Box) handle() abi.Handle {
	b.next++
	return b.next
}

func (b *Box) tensor(h abi.Handle) *held {
	if t := b.tensors[h]; t != nil {
		return t
	}
	return b.m.tensors[h]
}
