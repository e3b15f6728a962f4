package host

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// A plan gives a result at its end, whether or not the guest freed the tensor.
func TestServedOutputThatTheGuestFreed(t *testing.T) {
	alone(t, func() {
		m := newTestModel(t, small, nil)
		in := vector(make([]float32, 50000)...)
		b := runBox(m, in)
		x, e := b.RunInput(0)
		ok(t, e)
		p, _ := b.ProgramNew()
		v, _ := b.ProgramInput(p, x.Type)
		y := opOn(t, b, p, abi.OpConcat, &abi.Concat{}, v, v)
		seal(t, b, p, y.Value)
		var out [1]abi.Handle
		_, e = b.ProgramRun(p, []abi.Handle{x.Tensor}, out[:])
		ok(t, e)
		ok(t, b.RunOutput(0, out[0]))
		ok(t, b.TensorFree(out[0]))
		ok(t, b.TensorRead(x.Tensor, 0, make([]byte, 4)))
		ok(t, b.ProgramPublish())
		b.Close()
		if served, err := plain(m, in); !served || err != nil {
			t.Fatal(served, err)
		}
	})
}

// A view that a run makes has no handle in the next, so no plan has it.
func TestViewOfOneRunIsNotPublished(t *testing.T) {
	m := newTestModel(t, small, make([]byte, 64))
	b := runBox(m, vector(1, 2))
	h, e := b.TensorConst(1, 0, tensor.Of(tensor.Float32, 2))
	ok(t, e)
	p, _ := b.ProgramNew()
	v, _ := b.ProgramInput(p, tensor.Of(tensor.Float32, 2))
	y := opOn(t, b, p, abi.OpConcat, &abi.Concat{}, v, v)
	seal(t, b, p, y.Value)
	var out [1]abi.Handle
	_, e = b.ProgramRun(p, []abi.Handle{h}, out[:])
	ok(t, e)
	ok(t, b.RunOutput(0, out[0]))
	ok(t, b.ProgramPublish())
	b.Close()
	if served, err := plain(m, vector(3, 4)); served || err != nil {
		t.Errorf("served: %v, %v", served, err)
	}
}

// Sizes for which a tree cannot be bound leave no hold of its programs.
func TestBindThatFailsHoldsNothing(t *testing.T) {
	m := newTestModel(t, small, nil)
	m.inputs = append(m.inputs, 0)
	// Two inputs: a program over the second, a guard on the first.
	fixed := vector(1, 2, 3, 4)
	b := runBox(m, vector(1, 2), fixed)
	x, _ := b.RunInput(0)
	f, _ := b.RunInput(1)
	p, _ := b.ProgramNew()
	v, _ := b.ProgramInput(p, f.Type)
	fill := opOn(t, b, p, abi.OpFill, &abi.Fill{Dims: abi.Consts(1 << 18), DType: int64(tensor.Float32)})
	y := opOn(t, b, p, abi.OpConcat, &abi.Concat{}, v, fill.Value)
	seal(t, b, p, y.Value)
	var out [1]abi.Handle
	_, e := b.ProgramRun(p, []abi.Handle{f.Tensor}, out[:])
	ok(t, e)
	ok(t, b.TensorRead(x.Tensor, 0, make([]byte, 4)))
	ok(t, b.ProgramPublish())
	prog := b.programs[p].program
	b.Close()
	if n := prog.life.holders.Load(); n != 1 {
		t.Fatalf("%d holders", n)
	}
	for n := range 5 {
		plain(m, vector(make([]float32, n+3)...), fixed)
	}
	if n := prog.life.holders.Load(); n != 1 {
		t.Errorf("%d holders of a program that one tree holds", n)
	}
}

// Binding a large plan to other sizes ends with the request, and is not tried
// again for sizes for which it failed.
func TestBindMeetsTheDeadline(t *testing.T) {
	l := Limits{Memory: 1 << 32, Output: 1 << 20, File: 1, Work: 1e13}
	m := newTestModel(t, l, nil)
	b := runBox(m, vector(1, 2))
	x, _ := b.RunInput(0)
	p, _ := b.ProgramNew()
	v, _ := b.ProgramInput(p, x.Type)
	rec := abi.AppendCall(nil, abi.OpPermute, []abi.Value{v}, &abi.Permute{Perm: []int64{0}})
	for range 20000 {
		_, e := b.ProgramOp(p, rec, make([]abi.Result, 1))
		ok(t, e)
	}
	seal(t, b, p, v)
	q, _ := b.ProgramNew() // the last of them holds for no other size
	u, _ := b.ProgramInput(q, x.Type)
	g := abi.Guard{Cmp: abi.CmpEq, Word: abi.Word{Of: u, A: 1, D: 1}, Limit: 2}
	ok(t, b.ProgramSeal(q, abi.AppendSeal(nil, abi.Seal{Out: []abi.Value{u}, Guards: []abi.Guard{g}})))
	last := x.Tensor
	for i := range 40 {
		if i == 39 {
			p = q
		}
		var out [1]abi.Handle
		_, e := b.ProgramRun(p, []abi.Handle{last}, out[:])
		ok(t, e)
		last = out[0]
	}
	ok(t, b.RunOutput(0, last))
	ok(t, b.ProgramPublish())
	b.Close()
	if len(m.plans.trees) != 1 {
		t.Fatal("not published")
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Millisecond)
	defer cancel()
	out, begin := make([]kernels.Tensor, 1), time.Now()
	if _, _, err := m.Serve(ctx, []kernels.Tensor{vector(1, 2, 3)}, out, l); err != ErrTime || time.Since(begin) > time.Second {
		t.Errorf("%v after %v", err, time.Since(begin))
	}
	for range 2 {
		if served, err := plain(m, vector(1, 2, 3)); served || err != nil {
			t.Fatal(served, err)
		}
	}
	if len(m.plans.unfit) != 1 {
		t.Error("sizes that no plan holds for are forgotten")
	}
}

// What a guest has the host hold is charged, so that it ends at the limit.
func TestWhatTheHostHoldsIsCharged(t *testing.T) {
	guards := make([]abi.Guard, 1160)
	for i := range guards {
		guards[i] = abi.Guard{Cmp: abi.CmpGe, Word: abi.Word{Of: 1, A: 1, D: 1}}
	}
	rec := abi.AppendSeal(nil, abi.Seal{Guards: guards})
	one := tensor.Of(tensor.Float32, 2)
	for _, c := range []struct {
		name string
		load bool
		do   func(b *Box) func() abi.Errno
	}{
		{"freed programs", false, func(b *Box) func() abi.Errno {
			return func() abi.Errno {
				p, e := b.ProgramNew()
				if e == abi.OK {
					_, e = b.ProgramInput(p, one)
				}
				if e == abi.OK {
					e = b.ProgramSeal(p, rec)
				}
				if e == abi.OK {
					e = b.ProgramFree(p)
				}
				return e
			}
		}},
		{"record of a run", false, func(b *Box) func() abi.Errno {
			x, _ := b.RunInput(0)
			p, _ := b.ProgramNew()
			in := make([]abi.Handle, 4096)
			for i := range in {
				_, _ = b.ProgramInput(p, one)
				in[i] = x.Tensor
			}
			seal(t, b, p)
			return func() abi.Errno { _, e := b.ProgramRun(p, in, nil); return e }
		}},
		{"ports", true, func(b *Box) func() abi.Errno {
			n := 0
			return func() abi.Errno {
				n++
				p := abi.Port{Name: fmt.Sprint(n) + strings.Repeat("x", 4000), Ranked: true}
				for range 8 {
					p.Dims = append(p.Dims, abi.PortDim{Size: -1, Name: strings.Repeat("d", 4096)})
				}
				return b.PortDeclare(abi.AppendPort(nil, p))
			}
		}},
	} {
		m := newTestModel(t, small, nil)
		b := runBox(m, vector(1, 2))
		if c.load {
			b = m.LoadBox(t.Context(), abi.TaskModel)
		}
		do, n := c.do(b), 0
		for do() == abi.OK && n < maxSteps-1 {
			n++
		}
		if b.Stopped() != ErrMemory {
			t.Errorf("%s: stopped with %v after %d", c.name, b.Stopped(), n)
		}
		b.Close()
	}
}

// The constants that a run may have made are bounded for that run, not for all
// that follow.
func TestPrologueWorkIsOfOneRun(t *testing.T) {
	l := small
	l.Work = 1 << 22
	m := newTestModel(t, l, nil)
	prog := func(b *Box, i int64) error {
		p, _ := b.ProgramNew()
		f := opOn(t, b, p, abi.OpFill, &abi.Fill{Dims: abi.Consts(1 << 16), Value: abi.Const(i), DType: int64(tensor.Float32)})
		y := opOn(t, b, p, abi.OpSlice, &abi.Slice{Start: abi.Consts(0), Size: abi.Consts(1), Step: []int64{1}}, f.Value)
		if e := b.ProgramSeal(p, abi.AppendSeal(nil, abi.Seal{Out: []abi.Value{y.Value}})); e != abi.OK {
			return b.Stopped()
		}
		b.ProgramRun(p, nil, make([]abi.Handle, 1))
		b.ProgramFree(p)
		return b.Stopped()
	}
	b := runBox(m, vector(1))
	for i := int64(0); prog(b, i) == nil; i++ {
		if i > 1000 {
			t.Fatal("the work has no end")
		}
	}
	if b.Stopped() != ErrWork {
		t.Errorf("stopped with %v", b.Stopped())
	}
	b.Close()
	c := runBox(m, vector(1))
	defer c.Close()
	if err := prog(c, -1); err != nil {
		t.Errorf("the next request: %v", err)
	}
}

// An output that was not given counts for nothing when a plan serves.
func TestAbsentOutputTakesNothing(t *testing.T) {
	l := small
	l.Output = 1000
	m := newTestModel(t, l, nil)
	m.ports = append(m.ports, abi.Port{Output: true, Name: "z"})
	m.outputs = append(m.outputs, len(m.ports)-1)
	in := vector(make([]float32, 100)...)
	b := runBox(m, in)
	x, _ := b.RunInput(0)
	p, _ := b.ProgramNew()
	v, _ := b.ProgramInput(p, x.Type)
	y := opOn(t, b, p, abi.OpConcat, &abi.Concat{}, v, v)
	seal(t, b, p, y.Value)
	var out [1]abi.Handle
	_, e := b.ProgramRun(p, []abi.Handle{x.Tensor}, out[:])
	ok(t, e)
	ok(t, b.RunOutput(1, out[0]))
	ok(t, b.ProgramPublish())
	b.Close()
	res := make([]kernels.Tensor, 2)
	_, served, err := m.Serve(context.Background(), []kernels.Tensor{in}, res, l)
	if !served || err != nil {
		t.Errorf("what the guest gave within the limit: %v %v", served, err)
	}
}

// A dry run gives back no memory that it was not charged for.
func TestDryRunReleasesWhatItTook(t *testing.T) {
	m := newTestModel(t, small, nil)
	x := tensor.Of(tensor.Float32, 1<<20)
	b := m.RunBox(context.Background(), []kernels.Tensor{{Type: x}}, m.limits, true)
	in, _ := b.RunInput(0)
	p, _ := b.ProgramNew()
	v, _ := b.ProgramInput(p, x)
	seal(t, b, p, v, v, v)
	var out [3]abi.Handle
	b.ProgramRun(p, []abi.Handle{in.Tensor}, out[:])
	b.ProgramRun(p, []abi.Handle{in.Tensor}, out[:])
	stop := b.Stopped()
	b.Close()
	if n := b.own.used.Load(); stop != ErrMemory || n < 0 {
		t.Errorf("stopped with %v; the ledger ends at %d", stop, n)
	}
}

// Runs leave the process mappings, however many pieces of memory they take.
func TestMappingsAreLeft(t *testing.T) {
	l := small
	l.Memory = 640 << 20
	m := newTestModel(t, l, nil)
	b := runBox(m, vector(1))
	for range l.Memory / smallest {
		if _, e := b.TensorNew(tensor.Of(tensor.Uint8, smallest)); e != abi.OK {
			break
		}
	}
	if b.Stopped() != ErrMemory || regions.Load() > maxSmall+1 {
		t.Errorf("stopped with %v, %d regions", b.Stopped(), regions.Load())
	}
	b.Close()
}

// A profile may be taken beside other runs; those count, too.
func TestProfileBesideRuns(t *testing.T) {
	alone(t, func() {
		m := newTestModel(t, small, nil)
		for n := 1; n < 60; n++ {
			trace(t, m, false, vector(make([]float32, n+1)...))
		}
		stop := make(chan struct{})
		var wg sync.WaitGroup
		for g := range 4 {
			wg.Go(func() {
				for i := 0; ; i++ {
					select {
					case <-stop:
						return
					default:
					}
					plain(m, vector(make([]float32, 2+(i*7+g)%58)...))
				}
			})
		}
		for range 20 {
			_, _ = m.Profiled(200, func() error { plain(m, vector(1, 2, 3)); return nil })
		}
		close(stop)
		wg.Wait()
	})
}

// A branch is published while requests go through the tree.
func TestPublishBesideWalks(t *testing.T) {
	m := newTestModel(t, small, nil)
	trace(t, m, true, vector(1, 2, 3))
	var wg sync.WaitGroup
	wg.Go(func() {
		for i := range 40 {
			trace(t, m, true, vector(float32(i+10), 2, 3))
		}
	})
	wg.Go(func() {
		for range 2000 {
			plain(m, vector(1, 9, 9))
		}
	})
	wg.Wait()
}
