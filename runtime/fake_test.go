package runtime

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/runtime/internal/engine"
)

// fake is a guest in Go, without an engine: what it does at load and at run is
// up to the test.
type fake struct {
	load func(box abi.Box, task abi.Task) uint32
	run  func(box abi.Box) uint32
	size atomic.Int64 // of the memory of its instances
	live atomic.Int64 // instances that are not closed

	have atomic.Int64 // what its instances have
}

func (f *fake) ready(_ context.Context, least extent) (extent, error) {
	f.have.Store(max(f.have.Load(), int64(least)))
	return extent(f.have.Load()), nil
}
func (f *fake) close() {}

func (f *fake) start(_ context.Context, o engine.Options) (instance, error) {
	if f.size.Load() > o.Memory {
		return nil, engine.ErrMemory
	}
	f.live.Add(1)
	return &fakeInstance{fake: f}, nil
}

type fakeInstance struct {
	*fake
	inside atomic.Bool
	closed atomic.Bool
}

func (i *fakeInstance) Snapshot() (*engine.State, error) { return nil, nil }
func (i *fakeInstance) Restore(*engine.State) error      { return nil }
func (i *fakeInstance) MemorySize() int64                { return i.size.Load() }

func (i *fakeInstance) Close() {
	if i.inside.Load() || i.closed.Swap(true) {
		panic("closed during a call, or twice")
	}
	i.live.Add(-1)
}

// Call ends, as an engine does, for what the box or the meter says.
func (i *fakeInstance) Call(ctx context.Context, box abi.Box, meter engine.Meter, export string, args ...uint64) (ret uint32, err error) {
	i.inside.Store(true)
	defer i.inside.Store(false)
	defer func() {
		switch r := recover().(type) {
		case nil:
		case error:
			err = r
		default:
			err = engine.ErrInternal
		}
	}()
	if export == abi.ExportLoad {
		ret = i.load(box, abi.Task(args[0]))
	} else {
		ret = i.run(metered{box, meter})
	}
	if s := box.(engine.Stopper).Stopped(); s != nil {
		return 0, s
	}
	return ret, nil
}

// metered charges fuel for each yield and ends the guest by a panic.
type metered struct {
	abi.Box
	meter engine.Meter
}

func (m metered) Yield() abi.Errno {
	if err := m.meter.Fuel(1000); err != nil {
		panic(err)
	}
	return m.Box.Yield()
}

// doubling is a guest whose model takes x [n, 4] and gives y [n, 8], x twice.
func doubling() *fake {
	return &fake{
		load: func(box abi.Box, _ abi.Task) uint32 {
			dims := func(n int64) []abi.PortDim { return []abi.PortDim{{Size: -1, Name: "n"}, {Size: n}} }
			box.PortDeclare(abi.AppendPort(nil, abi.Port{Name: "x", DType: uint8(Float32), Ranked: true, Dims: dims(4)}))
			box.PortDeclare(abi.AppendPort(nil, abi.Port{Name: "y", DType: uint8(Float32), Ranked: true, Dims: dims(8), Output: true}))
			return 0
		},
		run: func(box abi.Box) uint32 {
			in, _ := box.RunInput(0)
			p, _ := box.ProgramNew()
			v, _ := box.ProgramInput(p, in.Type)
			out := make([]abi.Result, 1)
			box.ProgramOp(p, abi.AppendCall(nil, abi.OpConcat, []abi.Value{v, v}, &abi.Concat{Axis: 1}), out)
			box.ProgramSeal(p, abi.AppendSeal(nil, abi.Seal{Out: []abi.Value{out[0].Value}}))
			made := make([]abi.Handle, 1)
			if _, e := box.ProgramRun(p, []abi.Handle{in.Tensor}, made); e != abi.OK {
				return 1
			}
			if box.RunOutput(0, made[0]) != abi.OK {
				return 1
			}
			box.ProgramPublish()
			return 0
		},
	}
}

// with makes a Runtime whose guest is f, and checks that all is closed.
func with(t *testing.T, f *fake, c Config) *Runtime {
	t.Helper()
	r, err := New(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	r.guests = f
	t.Cleanup(func() {
		r.Close()
		if n := f.live.Load(); n != 0 {
			t.Errorf("%d instances were left open", n)
		}
	})
	return r
}

func loaded(t *testing.T, r *Runtime) *Model {
	t.Helper()
	m, err := r.Load(t.Context(), Bytes("model", []byte("any bytes")))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func row(t *testing.T, n int) Values {
	t.Helper()
	data := make([]float32, 4*n)
	for i := range data {
		data[i] = float32(i)
	}
	x, err := Of(data, n, 4)
	if err != nil {
		t.Fatal(err)
	}
	return Values{"x": x}
}
