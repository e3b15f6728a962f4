package kernels

import (
	"math"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// naivePool is the loop of PoolWindow's doc in float64, over one spatial dim.
func naivePool(x Tensor, y tensor.Type, a PoolAttrs) []float64 {
	n, c, xv, want := x.Dims[1], x.Dims[2], values(x), make([]float64, y.Elems())
	for i := range want {
		ch, o, image := int64(i)%c, int64(i)/c%y.Dims[1], int64(i)/c/y.Dims[1]
		best, sum, count := math.Inf(-1), 0.0, 0.0
		if x.DType.IsInt() {
			best = values(lowest(x.DType))[0]
		}
		for t := range a.Window[0] {
			at := o*a.Stride[0] + t*a.Dilation[0] - a.Before[0]
			if at >= 0 && at < n {
				v := xv[(image*n+at)*c+ch]
				best = math.Max(best, v)
				if a.Kind == PoolLp {
					v = math.Pow(math.Abs(v), float64(a.P))
				}
				sum += v
			}
			if at >= 0 && at < n || a.CountPad && at < n+a.After[0] {
				count++
			}
		}
		switch a.Kind {
		case PoolMax:
			want[i] = best
		case PoolAvg:
			want[i] = sum / max(count, 1)
		case PoolLp:
			want[i] = math.Pow(sum, 1/float64(a.P))
		}
	}
	return want
}

// lowest is the lowest integer of d.
func lowest(d tensor.DType) Tensor {
	t := Tensor{tensor.Of(d, 1), tensor.Aligned(8)[:d.Size()]}
	if d.IsSigned() {
		t.Data[d.Size()-1] = 0x80
	}
	return t
}

func TestPool(t *testing.T) {
	r := newDice()
	ran := 0
	for range 400 {
		d := r.dtype()
		a := PoolAttrs{Kind: 1 + r.Int64N(3), Window: r.list(1, 1, 5), Stride: r.list(1, 1, 4), Dilation: r.list(1, 1, 3),
			Before: r.list(1, 0, 3), After: r.list(1, 0, 3), Ceil: r.IntN(2) == 0, CountPad: r.IntN(2) == 0, P: 1 + r.Int64N(3)}
		x := r.numbers(d, r.Int64N(3), 1+r.Int64N(9), 1+r.Int64N(20))
		out, err := everywhere(t, &PoolWindow, a, x)
		if err != nil {
			continue
		}
		ran++
		near(t, out[0], naivePool(x, out[0].Type, a), 8, 1)
	}
	if ran < 100 {
		t.Errorf("only %d calls were accepted", ran)
	}
}

// Pooling over two dims is pooling over one and then over the other, whichever
// way it is done.
func TestPoolSeparates(t *testing.T) {
	r := newDice()
	halved := 0
	for try := range 60 {
		both := PoolAttrs{Kind: PoolMax, Window: r.list(2, 1, 9), Stride: r.list(2, 1, 3), Dilation: r.list(2, 1, 3), Before: r.list(2, 0, 4), After: r.list(2, 0, 4)}
		x := r.numbers([]tensor.DType{tensor.Float32, tensor.Float16}[try%2], 1+r.Int64N(2), 8+r.Int64N(9), 8+r.Int64N(9), 1+r.Int64N(20))
		one := func(axis int) PoolAttrs {
			a := PoolAttrs{Kind: PoolMax, Window: []int64{1, 1}, Stride: []int64{1, 1}, Dilation: []int64{1, 1}, Before: []int64{0, 0}, After: []int64{0, 0}}
			a.Window[axis], a.Stride[axis], a.Dilation[axis] = both.Window[axis], both.Stride[axis], both.Dilation[axis]
			a.Before[axis], a.After[axis] = both.Before[axis], both.After[axis]
			return a
		}
		p, err := PoolWindow.Plan(types(x.Type), both)
		if err != nil {
			continue
		}
		if p.step.(*poolStep).along != nil {
			halved++
		}
		y := must(t, &PoolWindow, both, x)[0]
		z := must(t, &PoolWindow, one(1), must(t, &PoolWindow, one(0), x)[0])[0]
		if string(y.Data) != string(z.Data) {
			t.Fatalf("%v by %+v: both at once and one after the other differ", x.Type, both)
		}
	}
	if halved < 10 {
		t.Errorf("only %d windows were wide", halved)
	}
}

func TestPoolNaN(t *testing.T) {
	a := PoolAttrs{Kind: PoolMax, Window: []int64{2}, Stride: []int64{1}, Dilation: []int64{1}, Before: []int64{0}, After: []int64{0}}
	nan := float32(math.NaN())
	x := vector(tensor.Float32, []int64{1, 4, 1}, 1, nan, 2, 3)
	near(t, must(t, &PoolWindow, a, x)[0], []float64{math.NaN(), math.NaN(), 3}, 0, 0)
}

func TestPoolRefuses(t *testing.T) {
	one := []int64{1}
	a := PoolAttrs{Kind: PoolMax, Window: []int64{2}, Stride: one, Dilation: one, Before: []int64{0}, After: []int64{0}}
	with := func(change func(a *PoolAttrs)) PoolAttrs {
		b := a
		change(&b)
		return b
	}
	in := types(tensor.Of(tensor.Float32, 1, 4, 2))
	refuses(t, &PoolWindow, []refusal{
		{"two inputs", a, types(in[0], in[0]), ErrArity},
		{"bool", a, types(tensor.Of(tensor.Bool, 1, 4, 2)), ErrDType},
		{"mean of integers", with(func(a *PoolAttrs) { a.Kind = PoolAvg }), types(tensor.Of(tensor.Int8, 1, 4, 2)), ErrDType},
		{"kind", with(func(a *PoolAttrs) { a.Kind = 4 }), in, ErrAttr},
		{"norm", with(func(a *PoolAttrs) { a.Kind = PoolLp }), in, ErrAttr},
		{"rank", a, types(tensor.Of(tensor.Float32, 4, 2)), ErrRank},
		{"window 0", with(func(a *PoolAttrs) { a.Window = []int64{0} }), in, ErrAttr},
		{"stride 0", with(func(a *PoolAttrs) { a.Stride = []int64{0} }), in, ErrAttr},
		{"pad", with(func(a *PoolAttrs) { a.Before = []int64{-1} }), in, ErrAttr},
		{"two windows", with(func(a *PoolAttrs) { a.Window = []int64{1, 1} }), in, ErrAttr},
		{"window over all", with(func(a *PoolAttrs) { a.Window = []int64{5} }), in, ErrShape},
	})
}
