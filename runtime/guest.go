package runtime

import (
	"cmp"
	"context"
	"fmt"
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

// extent is how much of the guest an instance has. Each has all that those
// before it have.
type extent int

const (
	hot   extent = 0 // what most models need
	warm  extent = 1 // what most files need, whatever is done with them
	whole extent = 2
)

// extents are the stages that begin with more than hot: less would hardly do.
var extents = map[Stage]extent{StageInspect: warm, StageConvert: warm}

// guests make instances of one guest.
type guests interface {
	// ready waits until the instances that are made have at least so much, and
	// says how much they have. Its error is the context's if that ends first.
	ready(ctx context.Context, least extent) (extent, error)
	start(context.Context, engine.Options) (instance, error)
	// close is the last call.
	close()
}

// compiled is our own guest, once for all models. As much of it is compiled as
// calls have shown that they need.
type compiled struct {
	cacheDir string
	logger   *slog.Logger

	codes [whole + 1]atomic.Pointer[engine.Code]

	begun *vet.Begun // for who compiles

	mu   sync.Mutex
	done chan struct{} // closed when what is being compiled is; nil where nothing is
	stop func()        // ends that
	err  error         // of the first that could not be compiled
}

// widest is the most of the guest that is compiled, or nil.
func (c *compiled) widest() (*engine.Code, extent) {
	for n := whole; n >= hot; n-- {
		if code := c.codes[n].Load(); code != nil {
			return code, n
		}
	}
	return nil, hot - 1
}

func (c *compiled) ready(ctx context.Context, least extent) (extent, error) {
	for {
		if _, have := c.widest(); have >= least {
			return have, nil
		}
		done, err := c.begin(least)
		if err != nil {
			return 0, err
		}
		select {
		case <-done:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
}

// begin has so much of the guest compiled, unless something is being compiled
// already, and says when that is done. It goes on when nobody waits any more.
func (c *compiled) begin(n extent) (<-chan struct{}, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.done != nil || c.err != nil {
		return c.done, c.err
	}
	done := make(chan struct{})
	if _, have := c.widest(); have >= n { // since the caller looked
		close(done)
		return done, nil
	}
	ctx, stop := context.WithCancel(context.Background())
	c.done, c.stop = done, stop
	go func() {
		defer close(done)
		err := c.compile(ctx, n)
		stop()
		giveBack()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.done, c.err = nil, err
	}()
	return done, nil
}

func (c *compiled) compile(ctx context.Context, n extent) (err error) {
	if c.begun == nil {
		if c.begun, err = vet.ParseBegun(image.Begun()); err != nil {
			return err
		}
	}
	// One worker alone would not see that ctx has ended.
	e, err := engine.New(ctx, engine.Config{Cache: c.cache(n), Workers: max(2, runtime.GOMAXPROCS(0))})
	if err != nil {
		return err
	}
	defer e.Close() // its code stays
	var code *engine.Code
	switch n {
	case hot:
		code, err = e.CompilePart(ctx, image.Hot(), c.begun)
	case warm:
		code, err = e.CompilePart(ctx, image.Warm(), c.begun)
	default:
		code, err = e.CompileBegun(ctx, image.Wasm(), c.begun)
	}
	c.codes[n].Store(code)
	return err
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

// cache opens the directory of compiled code for so much of the guest. One that
// is not safe costs time, not the call.
func (c *compiled) cache(n extent) *engine.Cache {
	if c.cacheDir == "" {
		return nil
	}
	cache, err := engine.OpenCache(c.cacheDir, image.Build(), [...]string{"hot", "warm", "whole"}[n])
	if err != nil {
		if c.logger != nil {
			c.logger.Warn("compiled code is not cached", "reason", quote(err.Error()))
		}
		return nil
	}
	return cache
}

func (c *compiled) start(ctx context.Context, o engine.Options) (instance, error) {
	code, _ := c.widest()
	i, err := code.Instantiate(ctx, o)
	if err != nil {
		return nil, err
	}
	return i, nil
}

func (c *compiled) close() {
	c.mu.Lock()
	done, stop := c.done, c.stop
	c.mu.Unlock()
	if done != nil {
		stop()
		<-done
	}
	for n := range c.codes {
		if code := c.codes[n].Load(); code != nil {
			code.Close()
		}
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
func (g *guest) call(c *call, box *host.Box, logger *slog.Logger, export string, args ...uint64) (uint32, error) {
	if err := box.Grow(g.MemorySize()); err != nil {
		return 0, err
	}
	g.box = box
	ret, err := g.Call(c, box, box, export, args...)
	g.box = nil
	if logger != nil {
		err = cmp.Or(err, tell(c.Context, logger, string(box.Log())+string(g.log)))
	}
	g.log = g.log[:0]
	return ret, err
}

// tell logs what a guest wrote. The logger may keep the context, and may panic.
func tell(ctx context.Context, logger *slog.Logger, text string) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the logger panicked: %v", r)
		}
	}()
	for line := range strings.Lines(text) {
		logger.DebugContext(ctx, "guest", "line", quote(strings.TrimRight(line, "\n")))
	}
	return nil
}
