package kernels

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
)

// Pool runs the tiles of kernels on a fixed number of goroutines. A run only
// borrows workers that are idle: when all are busy its tiles run on the
// caller's own goroutine, so a loaded process gives each run one core.
type Pool struct {
	jobs    chan *job
	workers int
	wg      sync.WaitGroup
}

// NewPool starts threads-1 workers; the caller of Tiles is the other one.
func NewPool(threads int) *Pool {
	p := &Pool{jobs: make(chan *job), workers: max(threads, 1) - 1}
	for range p.workers {
		p.wg.Add(1)
		go func() {
			defer p.wg.Done()
			for j := range p.jobs {
				j.work()
				j.wg.Done()
			}
		}()
	}
	return p
}

// Close ends the workers. No Tiles may be running or come after.
func (p *Pool) Close() {
	if p != nil {
		close(p.jobs)
		p.wg.Wait()
	}
}

type job struct {
	ctx  context.Context
	tile func(i int)
	next atomic.Int64
	n    int64
	err  atomic.Pointer[error]
	wg   sync.WaitGroup
}

// work takes tiles until none is left. A tile that panics stops the job: a
// panic must not leave its goroutine, where nothing could recover it.
func (j *job) work() {
	defer func() {
		if r := recover(); r != nil {
			err := fmt.Errorf("%w: %v", ErrPanic, r)
			j.err.CompareAndSwap(nil, &err)
		}
	}()
	for {
		i := j.next.Add(1) - 1
		if i >= j.n || j.err.Load() != nil {
			return
		}
		if err := j.ctx.Err(); err != nil {
			j.err.CompareAndSwap(nil, &err)
			return
		}
		j.tile(int(i))
	}
}

// ErrPanic is what a kernel's bug becomes: the host reports it as its own
// fault and never uses the model again.
const ErrPanic Refusal = "a kernel failed"

// Tiles calls tile(0) … tile(n-1), in any order and at once on the workers
// that are idle, and returns when all have returned. It stops early at the
// deadline. Tiles must not depend on one another; a tile should take at most
// about 50 µs, since neither the deadline nor Go's collector can interrupt it.
func (c *Call) Tiles(n int, tile func(i int)) error {
	j := &job{ctx: c.Ctx, tile: tile, n: int64(n)}
	if c.Pool != nil && n > 1 {
	borrow:
		for range min(c.Pool.workers, n-1) {
			j.wg.Add(1)
			select {
			case c.Pool.jobs <- j:
			default:
				j.wg.Done()
				break borrow
			}
		}
	}
	j.work()
	j.wg.Wait()
	if err := j.err.Load(); err != nil {
		return *err
	}
	return nil
}
