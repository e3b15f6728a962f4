package host

import (
	"context"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// seal seals a program with these outputs.
func seal(t testing.TB, b *Box, p abi.Handle, out ...abi.Value) {
	t.Helper()
	ok(t, b.ProgramSeal(p, abi.AppendSeal(nil, abi.Seal{Out: out})))
}

// alone runs body in a process of its own, which it may crash.
func alone(t *testing.T, body func()) {
	t.Helper()
	if os.Getenv("GLOVEBOX_ALONE") == t.Name() {
		body()
		return
	}
	cmd := exec.Command(os.Args[0], "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), "GLOVEBOX_ALONE="+t.Name())
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%.1200s", err, out)
	}
}

// plain serves a request that has one output from a plan.
func plain(m *Model, in ...kernels.Tensor) (served bool, err error) {
	_, served, err = m.Serve(context.Background(), in, make([]kernels.Tensor, 1), m.limits)
	return served, err
}

// badGather is a constant op that fails when it is run.
func badGather(t testing.TB, b *Box, p abi.Handle) abi.Value {
	lit := opOn(t, b, p, abi.OpLiteral, &abi.Literal{Dims: abi.Consts(2), Values: abi.Consts(1, 2), DType: int64(tensor.Float32)})
	idx := opOn(t, b, p, abi.OpLiteral, &abi.Literal{Dims: abi.Consts(1), Values: abi.Consts(7), DType: int64(tensor.Int64)})
	return opOn(t, b, p, abi.OpGather, &abi.Gather{}, lit.Value, idx.Value).Value
}

// A program whose constants cannot be made takes from nobody what is used: a
// weight that another one runs on stays, however short memory is.
func TestFailedConstantTakesNoUse(t *testing.T) {
	alone(t, func() {
		const k, n = 512, 1024
		l := small
		l.File = 8 << 20
		m := weights(t, k*n, l)
		in := kernels.Tensor{Type: tensor.Of(tensor.Float32, 1, k), Data: tensor.Aligned(k * 4)}
		b := runBox(m, in)
		defer b.Close()
		good := product(t, b, 1, k, n)
		xi, _ := b.RunInput(0)
		var out [4]abi.Handle
		_, e := b.ProgramRun(good, []abi.Handle{xi.Tensor}, out[:])
		ok(t, e)
		ok(t, b.TensorRead(xi.Tensor, 0, make([]byte, 512))) // closes the record
		p, _ := b.ProgramNew()
		x, _ := b.ProgramInput(p, tensor.Of(tensor.Float32, 1, k))
		h, _ := b.TensorConst(1, 0, tensor.Of(tensor.Float32, n, k))
		w, _ := b.ProgramConst(p, h)
		wt := opOn(t, b, p, abi.OpPermute, &abi.Permute{Perm: []int64{1, 0}}, w)
		y := opOn(t, b, p, abi.OpMatMul, &abi.MatMul{}, x, wt.Value)
		seal(t, b, p, y.Value, badGather(t, b, p))
		_, e = b.ProgramRun(p, []abi.Handle{xi.Tensor}, out[:])
		is(t, e, abi.ErrValue)
		ok(t, b.ProgramFree(p))
		// A constant for which there is no room.
		p, _ = b.ProgramNew()
		big := opOn(t, b, p, abi.OpFill, &abi.Fill{Dims: abi.Consts(15 << 18), DType: int64(tensor.Float32)})
		y2 := opOn(t, b, p, abi.OpSlice, &abi.Slice{Start: abi.Consts(0), Size: abi.Consts(1), Step: []int64{1}}, big.Value)
		seal(t, b, p, y2.Value)
		if _, e = b.ProgramRun(p, nil, out[:]); e == abi.OK {
			t.Fatal("there was room for it")
		}
		if len(m.packed) != 1 {
			t.Fatal("the weight is gone")
		}
		b.ProgramRun(good, []abi.Handle{xi.Tensor}, out[:])
	})
}

// An op of which one result is there already, and which then fails, takes only
// the other back.
func TestFailedConstantForgetsItsOwnAlone(t *testing.T) {
	w := make([]float32, 1<<15)
	m := newTestModel(t, small, tensor.Bytes(w))
	build := func(b *Box, second bool) abi.Handle {
		p, _ := b.ProgramNew()
		h, _ := b.TensorConst(1, 0, tensor.Of(tensor.Float32, 1<<15))
		c, _ := b.ProgramConst(p, h)
		var res [2]abi.Result
		_, e := b.ProgramOp(p, abi.AppendCall(nil, abi.OpTopK, []abi.Value{c}, &abi.TopK{K: abi.Const(1 << 15), Largest: true, Sorted: true}), res[:])
		ok(t, e)
		out := []abi.Value{c, res[0].Value}
		if second {
			out = append(out, res[1].Value)
		}
		seal(t, b, p, out...)
		return p
	}
	b := runBox(m, vector(1))
	defer b.Close()
	p := build(b, false)
	_, e := b.ProgramRun(p, nil, make([]abi.Handle, 3))
	ok(t, e)
	kept := len(m.kept)
	for left := range 200 { // another request, canceled at any of its looks
		c := m.RunBox(&fickle{Context: context.Background(), left: left}, []kernels.Tensor{vector(1)}, m.limits, false)
		q := build(c, true)
		c.ProgramRun(q, nil, make([]abi.Handle, 3))
		stop := c.Stopped()
		c.Close()
		if stop == nil {
			break
		}
		if len(m.kept) < kept {
			t.Fatalf("canceled after %d looks: %d of %d constants of a live program are freed", left, kept-len(m.kept), kept)
		}
	}
}

// fickle is a context that ends at a later look.
type fickle struct {
	context.Context
	mu   sync.Mutex
	left int
}

func (f *fickle) Err() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.left--; f.left < 0 {
		return context.Canceled
	}
	return nil
}

// A constant op that stands twice in a program is made once, for both: one is
// read by the prologue alone, the other by a step.
func TestSameConstantTwice(t *testing.T) {
	m := newTestModel(t, small, nil)
	b := runBox(m, vector(1, 2))
	defer b.Close()
	x, _ := b.RunInput(0)
	p, _ := b.ProgramNew()
	v, _ := b.ProgramInput(p, x.Type)
	fill := &abi.Fill{Dims: abi.Consts(2), DType: int64(tensor.Float32)}
	f1 := opOn(t, b, p, abi.OpFill, fill)
	f2 := opOn(t, b, p, abi.OpFill, fill)
	c := opOn(t, b, p, abi.OpConcat, &abi.Concat{}, f1.Value, f1.Value) // constant, of the first
	y := opOn(t, b, p, abi.OpConcat, &abi.Concat{}, v, f2.Value)        // a step, of the second
	seal(t, b, p, y.Value, c.Value)
	_, e := b.ProgramRun(p, []abi.Handle{x.Tensor}, make([]abi.Handle, 2))
	ok(t, e)
}

// A constant that one program reads as it is serves another as a packed weight.
func TestConstantKeptRawIsPackedToo(t *testing.T) {
	m := newTestModel(t, small, nil)
	b := runBox(m, vector(1, 2))
	defer b.Close()
	fill := &abi.Fill{Dims: abi.Consts(2, 2), Value: abi.Const(0x3f800000), DType: int64(tensor.Float32)}
	p, _ := b.ProgramNew()
	f := opOn(t, b, p, abi.OpFill, fill)
	seal(t, b, p, f.Value)
	_, e := b.ProgramRun(p, nil, make([]abi.Handle, 1))
	ok(t, e)
	q, _ := b.ProgramNew()
	v, _ := b.ProgramInput(q, tensor.Of(tensor.Float32, 1, 2))
	g := opOn(t, b, q, abi.OpFill, fill)
	y := opOn(t, b, q, abi.OpMatMul, &abi.MatMul{}, v, g.Value)
	seal(t, b, q, y.Value)
	h, _ := b.TensorNew(tensor.Of(tensor.Float32, 1, 2))
	ok(t, b.TensorWrite(h, 0, tensor.Bytes([]float32{1, 2})))
	var out [1]abi.Handle
	_, e = b.ProgramRun(q, []abi.Handle{h}, out[:])
	if e != abi.OK {
		t.Fatalf("%v, stopped with %v; poisoned: %v", e, b.Stopped(), m.Poisoned())
	}
	got := make([]float32, 2)
	ok(t, b.TensorRead(out[0], 0, tensor.Bytes(got)))
	if got[0] != 3 || got[1] != 3 {
		t.Errorf("got %v, want [3 3]", got)
	}
}

// A packed form is known by the attributes that it was made with, whatever the
// record of the op has in their place: a request cannot leave another form of a
// weight to the next.
func TestPackedFormOfSymbols(t *testing.T) {
	w := []float32{1, 2, 3, 4}
	m := newTestModel(t, small, tensor.Bytes(w))
	run := func(symbol bool) []float32 {
		b := runBox(m, vector(1, 2))
		defer b.Close()
		p, _ := b.ProgramNew()
		v, _ := b.ProgramInput(p, tensor.Of(tensor.Float32, 1, 2))
		h, _ := b.TensorConst(1, 0, tensor.Of(tensor.Float32, 2, 2))
		c, _ := b.ProgramConst(p, h)
		rec := abi.AppendCall(nil, abi.OpMatMul, []abi.Value{v, c}, &abi.MatMul{})
		if symbol { // word 1, TB, is 1: dim 0 of x. It stands as 0.
			rec = symbolAt(rec, 1, abi.Word{Of: v, Dim: 0, A: 1, D: 1})
		}
		var res [1]abi.Result
		_, e := b.ProgramOp(p, rec, res[:])
		ok(t, e)
		seal(t, b, p, res[0].Value)
		x, _ := b.TensorNew(tensor.Of(tensor.Float32, 1, 2))
		ok(t, b.TensorWrite(x, 0, tensor.Bytes([]float32{1, 10})))
		var out [1]abi.Handle
		_, e = b.ProgramRun(p, []abi.Handle{x}, out[:])
		ok(t, e)
		got := make([]float32, 2)
		ok(t, b.TensorRead(out[0], 0, tensor.Bytes(got)))
		return got
	}
	run(true) // a hostile request: x · Wᵀ
	if got := run(false); got[0] != 31 || got[1] != 42 {
		t.Errorf("the next request has x · W = %v, want [31 42]", got)
	}
}

// symbolAt gives a record of an op a symbol for one of its words.
func symbolAt(rec []byte, at uint32, w abi.Word) []byte {
	seal := abi.AppendSeal(nil, abi.Seal{Guards: []abi.Guard{{Cmp: abi.Cmp(at), Word: w}}})
	rec = append(rec[:len(rec):len(rec)], seal[8:8+40]...)
	rec[12] = 1
	return rec
}

// Programs of which an op was refused in one are not the same: a request cannot
// have its own served in the place of an honest one.
func TestRefusedOpIsNoContent(t *testing.T) {
	m := newTestModel(t, small, nil)
	build := func(room int, publish bool) []float32 {
		b := runBox(m, vector(1, 2))
		defer b.Close()
		x, _ := b.RunInput(0)
		if publish { // the hostile request is another branch
			ok(t, b.TensorRead(x.Tensor, 0, make([]byte, 4)))
		}
		p, _ := b.ProgramNew()
		v, _ := b.ProgramInput(p, x.Type)
		first := abi.AppendCall(nil, abi.OpPermute, []abi.Value{v}, &abi.Permute{Perm: []int64{0}})
		_, e := b.ProgramOp(p, first, make([]abi.Result, room))
		if room > 0 {
			ok(t, e)
		} else {
			is(t, e, abi.ErrCount)
		}
		second := abi.AppendCall(nil, abi.OpFill, nil, &abi.Fill{Dims: abi.Consts(2), DType: int64(tensor.Float32)})
		_, e = b.ProgramOp(p, second, make([]abi.Result, 1))
		ok(t, e)
		seal(t, b, p, 2) // honest: a copy of x; hostile: zeros
		var out [1]abi.Handle
		_, e = b.ProgramRun(p, []abi.Handle{x.Tensor}, out[:])
		ok(t, e)
		ok(t, b.RunOutput(0, out[0]))
		if publish {
			ok(t, b.ProgramPublish())
		}
		return tensor.View[float32](b.Outputs()[0].Data)
	}
	build(0, true)
	if got := build(1, false); got[0] != 1 || got[1] != 2 {
		t.Errorf("an honest program gives %v, want [1 2]: it was replaced by a hostile one of the same identity", got)
	}
}
