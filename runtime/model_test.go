package runtime

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
	"github.com/glovebox-ml/glovebox/runtime/internal/engine"
)

func TestRunIsServedFromAPlan(t *testing.T) {
	m := loaded(t, with(t, doubling(), Config{}))
	for i := range 3 {
		res, err := m.Run(t.Context(), row(t, 2))
		if err != nil {
			t.Fatal(err)
		}
		y, err := res.Tensor("y")
		if err != nil {
			t.Fatal(err)
		}
		got, _ := Slice[float32](y)
		if want := []float32{0, 1, 2, 3, 0, 1, 2, 3, 4, 5, 6, 7, 4, 5, 6, 7}; !slices.Equal(got, want) {
			t.Errorf("run %d gave %v", i, got)
		}
		if res.Cost.Work == 0 || res.Cost.Memory == 0 {
			t.Errorf("run %d cost %+v", i, res.Cost)
		}
		if _, err := res.Tensor("z"); !errors.Is(err, ErrInput) {
			t.Errorf("output z: %v", err)
		}
	}
	if s := m.Stats(); s.Entered != 1 || s.Served != 2 || s.PeakBytes == 0 {
		t.Errorf("%+v", s)
	}
}

func TestDigest(t *testing.T) {
	r := with(t, doubling(), Config{})
	a, b := []byte("a"), []byte("b")
	sumA, sumB := sha256.Sum256(a), sha256.Sum256(b)
	for _, c := range []struct {
		parts []Part
		want  [32]byte
	}{
		{[]Part{Bytes("a", a)}, sumA},
		{[]Part{Bytes("a", a), Bytes("b", b)}, sha256.Sum256(append(sumA[:], sumB[:]...))},
	} {
		m, err := r.Load(t.Context(), c.parts...)
		if err != nil {
			t.Fatal(err)
		}
		var last Event
		got, err := m.Digest(WithProgress(t.Context(), func(e Event) { last = e }))
		if err != nil || got != c.want {
			t.Errorf("%d parts: %x, %v", len(c.parts), got, err)
		}
		if want := (Event{StageHash, int64(len(c.parts)), int64(len(c.parts))}); last != want {
			t.Errorf("progress ended with %v", last)
		}
	}
}

// endless is a guest that runs until something ends it.
func endless() *fake {
	f := doubling()
	f.run = func(box abi.Box) uint32 {
		for {
			box.Yield()
		}
	}
	return f
}

func TestHowRunsEnd(t *testing.T) {
	fault := func(kind abi.FaultKind) func(abi.Box) uint32 {
		return func(box abi.Box) uint32 {
			box.Emit(abi.EmitFault, abi.AppendFault(nil, abi.Fault{Kind: kind, Blob: 1, Offset: 7, Node: "n\x00", Op: "o", Text: "t\x1b"}))
			return 1
		}
	}
	for _, c := range []struct {
		name   string
		run    func(abi.Box) uint32
		limits Limits
		want   Kind
		text   string
	}{
		{"endless, by work", endless().run, Limits{Work: 1e4}, ErrWork, "over 10000"},
		{"endless, by time", endless().run, Limits{Time: 20 * time.Millisecond}, ErrTime, "over 20ms"},
		{"output", doubling().run, Limits{Output: 10}, ErrOutput, "over 10 bytes; raise Limits.Output"},
		{"memory", doubling().run, Limits{Memory: 1 << 10}, ErrMemory, "over 1 KiB"},
		{"no output", func(abi.Box) uint32 { return 0 }, Limits{}, ErrGuest, `nothing for output "y"`},
		{"no reason", func(abi.Box) uint32 { return 1 }, Limits{}, ErrGuest, "without a reason"},
		{"trap", func(abi.Box) uint32 { panic(engine.TrapBounds) }, Limits{}, ErrGuest, "out of bounds"},
		{"malformed", fault(abi.FaultMalformed), Limits{}, ErrMalformed, `run "model" at byte 7, node "n\x00", op "o": malformed file: "t\x1b"`},
		{"unsupported", fault(abi.FaultUnsupported), Limits{}, ErrUnsupported, ""},
		{"input", fault(abi.FaultInput), Limits{}, ErrInput, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := doubling()
			f.run = c.run
			m := loaded(t, with(t, f, Config{}))
			_, err := m.Run(WithLimits(t.Context(), c.limits), row(t, 100))
			var fault *Fault
			if !errors.As(err, &fault) || !errors.Is(err, c.want) || !strings.Contains(err.Error(), c.text) || fault.Stage != StageRun {
				t.Fatalf("%v", err)
			}
			f.run = doubling().run
			if _, err := m.Run(t.Context(), row(t, 100)); err != nil {
				t.Errorf("the next run: %v", err)
			}
		})
	}
}

func TestInternalFaultPoisonsTheModel(t *testing.T) {
	f := doubling()
	f.run = func(abi.Box) uint32 { panic("a bug") }
	m := loaded(t, with(t, f, Config{}))
	if _, err := m.Run(t.Context(), row(t, 1)); !errors.Is(err, ErrInternal) {
		t.Fatal(err)
	}
	f.run = doubling().run
	if _, err := m.Run(t.Context(), row(t, 1)); !errors.Is(err, ErrInternal) {
		t.Errorf("a poisoned model ran: %v", err)
	}
}

func TestContextEndsARun(t *testing.T) {
	m := loaded(t, with(t, endless(), Config{}))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := m.Run(ctx, row(t, 1)); !errors.Is(err, ErrTime) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("deadline: %v", err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	if _, err := m.Run(ctx, row(t, 1)); !errors.Is(err, ErrCanceled) || !errors.Is(err, context.Canceled) {
		t.Errorf("cancel: %v", err)
	}
}

func TestCloseEndsRuns(t *testing.T) {
	for _, closer := range []string{"model", "runtime"} {
		r := with(t, endless(), Config{})
		m := loaded(t, r)
		time.AfterFunc(20*time.Millisecond, func() {
			if closer == "model" {
				m.Close()
			} else {
				r.Close()
			}
		})
		if _, err := m.Run(t.Context(), row(t, 1)); !errors.Is(err, ErrClosed) {
			t.Errorf("%s: %v", closer, err)
		}
		m.Close()
		if _, err := m.Run(t.Context(), row(t, 1)); !errors.Is(err, ErrClosed) {
			t.Errorf("%s: run after close: %v", closer, err)
		}
		r.Close()
		if _, err := r.Load(t.Context(), Bytes("model", nil)); !errors.Is(err, ErrClosed) {
			t.Errorf("%s: load after close: %v", closer, err)
		}
	}
}

// TestCloseAtRandomTimes runs, cancels and closes at once. The race detector
// and the fake's own checks tell what went wrong.
func TestCloseAtRandomTimes(t *testing.T) {
	rounds := 200
	if testing.Short() {
		rounds = 20
	}
	for range rounds {
		r := with(t, doubling(), Config{Threads: 2})
		m := loaded(t, r)
		var wg sync.WaitGroup
		for i := range 4 {
			wg.Go(func() {
				for n := 1; ; n++ {
					ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(200))*time.Microsecond)
					_, err := m.Run(ctx, row(t, n*(i+1)%9))
					cancel()
					switch {
					case errors.Is(err, ErrClosed):
						return
					case err != nil && !errors.Is(err, ErrTime):
						t.Error(err)
						return
					}
				}
			})
		}
		time.Sleep(time.Duration(rand.IntN(1000)) * time.Microsecond)
		if rand.IntN(2) == 0 {
			m.Close()
		} else {
			r.Close()
		}
		wg.Wait()
	}
}

func TestGuestMemoryIsCharged(t *testing.T) {
	f := doubling()
	f.size.Store(1 << 20)
	r := with(t, f, Config{Limits: Limits{Memory: 4 << 20}})
	m := loaded(t, r)
	res, err := m.Run(t.Context(), row(t, 1))
	if err != nil || res.Cost.Memory < 3<<20 {
		t.Fatalf("%+v, %v", res, err)
	}
	f.size.Store(5 << 20)
	if _, err := r.Load(t.Context(), Bytes("model", nil)); !errors.Is(err, ErrMemory) {
		t.Errorf("a guest over the limit: %v", err)
	}
}

// zeros is a file of that many bytes.
type zeros int64

func (n zeros) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(n) {
		return 0, io.EOF
	}
	p = p[:min(int64(len(p)), int64(n)-off)]
	clear(p)
	return len(p), nil
}

func TestInspectReportsRefusals(t *testing.T) {
	f := &fake{load: func(box abi.Box, _ abi.Task) uint32 {
		for _, it := range []abi.Item{
			{Kind: abi.ItemFormat, Strings: []string{"onnx", "8"}},
			{Kind: abi.ItemField, Strings: []string{"producer", "x\n"}},
			{Kind: abi.ItemOp, Strings: []string{"", "Conv"}, Ints: []int64{3, 1}},
			{Kind: abi.ItemTensor, Blob: 1, Offset: 40, Strings: []string{"w", ""}, Ints: []int64{int64(Float32), 24, 2, 3}},
			{Kind: abi.ItemRefused, Blob: 1, Offset: 9, Strings: []string{"bad", "n", "Foo"}, Ints: []int64{int64(abi.FaultUnsupported)}},
		} {
			box.Emit(abi.EmitReport, abi.AppendItem(nil, it))
		}
		return 1
	}}
	r := with(t, f, Config{})
	rep, err := r.Inspect(t.Context(), Bytes("m", []byte("abc")))
	if err != nil {
		t.Fatal(err)
	}
	got := marshal(t, rep)
	want := `{"format":"onnx","version":"8",` +
		`"parts":[{"name":"m","size":3,"sha256":"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"}],` +
		`"fields":[{"name":"producer","value":"x\n"}],"layers":[],"inputs":[],"outputs":[],` +
		`"ops":[{"domain":"","type":"Conv","count":3,"supported":true}],` +
		`"tensors":[{"name":"w","part":"m","dtype":"float32","shape":[2,3],"bytes":24,"offset":40}],` +
		`"refusals":[{"kind":"unsupported","reason":"bad","node":"n","op":"Foo","part":"m","offset":9},` +
		`{"kind":"guest","reason":"it failed without a reason","offset":-1}]}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	for _, all := range []bool{false, true} {
		large := Part{Name: "large", Data: zeros(hashed + 1), Size: hashed + 1}
		rep, err := with(t, f, Config{Digests: all}).Inspect(t.Context(), large)
		if err != nil || (rep.Parts[0].SHA256 != "") != all {
			t.Errorf("of a large part: %+v, %v", rep, err)
		}
	}
	f.load = func(box abi.Box, _ abi.Task) uint32 {
		box.Emit(abi.EmitReport, abi.AppendItem(nil, abi.Item{Kind: abi.ItemTensor, Blob: 1, Offset: 40, Strings: []string{"w", "", "F8_E4M3"}, Ints: []int64{0, 2, 2}}))
		return 0
	}
	rep, err = r.Inspect(t.Context(), Bytes("m", []byte("abc")))
	if err != nil || len(rep.Tensors) != 1 || rep.Tensors[0].Form != "F8_E4M3" {
		t.Errorf("a tensor of another type: %+v, %v", rep, err)
	}
	f.load = func(box abi.Box, _ abi.Task) uint32 {
		box.Emit(abi.EmitReport, abi.AppendItem(nil, abi.Item{Kind: abi.ItemOp, Strings: []string{"Conv"}}))
		return 0
	}
	rep, err = r.Inspect(t.Context(), Bytes("m", nil))
	if err != nil || len(rep.Refusals) != 1 || rep.Refusals[0].Kind != ErrGuest {
		t.Errorf("a record that is not what it says: %+v, %v", rep, err)
	}
	f.load = func(box abi.Box, _ abi.Task) uint32 { box.BlobNew(8 << 30); return 1 }
	if _, err := r.Inspect(t.Context(), Bytes("m", nil)); !errors.Is(err, ErrFile) {
		t.Errorf("a limit: %v", err)
	}
}

func marshal(t *testing.T, v any) string {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestConfigRefuses(t *testing.T) {
	for _, c := range []struct {
		config Config
		want   Kind
	}{
		{Config{Isolation: IsolationProcess}, ErrIsolation},
		{Config{Isolation: IsolationStrict}, ErrIsolation},
		{Config{Engine: 9}, ErrUnsupported},
		{Config{Precision: 9}, ErrUnsupported},
		{Config{Threads: -1}, ErrInput},
	} {
		if _, err := New(t.Context(), c.config); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v", c.config, err)
		}
	}
}

func TestCost(t *testing.T) {
	f := doubling()
	m := loaded(t, with(t, f, Config{}))
	types := map[string]Type{"x": {Float32, []int{100, 4}}}
	cost, err := m.Cost(t.Context(), types)
	if err != nil || !cost.Exact {
		t.Fatalf("%+v, %v", cost, err)
	}
	res, err := m.Run(t.Context(), row(t, 100))
	if err != nil || res.Cost.Work != cost.Work || res.Cost.Flops != cost.Flops {
		t.Errorf("said %+v, took %+v, %v", cost, res.Cost, err)
	}
	for _, bad := range []map[string]Type{{}, {"x": {Float32, []int{100, 3}}}, {"x": {Float32, []int{-1, 4}}}, {"x": {}}} {
		if _, err := m.Cost(t.Context(), bad); !errors.Is(err, ErrInput) {
			t.Errorf("%v: %v", bad, err)
		}
	}
	f.run = func(box abi.Box) uint32 {
		in, _ := box.RunInput(0)
		if box.TensorRead(in.Tensor, 0, make([]byte, 4)) != abi.OK {
			return 1
		}
		return 0
	}
	if cost, err := m.Cost(t.Context(), types); err != nil || cost.Exact {
		t.Errorf("where the data decides: %+v, %v", cost, err)
	}
}

func TestMetadata(t *testing.T) {
	f := doubling()
	m := loaded(t, with(t, f, Config{}))
	f.load = func(box abi.Box, task abi.Task) uint32 {
		if task != abi.TaskInspect {
			return 1
		}
		box.Emit(abi.EmitReport, abi.AppendItem(nil, abi.Item{Kind: abi.ItemField, Offset: -1, Strings: []string{"author", "a"}}))
		return 0
	}
	got, err := m.Metadata(t.Context())
	if want := []ReportField{{"author", "a"}}; err != nil || !slices.Equal(got, want) {
		t.Errorf("%v, %v", got, err)
	}
}

func TestDecode(t *testing.T) {
	var spec abi.ImageSpec
	f := &fake{
		load: func(box abi.Box, task abi.Task) uint32 {
			if n, e := box.BlobSize(2); e == abi.OK {
				b := make([]byte, n)
				box.BlobRead(2, 0, b)
				spec, _ = abi.DecodeImageSpec(b)
			}
			if task == abi.TaskDecode {
				box.PortDeclare(abi.AppendPort(nil, abi.Port{Name: "value", DType: uint8(Uint8), Output: true}))
			}
			return 0
		},
		run: func(box abi.Box) uint32 {
			h, _ := box.TensorConst(1, 0, abi.Type{DType: tensor.Uint8, Rank: 1, Dims: [tensor.MaxRank]int64{3}})
			box.RunOutput(0, h)
			return 0
		},
	}
	r := with(t, f, Config{})
	want := ImageSpec{Width: 2, Height: 3, Channels: 1, BGR: true, ChannelsLast: true, DType: Uint8, Mean: [3]float32{1, 2, 3}, Scale: [3]float32{4, 5, 6}}
	x, err := r.Decode(t.Context(), Bytes("v", []byte("abc")), want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Slice[uint8](x); err != nil || string(got) != "abc" {
		t.Errorf("%q, %v", got, err)
	}
	got := ImageSpec{int(spec.Width), int(spec.Height), int(spec.Channels), spec.BGR, spec.ChannelsLast, DType(spec.DType), spec.Mean, spec.Scale, spec.Reversed}
	if got != want {
		t.Errorf("the box was told %+v", got)
	}
	if _, err := r.Decode(t.Context(), Bytes("v", []byte("ab")), ImageSpec{}); !errors.Is(err, ErrGuest) {
		t.Errorf("a value that is not there: %v", err)
	}
	_, err = r.Decode(WithLimits(t.Context(), Limits{Output: 2}), Bytes("v", []byte("abc")), want)
	var over *Fault
	if !errors.As(err, &over) || over.Kind != ErrOutput || over.Part != "v" || !strings.Contains(err.Error(), "over 2 bytes") {
		t.Errorf("a value over the limit of outputs: %v", err)
	}
}
