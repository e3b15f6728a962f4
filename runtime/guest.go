package runtime

import (
	"context"
	"log/slog"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/image"
	"github.com/glovebox-ml/glovebox/guest/vet"
	"github.com/glovebox-ml/glovebox/host"
	"github.com/glovebox-ml/glovebox/runtime/internal/engine"
)

// instance is what this package needs of an engine.Instance.
type instance interface {
	Call(ctx context.Context, box abi.Box, meter engine.Meter, export string, args ...uint64) (uint32, error)
	Snapshot() (*engine.State, error)
	Restore(*engine.State) error
	MemorySize() int64
	Close()
}

// guests make instances of one guest.
type guests interface {
	// ready waits until instances can be made.
	ready() error
	// widen waits until the instances that are made lack nothing.
	widen() error
	start(context.Context, engine.Options) (instance, error)
	// close is the last call.
	close()
}

// compiled is our own guest, compiled when it is first needed, once for all
// models: first the part of it that does for most, and the whole once a call
// has shown that it needs more.
type compiled struct {
	cacheDir string
	logger   *slog.Logger

	once   sync.Once
	engine *engine.Engine
	part   *engine.Code
	err    error

	wide     sync.Once
	whole    atomic.Pointer[engine.Code]
	wideFail error
}

func (c *compiled) ready() error {
	c.once.Do(func() {
		ctx := context.Background()
		c.engine, c.err = engine.New(ctx, engine.Config{Cache: c.cache(), Workers: runtime.GOMAXPROCS(0)})
		var begun *vet.Begun
		if c.err == nil {
			begun, c.err = vet.ParseBegun(image.Begun())
		}
		if c.err == nil {
			c.part, c.err = c.engine.CompilePart(ctx, image.Hot(), begun)
		}
		giveBack()
	})
	return c.err
}

func (c *compiled) widen() error {
	c.wide.Do(func() {
		whole, err := c.part.Whole(context.Background(), image.Wasm())
		if c.wideFail = err; err == nil {
			c.whole.Store(whole)
		}
		giveBack()
	})
	return c.wideFail
}

// maxIdleHeap is how much of the heap may lie idle after compiling.
const maxIdleHeap = 16 << 20

// giveBack returns to the system what compiling needed and no longer does,
// several times the code. The limits of a call are small beside it, and whoever
// watches the process would take it for the call's.
func giveBack() {
	var m runtime.MemStats
	if runtime.ReadMemStats(&m); m.HeapAlloc > 3*maxIdleHeap || m.HeapIdle-m.HeapReleased > maxIdleHeap {
		debug.FreeOSMemory()
	}
}

// cache opens the directory of compiled code. One that is not safe costs time,
// not the call.
func (c *compiled) cache() *engine.Cache {
	if c.cacheDir == "" {
		return nil
	}
	cache, err := engine.OpenCache(c.cacheDir, image.Build())
	if err != nil {
		if c.logger != nil {
			c.logger.Warn("compiled code is not cached", "reason", quote(err.Error()))
		}
		return nil
	}
	return cache
}

func (c *compiled) start(ctx context.Context, o engine.Options) (instance, error) {
	code := c.whole.Load()
	if code == nil {
		code = c.part
	}
	i, err := code.Instantiate(ctx, o)
	if err != nil {
		return nil, err
	}
	return i, nil
}

func (c *compiled) close() {
	for _, code := range []*engine.Code{c.part, c.whole.Load()} {
		if code != nil {
			code.Close()
		}
	}
	if c.engine != nil {
		c.engine.Close()
	}
}

// guest is an instance with the box that answers it during a call.
type guest struct {
	instance
	box *host.Box // nil between calls
	log []byte    // what it wrote to its standard error
}

// newGuest makes an instance whose memory is charged to the box of each call.
func newGuest(ctx context.Context, from guests, memory int64, seed uint64) (*guest, error) {
	g := &guest{}
	i, err := from.start(ctx, engine.Options{Memory: memory, OnGrow: g.grow, Seed: seed, Log: g.note})
	if err != nil {
		return nil, err
	}
	g.instance = i
	return g, nil
}

func (g *guest) grow(delta int64) bool {
	return g.box == nil || delta <= 0 || g.box.Grow(delta) == nil
}

// note keeps what the guest writes until its call is over: a logger is the
// caller's code and is not run while the guest waits.
func (g *guest) note(p []byte) {
	g.log = append(g.log, p[:min(len(p), abi.MaxLog-len(g.log))]...)
}

// call enters the guest with its memory charged to box.
func (g *guest) call(ctx context.Context, box *host.Box, logger *slog.Logger, export string, args ...uint64) (uint32, error) {
	if err := box.Grow(g.MemorySize()); err != nil {
		return 0, err
	}
	g.box = box
	ret, err := g.Call(ctx, box, box, export, args...)
	g.box = nil
	if logger != nil {
		for line := range strings.Lines(string(box.Log()) + string(g.log)) {
			logger.DebugContext(ctx, "guest", "line", quote(strings.TrimRight(line, "\n")))
		}
	}
	g.log = g.log[:0]
	return ret, err
}
