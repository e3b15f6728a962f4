package kernels

import (
	"math"
	"runtime"
	"testing"
	"time"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// naiveConv is the loop of Conv's doc in float64, over three spatial dims.
func naiveConv(x, w Tensor, y tensor.Type, a ConvAttrs) []float64 {
	sp := int(x.Rank) - 2
	lift := func(list []int64, fill int64) (l [3]int64) {
		l = [3]int64{fill, fill, fill}
		copy(l[3-sp:], list[:sp])
		return l
	}
	in, out, ker := lift(x.Dims[1:], 1), lift(y.Dims[1:], 1), lift(w.Dims[:], 1)
	stride, dilation, before := lift(a.Stride, 1), lift(a.Dilation, 1), lift(a.Before, 0)
	c, m, cg := x.Dims[x.Rank-1], y.Dims[y.Rank-1], w.Dims[w.Rank-2]
	xv, wv, want := values(x), values(w), make([]float64, y.Elems())
	for i := range want {
		j, o := int64(i)%m, int64(i)/m
		n := o / (out[0] * out[1] * out[2])
		at := [3]int64{o / (out[1] * out[2]) % out[0], o / out[2] % out[1], o % out[2]}
		for t := range ker[0] * ker[1] * ker[2] {
			tap := [3]int64{t / (ker[1] * ker[2]), t / ker[2] % ker[1], t % ker[2]}
			place, inside := n, true
			for d := range 3 {
				p := at[d]*stride[d] + tap[d]*dilation[d] - before[d]
				inside = inside && p >= 0 && p < in[d]
				place = place*in[d] + p
			}
			for q := int64(0); inside && q < cg; q++ {
				want[i] += xv[place*c+j/(m/a.Groups)*cg+q] * wv[(t*cg+q)*m+j]
			}
		}
	}
	return want
}

func (r dice) list(n int, low, high int64) []int64 {
	l := make([]int64, n)
	for i := range l {
		l[i] = low + r.Int64N(high-low)
	}
	return l
}

func TestConv(t *testing.T) {
	r := newDice()
	types := []tensor.DType{tensor.Float32, tensor.Float32, tensor.Float32, tensor.Float16, tensor.BFloat16, tensor.Float64}
	ran := 0
	for try := range 300 {
		d, sp := types[r.IntN(len(types))], 1+r.IntN(3)
		groups := []int64{1, 1, 2, 5}[r.IntN(4)]
		cg, mg := 1+r.Int64N(4), 1+r.Int64N(4)
		size, ker := r.list(sp, 1, 8), r.list(sp, 1, 4)
		a := ConvAttrs{Groups: groups, Stride: r.list(sp, 1, 4), Dilation: r.list(sp, 1, 3), Before: r.list(sp, 0, 4), After: r.list(sp, 0, 4)}
		switch try % 6 {
		case 0: // pointwise
			ker, a.Stride, a.Before, a.After = r.list(sp, 1, 2), r.list(sp, 1, 2), make([]int64, sp), make([]int64, sp)
		case 1: // depthwise
			cg, groups = 1, 20
			a.Groups = groups
		case 2: // many terms
			cg, mg = 600, 20
		}
		x := r.numbers(d, append(append([]int64{r.Int64N(3)}, size...), groups*cg)...)
		w := r.numbers(d, append(append([]int64{}, ker...), cg, groups*mg)...)
		out, err := everywhere(t, &Conv, a, x, w)
		if err != nil {
			continue
		}
		ran++
		packed(t, &Conv, a, out[0], x, w)
		near(t, out[0], naiveConv(x, w, out[0].Type, a), 16, 2*math.Sqrt(float64(cg*tensor.Product(ker))))
	}
	if ran < 100 {
		t.Errorf("only %d calls were accepted", ran)
	}
}

// A dense convolution has the bits of the product of rows of x by W.
func TestConvIsMatMul(t *testing.T) {
	r := newDice()
	const h, c, m = 9, 130, 24
	x, w := r.numbers(tensor.Float32, 1, h, h, c), r.numbers(tensor.Float32, 3, 3, c, m)
	a := ConvAttrs{Groups: 1, Stride: []int64{1, 2}, Dilation: []int64{1, 1}, Before: []int64{0, 0}, After: []int64{0, 0}}
	y := must(t, &Conv, a, x, w)[0]
	rows := Tensor{Type: tensor.Of(tensor.Float32, y.Dims[1]*y.Dims[2], 9*c)}
	for i := range y.Dims[1] {
		for j := range y.Dims[2] {
			for k := range int64(3) {
				at := ((i+k)*h + j*2) * c * 4
				rows.Data = append(rows.Data, x.Data[at:at+3*c*4]...)
			}
		}
	}
	w.Type = tensor.Of(tensor.Float32, 9*c, m)
	if z := must(t, &MatMul, MatMulAttrs{}, rows, w)[0]; string(z.Data) != string(y.Data) {
		t.Error("conv and matmul differ")
	}
}

// Tiles that end within a line or a plane have the results of whole ones, and
// copy no more than a tile reads.
func TestConvAcrossTiles(t *testing.T) {
	r := newDice()
	cut := 0
	for _, c := range []struct {
		name                            string
		stride, dilation, before, after []int64
		x, w                            []int64
	}{
		{"planes", []int64{1, 1, 1}, []int64{1, 1, 1}, []int64{1, 1, 1}, []int64{1, 1, 1}, []int64{1, 4, 64, 64, 1}, []int64{3, 3, 3, 1, 16}},
		{"planes apart", []int64{2, 1, 2}, []int64{2, 3, 1}, []int64{3, 1, 0}, []int64{0, 3, 2}, []int64{2, 9, 40, 31, 3}, []int64{3, 2, 3, 3, 20}},
		{"lines", []int64{1, 1}, []int64{1, 1}, []int64{1, 1}, []int64{1, 1}, []int64{2, 60, 70, 3}, []int64{3, 3, 3, 33}},
		{"lines apart", []int64{1, 2}, []int64{2, 1}, []int64{3, 2}, []int64{2, 3}, []int64{3, 5, 10, 1}, []int64{3, 4, 1, 5}},
		{"many lines apart", []int64{1, 1}, []int64{7, 1}, []int64{9, 2}, []int64{12, 0}, []int64{3, 50, 90, 2}, []int64{4, 3, 2, 18}},
		{"a line far away", []int64{1, 1}, []int64{1 << 24, 1}, []int64{0, 1}, []int64{2, 0}, []int64{1, 1<<24 + 1, 1, 1}, []int64{2, 1, 1, 3}},
		{"long lines", []int64{1, 1}, []int64{1, 1}, []int64{1, 1}, []int64{1, 1}, []int64{1, 3, 1 << 16, 8}, []int64{3, 3, 8, 2}},
		{"many channels", []int64{1, 1}, []int64{1, 1}, []int64{1, 1}, []int64{1, 1}, []int64{1, 20, 21, 40}, []int64{2, 3, 40, 35}},
		{"groups", []int64{2, 1}, []int64{1, 2}, []int64{1, 2}, []int64{1, 0}, []int64{2, 30, 31, 36}, []int64{3, 3, 12, 51}},
	} {
		a := ConvAttrs{Stride: c.stride, Dilation: c.dilation, Before: c.before, After: c.after, Groups: c.x[len(c.x)-1] / c.w[len(c.w)-2]}
		x, w := Tensor{Type: tensor.Of(tensor.Float32, c.x...)}, r.numbers(tensor.Float32, c.w...)
		x.Data = tensor.Aligned(x.Bytes())
		for i := range min(1<<20, x.Elems()) {
			tensor.View[float32](x.Data)[i] = r.Float32()
		}
		t.Run(c.name, func(t *testing.T) {
			call := planned(t, &Conv, a, x, w)
			if s := call.Plan.step.(*convStep); s.down*s.across > 1 {
				cut++
			}
			if n := heapOf(func() {
				if err := Conv.Run(call); err != nil {
					t.Fatal(err)
				}
			}); n > 5<<20 {
				t.Errorf("%d KiB of Go's heap", n>>10)
			}
			near(t, call.Out[0], naiveConv(x, w, call.Out[0].Type, a), 40, 2*math.Sqrt(float64(tensor.Product(c.w[:len(c.w)-1]))))
		})
	}
	if cut < 7 {
		t.Errorf("only %d calls were cut into tiles", cut)
	}
}

// What there is nothing to read for costs no more than its results, however
// many taps and lines lie between.
func TestConvOfNothing(t *testing.T) {
	const far = 1 << 26
	one := []int64{1, 1}
	f := func(dims ...int64) Tensor {
		x := Tensor{Type: tensor.Of(tensor.Float32, dims...)}
		x.Data = tensor.Aligned(x.Bytes())
		return x
	}
	for _, c := range []struct {
		name string
		a    ConvAttrs
		x, w Tensor
	}{
		{"no channels", ConvAttrs{Dilation: one, Before: []int64{far, 0}}, f(1, 1, 1, 0), f(far, 1, 0, 1)},
		{"no places on a line", ConvAttrs{Dilation: []int64{far, 1}, Before: []int64{0, 1}}, f(1, far+1, 0, 1), f(2, 1, 1, 1)},
	} {
		c.a.Stride, c.a.After, c.a.Groups = one, []int64{0, 0}, 1
		call := planned(t, &Conv, c.a, c.x, c.w)
		if n := heapOf(func() {
			start := time.Now()
			if err := Conv.Run(call); err != nil || time.Since(start) > time.Second {
				t.Errorf("%s: %v after %v", c.name, err, time.Since(start))
			}
		}); n > 1<<20 {
			t.Errorf("%s: %d MiB of Go's heap", c.name, n>>20)
		}
		near(t, call.Out[0], make([]float64, call.Out[0].Elems()), 0, 0)
	}
}

// heapOf is how many bytes of Go's heap f takes.
func heapOf(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

func TestConvRefuses(t *testing.T) {
	f := func(dims ...int64) tensor.Type { return tensor.Of(tensor.Float32, dims...) }
	one := []int64{1}
	a := ConvAttrs{Stride: one, Dilation: one, Before: []int64{0}, After: []int64{0}, Groups: 1}
	with := func(change func(a *ConvAttrs)) ConvAttrs {
		b := a
		change(&b)
		return b
	}
	in := types(f(1, 5, 4), f(3, 4, 6))
	refuses(t, &Conv, []refusal{
		{"no weights", a, types(f(1, 5, 4)), ErrArity},
		{"absent weights", a, types(f(1, 5, 4), tensor.Type{}), ErrArity},
		{"integers", a, types(tensor.Of(tensor.Int32, 1, 5, 4), tensor.Of(tensor.Int32, 3, 4, 6)), ErrDType},
		{"two types", a, types(f(1, 5, 4), tensor.Of(tensor.Float16, 3, 4, 6)), ErrDType},
		{"no spatial dim", a, types(f(1, 4), f(4, 6)), ErrRank},
		{"four spatial dims", a, types(f(1, 2, 2, 2, 2, 4), f(1, 1, 1, 1, 4, 6)), ErrRank},
		{"ranks", a, types(f(1, 5, 4), f(3, 3, 4, 6)), ErrRank},
		{"no kernel", a, types(f(1, 5, 4), f(0, 4, 6)), ErrAttr},
		{"stride 0", with(func(a *ConvAttrs) { a.Stride = []int64{0} }), in, ErrAttr},
		{"dilation 0", with(func(a *ConvAttrs) { a.Dilation = []int64{0} }), in, ErrAttr},
		{"negative pad", with(func(a *ConvAttrs) { a.Before = []int64{-1} }), in, ErrAttr},
		{"huge pad", with(func(a *ConvAttrs) { a.After = []int64{1 << 62} }), in, ErrAttr},
		{"two strides", with(func(a *ConvAttrs) { a.Stride = []int64{1, 1} }), in, ErrAttr},
		{"window over all", a, types(f(1, 2, 4), f(3, 4, 6)), ErrShape},
		{"no groups", with(func(a *ConvAttrs) { a.Groups = 0 }), in, ErrAttr},
		{"many groups", with(func(a *ConvAttrs) { a.Groups = 1 << 40 }), in, ErrAttr},
		{"groups do not divide", with(func(a *ConvAttrs) { a.Groups = 3 }), in, ErrShape},
		{"channels", a, types(f(1, 5, 4), f(3, 5, 6)), ErrShape},
		{"result", with(func(a *ConvAttrs) { a.Before = []int64{1 << 30} }), types(f(1, 1, 0), f(1, 0, 1<<20)), ErrSize},
	})
}

func BenchmarkConv(b *testing.B) {
	r := newDice()
	for _, l := range []struct {
		name                string
		h, k, c, m, g, step int64
	}{
		{"1x1 64", 52, 1, 64, 64, 1, 1}, {"1x1 16 to 96", 56, 1, 16, 96, 1, 1}, {"1x1 256", 14, 1, 256, 1024, 1, 1},
		{"3x3 128", 28, 3, 128, 128, 1, 1}, {"3x3 12 to 16", 104, 3, 12, 16, 1, 1}, {"3x3 256 by 2", 28, 3, 256, 256, 1, 2},
		{"7x7 first", 224, 7, 3, 64, 1, 2}, {"5x5 1 to 8", 28, 5, 1, 8, 1, 1},
		{"depthwise 3x3 large", 56, 3, 96, 96, 96, 1}, {"depthwise 3x3", 28, 3, 96, 96, 96, 1},
		{"depthwise 3x3 by 2", 28, 3, 96, 96, 96, 2}, {"depthwise 5x5", 13, 5, 128, 128, 128, 1},
	} {
		b.Run(l.name, func(b *testing.B) {
			half := l.k / 2
			a := ConvAttrs{
				Stride: []int64{l.step, l.step}, Dilation: []int64{1, 1}, Before: []int64{half, half}, After: []int64{half, half}, Groups: l.g,
			}
			out := (l.h-1)/l.step + 1
			bench(b, out*out*l.k*l.k*l.m*l.c/l.g, "fma", &Conv, a,
				r.numbers(tensor.Float32, 1, l.h, l.h, l.c), r.numbers(tensor.Float32, l.k, l.k, l.c/l.g, l.m))
		})
	}
}
