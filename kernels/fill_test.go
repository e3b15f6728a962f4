package kernels

import (
	"bytes"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestFill(t *testing.T) {
	for _, c := range []struct {
		d     tensor.DType
		value int64
		want  []byte
	}{
		{tensor.Bool, 1, []byte{1}},
		{tensor.Int8, -2, []byte{0xfe}},
		{tensor.BFloat16, 0x3f80, []byte{0x80, 0x3f}},
		{tensor.Float32, 0x3f800000, []byte{0, 0, 0x80, 0x3f}},
		{tensor.Int64, -3, []byte{0xfd, 255, 255, 255, 255, 255, 255, 255}},
	} {
		for _, dims := range [][]int64{{}, {3, 0}, {7, 1, 1, 1, 1, 1, 1, 2}, {300_001}} {
			out, err := everywhere(t, &Fill, FillAttrs{dims, c.value, int64(c.d)})
			if err != nil {
				t.Fatal(err)
			}
			if want := bytes.Repeat(c.want, int(tensor.Product(dims))); !bytes.Equal(out[0].Data, want) {
				t.Errorf("%v %v: wrong bytes", c.d, dims)
			}
		}
	}
}

func TestFillRefuses(t *testing.T) {
	refuses(t, &Fill, []refusal{
		{"an input", FillAttrs{nil, 0, int64(tensor.Int8)}, types(tensor.Of(tensor.Int8)), ErrArity},
		{"no type", FillAttrs{nil, 0, 0}, nil, ErrDType},
		{"string", FillAttrs{nil, 0, int64(tensor.String)}, nil, ErrDType},
		{"type that wraps", FillAttrs{nil, 0, 257}, nil, ErrDType},
		{"negative type", FillAttrs{nil, 0, -1}, nil, ErrDType},
		{"bool of 2", FillAttrs{nil, 2, int64(tensor.Bool)}, nil, ErrAttr},
		{"negative dim", FillAttrs{[]int64{-1}, 0, int64(tensor.Int8)}, nil, ErrAttr},
		{"rank 9", FillAttrs{make([]int64, 9), 0, int64(tensor.Int8)}, nil, ErrRank},
		{"too large", FillAttrs{[]int64{1 << 47}, 0, int64(tensor.Int8)}, nil, ErrSize},
	})
}
