package host

import (
	"bytes"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// TestRunsShareNothing has a run leave behind what it can. The next one finds
// neither its handles nor its bytes.
func TestRunsShareNothing(t *testing.T) {
	m := newTestModel(t, small, make([]byte, 16))
	typ := tensor.Of(tensor.Uint8, 1<<20)
	secret := bytes.Repeat([]byte{0x5a}, 1<<20)
	first := runBox(m, vector(1, 2))
	h, e := first.TensorNew(typ)
	ok(t, e)
	ok(t, first.TensorWrite(h, 0, secret))
	p, e := first.ProgramNew()
	ok(t, e)
	x, e := first.ProgramInput(p, typ)
	ok(t, e)
	r := opOn(t, first, p, abi.OpConcat, &abi.Concat{}, x, x)
	ok(t, first.ProgramSeal(p, abi.AppendSeal(nil, abi.Seal{Out: []abi.Value{r.Value}})))
	var out [1]abi.Handle
	_, e = first.ProgramRun(p, []abi.Handle{h}, out[:])
	ok(t, e)
	first.Close()

	second := runBox(m, vector(1, 2))
	defer second.Close()
	buf := make([]byte, 1<<20)
	for _, old := range []abi.Handle{h, out[0]} {
		is(t, second.TensorRead(old, 0, buf), abi.ErrHandle)
		is(t, second.TensorFree(old), abi.ErrHandle)
	}
	_, e = second.ProgramRun(p, []abi.Handle{h}, out[:])
	is(t, e, abi.ErrHandle)
	for range 4 {
		h, e := second.TensorNew(typ)
		ok(t, e)
		ok(t, second.TensorRead(h, 0, buf))
		if bytes.IndexByte(buf, 0x5a) >= 0 {
			t.Fatal("a new tensor has bytes of the run before")
		}
	}
}

func TestHandlesAreNotReused(t *testing.T) {
	m := newTestModel(t, small, nil)
	b := runBox(m, vector(1))
	defer b.Close()
	seen := map[abi.Handle]bool{}
	for i := range 100 {
		h, e := b.TensorNew(tensor.Of(tensor.Uint8, 1))
		ok(t, e)
		p, e := b.ProgramNew()
		ok(t, e)
		if seen[h] || seen[p] || h == p {
			t.Fatalf("round %d gives the handles %d and %d, which were given before", i, h, p)
		}
		seen[h], seen[p] = true, true
		ok(t, b.TensorFree(h))
		ok(t, b.ProgramFree(p))
	}
}

// TestBoundsOfARun reaches what a run may do in all, by calls that are each
// allowed.
func TestBoundsOfARun(t *testing.T) {
	t.Run("reading back", func(t *testing.T) {
		m := newTestModel(t, small, nil)
		b := runBox(m, vector(1))
		defer b.Close()
		h, e := b.TensorNew(tensor.Of(tensor.Uint8, 1<<20))
		ok(t, e)
		buf := make([]byte, 1<<20)
		for range abi.MaxReadBack / len(buf) {
			ok(t, b.TensorRead(h, 0, buf))
		}
		is(t, b.TensorRead(h, 0, buf[:1]), abi.ErrCount)
	})
	t.Run("building", func(t *testing.T) {
		m := newTestModel(t, small, nil)
		b := runBox(m, vector(1))
		defer b.Close()
		b.built = abi.MaxBuilt - 3
		fill := func() abi.Errno {
			p, e := b.ProgramNew()
			ok(t, e)
			var out [1]abi.Result
			_, e = b.ProgramOp(p, abi.AppendCall(nil, abi.OpFill, nil, &abi.Fill{DType: int64(tensor.Uint8)}), out[:])
			ok(t, b.ProgramFree(p))
			return e
		}
		for range 3 {
			ok(t, fill())
		}
		is(t, fill(), abi.ErrCount)
	})
}
