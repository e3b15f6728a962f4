package kernels

import (
	"math"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestEveryFunctionHasItsLoops(t *testing.T) {
	for f := range functions {
		row := &functions[f]
		for d := tensor.Float32; d <= tensor.Bool; d++ {
			wanted := row.name != "" && row.on&classOf(d) != 0 && Fn(f) != FnCast && Fn(f) != FnIota
			if row.name != "" && row.on&classOf(d) != 0 && row.of(d) < 1 {
				t.Errorf("%v of %v costs nothing", Fn(f), d)
			}
			if there := loopTable[held(d)][f] != nil; there != wanted {
				t.Errorf("%v of %v: has a loop: %t, want %t", Fn(f), d, there, wanted)
			}
		}
	}
	for from := tensor.Float32; from <= tensor.Bool; from++ {
		for to := tensor.Float32; to <= tensor.Bool; to++ {
			if castLoop(from, to) == nil {
				t.Errorf("no cast from %v to %v", from, to)
			}
		}
	}
}

// compute runs one function on elements given as float64.
func compute(t testing.TB, f Fn, d tensor.DType, imm uint64, in ...[]float64) Tensor {
	t.Helper()
	var x []Tensor
	i := Instr{Fn: f, DType: d, Imm: imm}
	for k, v := range in {
		x = append(x, tensorOf(d, []int64{int64(len(v))}, v))
		*[]*uint8{&i.A, &i.B, &i.C}[k] = uint8(k)
	}
	return must(t, &Map, MapAttrs{Program{[]Instr{i}, []int64{int64(len(in))}}}, x...)[0]
}

var (
	inf  = math.Inf(1)
	nan  = math.NaN()
	zero = math.Copysign(0, -1)
)

func TestExactFunctions(t *testing.T) {
	nums := []tensor.DType{
		tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16,
		tensor.Int8, tensor.Int16, tensor.Int32, tensor.Int64,
	}
	flt, ints := nums[:4], nums[4:]
	alpha := func(a, b float32) uint64 {
		return uint64(math.Float32bits(a)) | uint64(math.Float32bits(b))<<32
	}
	for _, c := range []struct {
		f    Fn
		on   []tensor.DType
		imm  uint64
		a, b []float64
		want []float64
	}{
		{FnAdd, nums, 0, []float64{1, -3}, []float64{2, 1}, []float64{3, -2}},
		{FnSub, nums, 0, []float64{1, -3}, []float64{2, 1}, []float64{-1, -4}},
		{FnMul, nums, 0, []float64{2, -3}, []float64{2, 5}, []float64{4, -15}},
		{FnDiv, ints, 0, []float64{7, -7, 7, -7, 5, 0}, []float64{2, 2, -2, -2, 0, 0}, []float64{3, -3, -3, 3, 0, 0}},
		{FnMod, ints, 0, []float64{7, -7, 7, -7, 5}, []float64{3, 3, -3, -3, 0}, []float64{1, 2, -2, -1, 0}},
		{FnFmod, ints, 0, []float64{7, -7, 7, -7, 5}, []float64{3, 3, -3, -3, 0}, []float64{1, -1, 1, -1, 0}},
		{FnPow, ints, 0, []float64{2, -2, 5, 0, 1, -1, -1, 3, 0}, []float64{6, 3, 0, 0, -4, -4, -3, -1, -1}, []float64{64, -8, 1, 1, 1, 1, -1, 0, 0}},
		{FnDiv, []tensor.DType{tensor.Int8}, 0, []float64{-128}, []float64{-1}, []float64{-128}},
		{FnFmod, []tensor.DType{tensor.Int64}, 0, []float64{math.MinInt64}, []float64{-1}, []float64{0}},
		{FnAdd, []tensor.DType{tensor.Int8}, 0, []float64{127}, []float64{1}, []float64{-128}},
		{FnSub, []tensor.DType{tensor.Uint8}, 0, []float64{0}, []float64{1}, []float64{255}},
		{FnNeg, []tensor.DType{tensor.Uint8}, 0, []float64{1, 0}, nil, []float64{255, 0}},
		{FnPow, []tensor.DType{tensor.Uint8}, 0, []float64{2, 3}, []float64{9, 200}, []float64{0, 161}},
		{FnNot, []tensor.DType{tensor.Uint8}, 0, []float64{1}, nil, []float64{254}},
		{FnNot, ints, 0, []float64{0, 5}, nil, []float64{-1, -6}},
		{FnAnd, ints, 0, []float64{6}, []float64{3}, []float64{2}},
		{FnOr, ints, 0, []float64{6}, []float64{3}, []float64{7}},
		{FnXor, ints, 0, []float64{6}, []float64{3}, []float64{5}},
		{FnShl, ints, 0, []float64{1, 3, 1, 1}, []float64{3, 0, 64, -1}, []float64{8, 3, 0, 0}},
		{FnShr, ints, 0, []float64{64, -8, -8, 1}, []float64{3, 1, 64, -1}, []float64{8, -4, 0, 0}},
		{FnShr, []tensor.DType{tensor.Int8}, 0, []float64{-8, -8}, []float64{7, 8}, []float64{-1, 0}},
		{FnShl, []tensor.DType{tensor.Uint8}, 0, []float64{1, 1, 255}, []float64{7, 8, 200}, []float64{128, 0, 0}},
		{FnAnd, []tensor.DType{tensor.Bool}, 0, []float64{0, 0, 1, 1}, []float64{0, 1, 0, 1}, []float64{0, 0, 0, 1}},
		{FnOr, []tensor.DType{tensor.Bool}, 0, []float64{0, 0, 1, 1}, []float64{0, 1, 0, 1}, []float64{0, 1, 1, 1}},
		{FnXor, []tensor.DType{tensor.Bool}, 0, []float64{0, 0, 1, 1}, []float64{0, 1, 0, 1}, []float64{0, 1, 1, 0}},
		{FnEq, []tensor.DType{tensor.Bool}, 0, []float64{0, 0, 1, 1}, []float64{0, 1, 0, 1}, []float64{1, 0, 0, 1}},
		{FnNot, []tensor.DType{tensor.Bool}, 0, []float64{0, 1}, nil, []float64{1, 0}},

		{FnMin, flt, 0, []float64{1, nan, 1, 0, -inf}, []float64{2, 1, nan, zero, nan}, []float64{1, nan, nan, zero, nan}},
		{FnMax, flt, 0, []float64{1, nan, 1, zero, inf}, []float64{2, 1, nan, 0, nan}, []float64{2, nan, nan, 0, nan}},
		{FnMin, ints, 0, []float64{1, -5}, []float64{2, -6}, []float64{1, -6}},
		{FnDiv, flt, 0, []float64{1, -1, 0, 3}, []float64{0, 0, 0, 2}, []float64{inf, -inf, nan, 1.5}},
		{FnMod, flt, 0, []float64{7, -7, 7, 5, -4, 1}, []float64{3, 3, -3, 0, 2, inf}, []float64{1, 2, -2, nan, 0, 1}},
		{FnFmod, flt, 0, []float64{7, -7, 7, 5, -4, inf}, []float64{3, 3, -3, 0, 2, 1}, []float64{1, -1, 1, nan, zero, nan}},
		{FnNeg, nums, 0, []float64{1, -3}, nil, []float64{-1, 3}},
		{FnNeg, flt, 0, []float64{0, zero}, nil, []float64{zero, 0}},
		{FnAbs, nums, 0, []float64{1, -3}, nil, []float64{1, 3}},
		{FnAbs, flt, 0, []float64{zero, -inf, nan}, nil, []float64{0, inf, nan}},
		{FnSign, nums, 0, []float64{5, -3, 0}, nil, []float64{1, -1, 0}},
		{FnSign, flt, 0, []float64{nan, zero, -inf}, nil, []float64{nan, 0, -1}},
		{FnFloor, flt, 0, []float64{1.5, -1.5, zero, inf, nan}, nil, []float64{1, -2, zero, inf, nan}},
		{FnCeil, flt, 0, []float64{1.5, -1.5, -0.5, -inf, nan}, nil, []float64{2, -1, zero, -inf, nan}},
		{FnRint, flt, 0, []float64{0.5, 1.5, 2.5, -0.5, nan}, nil, []float64{0, 2, 2, zero, nan}},
		{FnTrunc, flt, 0, []float64{1.5, -1.5, -0.5, nan}, nil, []float64{1, -1, zero, nan}},
		{FnSqrt, flt, 0, []float64{4, -1, zero, inf}, nil, []float64{2, nan, zero, inf}},
		{FnRecip, flt, 0, []float64{4, zero, inf}, nil, []float64{0.25, -inf, 0}},
		{FnRelu, flt, 0, []float64{2, -1, nan, zero}, nil, []float64{2, 0, nan, 0}},
		{FnRelu, ints, 0, []float64{2, -1}, nil, []float64{2, 0}},
		{FnLeaky, flt, alpha(0.25, 0), []float64{2, -2, nan}, nil, []float64{2, -0.5, nan}},
		{FnHardSigmoid, flt, alpha(0.25, 0.5), []float64{0, 1, 9, -9, nan}, nil, []float64{0.5, 0.75, 1, 0, nan}},
		{FnHardSwish, flt, 0, []float64{3, 6, 0, -3, nan}, nil, []float64{3, 6, 0, zero, nan}},
		{FnSoftsign, flt, 0, []float64{1, -1, 3, 0}, nil, []float64{0.5, -0.5, 0.75, 0}},
		{FnElu, flt, alpha(2, 0), []float64{3, -inf, 0}, nil, []float64{3, -2, 0}},
		{FnSelu, flt, alpha(2, 4), []float64{3, -inf, 0}, nil, []float64{12, -8, 0}},
		{FnCelu, flt, alpha(2, 0), []float64{3, -inf, 0}, nil, []float64{3, -2, 0}},

		{FnEq, nums, 0, []float64{1, 1}, []float64{1, 2}, []float64{1, 0}},
		{FnNe, nums, 0, []float64{1, 1}, []float64{1, 2}, []float64{0, 1}},
		{FnLt, nums, 0, []float64{1, 2, -1}, []float64{1, 1, 1}, []float64{0, 0, 1}},
		{FnLe, nums, 0, []float64{1, 2, -1}, []float64{1, 1, 1}, []float64{1, 0, 1}},
		{FnGt, nums, 0, []float64{1, 2, -1}, []float64{1, 1, 1}, []float64{0, 1, 0}},
		{FnGe, nums, 0, []float64{1, 2, -1}, []float64{1, 1, 1}, []float64{1, 1, 0}},
		{FnEq, flt, 0, []float64{nan, 0}, []float64{nan, zero}, []float64{0, 1}},
		{FnNe, flt, 0, []float64{nan, 0}, []float64{nan, zero}, []float64{1, 0}},
		{FnLe, flt, 0, []float64{nan, 1}, []float64{1, nan}, []float64{0, 0}},
		{FnGt, []tensor.DType{tensor.Uint8}, 0, []float64{200}, []float64{100}, []float64{1}},
		{FnIsNaN, flt, 0, []float64{nan, inf, 0}, nil, []float64{1, 0, 0}},
		{FnIsInf, flt, 0, []float64{nan, inf, -inf}, nil, []float64{0, 0, 0}},
		{FnIsInf, flt, 1, []float64{nan, inf, -inf}, nil, []float64{0, 1, 0}},
		{FnIsInf, flt, 2, []float64{nan, inf, -inf}, nil, []float64{0, 0, 1}},
		{FnIsInf, flt, 3, []float64{nan, inf, -inf}, nil, []float64{0, 1, 1}},
	} {
		for _, d := range c.on {
			in := [][]float64{c.a}
			if c.b != nil {
				in = append(in, c.b)
			}
			got := values(compute(t, c.f, d, c.imm, in...))
			for i, want := range c.want {
				if got[i] != want && (got[i] == got[i] || want == want) ||
					want == 0 && d.IsFloat() && math.Signbit(got[i]) != math.Signbit(want) {
					t.Errorf("%v %v: element %d is %v, want %v", d, c.f, i, got[i], want)
				}
			}
		}
	}
}

func TestFma(t *testing.T) {
	// The square of 1+2⁻¹² less its head leaves the bits that a product
	// rounded by itself has lost.
	x := 1 + 0x1p-12
	y := compute(t, FnFma, tensor.Float32, 0, []float64{x}, []float64{x}, []float64{-1 - 0x1p-11})
	if got := values(y)[0]; got != 0x1p-24 {
		t.Errorf("fma gives %g", got)
	}
	if got := values(compute(t, FnFma, tensor.Int8, 0, []float64{100}, []float64{2}, []float64{3}))[0]; got != -53 {
		t.Errorf("fma of int8 gives %g", got)
	}
}

// TestFloatTypesAgree takes the float64 function for the truth about float32,
// and float32 for that about the 16-bit types.
func TestFloatTypesAgree(t *testing.T) {
	r := newDice()
	a := []float64{0, zero, 1, -1, 0.5, 2, -2, 10, -10, 100, -100, 0x1p-20, -0x1p-20, inf, nan}
	for range 2000 {
		a = append(a, float64(float32(r.NormFloat64()*math.Exp(4*r.Float64()-2))))
	}
	b := make([]float64, len(a))
	for i := range b {
		b[i] = a[r.IntN(len(a))]
	}
	for f := range functions {
		row := &functions[f]
		if row.on&floats == 0 || row.arity == 0 || Fn(f) == FnCast || Fn(f) == FnSelect {
			continue
		}
		imm := uint64(0)
		if row.imm == immAlpha || row.imm == immBoth {
			imm = uint64(math.Float32bits(0.75))
		}
		if row.imm == immBoth {
			imm |= uint64(math.Float32bits(1.25)) << 32
		}
		in := [][]float64{a, b, a[len(a)/2:]}[:row.arity]
		if row.arity == 3 {
			in = [][]float64{a[:1000], b[:1000], b[1000:2000]}
		}
		wide, single := values(compute(t, Fn(f), tensor.Float64, imm, in...)), values(compute(t, Fn(f), tensor.Float32, imm, in...))
		for i, want := range wide {
			limit := 0x1p-21 * math.Abs(want)
			switch Fn(f) {
			case FnGelu, FnGeluTanh, FnHardSigmoid, FnHardSwish:
				limit = 0x1p-23 * max(1, math.Abs(in[0][i]))
			case FnMod, FnFma, FnAdd, FnSub: // cancellation
				limit = 0x1p-22 * max(math.Abs(in[0][i]), math.Abs(in[1][i]), math.Abs(want), math.Abs(in[0][i]*in[1][i]))
			case FnPow, FnQuickGelu:
				limit *= 4
			case FnCelu, FnSelu, FnElu:
				limit += 0x1p-140
			case FnExp, FnSigmoid, FnSilu: // 0 where float32 would soon be subnormal
				limit += 0x1p-125 * max(1, math.Abs(in[0][i]))
			}
			if got := single[i]; got != want && math.Float32bits(float32(want)) != math.Float32bits(float32(got)) &&
				!(math.Abs(got-want) <= limit) && (got == got || want == want) {
				t.Errorf("%v: float32 gives %g at %g, float64 %g", Fn(f), got, in[0][i], want)
				break
			}
		}
		for _, d := range []tensor.DType{tensor.Float16, tensor.BFloat16} {
			var narrow [][]float64
			for _, v := range in {
				narrow = append(narrow, values(tensorOf(d, []int64{int64(len(v))}, v)))
			}
			half := compute(t, Fn(f), d, imm, narrow...)
			want := compute(t, Fn(f), tensor.Float32, imm, narrow...)
			if !Fn(f).comparison() {
				want = tensorOf(d, half.Shape(), values(want))
			}
			sameElements(t, half, want.Data)
		}
	}
}

func TestSelectAndConst(t *testing.T) {
	cond := Tensor{tensor.Of(tensor.Bool, 4), []byte{0, 1, 0, 1}}
	for d := tensor.Float32; d <= tensor.Bool; d++ {
		a, b := tensorOf(d, []int64{4}, []float64{1, 1, 1, 1}), tensorOf(d, nil, []float64{0})
		y := must(t, &Map, MapAttrs{Program{[]Instr{{Fn: FnSelect, DType: d, A: 0, B: 1, C: 2}}, []int64{3}}}, cond, a, b)[0]
		near(t, y, []float64{0, 1, 0, 1}, 0, 0)

		one := tensorOf(d, nil, []float64{1})
		imm := uint64(0)
		for i, v := range one.Data {
			imm |= uint64(v) << (8 * i)
		}
		y = must(t, &Map, MapAttrs{Program{[]Instr{{Fn: FnConst, DType: d, Imm: imm}}, []int64{1}}}, cond)[0]
		near(t, y, []float64{1, 1, 1, 1}, 0, 0)
	}
}

func TestMapIota(t *testing.T) {
	x := tensorOf(tensor.Bool, []int64{2, 3, 700}, make([]float64, 4200))
	for d := tensor.Float32; d < tensor.Bool; d++ {
		for axis := range uint64(3) {
			y := must(t, &Map, MapAttrs{program1(FnIota, d, axis)}, x)[0]
			want := make([]float64, 4200)
			each(x.Shape(), func(i int64, at []int64) { want[i] = float64(at[axis]) })
			if d.Size() > 1 {
				near(t, y, want, 0.5, 0)
			}
		}
	}
}
