// Package engine runs wasm guests. It hides which engine does so: the rest of
// the runtime sees compiled code, instances, states and errors of ours.
//
// A guest is assumed to be hostile. It reaches the host through the table in
// imports.go alone, is metered, may be ended at every import and at every loop,
// and is never called again once it has trapped.
package engine

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/vet"
	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"
)

// features are those of the core specification that Go and LLVM emit. Vectors,
// threads, tail calls and exceptions stay out: the meter does not know them.
const features = api.CoreFeatureMutableGlobal | api.CoreFeatureBulkMemoryOperations | api.CoreFeatureReferenceTypes |
	api.CoreFeatureMultiValue | api.CoreFeatureNonTrappingFloatToIntConversion | api.CoreFeatureSignExtensionOps

// maxPages keeps the size of a memory within 32 bits.
const maxPages = 65535

const pageSize = 64 << 10

// Config says how an Engine compiles.
type Config struct {
	// Cache keeps compiled code on disk; nil compiles anew each time.
	Cache *Cache
	// Workers compile at the same time. A panic of the compiler can only be
	// caught where there is one, so more are for a guest of our own.
	Workers int
}

// Engine compiles guests. It is safe for concurrent use.
type Engine struct {
	wz     wazero.Runtime
	config Config
	life   life
}

// New makes an engine.
func New(ctx context.Context, c Config) (*Engine, error) {
	rc := wazero.NewRuntimeConfig().
		WithCoreFeatures(features).
		WithMemoryLimitPages(maxPages).
		WithDebugInfoEnabled(false).
		WithCustomSections(false)
	if c.Cache != nil {
		rc = rc.WithCompilationCache(c.Cache.wz)
	}
	e := &Engine{wz: wazero.NewRuntimeWithConfig(ctx, rc), config: c}
	e.life.free = func() {
		e.wz.Close(context.Background())
		if e.config.Cache != nil {
			e.config.Cache.wz.Close(context.Background())
		}
	}
	if err := e.provide(ctx); err != nil {
		e.life.close()
		return nil, err
	}
	return e, nil
}

// provide makes the functions that guests import, of the types that package vet
// lets them have.
func (e *Engine) provide(ctx context.Context) error {
	for _, half := range []struct {
		allowed []vet.Import
		table   []function
	}{{vet.Functions(), imports}, {vet.WASI(), wasi}} {
		b := e.wz.NewHostModuleBuilder(half.allowed[0].Module)
		for _, imp := range half.allowed {
			k := slices.IndexFunc(half.table, func(f function) bool { return f.name == imp.Name })
			if k < 0 {
				return fmt.Errorf("%w: nothing behind %s", ErrInternal, imp.Name)
			}
			host := half.table[k].host(len(imp.Results))
			b.NewFunctionBuilder().WithGoModuleFunction(host, types(imp.Params), types(imp.Results)).Export(imp.Name)
		}
		if _, err := b.Instantiate(ctx); err != nil {
			return fmt.Errorf("%w: host module", ErrInternal)
		}
	}
	return nil
}

// Close refuses new work. What the engine holds is given back once the last
// instance and code are closed.
func (e *Engine) Close() { e.life.close() }

// Code is a compiled guest. It is safe for concurrent use.
type Code struct {
	engine *Engine
	wz     wazero.CompiledModule
	life   life
	pages  uint32 // the memory a fresh instance has
	guest  *Code  // whose states these are
	part   bool   // functions were left out
	begun  *vet.Begun
}

// Compile compiles a guest that vet.Rewrite has written; another one is refused,
// as nothing could stop it.
func (e *Engine) Compile(ctx context.Context, wasm []byte) (code *Code, err error) {
	if err := e.life.hold(); err != nil {
		return nil, err
	}
	defer func() {
		if recover() != nil {
			err = ErrInternal
		}
		if err != nil {
			e.life.drop()
		}
	}()
	ctx = experimental.WithCompilationWorkers(ctx, e.config.Workers)
	cm, err := e.wz.CompileModule(ctx, wasm)
	if err != nil && e.config.Cache != nil && e.config.Cache.forget() == nil {
		cm, err = e.wz.CompileModule(ctx, wasm)
	}
	if err != nil {
		return nil, ErrModule
	}
	c := &Code{engine: e, wz: cm}
	c.guest = c
	c.life.free = func() {
		cm.Close(context.Background())
		e.life.drop()
	}
	m := cm.ExportedMemories()[abi.ExportMemory]
	if m == nil {
		cm.Close(ctx)
		return nil, ErrModule
	}
	c.pages = m.Min()
	return c, nil
}

// CompilePart compiles a guest from which vet.Rewrite has dropped functions,
// and which begins with b. Where an instance lacks one it ends with TrapAbsent.
func (e *Engine) CompilePart(ctx context.Context, wasm []byte, b *vet.Begun) (*Code, error) {
	c, err := e.Compile(ctx, wasm)
	if err == nil {
		c.part, c.begun = true, b
	}
	return c, err
}

// Whole compiles the guest that c is a part of: a state of the one may be
// restored into an instance of the other.
func (c *Code) Whole(ctx context.Context, wasm []byte) (*Code, error) {
	whole, err := c.engine.Compile(ctx, wasm)
	if err == nil {
		whole.guest, whole.begun = c.guest, c.begun
	}
	return whole, err
}

// Close refuses new instances. The code is given back with the last one.
func (c *Code) Close() { c.life.close() }

// life counts who uses a thing, and frees it when it is closed and unused:
// nothing is unmapped below a running guest.
type life struct {
	mu     sync.Mutex
	users  int
	closed bool
	freed  bool
	free   func()
}

func (l *life) hold() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return ErrClosed
	}
	l.users++
	return nil
}

func (l *life) drop() { l.change(func() { l.users-- }) }

func (l *life) close() { l.change(func() { l.closed = true }) }

func (l *life) change(f func()) {
	l.mu.Lock()
	f()
	last := l.closed && l.users == 0 && !l.freed
	l.freed = l.freed || last
	l.mu.Unlock()
	if last {
		l.free()
	}
}
