package kernels

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Every tile runs once, whoever calls at the same time.
func TestTiles(t *testing.T) {
	for _, threads := range []int{0, 1, 2, 5} {
		p := NewPool(threads)
		var wg sync.WaitGroup
		for caller := range 4 {
			wg.Go(func() {
				c := Call{Ctx: context.Background(), Pool: p}
				for round := range 200 {
					if round%50 == caller {
						time.Sleep(2 * spin) // workers fall asleep
					}
					n := round % 17
					ran := make([]atomic.Int64, n)
					if err := c.Tiles(n, func(i int) { ran[i].Add(1) }); err != nil {
						t.Error(err)
					}
					for i := range ran {
						if got := ran[i].Load(); got != 1 {
							t.Errorf("%d threads: tile %d of %d ran %d times", threads, i, n, got)
						}
					}
				}
			})
		}
		wg.Wait()
		p.Close()
	}
}

// Idle workers take part, and a tile that waits for another one's goroutine
// shows that they run at once.
func TestTilesAtOnce(t *testing.T) {
	p := NewPool(3)
	defer p.Close()
	c := Call{Ctx: context.Background(), Pool: p}
	for _, pause := range []time.Duration{0, 4 * spin} {
		time.Sleep(pause)
		var here sync.WaitGroup
		here.Add(3)
		if err := c.Tiles(3, func(int) { here.Done(); here.Wait() }); err != nil {
			t.Error(err)
		}
	}
}

// Workers that often do not come are not asked for a while, and then soon no
// more.
func TestTilesAlone(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	misses := func() (n int) {
		for ; p.asks() && n < 10*lastJobs; n++ {
			p.note(false)
		}
		return n
	}
	for range 10 * lastJobs {
		p.note(true)
	}
	if n := misses(); n < 4 || n > lastJobs {
		t.Errorf("alone after %d misses", n)
	}
	time.Sleep(apart)
	if n := misses(); n < 1 || n > 4 {
		t.Errorf("alone again after %d misses", n)
	}
	time.Sleep(apart)
	for i := range 100 * lastJobs {
		if p.note(i%10 > 0); !p.asks() {
			t.Fatal("alone although most come")
		}
	}
}

func TestTilesFail(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	ctx, cancel := context.WithCancel(context.Background())
	c := Call{Ctx: ctx, Pool: p}
	for range 100 {
		if err := c.Tiles(50, func(i int) {
			if i == 7 {
				panic("seven")
			}
		}); !errors.Is(err, ErrPanic) {
			t.Fatalf("a panic gives %v", err)
		}
		if err := c.Tiles(50, func(int) {}); err != nil {
			t.Fatalf("after a panic: %v", err)
		}
	}
	cancel()
	if err := c.Tiles(5, func(int) { t.Error("a tile runs after its time") }); !errors.Is(err, context.Canceled) {
		t.Errorf("a run that was canceled gives %v", err)
	}
}

func TestTilesAllocateNothing(t *testing.T) {
	p := NewPool(2)
	defer p.Close()
	c := Call{Ctx: context.Background(), Pool: p}
	tile := func(int) {}
	if n := testing.AllocsPerRun(1000, func() { c.Tiles(8, tile) }); n >= 1 {
		t.Errorf("a call allocates %v times", n)
	}
}

func BenchmarkTiles(b *testing.B) {
	for _, threads := range []int{1, 2} {
		p := NewPool(threads)
		c := Call{Ctx: context.Background(), Pool: p}
		b.Run(map[int]string{1: "one", 2: "two"}[threads], func(b *testing.B) {
			for b.Loop() {
				c.Tiles(8, func(int) {
					for start := time.Now(); time.Since(start) < 20*time.Microsecond; {
					}
				})
			}
		})
		p.Close()
	}
}
