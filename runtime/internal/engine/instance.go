package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/vet"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// Options is what one instance may have.
type Options struct {
	// Memory caps the linear memory in bytes.
	Memory int64
	// OnGrow is the ledger: it is asked before memory is added and told, with a
	// negative delta, what was given back. Nil allows all up to Memory.
	OnGrow func(delta int64) bool
	// Seed is where the guest's random numbers start.
	Seed uint64
	// Log takes what the guest writes to standard output and error, cut to
	// abi.MaxLog bytes a call. The text is hostile. Nil drops it.
	Log func([]byte)
}

// Instance is one guest with its memory. It has one user at a time: a second
// one is refused. An instance that ended in any other way than by returning is
// never entered again.
type Instance struct {
	code    *Code
	mod     api.Module
	mem     *linear
	globals []api.MutableGlobal // the guest's own
	fuel    api.MutableGlobal   // left of the slice
	depth   api.MutableGlobal   // calls on its stack
	base    context.Context     // carries the instance to the host functions
	started bool                // the guest's own start-up code has run
	random  rand.PCG
	clock   int64 // fuel consumed in the life of the guest
	log     func([]byte)
	scratch []byte

	// One call's.
	ctx     context.Context
	box     abi.Box
	meter   Meter
	granted int64 // fuel at the last settlement
	logLeft int
	end     error // why the guest ends

	closing atomic.Bool
	mu      sync.Mutex
	busy    bool
	dead    bool
	freed   bool
}

// Instantiate makes a fresh instance. None of the guest's code runs yet.
func (c *Code) Instantiate(ctx context.Context, o Options) (_ *Instance, err error) {
	if err := c.life.hold(); err != nil {
		return nil, err
	}
	i := &Instance{code: c, log: o.Log, random: *rand.NewPCG(o.Seed, o.Seed)}
	defer func() {
		if recover() != nil {
			err = ErrInternal
		}
		if err != nil {
			i.free()
		}
	}()
	if i.mem, err = newLinear(o.Memory, o.OnGrow); err != nil {
		return nil, err
	}
	// The engine cannot refuse the memory that a module starts with, so it is
	// taken beforehand.
	if i.mem.Reallocate(uint64(c.pages)*pageSize) == nil && c.pages > 0 {
		return nil, ErrMemory
	}
	ctx = experimental.WithMemoryAllocator(ctx, i.mem)
	i.mod, err = c.engine.wz.InstantiateModule(ctx, c.wz, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		return nil, ErrModule
	}
	i.base = context.WithValue(context.Background(), instanceKey{}, i)
	i.fuel = mutable(i.mod, vet.Fuel)
	i.depth = mutable(i.mod, vet.Depth)
	if i.fuel == nil || i.depth == nil {
		return nil, ErrModule
	}
	for {
		g := mutable(i.mod, fmt.Sprint(vet.State, len(i.globals)))
		if g == nil {
			return i, i.begin(c.begun)
		}
		i.globals = append(i.globals, g)
	}
}

// Call runs one export, load or run, and answers with what it returns. The
// guest asks box for all it needs. Any error, be it the guest's, the meter's,
// the box's or the engine's, ends the instance.
func (i *Instance) Call(ctx context.Context, box abi.Box, meter Meter, export string, args ...uint64) (uint32, error) {
	if err := i.enter(); err != nil {
		return 0, err
	}
	i.ctx, i.box, i.meter = ctx, box, meter
	i.logLeft, i.end = abi.MaxLog, nil
	i.grant(0)
	ret, err := i.run(export, args)
	i.ctx, i.box, i.meter = nil, nil, nil
	i.leave(err)
	return ret, err
}

func (i *Instance) run(export string, args []uint64) (ret uint32, err error) {
	defer func() {
		if recover() != nil {
			err = ErrInternal
		}
	}()
	f := i.mod.ExportedFunction(export)
	if f == nil || export != abi.ExportLoad && export != abi.ExportRun {
		return 0, ErrExport
	}
	d := f.Definition()
	if len(d.ParamTypes()) != len(args) || len(d.ResultTypes()) != 1 || d.ResultTypes()[0] != api.ValueTypeI32 {
		return 0, ErrExport
	}
	if start := i.mod.ExportedFunction("_initialize"); start != nil && !i.started {
		if d := start.Definition(); len(d.ParamTypes()) != 0 || len(d.ResultTypes()) != 0 {
			return 0, ErrExport
		}
		if _, err := i.invoke(start, nil); err != nil {
			return 0, err
		}
	}
	i.started = true
	return i.invoke(f, args)
}

func (i *Instance) invoke(f api.Function, args []uint64) (uint32, error) {
	ret, err := answer(i.base, f, args)
	i.charge(0)
	switch {
	case i.end != nil:
		return 0, i.end
	case err == nil:
		return ret, nil
	}
	trap := trapOf(err)
	if trap == TrapUnreachable && i.depth.Get() > vet.MaxDepth {
		return 0, TrapDepth
	}
	if i.code.part && (trap == TrapUnreachable || trap == TrapCall) {
		return 0, TrapAbsent
	}
	return 0, trap
}

// MemorySize is the size of the guest's memory in bytes.
func (i *Instance) MemorySize() int64 {
	if i.enter() != nil {
		return 0
	}
	defer i.leave(nil)
	return i.mem.size
}

// Close ends the instance. A call that is under way ends at its next import or
// loop, and what the instance holds is given back when it has returned.
func (i *Instance) Close() {
	i.closing.Store(true)
	i.mu.Lock()
	last := !i.busy && !i.freed
	i.freed = i.freed || last
	i.mu.Unlock()
	if last {
		i.free()
	}
}

// enter makes the caller the instance's one user until leave.
func (i *Instance) enter() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	switch {
	case i.closing.Load():
		return ErrClosed
	case i.busy:
		return ErrBusy
	case i.dead:
		return ErrEnded
	}
	i.busy = true
	return nil
}

func (i *Instance) leave(err error) {
	i.mu.Lock()
	i.busy = false
	i.dead = i.dead || err != nil
	last := i.closing.Load() && !i.freed
	i.freed = i.freed || last
	i.mu.Unlock()
	if last {
		i.free()
	}
}

func (i *Instance) free() {
	if i.mod != nil {
		i.mod.Close(context.Background())
	}
	if i.mem != nil {
		i.mem.free()
	}
	i.code.life.drop()
}

// bytes is n bytes of guest memory at ptr.
func (i *Instance) bytes(ptr uint32, n int64) ([]byte, bool) {
	from, to := uint64(ptr), uint64(ptr)+uint64(n)
	if n < 0 || to > uint64(len(i.mem.now)) {
		return nil, false
	}
	return i.mem.now[from:to:to], true
}
