package kernels

import (
	"bytes"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestBitcast(t *testing.T) {
	x := newDice().tensor(tensor.Float32, 3, 1, 2)
	for _, d := range []tensor.DType{tensor.Int32, tensor.Uint32, tensor.Float32} {
		out, err := everywhere(t, &Bitcast, BitcastAttrs{int64(d)}, x)
		if err != nil {
			t.Fatal(err)
		}
		if out[0].Type != tensor.Of(d, 3, 1, 2) || !bytes.Equal(out[0].Data, x.Data) {
			t.Errorf("%v: got %v", d, out[0].Type)
		}
	}
}

func TestBitcastRefuses(t *testing.T) {
	x := tensor.Of(tensor.Uint8, 4)
	refuses(t, &Bitcast, []refusal{
		{"no input", BitcastAttrs{int64(tensor.Int8)}, nil, ErrArity},
		{"no type", BitcastAttrs{}, types(x), ErrDType},
		{"other size", BitcastAttrs{int64(tensor.Float16)}, types(x), ErrDType},
		{"to bool", BitcastAttrs{int64(tensor.Bool)}, types(x), ErrDType},
	})
}
