package runtime

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
)

// slack is how far a deadline may be overrun here; GLOVEBOX_LIMITS asserts the
// figures that hold on a quiet machine.
func slack(quiet time.Duration) time.Duration {
	if os.Getenv("GLOVEBOX_LIMITS") != "" {
		return quiet
	}
	return 20 * quiet
}

// resident is the memory of the process in bytes.
func resident(t *testing.T) int64 {
	t.Helper()
	b, err := os.ReadFile("/proc/self/status")
	if err != nil {
		t.Skip("no /proc: ", err)
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "VmRSS:" {
			kib, err := strconv.ParseInt(f[1], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			return kib << 10
		}
	}
	t.Fatal("no VmRSS")
	return 0
}

// The models of testdata/hostile/onnx are valid; what they ask for is the
// attack. Each ends at the limit it runs into, before the memory is taken.
func TestLimitsOfHostileModels(t *testing.T) {
	rt := open(t, Config{})
	limits := Limits{Memory: 256 << 20, Time: 10 * time.Second, Work: 1e12}
	quick := limits
	quick.Memory, quick.Time = 512<<20, 500*time.Millisecond
	tests := []struct {
		name   string
		limits Limits
		want   Kind
	}{
		{"loop-forever", quick, ErrTime},
		{"loop-forever-adding", quick, ErrTime},
		{"loop-forever-on-data", quick, ErrTime},
		{"matmul-long", quick, ErrTime},
		{"loop-doubles", limits, ErrMemory},
		{"loop-doubles-on-data", limits, ErrMemory},
		{"expand-huge", limits, ErrMemory},
		{"constant-of-shape-huge", limits, ErrMemory},
		{"tile-huge", limits, ErrMemory},
		{"range-huge", limits, ErrMemory},
		{"resize-huge", limits, ErrMemory},
		{"matmul-cubed", limits, ErrMemory},
	}
	one, err := Of([]float32{1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m, err := rt.LoadFile(t.Context(), filepath.Join("../testdata/hostile/onnx", tt.name+".onnx"))
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			stop := make(chan struct{})
			peak := make(chan int64)
			before := resident(t)
			go watch(t, stop, peak)
			start := time.Now()
			_, err = m.Run(WithLimits(t.Context(), tt.limits), Values{"x": one})
			took := time.Since(start)
			close(stop)
			if most := <-peak; most > before+tt.limits.Memory+64<<20 {
				t.Errorf("the process grew from %d to %d bytes", before, most)
			}
			if !errors.Is(err, tt.want) {
				t.Errorf("%v, want %v", err, tt.want)
			}
			if over := took - tt.limits.Time; tt.want == ErrTime && over > slack(50*time.Millisecond) {
				t.Errorf("the deadline was overrun by %v", over)
			}
		})
	}
}

// watch samples the memory of the process until stop, and answers the most.
func watch(t *testing.T, stop chan struct{}, peak chan int64) {
	var most int64
	for {
		most = max(most, resident(t))
		select {
		case <-stop:
			peak <- most
			return
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// While a guest loops for ever, the collector of the process gets its turn.
func TestCollectorDuringALoop(t *testing.T) {
	rt := open(t, Config{})
	m, err := rt.LoadFile(t.Context(), "../testdata/hostile/onnx/loop-forever.onnx")
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	one, err := Of([]float32{1}, 1)
	if err != nil {
		t.Fatal(err)
	}
	run := func(d time.Duration) error {
		_, err := m.Run(WithLimits(t.Context(), Limits{Time: d}), Values{"x": one})
		return err
	}
	// Compiling what the model needs is no loop of the guest's.
	if err := run(50 * time.Millisecond); !errors.Is(err, ErrTime) {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- run(time.Second) }()
	var worst time.Duration
	for {
		select {
		case err := <-done:
			if !errors.Is(err, ErrTime) {
				t.Errorf("%v, want %v", err, ErrTime)
			}
			t.Logf("the slowest collection took %v", worst)
			if worst > slack(50*time.Millisecond) {
				t.Errorf("a collection took %v", worst)
			}
			return
		default:
			start := time.Now()
			runtime.GC()
			worst = max(worst, time.Since(start))
		}
	}
}
