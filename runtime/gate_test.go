package runtime

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
)

func TestGateWaitsForCalls(t *testing.T) {
	var g gate
	var inside atomic.Int32
	var wg sync.WaitGroup
	entered := make(chan struct{}, 50)
	for range 50 {
		wg.Go(func() {
			err := g.within(context.Background(), StageRun, func(ctx context.Context) error {
				inside.Add(1)
				entered <- struct{}{}
				<-ctx.Done()
				if context.Cause(ctx) != ErrClosed {
					t.Errorf("ended by %v", context.Cause(ctx))
				}
				inside.Add(-1)
				return nil
			})
			if err != nil && !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
		})
	}
	<-entered
	for range 2 {
		wg.Go(func() {
			g.close()
			if n := inside.Load(); n != 0 {
				t.Errorf("%d calls were inside when close returned", n)
			}
		})
	}
	wg.Wait()
	err := g.within(context.Background(), StageRun, func(context.Context) error { return nil })
	if !errors.Is(err, ErrClosed) {
		t.Errorf("entered a closed gate: %v", err)
	}
}
