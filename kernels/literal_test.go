package kernels

import (
	"bytes"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestLiteral(t *testing.T) {
	for _, c := range []struct {
		d      tensor.DType
		values []int64
		want   []byte
	}{
		{tensor.Bool, []int64{1, 0}, []byte{1, 0}},
		{tensor.Int8, []int64{-128, 127}, []byte{0x80, 0x7f}},
		{tensor.Uint8, []int64{0, 255}, []byte{0, 255}},
		{tensor.Float16, []int64{0x3c00, 0xffff}, []byte{0, 0x3c, 0xff, 0xff}},
		{tensor.Float32, []int64{0x3f800000, 0xbf800000}, []byte{0, 0, 0x80, 0x3f, 0, 0, 0x80, 0xbf}},
		{tensor.Uint64, []int64{-1, 0}, []byte{255, 255, 255, 255, 255, 255, 255, 255, 0, 0, 0, 0, 0, 0, 0, 0}},
	} {
		out, err := everywhere(t, &Literal, LiteralAttrs{[]int64{1, 2}, c.values, int64(c.d)})
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(out[0].Data, c.want) {
			t.Errorf("%v: got %x, want %x", c.d, out[0].Data, c.want)
		}
	}
	if _, err := everywhere(t, &Literal, LiteralAttrs{[]int64{0}, nil, int64(tensor.Float64)}); err != nil {
		t.Error(err)
	}
}

func TestLiteralRefuses(t *testing.T) {
	one := func(d tensor.DType, v int64) LiteralAttrs { return LiteralAttrs{nil, []int64{v}, int64(d)} }
	refuses(t, &Literal, []refusal{
		{"an input", one(tensor.Int8, 0), types(tensor.Of(tensor.Int8)), ErrArity},
		{"no type", one(0, 0), nil, ErrDType},
		{"too few values", LiteralAttrs{[]int64{2}, []int64{1}, int64(tensor.Int8)}, nil, ErrShape},
		{"huge dims", LiteralAttrs{[]int64{1 << 40, 1 << 40}, []int64{1}, int64(tensor.Int8)}, nil, ErrSize},
		{"bool of 2", one(tensor.Bool, 2), nil, ErrAttr},
		{"int8 of 128", one(tensor.Int8, 128), nil, ErrAttr},
		{"int32 of -2^31-1", one(tensor.Int32, -1<<31-1), nil, ErrAttr},
		{"uint16 of -1", one(tensor.Uint16, -1), nil, ErrAttr},
		{"33 bits of float32", one(tensor.Float32, 1<<32), nil, ErrAttr},
	})
}
