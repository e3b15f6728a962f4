package kernels

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
)

// Pool runs the tiles of kernels on a fixed number of goroutines. A run only
// borrows workers that are idle, and does not wait for one that has not begun
// with its tiles: a loaded process gives each run one core. Where workers often
// do not come in time, another process has their cores or jobs are shorter than
// waking up, and they would only take from the caller's: then it goes on alone
// for a while.
type Pool struct {
	workers []worker
	callers atomic.Int64 // of Tiles, now
	closed  atomic.Bool
	wg      sync.WaitGroup
	start   time.Time
	missed  atomic.Int64 // how many of the last jobs no worker came for, all being always
	alone   atomic.Int64 // until then, since start, no worker is asked; 0: they are
}

// A quiet machine misses 1 job in 100, one of two cores with another process on
// it nearly every second one.
const (
	always   = 1 << 10
	tooMany  = always * 3 / 8
	lastJobs = 64                    // that missed looks back on: a worker that wakes up misses a few in a row
	apart    = 20 * time.Millisecond // several slices of a core that is shared
)

// spin is how long a goroutine looks for what it waits for before it sleeps.
// Waking up takes as long as a small op, and the next one is seldom far.
const spin = 50 * time.Microsecond

// worker is one goroutine of a pool.
type worker struct {
	offer  atomic.Pointer[job] // nil: it is idle; &taken: it works
	asleep atomic.Bool
	wake   chan struct{} // gets a token from whoever sets asleep to false
}

// taken stands for a job that its worker has begun with.
var taken job

// NewPool starts threads-1 workers; the caller of Tiles is the other one.
func NewPool(threads int) *Pool {
	p := &Pool{workers: make([]worker, max(threads, 1)-1), start: time.Now()}
	for i := range p.workers {
		w := &p.workers[i]
		w.wake = make(chan struct{}, 1)
		p.wg.Go(func() {
			for j := w.next(p); j != nil; j = w.next(p) {
				j.work(i + 1)
				w.offer.Store(nil)
				j.leave()
			}
		})
	}
	return p
}

// Close ends the workers. No Tiles may be running or come after.
func (p *Pool) Close() {
	if p == nil {
		return
	}
	p.closed.Store(true)
	for i := range p.workers {
		p.workers[i].rouse()
	}
	p.wg.Wait()
}

// next waits for a job and takes it; nil, if the pool is closed.
func (w *worker) next(p *Pool) *job {
	for !p.closed.Load() {
		for start := time.Now(); time.Since(start) < spin; {
			if j := w.offer.Load(); j != nil && w.offer.CompareAndSwap(j, &taken) {
				return j
			}
		}
		w.asleep.Store(true)
		if w.offer.Load() == nil && !p.closed.Load() || !w.asleep.Swap(false) {
			<-w.wake
		}
	}
	return nil
}

func (w *worker) rouse() {
	if w.asleep.Swap(false) {
		w.wake <- struct{}{}
	}
}

// asks reports whether workers are asked, or not yet again.
func (p *Pool) asks() bool {
	until := p.alone.Load()
	if until == 0 {
		return true
	}
	if time.Since(p.start) < time.Duration(until) {
		return false
	}
	p.alone.CompareAndSwap(until, 0)
	return true
}

// note counts a job for which workers were asked.
func (p *Pool) note(came bool) {
	missed := p.missed.Load()
	if missed -= missed / lastJobs; !came {
		missed += always / lastJobs
	}
	if missed > tooMany {
		missed -= tooMany / 16
		p.alone.Store(int64(time.Since(p.start) + apart))
	}
	p.missed.Store(missed)
}

// lend offers j to so many idle workers at most, and says to how many it did.
func (p *Pool) lend(j *job, helpers int) (asked int) {
	for i := range p.workers {
		if asked >= helpers {
			break
		}
		w := &p.workers[i]
		if w.offer.Load() != nil {
			continue
		}
		j.helpers.Add(1)
		if !w.offer.CompareAndSwap(nil, j) {
			j.helpers.Add(-1)
			continue
		}
		w.rouse()
		asked++
	}
	return asked
}

// reclaim takes j back from workers that have not begun with it, waits for the
// others, and says how many those were that had not.
func (p *Pool) reclaim(j *job) (idle int) {
	for i := range p.workers {
		if p.workers[i].offer.CompareAndSwap(j, nil) {
			j.helpers.Add(-1)
			idle++
		}
	}
	for start := time.Now(); j.helpers.Load() > 0 && time.Since(start) < spin; {
	}
	for j.helpers.Load() > 0 {
		j.asleep.Store(true)
		if j.helpers.Load() > 0 {
			<-j.done
		}
	}
	j.asleep.Store(false)
	return idle
}

// job is one call of Tiles. It is used again for others, so a worker that has
// left it may still wake up who waits for the next one: nobody relies on a
// token alone.
type job struct {
	ctx     context.Context
	tile    func(i int)
	n       int64
	shares  [maxShares]share
	sharing int // shares in use
	err     atomic.Pointer[error]
	helpers atomic.Int64 // workers that it is offered to or that work on it
	asleep  atomic.Bool
	done    chan struct{}
}

// A share of the tiles is consecutive ones, which a goroutine takes before it
// helps with those of others: neighbours have much memory in common, and from
// job to job the same goroutine has the same part of it in its cache.
type share struct {
	next atomic.Int64
	end  int64
	_    [48]byte // the rest of a line of the cache
}

// maxShares is how many goroutines have a share of their own.
const maxShares = 64

// cut shares the tiles out among so many.
func (j *job) cut(sharing int) {
	j.sharing = min(sharing, maxShares)
	for i := range j.shares[:j.sharing] {
		s := &j.shares[i]
		s.next.Store(j.n * int64(i) / int64(j.sharing))
		s.end = j.n * int64(i+1) / int64(j.sharing)
	}
}

var jobs = sync.Pool{New: func() any { return &job{done: make(chan struct{}, 1)} }}

// leave ends the part of a worker in j.
func (j *job) leave() {
	if j.helpers.Add(-1) > 0 || !j.asleep.Swap(false) {
		return
	}
	select {
	case j.done <- struct{}{}:
	default:
	}
}

// work takes tiles until none is left, first those of share me. A tile that
// panics stops the job: a panic must not leave its goroutine, where nothing
// could recover it.
func (j *job) work(me int) {
	defer func() {
		if r := recover(); r != nil {
			j.fail(fmt.Errorf("%w: %v", ErrPanic, r))
		}
	}()
	for k := range j.sharing {
		for s := &j.shares[(me+k)%j.sharing]; ; {
			i := s.next.Add(1) - 1
			if i >= s.end {
				break
			}
			if j.err.Load() != nil {
				return
			}
			if err := j.ctx.Err(); err != nil {
				j.fail(err)
				return
			}
			j.tile(int(i))
		}
	}
}

func (j *job) fail(err error) { j.err.CompareAndSwap(nil, &err) }

// ErrPanic is what a kernel's bug becomes: the host reports it as its own
// fault and never uses the model again.
const ErrPanic Refusal = "a kernel failed"

// Tiles calls tile(0) … tile(n-1), in any order and at once on the workers
// that are idle, and returns when all have returned. It stops early at the
// deadline. Tiles must not depend on one another; a tile should take at most
// about 50 µs, since neither the deadline nor Go's collector can interrupt it.
func (c *Call) Tiles(n int, tile func(i int)) error {
	j := jobs.Get().(*job)
	j.ctx, j.tile, j.n = c.Ctx, tile, int64(n)
	if p := c.Pool; p != nil && n > 1 && len(p.workers) > 0 && p.asks() {
		helpers := min(n, len(p.workers)+2-int(p.callers.Add(1))) - 1
		j.cut(max(helpers, 0) + 1)
		asked := p.lend(j, helpers)
		j.work(0)
		if idle := p.reclaim(j); asked > 0 {
			p.note(idle < asked)
		}
		p.callers.Add(-1)
	} else {
		j.cut(1)
		j.work(0)
	}
	err := j.err.Swap(nil)
	j.ctx, j.tile = nil, nil
	jobs.Put(j)
	if err != nil {
		return *err
	}
	return nil
}
