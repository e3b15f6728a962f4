package runtime

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/glovebox-ml/glovebox/guest/abi"
)

// What a caller does to the ports that it was given is not done to the model's.
func TestPortsAreCopies(t *testing.T) {
	m := loaded(t, with(t, doubling(), Config{}))
	for _, p := range append(m.Inputs(), m.Outputs()...) {
		for i := range p.Dims {
			p.Dims[i].Size = 1
		}
	}
	if _, err := m.Run(t.Context(), row(t, 2)); err != nil {
		t.Error(err)
	}
}

// A bool that a caller wrote into a tensor since it was made is still one.
func TestBoolsOfARun(t *testing.T) {
	c := &call{}
	b := []byte{0, 1, 1}
	v, err := OfBytes(Bool, b, 3)
	if err != nil {
		t.Fatal(err)
	}
	b[0], b[1] = 255, 2
	if err := c.bind([]Port{{Name: "x", DType: Bool, Ranked: true, Dims: []Dim{{Size: 3}}}}, Values{"x": v}); err != nil {
		t.Fatal(err)
	}
	if got := c.in[0].Data; string(got) != "\x01\x01\x01" {
		t.Errorf("kernels are given % x", got)
	}
}

// panicky is a logger's handler that fails, or that keeps the context.
type panicky struct {
	slog.Handler
	keeps bool
}

func (panicky) Enabled(context.Context, slog.Level) bool { return true }

func (p panicky) Handle(ctx context.Context, _ slog.Record) error {
	if !p.keeps {
		panic("a handler")
	}
	go ctx.Done()
	return nil
}

// A logger that panics leaves no guest and no clock behind.
func TestLoggerPanics(t *testing.T) {
	f := doubling()
	inner := f.load
	f.load = func(box abi.Box, k abi.Task) uint32 {
		box.Emit(abi.EmitLog, []byte("x"))
		return inner(box, k)
	}
	r := with(t, f, Config{Logger: slog.New(panicky{Handler: slog.DiscardHandler})})
	var events atomic.Int64
	if _, err := r.Load(WithProgress(t.Context(), func(Event) { events.Add(1) }), Bytes("m", []byte("x"))); err == nil {
		t.Error("loaded")
	}
	r.Close()
	was := events.Load()
	if time.Sleep(300 * time.Millisecond); events.Load() != was {
		t.Errorf("%d events after the end", events.Load()-was)
	}
}

// A logger may keep the context of a call beyond it.
func TestLoggerKeepsContext(t *testing.T) {
	f := doubling()
	inner := f.run
	f.run = func(box abi.Box) uint32 {
		box.Emit(abi.EmitLog, []byte("x"))
		return inner(box)
	}
	m := loaded(t, with(t, f, Config{Logger: slog.New(panicky{slog.DiscardHandler, true})}))
	for i := range 200 {
		if _, err := m.Cost(t.Context(), map[string]Type{"x": {Float32, []int{i + 1, 4}}}); err != nil {
			t.Fatal(err)
		}
	}
}
