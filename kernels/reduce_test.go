package kernels

import (
	"math"
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// naiveReduce folds in float64, in row-major order.
func naiveReduce(x Tensor, a ReduceAttrs, y tensor.Type) []float64 {
	var keep []int64
	count := int64(1)
	for k, n := range x.Shape() {
		if slices.Contains(a.Axes, int64(k)) {
			count *= n
			n = 1
		}
		keep = append(keep, n)
	}
	kt := tensor.Of(tensor.Float64, keep...)
	ks, want := strides(&kt), make([]float64, y.Elems())
	for i := range want {
		want[i] = []float64{0, 0, 0, 1, math.Inf(1), math.Inf(-1), 0, 1}[a.Fn]
	}
	for i, v := range values(x) {
		at, rest := int64(0), int64(i)
		for k := int(x.Rank) - 1; k >= 0; k-- {
			if !slices.Contains(a.Axes, int64(k)) {
				at += rest % x.Dims[k] * ks[k]
			}
			rest /= x.Dims[k]
		}
		switch a.Fn {
		case ReduceSum, ReduceMean:
			want[at] += v
		case ReduceProd:
			want[at] *= v
		case ReduceMin, ReduceAll:
			want[at] = math.Min(want[at], v)
		case ReduceMax, ReduceAny:
			want[at] = math.Max(want[at], v)
		}
	}
	for i, v := range want {
		if a.Fn == ReduceMean {
			if want[i] = v / float64(count); !x.DType.IsFloat() {
				want[i] = math.Trunc(want[i])
			}
		}
	}
	return want
}

func TestReduce(t *testing.T) {
	r := newDice()
	for try := range 400 {
		d := r.dtype()
		x := r.numbers(d, r.dims(r.IntN(5), 7)...)
		if try%40 == 0 {
			x = r.numbers([]tensor.DType{tensor.Float32, tensor.Float16, tensor.Float64}[r.IntN(3)], []int64{2, 9000, 3}[r.IntN(2):]...)
		}
		a := ReduceAttrs{Fn: 1 + r.Int64N(5), Keep: r.IntN(2) == 0}
		if d == tensor.Bool && x.DType == d {
			a.Fn = 6 + r.Int64N(2)
		}
		for k := range x.Rank {
			if r.IntN(2) == 0 {
				a.Axes = append(a.Axes, int64(k))
			}
		}
		r.Shuffle(len(a.Axes), func(i, j int) { a.Axes[i], a.Axes[j] = a.Axes[j], a.Axes[i] })
		y := must(t, &Reduce, a, x)[0]
		want := naiveReduce(x, a, y.Type)
		switch n := float64(x.Elems()) / max(1, float64(y.Elems())); {
		case a.Fn == ReduceProd:
			if !d.IsFloat() || x.DType != d || n > 100 {
				continue // products of many integers wrap
			}
			near(t, y, want, 4*n+4, 0)
		case !d.IsFloat() && d.Size() == 1 && a.Fn <= ReduceMean:
			continue // so do sums of short ones
		case x.Elems() == 0 && !x.DType.IsFloat():
			continue // TestReduceNothing
		default:
			near(t, y, want, 4, math.Sqrt(n)+1)
		}
	}
}

// The order of a sum is that of fold's doc, whichever dims it is over.
func TestReduceOrder(t *testing.T) {
	r := newDice()
	const n, cols = 8192 + 100, 3
	x := r.numbers(tensor.Float32, n, cols)
	v := tensor.View[float32](x.Data)
	var want [cols]float32
	for c := range want {
		for b := 0; b < n; b += 8192 {
			var lane [16]float32
			for i := b; i < min(b+8192, n); i++ {
				lane[i%16] += v[i*cols+c]
			}
			for w := 8; w > 0; w /= 2 {
				for l := range w {
					lane[l] += lane[l+w]
				}
			}
			if b == 0 {
				want[c] = lane[0]
			} else {
				want[c] += lane[0]
			}
		}
	}
	rows := tensor.View[float32](must(t, &Reduce, ReduceAttrs{Fn: ReduceSum, Axes: []int64{0}}, x)[0].Data)
	turned := must(t, &Permute, PermuteAttrs{Perm: []int64{1, 0}}, x)[0]
	columns := tensor.View[float32](must(t, &Reduce, ReduceAttrs{Fn: ReduceSum, Axes: []int64{1}}, turned)[0].Data)
	if !slices.Equal(rows, want[:]) || !slices.Equal(columns, want[:]) {
		t.Errorf("got %v and %v, want %v", rows, columns, want)
	}
}

func TestReduceNothing(t *testing.T) {
	for _, c := range []struct {
		d    tensor.DType
		fn   int64
		want float64
	}{
		{tensor.Float32, ReduceSum, 0}, {tensor.Float32, ReduceProd, 1}, {tensor.Float32, ReduceMean, math.NaN()},
		{tensor.Float16, ReduceMin, math.Inf(1)}, {tensor.Float64, ReduceMax, math.Inf(-1)},
		{tensor.Int8, ReduceMin, 127}, {tensor.Int8, ReduceMax, -128}, {tensor.Uint16, ReduceMin, 65535}, {tensor.Int32, ReduceMean, 0},
		{tensor.Bool, ReduceAny, 0}, {tensor.Bool, ReduceAll, 1},
	} {
		y := must(t, &Reduce, ReduceAttrs{Fn: c.fn, Axes: []int64{1}}, tensorOf(c.d, []int64{1, 0}, nil))[0]
		near(t, y, []float64{c.want}, 0, 0)
	}
}

func TestReducePrograms(t *testing.T) {
	// The norm: squares are summed, the root is the epilogue, which also adds
	// an input.
	a := ReduceAttrs{Fn: ReduceSum, Axes: []int64{1},
		Pre: Program{Code: []Instr{{Fn: FnMul, DType: tensor.Float32}}, Out: []int64{1}},
		Epilogue: Program{Code: []Instr{{Fn: FnSqrt, DType: tensor.Float32}, {Fn: FnAdd, DType: tensor.Float32, A: 2, B: 1}},
			Out: []int64{3}}}
	x := vector[float32](tensor.Float32, []int64{2, 2}, 3, 4, 5, 12)
	near(t, must(t, &Reduce, a, x, vector[float32](tensor.Float32, []int64{1}, 100))[0], []float64{105, 113}, 0, 0)
	// Pre may change the type.
	any := ReduceAttrs{Fn: ReduceAny, Axes: []int64{1}, Pre: Program{Code: []Instr{{Fn: FnIsNaN, DType: tensor.Float32}}, Out: []int64{1}}}
	z := vector(tensor.Float32, []int64{2, 2}, 1, 2, 3, float32(math.NaN()))
	near(t, must(t, &Reduce, any, z)[0], []float64{0, 1}, 0, 0)
}

func TestReduceRefuses(t *testing.T) {
	f := tensor.Of(tensor.Float32, 2, 3)
	bad := Program{Code: []Instr{{Fn: 9999, DType: tensor.Float32}}, Out: []int64{1}}
	refuses(t, &Reduce, []refusal{
		{"none", ReduceAttrs{Fn: ReduceSum}, nil, ErrArity},
		{"absent", ReduceAttrs{Fn: ReduceSum}, types(tensor.Type{}), ErrArity},
		{"function", ReduceAttrs{Fn: 8}, types(f), ErrAttr},
		{"sum of bools", ReduceAttrs{Fn: ReduceSum}, types(tensor.Of(tensor.Bool, 2)), ErrDType},
		{"any of floats", ReduceAttrs{Fn: ReduceAny}, types(f), ErrDType},
		{"axis", ReduceAttrs{Fn: ReduceSum, Axes: []int64{2}}, types(f), ErrAttr},
		{"axis twice", ReduceAttrs{Fn: ReduceSum, Axes: []int64{1, 1}}, types(f), ErrAttr},
		{"pre", ReduceAttrs{Fn: ReduceSum, Pre: bad}, types(f), ErrAttr},
		{"extra input", ReduceAttrs{Fn: ReduceSum}, types(f, f), ErrArity},
	})
}

func BenchmarkReduce(b *testing.B) {
	r := newDice()
	x := r.numbers(tensor.Float32, 512, 512)
	for name, axis := range map[string]int64{"rows": 1, "columns": 0} {
		b.Run(name, func(b *testing.B) {
			bench(b, 512*512, "element", &Reduce, ReduceAttrs{Fn: ReduceSum, Axes: []int64{axis}}, x)
		})
	}
}
