package runtime

import (
	"context"
	"sync"
	"time"

	std "runtime"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/host"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/runtime/internal/engine"
)

// Runtime holds what models share: the compiled box and the threads of the
// kernels. It is safe for concurrent use.
type Runtime struct {
	config Config
	pool   *kernels.Pool
	guests guests
	gate   gate
	shut   sync.Once

	mu     sync.Mutex
	models map[*Model]struct{}
}

// New makes a Runtime. Close it when it is no longer needed.
func New(ctx context.Context, c Config) (*Runtime, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	c.Limits = c.Limits.or(defaults)
	if c.Threads == 0 {
		c.Threads = std.GOMAXPROCS(0)
	}
	return &Runtime{
		config: c, pool: kernels.NewPool(c.Threads), models: map[*Model]struct{}{},
		guests: &compiled{cacheDir: c.CacheDir, logger: c.Logger},
	}, nil
}

// Close refuses new work, cancels what is under way, waits for it and frees
// all, the models too. It may be called any number of times.
func (r *Runtime) Close() error {
	r.gate.close()
	r.shut.Do(func() {
		for m := range r.held() {
			m.Close()
		}
		r.guests.close()
		r.pool.Close()
	})
	return nil
}

func (r *Runtime) held() map[*Model]struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	held := make(map[*Model]struct{}, len(r.models))
	for m := range r.models {
		held[m] = struct{}{}
	}
	return held
}

// Load reads a model. The first part is the model itself; the others match,
// exactly, the names that it uses.
func (r *Runtime) Load(ctx context.Context, parts ...Part) (*Model, error) {
	return r.load(ctx, nil, parts)
}

// LoadFile reads a model from files, whose names without their directories are
// the names of the parts. They stay open until the Model is closed.
func (r *Runtime) LoadFile(ctx context.Context, paths ...string) (*Model, error) {
	files, parts, err := openFiles(paths)
	if err != nil {
		return nil, err
	}
	return r.load(ctx, files, parts)
}

// load takes over files also when it fails.
func (r *Runtime) load(ctx context.Context, files []*File, parts []Part) (m *Model, err error) {
	begin := time.Now()
	err = r.within(ctx, StageLoad, func(c *call) error {
		v, err := r.visit(c, abi.TaskModel, parts)
		if err != nil {
			return err
		}
		defer v.close()
		if v.end != nil {
			return v.end
		}
		if m, err = newModel(r, c, v); err != nil {
			return err
		}
		m.files, files = files, nil
		m.stats.LoadTime = time.Since(begin)
		r.mu.Lock()
		r.models[m] = struct{}{}
		r.mu.Unlock()
		return nil
	})
	closeFiles(files)
	return m, err
}

// within runs do inside the gate.
func (r *Runtime) within(ctx context.Context, stage Stage, do func(*call) error) error {
	c := &call{Context: ctx, stage: stage}
	if !r.gate.enter(c) {
		return &Fault{Kind: ErrClosed, Stage: stage, Offset: -1}
	}
	defer r.gate.leave(c)
	defer c.finish()
	return r.attempt(c, r.config.Limits, do)
}

// visit is a fresh guest that was told to load something. Whoever keeps its
// guest or its model takes it out of the visit.
type visit struct {
	guest *guest
	model *host.Model
	parts []Part
	read  *reading
	box   *host.Box
	end   error // how the load ended
}

// visit has a fresh guest load parts. Its error is of what came before the
// guest had its say.
func (r *Runtime) visit(c *call, task abi.Task, parts []Part) (*visit, error) {
	hosted, read, err := checkParts(c.stage, parts, c.limits)
	if err != nil {
		return nil, err
	}
	m, err := host.NewModel(host.Config{Parts: hosted, Limits: c.limits.host(), Pool: r.pool})
	if err != nil {
		return nil, c.fault(err)
	}
	v := &visit{model: m, parts: parts, read: read, box: m.LoadBox(c, task)}
	if v.guest, err = newGuest(c, r.guests, c.limits.Memory, r.config.Seed); err != nil {
		v.close()
		return nil, c.fault(err)
	}
	stop := read.watch(c, c.stage)
	if r.config.KnownClosures {
		task |= abi.OptionKnownClosures
	}
	if r.config.Digests && task&abi.TaskBits == abi.TaskInspect {
		task |= abi.OptionDigests
	}
	ret, err := v.guest.call(c, v.box, r.config.Logger, abi.ExportLoad, uint64(task))
	stop()
	if v.end = c.ended(m, v.box, ret, err); v.end == engine.TrapAbsent {
		v.close()
		return nil, v.end
	}
	return v, nil
}

func (v *visit) close() {
	if v.guest != nil {
		v.guest.Close()
	}
	v.box.Close()
	if v.model != nil {
		v.model.Close()
	}
}
