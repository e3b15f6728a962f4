package host

import (
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// A value that is written over and over lies in one place, but what somebody
// still needs stays as it was.
func TestUpdatesInPlace(t *testing.T) {
	const line = align
	for _, c := range []struct {
		name  string
		again int // which of the values is read again at the end
		arena int64
	}{
		{"nobody needs what was", 3, line},
		{"the first value is needed", 0, 2 * line},
		{"the last but one is needed", 2, 2 * line},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newTestModel(t, small, nil)
			b := runBox(m, vector(1, 2, 3))
			defer b.Close()
			in, e := b.RunInput(0)
			ok(t, e)
			p, e := b.ProgramNew()
			ok(t, e)
			x, e := b.ProgramInput(p, in.Type)
			ok(t, e)
			nine := opOn(t, b, p, abi.OpFill, &abi.Fill{Dims: abi.Consts(1), Value: abi.Const(0x41100000), DType: int64(tensor.Float32)}).Value
			values := []abi.Value{opOn(t, b, p, abi.OpConcat, &abi.Concat{}, x, x).Value}
			for i := range 3 {
				last := values[len(values)-1]
				values = append(values, opOn(t, b, p, abi.OpUpdateSlice, &abi.UpdateSlice{Start: abi.Consts(int64(i))}, last, nine).Value)
			}
			y := opOn(t, b, p, abi.OpConcat, &abi.Concat{}, values[3], values[c.again]).Value
			ok(t, b.ProgramSeal(p, abi.AppendSeal(nil, abi.Seal{Out: []abi.Value{y}})))
			var out [1]abi.Handle
			_, e = b.ProgramRun(p, []abi.Handle{in.Tensor}, out[:])
			ok(t, e)
			got := make([]byte, 48)
			ok(t, b.TensorRead(out[0], 0, got))
			want := []float32{9, 9, 9, 1, 2, 3, 1, 2, 3, 1, 2, 3}
			for i := range c.again {
				want[6+i] = 9
			}
			if v := tensor.View[float32](got); !slices.Equal(v, want) {
				t.Errorf("got %v, want %v", v, want)
			}
			if n := b.programs[p].layout.arena; n != c.arena {
				t.Errorf("an arena of %d bytes, want %d", n, c.arena)
			}
		})
	}
}
