package kernels

import (
	"bytes"
	"math"
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestIota(t *testing.T) {
	out, err := everywhere(t, &Iota, IotaAttrs{5, 3, -2, int64(tensor.Int16)})
	if err != nil {
		t.Fatal(err)
	}
	if got := tensor.View[int16](out[0].Data); !slices.Equal(got, []int16{3, 1, -1, -3, -5}) {
		t.Errorf("got %v", got)
	}
	for d := tensor.Float32; d <= tensor.Uint64; d++ {
		out, err := everywhere(t, &Iota, IotaAttrs{100_001, 1, 0, int64(d)})
		if err != nil {
			t.Fatal(err)
		}
		one := map[tensor.DType][]byte{
			tensor.Float32: {0, 0, 0x80, 0x3f}, tensor.Float64: {0, 0, 0, 0, 0, 0, 0xf0, 0x3f},
			tensor.Float16: {0, 0x3c}, tensor.BFloat16: {0x80, 0x3f},
		}[d]
		if one == nil {
			one = appendInt(nil, d, 1)
		}
		if !bytes.Equal(out[0].Data, bytes.Repeat(one, 100_001)) {
			t.Errorf("%v: not all ones", d)
		}
	}
	if out, err := everywhere(t, &Iota, IotaAttrs{0, math.MinInt64, math.MinInt64, int64(tensor.Uint8)}); err != nil || out[0].Elems() != 0 {
		t.Errorf("nothing at all: %v", err)
	}
}

// Numbers are rounded once, as by a cast.
func TestIotaIsCast(t *testing.T) {
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16} {
		for _, start := range []int64{1<<32 | 1<<24 | 1, -(1<<33 | 1<<25 | 1), 1<<62 | 1<<54 | 1, 2049, math.MinInt64} {
			y := must(t, &Iota, IotaAttrs{100, start, 1, int64(d)})[0]
			p := Program{Code: []Instr{{Fn: FnCast, DType: d, A: 0}}, Out: []int64{1}}
			z := must(t, &Map, MapAttrs{p}, must(t, &Iota, IotaAttrs{100, start, 1, int64(tensor.Int64)})...)[0]
			if !bytes.Equal(y.Data, z.Data) {
				t.Errorf("%v from %d: %x, want %x", d, start, y.Data, z.Data)
			}
		}
	}
}

func TestIotaRefuses(t *testing.T) {
	refuses(t, &Iota, []refusal{
		{"an input", IotaAttrs{1, 0, 1, int64(tensor.Int8)}, types(tensor.Of(tensor.Int8)), ErrArity},
		{"bool", IotaAttrs{1, 0, 1, int64(tensor.Bool)}, nil, ErrDType},
		{"negative count", IotaAttrs{-1, 0, 1, int64(tensor.Int8)}, nil, ErrAttr},
		{"past int8", IotaAttrs{129, 0, 1, int64(tensor.Int8)}, nil, ErrAttr},
		{"below uint64", IotaAttrs{2, 0, -1, int64(tensor.Uint64)}, nil, ErrAttr},
		{"wraps upward", IotaAttrs{2, math.MaxInt64, 1, int64(tensor.Float32)}, nil, ErrAttr},
		{"wraps downward", IotaAttrs{3, -2, math.MinInt64 / 2, int64(tensor.Int64)}, nil, ErrAttr},
		{"product wraps", IotaAttrs{1 << 40, 0, 1 << 40, int64(tensor.Float32)}, nil, ErrAttr},
		{"too large", IotaAttrs{1 << 45, 0, 1, int64(tensor.Float32)}, nil, ErrSize},
	})
}
