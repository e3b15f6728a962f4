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
	// Cache keeps compiled code on disk; nil compiles anew each time. It holds
	// one guest, so an engine with a cache compiles that one alone, and once.
	Cache *Cache
	// Workers compile at the same time. A panic of the compiler can only be
	// caught where there is one, so more are for a guest of our own.
	Workers int
}

// Engine compiles guests. It is safe for concurrent use.
type Engine struct {
	wz     wazero.Runtime
	files  wazero.CompilationCache // where wz has its code from and puts it; or nil
	config Config
	life   life
}

// New makes an engine.
func New(ctx context.Context, c Config) (*Engine, error) {
	e := &Engine{config: c}
	e.life.free = e.shut
	if c.Cache == nil {
		if err := e.open(ctx, ""); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// open begins anew, with the code that lies in dir if it is not empty.
func (e *Engine) open(ctx context.Context, dir string) (err error) {
	e.shut()
	rc := wazero.NewRuntimeConfig().
		WithCoreFeatures(features).
		WithMemoryLimitPages(maxPages).
		WithDebugInfoEnabled(false).
		WithCustomSections(false)
	if dir != "" {
		if e.files, err = wazero.NewCompilationCacheWithDir(dir); err != nil {
			return err
		}
		rc = rc.WithCompilationCache(e.files)
	}
	e.wz = wazero.NewRuntimeWithConfig(ctx, rc)
	if err := e.provide(ctx); err != nil {
		e.shut()
		return err
	}
	return nil
}

func (e *Engine) shut() {
	if e.wz != nil {
		e.wz.Close(context.Background())
	}
	if e.files != nil {
		e.files.Close(context.Background())
	}
	e.wz, e.files = nil, nil
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
	pages  uint32     // the memory a fresh instance has
	part   bool       // functions were left out
	begun  *vet.Begun // all code with the same one is of one guest, and shares its states
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
	compile := e.compile
	if e.config.Cache != nil {
		compile = e.recall
	}
	cm, err := compile(ctx, wasm)
	if err != nil {
		return nil, ErrModule
	}
	c := &Code{engine: e, wz: cm, begun: &vet.Begun{}}
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

func (e *Engine) compile(ctx context.Context, wasm []byte) (wazero.CompiledModule, error) {
	return e.wz.CompileModule(ctx, wasm)
}

// CompileBegun compiles a guest that begins with b. A state of it may be
// restored into an instance of any code with the same b.
func (e *Engine) CompileBegun(ctx context.Context, wasm []byte, b *vet.Begun) (*Code, error) {
	c, err := e.Compile(ctx, wasm)
	if err == nil {
		c.begun = b
	}
	return c, err
}

// CompilePart is CompileBegun for a guest from which vet.Rewrite has dropped
// functions. Where an instance lacks one it ends with TrapAbsent.
func (e *Engine) CompilePart(ctx context.Context, wasm []byte, b *vet.Begun) (*Code, error) {
	c, err := e.CompileBegun(ctx, wasm, b)
	if err == nil {
		c.part = true
	}
	return c, err
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
