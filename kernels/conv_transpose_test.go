package kernels

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// naiveConvTranspose scatters x into y in float64, over three spatial dims.
func naiveConvTranspose(x, w Tensor, y tensor.Type, a ConvTransposeAttrs) []float64 {
	sp := int(x.Rank) - 2
	lift := func(list []int64, fill int64) (l [3]int64) {
		l = [3]int64{fill, fill, fill}
		copy(l[3-sp:], list[:sp])
		return l
	}
	in, out, ker := lift(x.Dims[1:], 1), lift(y.Dims[1:], 1), lift(w.Dims[:], 1)
	stride, dilation, before := lift(a.Stride, 1), lift(a.Dilation, 1), lift(a.Before, 0)
	c, m, mg := x.Dims[x.Rank-1], y.Dims[y.Rank-1], w.Dims[w.Rank-1]
	xv, wv, want := values(x), values(w), make([]float64, y.Elems())
	for i, v := range xv {
		ch, p := int64(i)%c, int64(i)/c
		at := [3]int64{p / (in[1] * in[2]) % in[0], p / in[2] % in[1], p % in[2]}
		for t := range ker[0] * ker[1] * ker[2] {
			tap := [3]int64{t / (ker[1] * ker[2]), t / ker[2] % ker[1], t % ker[2]}
			place, inside := p/(in[0]*in[1]*in[2]), true
			for d := range 3 {
				o := at[d]*stride[d] + tap[d]*dilation[d] - before[d]
				inside = inside && o >= 0 && o < out[d]
				place = place*out[d] + o
			}
			for j := int64(0); inside && j < mg; j++ {
				want[place*m+ch/(c/a.Groups)*mg+j] += v * wv[(t*c+ch)*mg+j]
			}
		}
	}
	return want
}

func TestConvTranspose(t *testing.T) {
	r := newDice()
	dtypes := []tensor.DType{tensor.Float32, tensor.Float32, tensor.Float32, tensor.Float16, tensor.BFloat16, tensor.Float64}
	ran := 0
	for try := range 300 {
		d, sp := dtypes[r.IntN(len(dtypes))], 1+r.IntN(3)
		groups, cg, mg := []int64{1, 1, 2, 5}[r.IntN(4)], 1+r.Int64N(4), 1+r.Int64N(20)
		switch try % 10 {
		case 0: // one channel a group
			groups, cg, mg = 20, 1, 1
		case 1: // more terms than a block has
			cg, mg = 1100, 3
		}
		apart := try%10 < 5 && groups == 1 && try%10 != 0
		a := ConvTransposeAttrs{Groups: groups, Stride: r.list(sp, 1, 4), Dilation: r.list(sp, 1, 3),
			Before: r.list(sp, 0, 3), After: r.list(sp, 0, 3), OutPad: r.list(sp, 0, 3)}
		x := r.numbers(d, append(append([]int64{r.Int64N(3)}, r.list(sp, 0, 6)...), groups*cg)...)
		w := r.numbers(d, append(r.list(sp, 1, 4), groups*cg, mg)...)
		if apart {
			copy(a.Stride, w.Dims[:sp])
			clear(a.Before)
			clear(a.After)
			clear(a.OutPad)
			for i := range sp {
				a.Dilation[i] = 1
			}
		}
		out, err := everywhere(t, &ConvTranspose, a, x, w)
		if err != nil {
			continue
		}
		ran++
		packed(t, &ConvTranspose, a, out[0], x, w)
		near(t, out[0], naiveConvTranspose(x, w, out[0].Type, a), 64, 2*math.Sqrt(float64(cg)*9))
	}
	if ran < 100 {
		t.Errorf("only %d calls were accepted", ran)
	}
}

// Tiles that end within a line have the results of whole ones, and the epilogue
// is applied to each part of them.
func TestConvTransposeAcrossTiles(t *testing.T) {
	r := newDice()
	for _, c := range []struct {
		name                     string
		stride, dilation, before []int64
		x, w                     []int64
	}{
		{"windows apart", []int64{2, 2}, []int64{1, 1}, []int64{0, 0}, []int64{1, 8, 8, 256}, []int64{2, 2, 256, 128}},
		{"wide windows apart", []int64{1, 8}, []int64{1, 1}, []int64{0, 0}, []int64{2, 8, 9, 64}, []int64{1, 8, 64, 21}},
		{"windows of planes apart", []int64{2, 1, 3}, []int64{1, 1, 1}, []int64{0, 0, 0}, []int64{2, 3, 7, 11, 40}, []int64{2, 1, 3, 40, 70}},
		{"windows that meet", []int64{2, 1}, []int64{1, 1}, []int64{1, 1}, []int64{2, 9, 11, 30}, []int64{4, 3, 30, 33}},
		{"dilated windows", []int64{1, 2}, []int64{3, 2}, []int64{2, 0}, []int64{1, 9, 11, 30}, []int64{3, 3, 30, 33}},
	} {
		t.Run(c.name, func(t *testing.T) {
			sp := len(c.stride)
			zeros := make([]int64, sp)
			a := ConvTransposeAttrs{Stride: c.stride, Dilation: c.dilation, Before: c.before, After: zeros, OutPad: zeros, Groups: 1}
			x, w := r.numbers(tensor.Float32, c.x...), r.numbers(tensor.Float32, c.w...)
			bias := r.numbers(tensor.Float32, c.w[sp+1])
			a.Epilogue = Program{Code: []Instr{{Fn: FnAdd, DType: tensor.Float32, A: 0, B: 1}}, Out: []int64{2}}
			y := must(t, &ConvTranspose, a, x, w, bias)[0]
			packed(t, &ConvTranspose, a, y, x, w, bias)
			want, b := naiveConvTranspose(x, w, y.Type, a), values(bias)
			for i := range want {
				want[i] += b[i%len(b)]
			}
			near(t, y, want, 64, 2*math.Sqrt(float64(tensor.Product(c.w[:sp+1]))))
			if s := planned(t, &ConvTranspose, a, x, w, bias).Plan.step.(*transposeStep); s.down*s.across < 2 {
				t.Error("one tile")
			}
		})
	}
}

// Weights are packed tile by tile.
func TestConvTransposePacks(t *testing.T) {
	a := ConvTransposeAttrs{Stride: []int64{1, 64}, Dilation: []int64{1, 1}, Before: []int64{0, 0}, After: []int64{0, 0}, OutPad: []int64{0, 0}, Groups: 1}
	x, w := Tensor{Type: tensor.Of(tensor.Float32, 1, 1, 1, 1<<14)}, Tensor{Type: tensor.Of(tensor.Float32, 1, 64, 1<<14, 4)}
	x.Data, w.Data = tensor.Aligned(x.Bytes()), tensor.Aligned(w.Bytes())
	c := planned(t, &ConvTranspose, a, x, w)
	c.Ctx = &patient{c.Ctx, 2}
	if err := ConvTranspose.Pack(c, w, c.Scratch[:c.Plan.Packed]); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

func TestConvTransposeRefuses(t *testing.T) {
	f := func(dims ...int64) tensor.Type { return tensor.Of(tensor.Float32, dims...) }
	one, zero := []int64{1}, []int64{0}
	a := ConvTransposeAttrs{Stride: one, Dilation: one, Before: zero, After: zero, OutPad: zero, Groups: 1}
	with := func(change func(a *ConvTransposeAttrs)) ConvTransposeAttrs {
		b := a
		change(&b)
		return b
	}
	in := types(f(1, 5, 4), f(3, 4, 6))
	refuses(t, &ConvTranspose, []refusal{
		{"no weights", a, types(f(1, 5, 4)), ErrArity},
		{"absent weights", a, types(f(1, 5, 4), tensor.Type{}), ErrArity},
		{"integers", a, types(tensor.Of(tensor.Int32, 1, 5, 4), tensor.Of(tensor.Int32, 3, 4, 6)), ErrDType},
		{"no spatial dim", a, types(f(1, 4), f(4, 6)), ErrRank},
		{"ranks", a, types(f(1, 5, 4), f(3, 3, 4, 6)), ErrRank},
		{"stride 0", with(func(a *ConvTransposeAttrs) { a.Stride = zero }), in, ErrAttr},
		{"output padding", with(func(a *ConvTransposeAttrs) { a.OutPad = []int64{-1} }), in, ErrAttr},
		{"two output paddings", with(func(a *ConvTransposeAttrs) { a.OutPad = []int64{0, 0} }), in, ErrAttr},
		{"no groups", with(func(a *ConvTransposeAttrs) { a.Groups = 0 }), in, ErrAttr},
		{"groups", with(func(a *ConvTransposeAttrs) { a.Groups = 3 }), in, ErrShape},
		{"channels", a, types(f(1, 5, 4), f(3, 5, 6)), ErrShape},
		{"all cut off", with(func(a *ConvTransposeAttrs) { a.Before = []int64{9} }), in, ErrShape},
		{"sparse", with(func(a *ConvTransposeAttrs) { a.Stride = []int64{1 << 30} }), types(f(0, 1<<40, 1), f(1, 1, 1)), ErrSize},
		{"result", with(func(a *ConvTransposeAttrs) { a.Stride = []int64{1 << 30} }), types(f(1, 1<<16, 1), f(1, 1, 1<<10)), ErrSize},
	})
}

func BenchmarkConvTranspose(b *testing.B) {
	r := newDice()
	two, zero := []int64{2, 2}, []int64{0, 0}
	a := ConvTransposeAttrs{Stride: two, Dilation: []int64{1, 1}, Before: []int64{1, 1}, After: []int64{1, 1}, OutPad: zero, Groups: 1}
	bench(b, 28*28*16*64*64, "fma", &ConvTranspose, a, r.numbers(tensor.Float32, 1, 28, 28, 64), r.numbers(tensor.Float32, 4, 4, 64, 64))
}
