package host

import (
	"context"
	"math"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// weights is a model whose file is n float32, 0, 1, 2 …, k of them a row.
func weights(t testing.TB, n int, limits Limits) *Model {
	w := make([]float32, n)
	for i := range w {
		w[i] = float32(i % 17)
	}
	return newTestModel(t, limits, tensor.Bytes(w))
}

// product builds y = x · permute(W) with W a view of the file, and answers the
// sealed program.
func product(t testing.TB, b *Box, rows, k, n int64) abi.Handle {
	t.Helper()
	p, e := b.ProgramNew()
	ok(t, e)
	x, e := b.ProgramInput(p, tensor.Of(tensor.Float32, rows, k))
	ok(t, e)
	h, e := b.TensorConst(1, 0, tensor.Of(tensor.Float32, n, k))
	ok(t, e)
	w, e := b.ProgramConst(p, h)
	ok(t, e)
	wt := opOn(t, b, p, abi.OpPermute, &abi.Permute{Perm: []int64{1, 0}}, w)
	y := opOn(t, b, p, abi.OpMatMul, &abi.MatMul{}, x, wt.Value)
	ok(t, b.ProgramSeal(p, abi.AppendSeal(nil, abi.Seal{Out: []abi.Value{y.Value}})))
	return p
}

func multiply(t testing.TB, m *Model, rows, k, n int64) []float32 {
	t.Helper()
	in := kernels.Tensor{Type: tensor.Of(tensor.Float32, rows, k), Data: tensor.Aligned(rows * k * 4)}
	for i := range tensor.View[float32](in.Data) {
		tensor.View[float32](in.Data)[i] = 1
	}
	b := runBox(m, in)
	defer b.Close()
	p := product(t, b, rows, k, n)
	x, e := b.RunInput(0)
	ok(t, e)
	var out [1]abi.Handle
	_, e = b.ProgramRun(p, []abi.Handle{x.Tensor}, out[:])
	ok(t, e)
	y := make([]float32, rows*n)
	ok(t, b.TensorRead(out[0], 0, tensor.Bytes(y)))
	return y
}

// A weight is read, permuted and packed once a model, whatever the program and
// however many run at once; what only the prologue needed is given back.
func TestConstantsAreMadeOnce(t *testing.T) {
	const k, n = 96, 200
	m := weights(t, k*n, small)
	var wg sync.WaitGroup
	for rows := range int64(8) {
		wg.Go(func() {
			y := multiply(t, m, rows+1, k, n)
			for j := range int64(n) {
				var want float32
				for i := range int64(k) {
					want += float32((j*k + i) % 17)
				}
				if math.Abs(float64(y[j]-want)) > 1e-2 {
					t.Errorf("column %d is %g, want %g", j, y[j], want)
					return
				}
			}
		})
	}
	wg.Wait()
	if len(m.packed) != 1 || len(m.kept) != 0 {
		t.Errorf("%d packed and %d raw weights are kept, want 1 and 0", len(m.packed), len(m.kept))
	}
	if used := m.ledger.used.Load(); used > 3*k*n*4 {
		t.Errorf("the model holds %d bytes for a weight of %d", used, k*n*4)
	}
}

func TestPrologueMeetsTheMemoryLimit(t *testing.T) {
	limits := small
	limits.File = 64 << 20
	m := weights(t, 5<<20, limits) // 20 MiB of weights under a limit of 16
	before := m.ledger.used.Load()
	in := kernels.Tensor{Type: tensor.Of(tensor.Float32, 1, 1024), Data: tensor.Aligned(4096)}
	b := runBox(m, in)
	defer b.Close()
	p := product(t, b, 1, 1024, 5<<10)
	x, _ := b.RunInput(0)
	if _, e := b.ProgramRun(p, []abi.Handle{x.Tensor}, make([]abi.Handle, 1)); e == abi.OK || b.Stopped() != ErrMemory {
		t.Errorf("errno %v, stopped with %v", e, b.Stopped())
	}
	if used := m.ledger.used.Load() - before; used != 0 {
		t.Errorf("%d bytes are still charged", used)
	}
}

// Memory of what nothing reads any more serves the next constant that it has
// room for, and goes where new memory is short.
func TestSpareMemory(t *testing.T) {
	m := weights(t, 0, small)
	before := m.ledger.used.Load()
	w := prologue{m: m, ctx: t.Context()}
	take := func(n int64) *memory {
		t.Helper()
		c, err := w.take(n)
		if err != nil || int64(len(c.data)) != n {
			t.Fatalf("%d bytes: %v", n, err)
		}
		return c
	}
	a := take(4 << 20)
	w.spared(a)
	b := take(3 << 20)
	if a != b {
		t.Error("the memory is not used again")
	}
	if c := take(1 << 20); c == b {
		t.Error("it is used twice")
	} else {
		w.spared(b)
		w.spared(c)
	}
	c, err := w.fresh(small.Memory - 1<<20)
	if err != nil {
		t.Fatalf("what is spare takes the room of what is not: %v", err)
	}
	w.spared(c)
	w.drop()
	if used := m.ledger.used.Load() - before; used != 0 {
		t.Errorf("%d bytes are still charged", used)
	}
}

func TestPrologueIsCanceled(t *testing.T) {
	const k, n = 96, 200
	m := weights(t, k*n, small)
	ctx, cancel := context.WithCancel(context.Background())
	in := kernels.Tensor{Type: tensor.Of(tensor.Float32, 1, k), Data: tensor.Aligned(k * 4)}
	b := m.RunBox(ctx, []kernels.Tensor{in}, m.limits, false)
	defer b.Close()
	p := product(t, b, 1, k, n)
	x, _ := b.RunInput(0)
	cancel()
	b.ProgramRun(p, []abi.Handle{x.Tensor}, make([]abi.Handle, 1))
	if b.Stopped() != ErrCanceled {
		t.Errorf("stopped with %v", b.Stopped())
	}
	if y := multiply(t, m, 1, k, n); y[1] == 0 {
		t.Error("the next run found half a constant")
	}
}

// A kernel that writes its packed weights faults instead of changing what the
// next request gets. The fault ends a process of its own.
func TestWeightsAreReadOnly(t *testing.T) {
	if os.Getenv("GLOVEBOX_WRITE_WEIGHTS") != "" {
		m := weights(t, 96*400, small)
		multiply(t, m, 1, 96, 400)
		for _, c := range m.packed {
			c.data[0]++
		}
		return
	}
	exe, err := os.Executable()
	if err != nil {
		t.Skip(err)
	}
	cmd := exec.Command(exe, "-test.run", "^TestWeightsAreReadOnly$")
	cmd.Env = append(os.Environ(), "GLOVEBOX_WRITE_WEIGHTS=1")
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "fault") {
		t.Errorf("the write did not fault: %v\n%s", err, out)
	}
}

// A run whose every turn makes a constant and a program of its own leaves the
// model as small as it was.
func TestConstantsOfDeadProgramsGo(t *testing.T) {
	m := weights(t, 1<<10, small)
	before := m.ledger.used.Load()
	for _, told := range []bool{false, true} {
		b := runBox(m, vector(1, 2))
		x, _ := b.RunInput(0)
		if told {
			for range maxNodes { // more than a plan holds
				ok(t, b.TensorRead(x.Tensor, 0, make([]byte, 4)))
			}
		}
		for i := range 2000 {
			p, e := b.ProgramNew()
			ok(t, e)
			fill := opOn(t, b, p, abi.OpFill, &abi.Fill{Dims: abi.Consts(4096), Value: abi.Const(int64(i)), DType: int64(tensor.Float32)})
			ok(t, b.ProgramSeal(p, abi.AppendSeal(nil, abi.Seal{Out: []abi.Value{fill.Value}})))
			var out [1]abi.Handle
			_, e = b.ProgramRun(p, nil, out[:])
			ok(t, e)
			ok(t, b.TensorFree(out[0]))
			ok(t, b.ProgramFree(p))
			if i == 500 && !told {
				break // while it may be published the box holds what it ran
			}
		}
		b.Close()
		if b.own.used.Load() < 0 {
			t.Errorf("the run's ledger ends at %d", b.own.used.Load())
		}
		if n := m.ledger.used.Load(); n > small.Memory/spareShare+1<<20 {
			t.Errorf("the model still holds %d bytes", n)
		}
	}
	m.preparing <- struct{}{}
	m.bury()
	m.evict(m.turn+1, 0)
	<-m.preparing
	if n := m.ledger.used.Load() - before; n != 0 || len(m.kept) != 0 {
		t.Errorf("%d bytes are charged for %d constants after all are gone", n, len(m.kept))
	}
}

// A view whose sizes are symbols is no constant, even of a constant: what it
// shows is kept all the same.
func TestSymbolicViewOfAConstant(t *testing.T) {
	m := newTestModel(t, small, []byte{0, 0, 128, 63, 0, 0, 0, 64})
	b := runBox(m, vector(1, 2))
	defer b.Close()
	x, e := b.RunInput(0)
	ok(t, e)
	h, e := b.TensorConst(1, 0, tensor.Of(tensor.Float32, 1, 2))
	ok(t, e)
	p, _ := b.ProgramNew()
	in, e := b.ProgramInput(p, x.Type)
	ok(t, e)
	c, e := b.ProgramConst(p, h)
	ok(t, e)
	v := opOn(t, b, p, abi.OpView, &abi.View{Dims: []abi.Word{{N: 2, Of: in, A: 1, D: 1}}}, c)
	y := opOn(t, b, p, abi.OpConcat, &abi.Concat{}, in, v.Value)
	ok(t, b.ProgramSeal(p, abi.AppendSeal(nil, abi.Seal{Out: []abi.Value{y.Value, v.Value}})))
	var out [2]abi.Handle
	_, e = b.ProgramRun(p, []abi.Handle{x.Tensor}, out[:])
	ok(t, e)
	for h, n := range map[abi.Handle]int{out[0]: 16, out[1]: 8} {
		got := make([]byte, n)
		ok(t, b.TensorRead(h, 0, got))
		if f := tensor.View[float32](got); f[len(f)-2] != 1 || f[len(f)-1] != 2 {
			t.Errorf("got %v", f)
		}
	}
}
