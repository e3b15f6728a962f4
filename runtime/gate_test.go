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
			c := &call{Context: context.Background()}
			if !g.enter(c) {
				return
			}
			inside.Add(1)
			entered <- struct{}{}
			<-c.Done()
			if !errors.Is(c.fault(c.Err()), ErrClosed) {
				t.Errorf("ended by %v", c.fault(c.Err()))
			}
			inside.Add(-1)
			g.leave(c)
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
	if g.enter(&call{Context: context.Background()}) {
		t.Error("entered a closed gate")
	}
	if g.inside != nil {
		t.Error("a call is inside")
	}
}
