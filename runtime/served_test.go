package runtime

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"testing"
	"time"
)

// A served run allocates its Result alone: the struct, the map and its first
// group, and for each output the boxed Tensor and its elements.
func TestServedRunsAllocateTheirResultAlone(t *testing.T) {
	const result, perOutput = 3, 2
	rt := open(t, Config{Threads: 1})
	for _, c := range []struct {
		name string
		m    *Model
		in   Values
	}{
		{"a copy", loaded(t, with(t, doubling(), Config{Threads: 1})), row(t, 2)},
		{"digits", digits(t, rt), images(t, 1, 1)},
	} {
		var err error
		// A pool may be emptied at any time, and forgets at random under the race
		// detector: the least of many counts.
		want, least, counts := float64(result+perOutput*len(c.m.Outputs())), 1000.0, 0
		for ; least > want && counts < 2000; counts++ {
			least = min(least, testing.AllocsPerRun(1, func() { _, err = c.m.Run(context.Background(), c.in) }))
		}
		if least != want || err != nil {
			t.Errorf("%s: %v allocations, %v; want %v", c.name, least, err, want)
		}
		if s := c.m.Stats(); s.Served != int64(2*counts-1) {
			t.Errorf("%s: %d of %d runs were served", c.name, s.Served, 2*counts)
		}
	}
}

// A run that ran out of time, or whose caller gave up, leaves nothing of that to
// those after it.
func TestRunsAfterOneThatEnded(t *testing.T) {
	m := loaded(t, with(t, doubling(), Config{Threads: 1}))
	in := row(t, 2)
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	late, cancel := context.WithTimeout(t.Context(), time.Nanosecond)
	defer cancel()
	for range 3 {
		for _, c := range []struct {
			ctx  context.Context
			want error
		}{
			{t.Context(), nil},
			{WithLimits(t.Context(), Limits{Time: 1}), ErrTime},
			{t.Context(), nil},
			{canceled, ErrCanceled},
			{late, ErrTime},
		} {
			if _, err := m.Run(c.ctx, in); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		}
	}
}

// What the box costs: a served run of next to no work.
func BenchmarkServedBox(b *testing.B) {
	rt, err := New(b.Context(), Config{Threads: 1})
	if err != nil {
		b.Fatal(err)
	}
	rt.guests = doubling()
	defer rt.Close()
	m, err := rt.Load(b.Context(), Bytes("model", nil))
	if err != nil {
		b.Fatal(err)
	}
	x, err := Of(make([]float32, 8), 2, 4)
	if err != nil {
		b.Fatal(err)
	}
	best(b, m, Values{"x": x})
}

// best times runs and reports the quickest of them too.
func best(b *testing.B, m *Model, in Values) {
	least := time.Hour
	for b.Loop() {
		start := time.Now()
		if _, err := m.Run(b.Context(), in); err != nil {
			b.Fatal(err)
		}
		least = min(least, time.Since(start))
	}
	b.ReportMetric(float64(least.Nanoseconds()), "ns/best")
	b.ReportAllocs()
}

// Two small models and a large one, with how often they are profiled.
var measured = []struct {
	name, path string
	runs       int
}{
	{"digits", filepath.Join(models, "digits.onnx"), 1000},
	{"mnist-cntk", "../../shared/models/mnist-cntk/model.onnx", 1000},
	{"resnet50", "../out/models/m_resnet50.onnx", 20},
}

// Loads, where the guest was started before.
func BenchmarkLoad(b *testing.B) {
	for _, c := range measured {
		b.Run(c.name, func(b *testing.B) {
			rt, err := New(b.Context(), Config{Threads: 1})
			if err != nil {
				b.Fatal(err)
			}
			defer rt.Close()
			for b.Loop() {
				m, err := rt.LoadFile(b.Context(), c.path)
				if err != nil {
					b.Skip(err)
				}
				m.Close()
			}
		})
	}
}

// Served runs, beside the time of their operations by themselves.
func BenchmarkServed(b *testing.B) {
	for _, c := range measured {
		b.Run(c.name, func(b *testing.B) {
			rt, err := New(b.Context(), Config{Threads: 1})
			if err != nil {
				b.Fatal(err)
			}
			defer rt.Close()
			m, err := rt.LoadFile(b.Context(), c.path)
			if err != nil {
				b.Skip(err)
			}
			p := m.Inputs()[0]
			shape, n := make([]int, len(p.Dims)), 1
			for i, d := range p.Dims {
				shape[i] = max(d.Size, 1)
				n *= shape[i]
			}
			x, err := Of(make([]float32, n), shape...)
			if err != nil {
				b.Fatal(err)
			}
			in := Values{p.Name: x}
			lines, err := m.Profile(b.Context(), in, c.runs)
			if err != nil {
				b.Fatal(err)
			}
			var kernels time.Duration
			for _, l := range lines {
				kernels += l.Time
			}
			best(b, m, in)
			b.ReportMetric(float64(kernels.Nanoseconds()), "ns/kernels")
		})
	}
}

// A sentence of a length that was never seen, against the same length again: the
// share of its speed that binding leaves.
func BenchmarkLengths(b *testing.B) {
	const shortest, lengths = 17, 48
	rt, err := New(b.Context(), Config{Threads: 1, Limits: Limits{Memory: 2 << 30}})
	if err != nil {
		b.Fatal(err)
	}
	defer rt.Close()
	var shares []float64
	for b.Loop() {
		m, err := rt.LoadFile(b.Context(), "../../shared/models/minilm-l6-w8/model.onnx")
		if err != nil {
			b.Skip(err)
		}
		run := func(n int) time.Duration {
			in := Values{}
			for _, p := range m.Inputs() {
				ids := make([]int64, n)
				for i := range ids {
					ids[i] = 1
				}
				if in[p.Name], err = Of(ids, 1, n); err != nil {
					b.Fatal(err)
				}
			}
			start := time.Now()
			if _, err := m.Run(b.Context(), in); err != nil {
				b.Fatal(err)
			}
			return time.Since(start)
		}
		run(shortest - 1) // what the model does once
		var first, again time.Duration
		for i := range lengths {
			n := shortest + i*37%lengths*2
			first += run(n)
			again += run(n)
		}
		if s := m.Stats(); s.Entered != 1 {
			b.Fatalf("%d lengths entered the box", s.Entered)
		}
		shares = append(shares, float64(again)/float64(first))
		m.Close()
	}
	slices.Sort(shares)
	b.ReportMetric(shares[len(shares)/2], "share")
}
