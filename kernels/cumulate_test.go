package kernels

import (
	"math"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func naiveCumulate(x Tensor, a CumulateAttrs) []float64 {
	n, inner := x.Dims[a.Axis], tensor.Product(x.Dims[a.Axis+1:x.Rank])
	v := values(x)
	y := make([]float64, len(v))
	for i := range y {
		k := int64(i) / inner % n
		from, to := int64(0), k
		if a.Reverse {
			from, to = k, n-1
		}
		y[i] = []float64{0, 0, 0, 1, math.Inf(1), math.Inf(-1)}[a.Fn]
		for j := from; j <= to; j++ {
			if a.Exclusive && j == k {
				continue
			}
			w := v[int64(i)+(j-k)*inner]
			switch a.Fn {
			case ReduceSum:
				y[i] += w
			case ReduceProd:
				y[i] *= w
			case ReduceMin:
				y[i] = math.Min(y[i], w)
			case ReduceMax:
				y[i] = math.Max(y[i], w)
			}
		}
	}
	return y
}

func TestCumulate(t *testing.T) {
	r := newDice()
	fns := []int64{ReduceSum, ReduceProd, ReduceMin, ReduceMax}
	for range 200 {
		d := r.dtype()
		if d == tensor.Bool {
			continue
		}
		x := r.numbers(d, r.dims(1+r.IntN(3), 8)...)
		a := CumulateAttrs{Axis: r.Int64N(int64(x.Rank)), Fn: fns[r.IntN(4)], Reverse: r.IntN(2) == 0, Exclusive: r.IntN(2) == 0}
		if !d.IsFloat() && (a.Fn == ReduceProd || a.Exclusive && a.Fn != ReduceSum) {
			continue // these wrap, or begin with a limit of the type
		}
		near(t, must(t, &Cumulate, a, x)[0], naiveCumulate(x, a), 16, 4)
	}
}

// A run along more than a tile holds goes on in the next.
func TestCumulateLong(t *testing.T) {
	n := int64(tileWork/16 + 10)
	ones := make([]float64, 2*n)
	for i := range ones {
		ones[i] = 1
	}
	x := tensorOf(tensor.Int32, []int64{n, 2}, ones)
	y := tensor.View[int32](must(t, &Cumulate, CumulateAttrs{Fn: ReduceSum, Exclusive: true}, x)[0].Data)
	for i, v := range y {
		if v != int32(i/2) {
			t.Fatalf("element %d is %d", i, v)
		}
	}
}

func TestCumulateStarts(t *testing.T) {
	for _, c := range []struct {
		d    tensor.DType
		fn   int64
		want float64
	}{{tensor.Int8, ReduceMin, 127}, {tensor.Int8, ReduceMax, -128}, {tensor.Uint16, ReduceMin, 65535}, {tensor.Int64, ReduceProd, 1},
		{tensor.Float16, ReduceMax, math.Inf(-1)}, {tensor.Float64, ReduceMin, math.Inf(1)}} {
		x := tensorOf(c.d, []int64{1}, []float64{3})
		near(t, must(t, &Cumulate, CumulateAttrs{Fn: c.fn, Exclusive: true}, x)[0], []float64{c.want}, 0, 0)
	}
}

func TestCumulateRefuses(t *testing.T) {
	f := tensor.Of(tensor.Float32, 2, 3)
	refuses(t, &Cumulate, []refusal{
		{"two inputs", CumulateAttrs{Fn: ReduceSum}, types(f, f), ErrArity},
		{"bool", CumulateAttrs{Fn: ReduceSum}, types(tensor.Of(tensor.Bool, 2)), ErrDType},
		{"axis", CumulateAttrs{Axis: 2, Fn: ReduceSum}, types(f), ErrAttr},
		{"mean", CumulateAttrs{Fn: ReduceMean}, types(f), ErrAttr},
		{"no function", CumulateAttrs{}, types(f), ErrAttr},
	})
}
