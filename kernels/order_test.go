package kernels

import (
	"math"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestOrder(t *testing.T) {
	nan32, nan64 := float32(math.NaN()), math.NaN()
	inf32, inf64 := float32(math.Inf(1)), math.Inf(1)
	zero := float32(math.Copysign(0, -1))
	for _, x := range []Tensor{
		vector(tensor.Float32, []int64{10}, -inf32, -2, -1, -1e-45, zero, 1e-45, 1, 2, inf32, nan32),
		vector(tensor.Float64, []int64{8}, -inf64, -2, -1, 0, 1, 2, inf64, nan64),
		vector(tensor.Float16, []int64{7}, uint16(0xfc00), 0xbc00, 0x8001, 0, 1, 0x7c00, 0x7c01),
		vector(tensor.BFloat16, []int64{7}, uint16(0xff80), 0xbf80, 0x8001, 0, 1, 0x7f80, 0xffff),
		vector(tensor.Int8, []int64{5}, int8(-128), -1, 0, 1, 127),
		vector(tensor.Int64, []int64{5}, int64(math.MinInt64), -1, 0, 1, math.MaxInt64),
		vector(tensor.Uint64, []int64{3}, uint64(0), 1, math.MaxUint64),
		vector(tensor.Bool, []int64{2}, uint8(0), 1),
	} {
		order := orderOf(x.DType)
		var last uint64
		for i := range x.Elems() {
			var v uint64
			for k, b := range elem(x, i) {
				v |= uint64(b) << (8 * k)
			}
			if k := order(v); i > 0 && k <= last {
				t.Errorf("%v: element %d is not above the one before", x.Type, i)
			} else {
				last = k
			}
		}
	}
	order := orderOf(tensor.Float32)
	if order(0) != order(1<<31) {
		t.Error("-0 and 0 differ")
	}
	if order(0xffc00000) != order(0x7f800001) {
		t.Error("two NaN differ")
	}
}
