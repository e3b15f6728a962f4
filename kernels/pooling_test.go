package kernels

import (
	"math"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// naivePool is the loop of PoolWindow's doc in float64, over three spatial dims.
func naivePool(x Tensor, y tensor.Type, a PoolAttrs) []float64 {
	sp := int(x.Rank) - 2
	lift := func(list []int64, fill int64) (l [3]int64) {
		l = [3]int64{fill, fill, fill}
		copy(l[3-sp:], list[:sp])
		return l
	}
	in, out, ker := lift(x.Dims[1:], 1), lift(y.Dims[1:], 1), lift(a.Window, 1)
	stride, dilation, before, after := lift(a.Stride, 1), lift(a.Dilation, 1), lift(a.Before, 0), lift(a.After, 0)
	c, xv, want := x.Dims[x.Rank-1], values(x), make([]float64, y.Elems())
	for i := range want {
		j, o := int64(i)%c, int64(i)/c
		at := [3]int64{o / (out[1] * out[2]) % out[0], o / out[2] % out[1], o % out[2]}
		best, sum, count := math.Inf(-1), 0.0, 0.0
		if x.DType.IsInt() {
			best = values(lowest(x.DType))[0]
		}
		for t := range ker[0] * ker[1] * ker[2] {
			tap := [3]int64{t / (ker[1] * ker[2]), t / ker[2] % ker[1], t % ker[2]}
			place, inside, counts := o/(out[0]*out[1]*out[2]), true, a.CountPad
			for d := range 3 {
				p := at[d]*stride[d] + tap[d]*dilation[d] - before[d]
				inside = inside && p >= 0 && p < in[d]
				counts = counts && p < in[d]+after[d]
				place = place*in[d] + p
			}
			if inside {
				v := xv[place*c+j]
				best = math.Max(best, v)
				if a.Kind == PoolLp {
					v = math.Pow(math.Abs(v), float64(a.P))
				}
				sum += v
			}
			if inside || counts {
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
		d, sp := r.dtype(), 1+r.IntN(3)
		a := PoolAttrs{Kind: 1 + r.Int64N(3), Window: r.list(sp, 1, 5), Stride: r.list(sp, 1, 4), Dilation: r.list(sp, 1, 3),
			Before: r.list(sp, 0, 3), After: r.list(sp, 0, 3), Ceil: r.IntN(2) == 0, CountPad: r.IntN(2) == 0, P: 1 + r.Int64N(3)}
		x := r.numbers(d, append(append([]int64{r.Int64N(3)}, r.list(sp, 1, 10)...), 1+r.Int64N(20))...)
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

// Planes that are left out or in the padding, and tiles that end within a line,
// have the results of whole ones.
func TestPoolAcrossTiles(t *testing.T) {
	r := newDice()
	halved := 0
	for _, c := range []struct {
		kind                                    int64
		window, stride, dilation, before, after []int64
		x                                       []int64
	}{
		{PoolMax, []int64{1, 5, 5}, []int64{2, 1, 1}, []int64{1, 1, 1}, []int64{0, 2, 2}, []int64{0, 2, 2}, []int64{2, 4, 8, 8, 3}},
		{PoolMax, []int64{1, 5, 5}, []int64{1, 1, 1}, []int64{1, 1, 1}, []int64{1, 2, 2}, []int64{0, 2, 2}, []int64{2, 4, 8, 8, 3}},
		{PoolMax, []int64{1, 7, 6}, []int64{3, 2, 2}, []int64{1, 1, 2}, []int64{4, 3, 1}, []int64{2, 0, 5}, []int64{2, 5, 30, 40, 33}},
		{PoolMax, []int64{3, 2, 4}, []int64{1, 2, 1}, []int64{2, 1, 3}, []int64{2, 1, 0}, []int64{0, 1, 4}, []int64{2, 7, 30, 20, 33}},
		{PoolAvg, []int64{3, 4, 2}, []int64{2, 1, 1}, []int64{1, 2, 1}, []int64{1, 0, 2}, []int64{2, 3, 1}, []int64{1, 9, 20, 31, 20}},
		{PoolAvg, []int64{3, 3}, []int64{1, 2}, []int64{1, 1}, []int64{1, 1}, []int64{1, 1}, []int64{1, 90, 91, 20}},
	} {
		for _, d := range []tensor.DType{tensor.Float32, tensor.Float16, tensor.Int16} {
			if c.kind == PoolAvg && d.IsInt() {
				continue
			}
			a := PoolAttrs{Kind: c.kind, Window: c.window, Stride: c.stride, Dilation: c.dilation, Before: c.before, After: c.after}
			x := r.numbers(d, c.x...)
			y := must(t, &PoolWindow, a, x)[0]
			near(t, y, naivePool(x, y.Type, a), 8, 1)
			if planned(t, &PoolWindow, a, x).Plan.step.(*poolStep).along != nil {
				halved++
			}
		}
	}
	if halved < 6 {
		t.Errorf("only %d windows were wide", halved)
	}
}

// Windows that lie farther apart than an int can tell, over an x of long lines
// of which there is none.
func TestWindowsFarApart(t *testing.T) {
	const far = 1<<31 - 1
	for _, c := range []int64{1, 2, 3} {
		x := Tensor{Type: tensor.Of(tensor.Float32, 1, 0, 1<<36/c, c)}
		s, one, before, zeros := []int64{far, far}, []int64{1, 1}, []int64{1, 0}, []int64{0, 0}
		y := must(t, &PoolWindow, PoolAttrs{Kind: PoolAvg, Window: one, Stride: s, Dilation: one, Before: before, After: zeros}, x)[0]
		near(t, y, make([]float64, y.Elems()), 0, 0)
		if c > 1 {
			w := vector[float32](tensor.Float32, []int64{1, 1, 1, c}, make([]float32, c)...)
			y := must(t, &Conv, ConvAttrs{Stride: s, Dilation: one, Before: before, After: zeros, Groups: c}, x, w)[0]
			near(t, y, make([]float64, y.Elems()), 0, 0)
		}
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
