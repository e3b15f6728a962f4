package runtime

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/glovebox-ml/glovebox/runtime/internal/engine"
)

func TestLimitsOnlyGoDown(t *testing.T) {
	base := Limits{Memory: 100, Output: 50, Time: time.Second}.or(defaults)
	if base.Memory != 100 || base.File != defaults.File || base.Work != defaults.Work {
		t.Fatalf("or: %+v", base)
	}
	ctx := WithLimits(t.Context(), Limits{Memory: 80, Output: 1000, Work: 7})
	ctx = WithLimits(ctx, Limits{Memory: 90, Time: time.Millisecond})
	got, err := limitsOf(ctx, StageRun, base)
	want := Limits{Memory: 80, Output: 50, File: defaults.File, Time: time.Millisecond, Work: 7}
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if got, _ := limitsOf(context.Background(), StageRun, base); got != base {
		t.Errorf("without limits in the context: %+v", got)
	}
}

func TestNegativeLimits(t *testing.T) {
	for _, l := range []Limits{{Memory: -1}, {Output: -1}, {File: -1}, {Time: -1}} {
		if _, err := limitsOf(WithLimits(t.Context(), l), StageRun, defaults); !errors.Is(err, ErrInput) {
			t.Errorf("%+v: %v", l, err)
		}
		if _, err := New(t.Context(), Config{Limits: l}); !errors.Is(err, ErrInput) {
			t.Errorf("New with %+v: %v", l, err)
		}
	}
}

// TestAttemptsShareTheTime has a call find out late that it needs more than a
// part of the guest. It gets no second helping of time.
func TestAttemptsShareTheTime(t *testing.T) {
	r := with(t, doubling(), Config{})
	const spent = 20 * time.Millisecond
	var left []time.Duration
	err := r.attempt(&call{Context: t.Context(), stage: StageRun}, defaults, func(c *call) error {
		deadline, _ := c.Deadline()
		left = append(left, time.Until(deadline))
		if c.again {
			return nil
		}
		time.Sleep(spent)
		return engine.TrapAbsent
	})
	if err != nil || len(left) != 2 || left[1] > left[0]-spent {
		t.Errorf("%v was left, %v", left, err)
	}
}
