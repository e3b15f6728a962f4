package host

import (
	"context"
	"errors"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

var small = Limits{Memory: 16 << 20, Output: 1 << 20, File: 1 << 20, Work: 1 << 30}

// newTestModel is a model of one part with an input and an output of free size.
func newTestModel(t testing.TB, limits Limits, data []byte) *Model {
	t.Helper()
	m, err := NewModel(Config{Parts: []Part{bytesPart("model", data)}, Limits: limits})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.Close)
	b := m.LoadBox(context.Background(), abi.TaskModel)
	for _, p := range []abi.Port{
		{Name: "x", Ranked: true, DType: uint8(tensor.Float32), Dims: []abi.PortDim{{Size: -1, Name: "n"}}},
		{Output: true, Name: "y"},
	} {
		ok(t, b.PortDeclare(abi.AppendPort(nil, p)))
	}
	m.Freeze(b)
	return m
}

func bytesPart(name string, b []byte) Part {
	return Part{Name: name, Data: &readerAt{b}, Size: int64(len(b))}
}

func ok(t testing.TB, e abi.Errno) {
	t.Helper()
	if e != abi.OK {
		t.Fatalf("errno %d: %v", e, e)
	}
}

func is(t testing.TB, got, want abi.Errno) {
	t.Helper()
	if got != want {
		t.Fatalf("errno %v, want %v", got, want)
	}
}

func vector(vs ...float32) kernels.Tensor {
	return kernels.Tensor{Type: tensor.Of(tensor.Float32, int64(len(vs))), Data: tensor.Bytes(vs)}
}

func runBox(m *Model, in ...kernels.Tensor) *Box {
	return m.RunBox(context.Background(), in, m.limits, false)
}

// opOn appends one op and answers its first result.
func opOn(t testing.TB, b *Box, p abi.Handle, op abi.Op, a abi.Attrs, in ...abi.Value) abi.Result {
	t.Helper()
	var out [4]abi.Result
	n, e := b.ProgramOp(p, abi.AppendCall(nil, op, in, a), out[:])
	ok(t, e)
	if n == 0 {
		t.Fatal("no result")
	}
	return out[0]
}

func TestHandles(t *testing.T) {
	m := newTestModel(t, small, make([]byte, 64))
	b := runBox(m, vector(1, 2))
	defer b.Close()
	typ := tensor.Of(tensor.Float32, 4)
	h, e := b.TensorNew(typ)
	ok(t, e)
	p, e := b.ProgramNew()
	ok(t, e)
	c, e := b.TensorConst(1, 0, typ)
	ok(t, e)
	var buf [4]byte
	var out [1]abi.Handle
	tests := []struct {
		name string
		call func() abi.Errno
		want abi.Errno
	}{
		{"a tensor as a program", func() abi.Errno { _, e := b.ProgramInput(h, typ); return e }, abi.ErrHandle},
		{"a program as a tensor", func() abi.Errno { return b.TensorRead(p, 0, buf[:]) }, abi.ErrHandle},
		{"a tensor as a blob", func() abi.Errno { return b.BlobRead(h, 0, buf[:]) }, abi.ErrHandle},
		{"a blob as a tensor", func() abi.Errno { return b.TensorRead(1, 0, buf[:]) }, abi.ErrHandle},
		{"handle zero", func() abi.Errno { return b.BlobRead(0, 0, buf[:]) }, abi.ErrHandle},
		{"a written tensor as a constant", func() abi.Errno { _, e := b.ProgramConst(p, h); return e }, abi.ErrHandle},
		{"writing a view of the file", func() abi.Errno { return b.TensorWrite(c, 0, buf[:]) }, abi.ErrState},
		{"reading past a tensor", func() abi.Errno { return b.TensorRead(h, 16, buf[:]) }, abi.ErrBounds},
		{"reading before a tensor", func() abi.Errno { return b.TensorRead(h, -4, buf[:]) }, abi.ErrBounds},
		{"reading half an element", func() abi.Errno { return b.TensorRead(h, 2, buf[:]) }, abi.ErrBounds},
		{"a view past the file", func() abi.Errno { _, e := b.TensorConst(1, 52, typ); return e }, abi.ErrBounds},
		{"a view whose end wraps", func() abi.Errno { _, e := b.TensorConst(1, 1<<62, typ); return e }, abi.ErrBounds},
		{"a blob in a run", func() abi.Errno { _, e := b.BlobNew(8); return e }, abi.ErrState},
		{"a port in a run", func() abi.Errno { return b.PortDeclare(nil) }, abi.ErrState},
		{"running what is not sealed", func() abi.Errno { _, e := b.ProgramRun(p, nil, out[:]); return e }, abi.ErrState},
		{"an input that does not exist", func() abi.Errno { _, e := b.RunInput(1); return e }, abi.ErrHandle},
		{"an output that does not exist", func() abi.Errno { return b.RunOutput(7, h) }, abi.ErrHandle},
		{"the first free", func() abi.Errno { return b.TensorFree(h) }, abi.OK},
		{"the second free", func() abi.Errno { return b.TensorFree(h) }, abi.ErrHandle},
		{"use after free", func() abi.Errno { return b.TensorRead(h, 0, buf[:]) }, abi.ErrHandle},
		{"freeing what load made", func() abi.Errno { return b.TensorFree(1) }, abi.ErrHandle},
		{"the model as its own part", func() abi.Errno { _, e := b.BlobPart("model"); return e }, abi.ErrUnknown},
	}
	for _, tt := range tests {
		if got := tt.call(); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	if b.Stopped() != nil {
		t.Errorf("the guest's faults ended it: %v", b.Stopped())
	}
}

func TestSingleAssignment(t *testing.T) {
	m := newTestModel(t, small, nil)
	b := runBox(m, vector(1, 2))
	defer b.Close()
	typ := tensor.Of(tensor.Float32, 2)
	h, e := b.TensorNew(typ)
	ok(t, e)
	ok(t, b.TensorWrite(h, 0, make([]byte, 8)))
	p, _ := b.ProgramNew()
	x, e := b.ProgramInput(p, typ)
	ok(t, e)
	y, e := b.ProgramInput(p, typ)
	ok(t, e)
	r := opOn(t, b, p, abi.OpConcat, &abi.Concat{}, x, y)
	ok(t, b.ProgramSeal(p, abi.AppendSeal(nil, abi.Seal{Out: []abi.Value{r.Value}})))
	var out [1]abi.Handle
	_, e = b.ProgramRun(p, []abi.Handle{h, h}, out[:]) // one tensor in two slots is legal
	ok(t, e)
	is(t, b.TensorWrite(h, 0, make([]byte, 8)), abi.ErrState)
	is(t, b.TensorWrite(out[0], 0, make([]byte, 8)), abi.ErrState)
	_, e = b.ProgramOp(p, abi.AppendCall(nil, abi.OpConcat, []abi.Value{x}, &abi.Concat{}), make([]abi.Result, 1))
	is(t, e, abi.ErrState)
	is(t, b.ProgramSeal(p, abi.AppendSeal(nil, abi.Seal{})), abi.ErrState)
}

func TestLimitsBeforeAllocation(t *testing.T) {
	fill := func(n int64) func(t *testing.T, b *Box) {
		return func(t *testing.T, b *Box) {
			p, _ := b.ProgramNew()
			r := opOn(t, b, p, abi.OpFill, &abi.Fill{Dims: abi.Consts(n), DType: int64(tensor.Uint8)})
			b.ProgramSeal(p, abi.AppendSeal(nil, abi.Seal{Out: []abi.Value{r.Value}}))
		}
	}
	tests := []struct {
		name string
		do   func(t *testing.T, b *Box)
		want error
	}{
		{"a fill of 2^40", fill(1 << 40), ErrMemory},
		{"a fill just over", fill(17 << 20), ErrMemory},
		{"a tensor of 2^40", func(_ *testing.T, b *Box) { b.TensorNew(tensor.Of(tensor.Uint8, 1<<40)) }, ErrMemory},
		{"guest memory", func(_ *testing.T, b *Box) { b.stop = b.Grow(17 << 20) }, ErrMemory},
		{"fuel", func(_ *testing.T, b *Box) { b.Fuel(1 << 40) }, ErrWork},
		{"outputs", func(t *testing.T, b *Box) {
			h, e := b.TensorNew(tensor.Of(tensor.Uint8, 2<<20))
			ok(t, e)
			b.RunOutput(0, h)
		}, ErrOutput},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := newTestModel(t, small, nil)
			b := runBox(m, vector(1))
			defer b.Close()
			tt.do(t, b)
			if !errors.Is(b.Stopped(), tt.want) {
				t.Errorf("stopped with %v, want %v", b.Stopped(), tt.want)
			}
			if peak := b.own.peak.Load(); peak > small.Memory {
				t.Errorf("%d bytes were taken", peak)
			}
		})
	}
}

func TestSealOfALongProgram(t *testing.T) {
	m := newTestModel(t, Limits{Memory: 1 << 30, Output: 1 << 20, File: 1, Work: 1 << 40}, nil)
	b := runBox(m, vector(1))
	defer b.Close()
	p, _ := b.ProgramNew()
	x, _ := b.ProgramInput(p, tensor.Of(tensor.Float32, 2))
	v := x
	for i := range abi.MaxOps {
		in := []abi.Value{v, x}
		if i%7 == 0 {
			in = []abi.Value{x, x, x}
		}
		r := opOn(t, b, p, abi.OpConcat, &abi.Concat{}, in...)
		if v = r.Value; r.Type.Dims[0] > 64 {
			v = x
		}
	}
	_, e := b.ProgramOp(p, abi.AppendCall(nil, abi.OpConcat, []abi.Value{x}, &abi.Concat{}), make([]abi.Result, 1))
	is(t, e, abi.ErrCount)
	start := now()
	ok(t, b.ProgramSeal(p, abi.AppendSeal(nil, abi.Seal{Out: []abi.Value{v}})))
	if d := since(start); d > 2000 {
		t.Errorf("sealing %d ops took %d ms", abi.MaxOps, d)
	}
}

func TestCheapCallsMeetTheirBounds(t *testing.T) {
	m := newTestModel(t, small, make([]byte, 16))
	b := runBox(m, vector(1))
	defer b.Close()
	for range abi.MaxPrograms {
		_, e := b.ProgramNew()
		ok(t, e)
	}
	_, e := b.ProgramNew()
	is(t, e, abi.ErrCount)
	for {
		if _, e := b.TensorConst(1, 0, tensor.Of(tensor.Uint8, 1)); e != abi.OK {
			is(t, e, abi.ErrCount)
			break
		}
	}
	if n := len(b.tensors); n > abi.MaxTensors {
		t.Errorf("%d tensors are alive", n)
	}
	for i := 0; ; i++ {
		if b.Emit(abi.EmitLog, make([]byte, 100)) != abi.OK {
			if i*100 > abi.MaxLog {
				t.Errorf("%d bytes of log", i*100)
			}
			break
		}
	}
}

// typeOfPorts makes inputs that fit whatever a fuzzed load declared.
func typeOfPorts(m *Model) []kernels.Tensor {
	in := make([]kernels.Tensor, len(m.inputs))
	for i := range in {
		in[i] = vector(1, 2, 3, 4)
	}
	return in
}
