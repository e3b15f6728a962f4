package host

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// guardedSize is the size that the plans of trace do not fit.
const guardedSize = 100

// trace does what a guest would: y = x without its first element, joined with
// x, in a program whose sizes are symbols of x; if told, it first reads x[0].
func trace(t testing.TB, m *Model, told bool, in kernels.Tensor) []float32 {
	t.Helper()
	b := runBox(m, in)
	defer b.Close()
	x, e := b.RunInput(0)
	ok(t, e)
	if told {
		ok(t, b.TensorRead(x.Tensor, 0, make([]byte, 4)))
	}
	p, e := b.ProgramNew()
	ok(t, e)
	v, e := b.ProgramInput(p, x.Type)
	ok(t, e)
	n := x.Type.Dims[0]
	rest := opOn(t, b, p, abi.OpSlice, &abi.Slice{
		Start: abi.Consts(1), Step: []int64{1},
		Size: []abi.Word{{N: n - 1, Of: v, A: 1, B: -1, D: 1}},
	}, v)
	both := opOn(t, b, p, abi.OpConcat, &abi.Concat{}, rest.Value, v)
	guard := abi.Guard{Cmp: abi.CmpLt, Word: abi.Word{Of: v, A: 1, D: 1}, Limit: guardedSize}
	ok(t, b.ProgramSeal(p, abi.AppendSeal(nil, abi.Seal{Out: []abi.Value{both.Value}, Guards: []abi.Guard{guard}})))
	var out [1]abi.Handle
	_, e = b.ProgramRun(p, []abi.Handle{x.Tensor}, out[:])
	ok(t, e)
	ok(t, b.RunOutput(0, out[0]))
	ok(t, b.ProgramPublish())
	return tensor.View[float32](b.Outputs()[0].Data)
}

func serve(t testing.TB, m *Model, in kernels.Tensor) ([]float32, bool) {
	t.Helper()
	out := make([]kernels.Tensor, 1)
	_, ok, err := m.Serve(context.Background(), []kernels.Tensor{in}, out, m.limits)
	if err != nil {
		t.Fatal(err)
	}
	if !ok {
		return nil, false
	}
	return tensor.View[float32](out[0].Data), true
}

func want(t testing.TB, got []float32, in kernels.Tensor) {
	t.Helper()
	if exp := expected(in); !slices.Equal(got, exp) {
		t.Fatalf("%v, want %v", got, exp)
	}
}

func expected(in kernels.Tensor) []float32 {
	x := tensor.View[float32](in.Data)
	return append(slices.Clone(x[1:]), x...)
}

func TestPublishedPlan(t *testing.T) {
	m := newTestModel(t, small, nil)
	if _, ok := serve(t, m, vector(1, 2, 3)); ok {
		t.Fatal("served before anything was published")
	}
	want(t, trace(t, m, false, vector(1, 2, 3)), vector(1, 2, 3))
	for _, in := range []kernels.Tensor{vector(1, 2, 3), vector(7, 8, 9), vector(5, 6), vector(1, 2, 3, 4, 5, 6, 7), vector(4)} {
		got, ok := serve(t, m, in)
		if !ok {
			t.Fatalf("%v is not served", in.Type)
		}
		want(t, got, in)
	}
	if _, ok := serve(t, m, vector(make([]float32, guardedSize)...)); ok {
		t.Error("served against a guard")
	}
	if _, ok := serve(t, m, kernels.Tensor{Type: tensor.Of(tensor.Int32, 3), Data: make([]byte, 12)}); ok {
		t.Error("served another element type")
	}
}

// What the guest was told guards what it published.
func TestGuardOnData(t *testing.T) {
	m := newTestModel(t, small, nil)
	trace(t, m, true, vector(1, 2, 3))
	if _, ok := serve(t, m, vector(2, 2, 3)); ok {
		t.Error("served although another value was read")
	}
	got, ok := serve(t, m, vector(1, 9, 9))
	if !ok {
		t.Fatal("not served although the value read is the same")
	}
	want(t, got, vector(1, 9, 9))
	trace(t, m, true, vector(2, 2, 3))
	if got, ok = serve(t, m, vector(2, 5, 5)); !ok {
		t.Fatal("the second branch is not served")
	}
	want(t, got, vector(2, 5, 5))
	if _, ok := serve(t, m, vector(1, 2)); ok {
		t.Error("what was read of one size says nothing of another")
	}
	for i := range 2 * maxNodes {
		trace(t, m, true, vector(float32(i+10), 2, 3))
	}
	for _, tr := range m.plans.trees {
		if tr.nodes > maxNodes {
			t.Errorf("a tree of %d nodes", tr.nodes)
		}
	}
}

// What a guest wrote of one request is no part of a plan.
func TestWrittenTensorsAreNotPublished(t *testing.T) {
	m := newTestModel(t, small, nil)
	b := runBox(m, vector(1, 2))
	defer b.Close()
	h, e := b.TensorNew(tensor.Of(tensor.Float32, 2))
	ok(t, e)
	ok(t, b.RunOutput(0, h))
	ok(t, b.ProgramPublish())
	if _, ok := serve(t, m, vector(1, 2)); ok {
		t.Error("served what a guest wrote")
	}
}

func TestTreesAreFew(t *testing.T) {
	m := newTestModel(t, Limits{Memory: 64 << 20, Output: 1 << 20, File: 1, Work: 1 << 40}, nil)
	trace(t, m, false, vector(1, 2, 3))
	for rank := 1; rank < 3*maxTrees; rank++ {
		in := vector(make([]float32, rank)...)
		if rank < 8 {
			serve(t, m, in)
			continue
		}
		b := runBox(m, in)
		x, _ := b.RunInput(0)
		ok(t, b.RunOutput(0, x.Tensor))
		ok(t, b.ProgramPublish())
		b.Close()
	}
	if n := len(m.plans.trees); n > maxTrees {
		t.Errorf("%d trees are kept", n)
	}
}

// numbered is a vector of n numbers from first on.
func numbered(n, first int) kernels.Tensor {
	x := make([]float32, n)
	for i := range x {
		x[i] = float32(first + i)
	}
	return vector(x...)
}

func TestServeConcurrently(t *testing.T) {
	m := newTestModel(t, small, nil)
	trace(t, m, false, vector(1, 2, 3))
	var wg sync.WaitGroup
	for g := range 8 {
		wg.Go(func() {
			for i := range 50 {
				in := numbered(1+(13*g+7*i)%(guardedSize-1), g)
				if got, ok := serve(t, m, in); !ok || !slices.Equal(got, expected(in)) {
					t.Errorf("%v: %v %v", in.Type, got, ok)
				}
			}
		})
	}
	wg.Wait()
	waits(t, m)
}
