package host

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// build is a program being written.
type build struct {
	t testing.TB
	*Box
	h abi.Handle
}

func newBuild(t testing.TB, b *Box) build {
	t.Helper()
	h, e := b.ProgramNew()
	ok(t, e)
	return build{t, b, h}
}

func (p build) input(typ abi.Type) abi.Value {
	p.t.Helper()
	v, e := p.ProgramInput(p.h, typ)
	ok(p.t, e)
	return v
}

func (p build) op(op abi.Op, a abi.Attrs, in ...abi.Value) abi.Value {
	p.t.Helper()
	return opOn(p.t, p.Box, p.h, op, a, in...).Value
}

func (p build) map2(fn abi.Fn, x, y abi.Value, d tensor.DType) abi.Value {
	p.t.Helper()
	return p.op(abi.OpMap, &abi.Map{Program: abi.Program{Code: []abi.Instr{{Fn: fn, DType: uint8(d), A: 0, B: 1}}, Out: []int64{2}}}, x, y)
}

// repeat appends a Repeat and answers its results.
func (p build) repeat(a *abi.Repeat, in ...abi.Value) []abi.Value {
	p.t.Helper()
	var out [8]abi.Result
	n, e := p.ProgramOp(p.h, abi.AppendCall(nil, abi.OpRepeat, in, a), out[:])
	ok(p.t, e)
	vs := make([]abi.Value, n)
	for i := range vs {
		vs[i] = out[i].Value
	}
	return vs
}

func (p build) seal(out ...abi.Value) int64 {
	p.t.Helper()
	ok(p.t, p.ProgramSeal(p.h, abi.AppendSeal(nil, abi.Seal{Out: out})))
	return int64(p.h)
}

// run runs the program and reads its results.
func (p build) run(in ...abi.Handle) [][]float32 {
	p.t.Helper()
	var out [8]abi.Handle
	n, e := p.ProgramRun(p.h, in, out[:])
	ok(p.t, e)
	var all [][]float32
	for _, h := range out[:n] {
		data := make([]byte, p.tensors[h].typ.Bytes())
		ok(p.t, p.TensorRead(h, 0, data))
		all = append(all, tensor.View[float32](data))
	}
	return all
}

var (
	one   = tensor.Of(tensor.Float32)
	count = tensor.Of(tensor.Int64)
)

// sums is a body that adds the next number to a sum times a factor.
func sums(t testing.TB, b *Box) int64 {
	p := newBuild(t, b)
	by, sum, x := p.input(one), p.input(one), p.input(one)
	next := p.map2(abi.FnAdd, p.map2(abi.FnMul, sum, by, tensor.Float32), x, tensor.Float32)
	return p.seal(next, next)
}

func TestRepeat(t *testing.T) {
	m := newTestModel(t, small, nil)
	for _, c := range []struct {
		name  string
		back  []int64
		count int64 // -1: all
		want  [][]float32
	}{
		{"forward", []int64{0, 0}, -1, [][]float32{{26}, {1, 4, 11, 26}}},
		{"stacked from the end", []int64{0, 1}, -1, [][]float32{{26}, {26, 11, 4, 1}}},
		{"from the end", []int64{1, 0}, -1, [][]float32{{49}, {4, 11, 24, 49}}},
		{"both", []int64{1, 1}, -1, [][]float32{{49}, {49, 24, 11, 4}}},
		{"fewer", []int64{0, 0}, 3, [][]float32{{11}, {1, 4, 11, 0}}},
		{"fewer, from the end", []int64{1, 1}, 2, [][]float32{{5}, {5, 2, 0, 0}}},
		{"none", []int64{0, 0}, 0, [][]float32{{0}, {0, 0, 0, 0}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := runBox(m, vector(1, 2, 3, 4))
			defer b.Close()
			in, _ := b.RunInput(0)
			a := &abi.Repeat{Program: sums(t, b), N: abi.Const(4), Fixed: 1, Carried: 1, Back: c.back, Counted: c.count >= 0}
			p := newBuild(t, b)
			x := p.input(in.Type)
			two := p.op(abi.OpFill, &abi.Fill{Value: abi.Const(0x40000000), DType: int64(tensor.Float32)})
			zero := p.op(abi.OpFill, &abi.Fill{DType: int64(tensor.Float32)})
			args, handles := []abi.Value{two, zero, x}, []abi.Handle{in.Tensor}
			if a.Counted {
				n := p.input(count)
				h, _ := b.TensorNew(count)
				ok(t, b.TensorWrite(h, 0, tensor.Bytes([]int64{c.count})))
				args, handles = append([]abi.Value{n}, args...), append(handles, h)
			}
			ys := p.repeat(a, args...)
			ok(t, b.ProgramFree(abi.Handle(a.Program))) // whoever repeats it holds it
			p.seal(ys...)
			for range 2 { // the second time in the frame of the first
				if got := p.run(handles...); !slices.EqualFunc(got, c.want, slices.Equal) {
					t.Errorf("got %v, want %v", got, c.want)
				}
			}
		})
	}
}

// More or fewer turns than there may be are the fault of a value.
func TestRepeatRefusesCounts(t *testing.T) {
	m := newTestModel(t, small, nil)
	for _, n := range []int64{-1, 5, 1 << 62, -1 << 63} {
		b := runBox(m, vector(1, 2, 3, 4))
		in, _ := b.RunInput(0)
		a := &abi.Repeat{Program: sums(t, b), N: abi.Const(4), Fixed: 1, Carried: 1, Back: []int64{0, 0}, Counted: true}
		p := newBuild(t, b)
		k, x := p.input(count), p.input(in.Type)
		zero := p.op(abi.OpFill, &abi.Fill{DType: int64(tensor.Float32)})
		p.seal(p.repeat(a, k, zero, zero, x)...)
		h, _ := b.TensorNew(count)
		ok(t, b.TensorWrite(h, 0, tensor.Bytes([]int64{n})))
		var out [2]abi.Handle
		_, e := b.ProgramRun(p.h, []abi.Handle{h, in.Tensor}, out[:])
		is(t, e, abi.ErrValue)
		b.Close()
	}
}

// A body may repeat another, MaxNested deep and no deeper.
func TestRepeatNests(t *testing.T) {
	m := newTestModel(t, small, nil)
	b := runBox(m, vector(1))
	defer b.Close()
	inner := newBuild(t, b)
	x := inner.input(one)
	h := inner.seal(inner.map2(abi.FnAdd, x, x, tensor.Float32))
	for depth := 2; ; depth++ {
		p := newBuild(t, b)
		x := p.input(one)
		a := &abi.Repeat{Program: h, N: abi.Const(2), Carried: 1}
		var out [1]abi.Result
		_, e := b.ProgramOp(p.h, abi.AppendCall(nil, abi.OpRepeat, []abi.Value{x}, a), out[:])
		if depth > abi.MaxNested {
			is(t, e, abi.ErrCount)
			return
		}
		ok(t, e)
		h = p.seal(out[0].Value)
		start, e := b.TensorNew(one)
		ok(t, e)
		ok(t, b.TensorWrite(start, 0, tensor.Bytes([]float32{1})))
		want := float32(int(1) << (1 << (depth - 1)))
		if got := p.run(start); got[0][0] != want {
			t.Errorf("depth %d: %v, want %v", depth, got, want)
		}
	}
}

// What a body only writes over stays where it is.
func TestRepeatInPlace(t *testing.T) {
	m := newTestModel(t, small, nil)
	b := runBox(m, vector(1, 2, 3, 4))
	defer b.Close()
	in, _ := b.RunInput(0)
	body := newBuild(t, b)
	cache, at, x := body.input(in.Type), body.input(count), body.input(tensor.Of(tensor.Float32, 1))
	step := body.op(abi.OpFill, &abi.Fill{Value: abi.Const(1), DType: int64(tensor.Int64)})
	next := body.op(abi.OpUpdateSlice, &abi.UpdateSlice{Start: abi.Consts(0), Axes: []int64{0}}, cache, x, at)
	h := body.seal(next, body.map2(abi.FnAdd, at, step, tensor.Int64), x)
	p := newBuild(t, b)
	c, xs := p.input(in.Type), p.input(tensor.Of(tensor.Float32, 3, 1))
	first := p.op(abi.OpFill, &abi.Fill{Value: abi.Const(1), DType: int64(tensor.Int64)})
	ys := p.repeat(&abi.Repeat{Program: h, N: abi.Const(3), Carried: 2, Back: []int64{0, 0}}, c, first, xs)
	p.seal(ys[0], ys[2])
	data, _ := b.TensorNew(tensor.Of(tensor.Float32, 3, 1))
	ok(t, b.TensorWrite(data, 0, tensor.Bytes([]float32{7, 8, 9})))
	got := p.run(in.Tensor, data)
	if want := [][]float32{{1, 7, 8, 9}, {7, 8, 9}}; !slices.EqualFunc(got, want, slices.Equal) {
		t.Errorf("got %v, want %v", got, want)
	}
	o := &b.programs[p.h].ops[len(b.programs[p.h].ops)-1]
	if want := b.programs[abi.Handle(h)].layout.arena + align; o.plan.Scratch != want {
		t.Errorf("%d bytes of scratch, want %d: room for the counter alone", o.plan.Scratch, want)
	}
	if v := tensor.View[float32](b.in[0].Data); !slices.Equal(v, []float32{1, 2, 3, 4}) {
		t.Errorf("the input became %v", v)
	}
}

func TestRepeatRefuses(t *testing.T) {
	m := newTestModel(t, small, make([]byte, 64))
	b := runBox(m, vector(1, 2, 3, 4))
	defer b.Close()
	in, _ := b.RunInput(0)
	good := sums(t, b)
	growing := newBuild(t, b)
	g := growing.input(in.Type)
	grows := growing.seal(growing.op(abi.OpConcat, &abi.Concat{}, g, g))
	open := newBuild(t, b)
	open.input(one)
	gone := sums(t, b)
	ok(t, b.ProgramFree(abi.Handle(gone)))
	deep := newBuild(t, b)
	r8 := deep.input(tensor.Of(tensor.Float32, 1, 1, 1, 1, 1, 1, 1, 1))
	stacks8 := deep.seal(r8)
	p := newBuild(t, b)
	x, f, i := p.input(in.Type), p.input(one), p.input(count)
	y, wide := p.input(tensor.Of(tensor.Float64)), p.input(tensor.Of(tensor.Float32, 1, 1, 1, 1, 1, 1, 1, 1))
	of := func(program, n int64, back ...int64) *abi.Repeat {
		return &abi.Repeat{Program: program, N: abi.Const(n), Fixed: 1, Carried: 1, Back: back}
	}
	counted := of(good, 4, 0, 0)
	counted.Counted = true
	negative := of(good, 4, 0, 0)
	negative.Fixed = -1
	wraps := of(good, 4, 0, 0)
	wraps.Fixed, wraps.Carried = 1<<62, 1<<62
	carry := &abi.Repeat{Program: grows, N: abi.Const(4), Carried: 1}
	stack := &abi.Repeat{Program: stacks8, N: abi.Const(4), Fixed: 1, Back: []int64{0}}
	huge := &abi.Repeat{Program: good, N: abi.Const(1 << 45), Fixed: 3, Back: []int64{0, 0}}
	for _, c := range []struct {
		name string
		a    *abi.Repeat
		in   []abi.Value
		want abi.Errno
	}{
		{"a program that is not there", of(12345, 4, 0, 0), []abi.Value{f, f, x}, abi.ErrHandle},
		{"no program", of(0, 4, 0, 0), []abi.Value{f, f, x}, abi.ErrHandle},
		{"a handle that wraps", of(1<<32+good, 4, 0, 0), []abi.Value{f, f, x}, abi.ErrHandle},
		{"a negative handle", of(-1, 4, 0, 0), []abi.Value{f, f, x}, abi.ErrHandle},
		{"a tensor", of(int64(in.Tensor), 4, 0, 0), []abi.Value{f, f, x}, abi.ErrHandle},
		{"a freed program", of(gone, 4, 0, 0), []abi.Value{f, f, x}, abi.ErrHandle},
		{"one that is not sealed", of(int64(open.h), 4, 0, 0), []abi.Value{f, f, x}, abi.ErrState},
		{"itself", of(int64(p.h), 4, 0, 0), []abi.Value{f, f, x}, abi.ErrState},
		{"fewer turns than none", of(good, -1, 0, 0), []abi.Value{f, f, x}, abi.ErrShape},
		{"more turns than entries", of(good, 5, 0, 0), []abi.Value{f, f, x}, abi.ErrShape},
		{"turns beyond count", of(good, 1<<62, 0, 0), []abi.Value{f, f, x}, abi.ErrShape},
		{"too few inputs", of(good, 4, 0, 0), []abi.Value{f, f}, abi.ErrArity},
		{"too many inputs", of(good, 4, 0, 0, 0), []abi.Value{f, f, x, x}, abi.ErrArity},
		{"an absent input", of(good, 4, 0, 0), []abi.Value{f, 0, x}, abi.ErrArity},
		{"a value that is not there", of(good, 4, 0, 0), []abi.Value{f, f, 99}, abi.ErrHandle},
		{"negative counts", negative, []abi.Value{f, f, x}, abi.ErrArity},
		{"counts that wrap", wraps, []abi.Value{f, f, x}, abi.ErrArity},
		{"no directions", of(good, 4), []abi.Value{f, f, x}, abi.ErrAttr},
		{"a direction too many", of(good, 4, 0, 0, 0), []abi.Value{f, f, x}, abi.ErrAttr},
		{"a third direction", of(good, 4, 0, 2), []abi.Value{f, f, x}, abi.ErrAttr},
		{"another type", of(good, 4, 0, 0), []abi.Value{f, y, x}, abi.ErrType},
		{"a sequence of scalars", of(good, 4, 0, 0), []abi.Value{f, f, f}, abi.ErrShape},
		{"a carried value that grows", carry, []abi.Value{x}, abi.ErrType},
		{"a stack of rank 9", stack, []abi.Value{wide}, abi.ErrRank},
		{"a count of floats", counted, []abi.Value{f, f, f, x}, abi.ErrType},
		{"a count of many", counted, []abi.Value{x, f, f, x}, abi.ErrType},
		{"an absent count", counted, []abi.Value{0, f, f, x}, abi.ErrType},
		{"good, without a count", counted, []abi.Value{i, f, f}, abi.ErrArity},
	} {
		var out [8]abi.Result
		if _, e := b.ProgramOp(p.h, abi.AppendCall(nil, abi.OpRepeat, c.in, c.a), out[:]); e != c.want {
			t.Errorf("%s: %v, want %v", c.name, e, c.want)
		}
	}
	rec := abi.AppendCall(nil, abi.OpRepeat, []abi.Value{f, f, x}, of(good, 4, 0, 0))
	var out [1]abi.Result
	if _, e := b.ProgramOp(p.h, rec, out[:]); e != abi.ErrCount {
		t.Errorf("no room for the results: %v", e)
	}
	for cut := range rec {
		if _, e := b.ProgramOp(p.h, rec[:cut], make([]abi.Result, 8)); e == abi.OK {
			t.Errorf("a record cut at %d is accepted", cut)
		}
	}
	if b.Stopped() != nil {
		t.Fatalf("the guest's faults ended it: %v", b.Stopped())
	}
	if n := b.programs[abi.Handle(good)].life.holders.Load(); n != 1 {
		t.Errorf("what was refused holds the body %d times", n-1)
	}
	if _, e := b.ProgramOp(p.h, abi.AppendCall(nil, abi.OpRepeat, []abi.Value{f, f, f}, huge), make([]abi.Result, 8)); e == abi.OK || !errors.Is(b.Stopped(), ErrMemory) {
		t.Errorf("a stack of 2^45: %v, %v", e, b.Stopped())
	}
}

// What a repeat would cost is known when it is sealed, however often it turns.
func TestRepeatIsCharged(t *testing.T) {
	m := newTestModel(t, small, nil)
	for _, n := range []int64{1 << 24, 1 << 40, 1 << 46} {
		b := runBox(m, vector(1))
		inner := newBuild(t, b)
		h := inner.seal(inner.input(one))
		for range 2 {
			p := newBuild(t, b)
			y := p.repeat(&abi.Repeat{Program: h, N: abi.Const(n), Carried: 1}, p.input(one))
			if e := p.ProgramSeal(p.h, abi.AppendSeal(nil, abi.Seal{Out: y})); e == abi.OK {
				h = int64(p.h)
			}
		}
		if !errors.Is(b.Stopped(), ErrWork) {
			t.Errorf("2 · %d turns: %v", n, b.Stopped())
		}
		b.Close()
	}
}

// A body of a few ops, repeated in a body that is repeated: what the host holds
// is bounded by what it is charged.
func TestRepeatedBodiesAreCharged(t *testing.T) {
	m := newTestModel(t, Limits{Memory: 64 << 20, Output: 1 << 20, File: 1, Work: 1 << 60}, nil)
	b := runBox(m, vector(1))
	defer b.Close()
	inner := newBuild(t, b)
	v := inner.input(one)
	for range 100 {
		v = inner.op(abi.OpConcat, &abi.Concat{}, inner.op(abi.OpView, &abi.View{Dims: abi.Consts(1)}, v))
		v = inner.op(abi.OpView, &abi.View{}, v)
	}
	h := inner.seal(v)
	for range abi.MaxNested - 1 {
		p := newBuild(t, b)
		v := p.input(one)
		var e abi.Errno
		for n := 0; e == abi.OK; n++ {
			var out [1]abi.Result
			a := &abi.Repeat{Program: h, N: abi.Const(1), Carried: 1}
			if _, e = b.ProgramOp(p.h, abi.AppendCall(nil, abi.OpRepeat, []abi.Value{v}, a), out[:]); e == abi.OK {
				v = out[0].Value
			}
			if n == 100 {
				break
			}
		}
		if e == abi.OK {
			e = p.ProgramSeal(p.h, abi.AppendSeal(nil, abi.Seal{Out: []abi.Value{v}}))
		}
		if b.Stopped() != nil {
			break
		}
		if e == abi.OK {
			h = int64(p.h)
		} else {
			is(t, e, abi.ErrCount)
		}
	}
	for _, p := range b.programs {
		if p.within > maxWithin {
			t.Errorf("%d ops and values stand within a program", p.within)
		}
	}
	if used := b.own.total(); used > 64<<20 {
		t.Errorf("%d bytes are charged", used)
	}
}

// The deadline is met between turns that do nothing.
func TestRepeatMeetsTheDeadline(t *testing.T) {
	m := newTestModel(t, Limits{Memory: 16 << 20, Output: 1 << 20, File: 1, Work: 1 << 62}, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	b := m.RunBox(ctx, []kernels.Tensor{vector(1)}, m.limits, false)
	defer b.Close()
	inner := newBuild(t, b)
	h := inner.seal(inner.input(one))
	p := newBuild(t, b)
	p.seal(p.repeat(&abi.Repeat{Program: h, N: abi.Const(1 << 46), Carried: 1}, p.input(one))...)
	x, _ := b.TensorNew(one)
	var out [1]abi.Handle
	start := time.Now()
	b.ProgramRun(p.h, []abi.Handle{x}, out[:])
	if !errors.Is(b.Stopped(), ErrTime) || time.Since(start) > 5*time.Second {
		t.Errorf("%v after %v", b.Stopped(), time.Since(start))
	}
}

// A plan with a repeat serves sequences of other lengths, in parallel, without
// allocating, and lets go of the body in the end.
func TestRepeatIsServed(t *testing.T) {
	m := newTestModel(t, small, nil)
	publish := func(in kernels.Tensor) {
		b := runBox(m, in)
		defer b.Close()
		x, _ := b.RunInput(0)
		h := sums(t, b)
		p := newBuild(t, b)
		v := p.input(x.Type)
		zero := p.op(abi.OpFill, &abi.Fill{DType: int64(tensor.Float32)})
		one := p.op(abi.OpFill, &abi.Fill{Value: abi.Const(0x3f800000), DType: int64(tensor.Float32)})
		n := abi.Word{N: x.Type.Dims[0], Of: v, A: 1, D: 1}
		p.seal(p.repeat(&abi.Repeat{Program: h, N: n, Fixed: 1, Carried: 1, Back: []int64{0, 0}}, one, zero, v)[1])
		var out [1]abi.Handle
		_, e := b.ProgramRun(p.h, []abi.Handle{x.Tensor}, out[:])
		ok(t, e)
		ok(t, b.RunOutput(0, out[0]))
		ok(t, b.ProgramPublish())
	}
	publish(vector(1, 2))
	for _, c := range []struct{ in, want []float32 }{
		{[]float32{1, 2, 3}, []float32{1, 3, 6}}, {[]float32{5}, []float32{5}}, {nil, nil}, {[]float32{1, 1, 1, 1, 1}, []float32{1, 2, 3, 4, 5}},
	} {
		got, ok := serve(t, m, vector(c.in...))
		if !ok || !slices.Equal(got, c.want) {
			t.Errorf("%v: %v, %t", c.in, got, ok)
		}
	}
	in, out := []kernels.Tensor{vector(1, 2, 3)}, make([]kernels.Tensor, 1)
	least := 1000.0
	for range 200 { // under the race detector a sync.Pool forgets at random
		least = min(least, testing.AllocsPerRun(1, func() { m.Serve(context.Background(), in, out, m.limits) }))
	}
	if least > 1 {
		t.Errorf("%v allocations besides the elements of the result", least-1)
	}
	m.sweep()
	if n := m.ledger.total() - m.share(); n <= 0 {
		t.Error("no frame waits")
	}
	m.plans.mu.Lock()
	var bodies []*program
	for _, tree := range m.plans.trees {
		tree.each(func(p *program) { bodies = append(bodies, p.bodies...) })
	}
	for _, tree := range m.plans.trees {
		m.plans.drop(m, tree)
	}
	m.plans.mu.Unlock()
	for _, b := range bodies {
		if n := b.life.holders.Load(); n != 0 {
			t.Errorf("a body is held %d times after its last program", n)
		}
	}
}
