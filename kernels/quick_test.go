package kernels

import (
	"context"
	"errors"
	"math"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// An epilogue that a product applies itself has the bits of one that follows.
func TestQuickIsUnfused(t *testing.T) {
	r := newDice()
	const d = tensor.Float32
	instr := func(f Fn, a, b uint8) Instr { return Instr{Fn: f, DType: d, A: a, B: b} }
	number := func(v float32) Instr { return Instr{Fn: FnConst, DType: d, Imm: uint64(math.Float32bits(v))} }
	zero := float32(math.Copysign(0, -1))
	// Register 1 is a bias, 2 is like the result.
	programs := []struct {
		name  string
		quick bool
		code  []Instr
	}{
		{"bias", true, []Instr{instr(FnAdd, 0, 1)}},
		{"sum", true, []Instr{instr(FnAdd, 2, 0)}},
		{"relu", true, []Instr{instr(FnRelu, 0, 0)}},
		{"all", true, []Instr{instr(FnAdd, 1, 0), instr(FnAdd, 3, 2), number(0), number(6), instr(FnMax, 4, 5), instr(FnMin, 6, 7)}},
		{"min before max", true, []Instr{number(1), number(0.5), instr(FnMin, 0, 3), instr(FnMax, 4, 5)}},
		{"crossed", true, []Instr{number(-1), number(2), instr(FnMin, 3, 0), instr(FnMax, 4, 5)}},
		{"two reliefs", true, []Instr{number(-3), instr(FnMax, 0, 3), instr(FnRelu, 4, 0)}},
		{"sum before bias", false, []Instr{instr(FnAdd, 0, 2), instr(FnAdd, 3, 1)}},
		{"bias twice", false, []Instr{instr(FnAdd, 0, 1), instr(FnAdd, 3, 1)}},
		{"bias behind relu", false, []Instr{instr(FnRelu, 0, 0), instr(FnAdd, 3, 1)}},
		{"twice itself", false, []Instr{instr(FnAdd, 0, 0)}},
		{"of another", false, []Instr{instr(FnRelu, 1, 0)}},
		{"below -0", false, []Instr{number(zero), instr(FnMin, 0, 3)}},
		{"above NaN", false, []Instr{number(float32(math.NaN())), instr(FnMax, 0, 3)}},
		{"product", false, []Instr{instr(FnMul, 0, 1)}},
		{"product behind bias", false, []Instr{instr(FnAdd, 0, 1), number(3), instr(FnMul, 3, 4), instr(FnSilu, 5, 0), instr(FnAdd, 6, 3)}},
		{"itself behind bias", false, []Instr{instr(FnAdd, 0, 1), instr(FnSilu, 3, 0), instr(FnMul, 4, 0)}},
		{"number before bias", false, []Instr{number(2), instr(FnAdd, 0, 1), instr(FnAdd, 4, 2), instr(FnSigmoid, 5, 0), instr(FnMul, 6, 3)}},
	}
	one := []int64{1, 1}
	conv := func(groups int64) func(p Program) any {
		return func(p Program) any {
			return ConvAttrs{Stride: one, Dilation: one, Before: one, After: one, Groups: groups, Epilogue: p}
		}
	}
	calls := []struct {
		name  string
		op    *Op
		attrs func(p Program) any
		in    []Tensor
	}{
		{"matmul", &MatMul, func(p Program) any { return MatMulAttrs{Epilogue: p} }, []Tensor{r.numbers(d, 2, 90, 30), r.numbers(d, 30, 300)}},
		{"matmul by matrices", &MatMul, func(p Program) any { return MatMulAttrs{TA: true, TB: true, Epilogue: p} }, []Tensor{r.numbers(d, 2, 3000, 7), r.numbers(d, 2, 50, 3000)}},
		{"conv", &Conv, conv(1), []Tensor{r.numbers(d, 2, 9, 11, 6), r.numbers(d, 3, 3, 6, 33)}},
		{"conv in groups", &Conv, conv(2), []Tensor{r.numbers(d, 2, 9, 11, 6), r.numbers(d, 3, 3, 3, 34)}},
		{"depthwise", &Conv, conv(20), []Tensor{r.numbers(d, 2, 9, 11, 20), r.numbers(d, 3, 3, 1, 20)}},
		{"depthwise fan", &Conv, conv(10), []Tensor{r.numbers(d, 2, 9, 11, 10), r.numbers(d, 3, 3, 1, 20)}},
		{"windows apart", &ConvTranspose, func(p Program) any {
			two, zero := []int64{2, 2}, []int64{0, 0}
			return ConvTransposeAttrs{Stride: two, Dilation: one, Before: zero, After: zero, OutPad: zero, Groups: 1, Epilogue: p}
		}, []Tensor{r.numbers(d, 2, 9, 11, 6), r.numbers(d, 2, 2, 6, 11)}},
		{"winograd", &Conv, conv(1), []Tensor{r.numbers(d, 2, 9, 11, 40), r.numbers(d, 3, 3, 40, 33)}},
	}
	for _, c := range calls {
		y := must(t, c.op, c.attrs(Program{}), c.in...)[0]
		bias, sum := r.numbers(d, y.Dims[y.Rank-1]), r.numbers(d, y.Shape()...)
		for _, p := range programs {
			t.Run(c.name+" "+p.name, func(t *testing.T) {
				program := Program{Code: p.code, Out: []int64{int64(2 + len(p.code))}}
				if q, _ := newQuick(&program, []tensor.Type{y.Type, bias.Type, sum.Type}, true); (q.steps == len(p.code)) != p.quick {
					t.Errorf("%d steps are quick", q.steps)
				}
				want := must(t, &Map, MapAttrs{program}, y, bias, sum)[0]
				got := must(t, c.op, c.attrs(program), append(append([]Tensor{}, c.in...), bias, sum)...)[0]
				if string(got.Data) != string(want.Data) {
					t.Error("fused and not fused differ")
				}
			})
		}
	}
}

// An epilogue whose result is a number that stands before the last step.
func TestQuickKeepsResult(t *testing.T) {
	const d = tensor.Float32
	p := Program{Code: []Instr{{Fn: FnConst, DType: d, Imm: uint64(math.Float32bits(5))}, {Fn: FnRelu, DType: d, A: 0}}, Out: []int64{1}}
	y := must(t, &MatMul, MatMulAttrs{Epilogue: p}, vector[float32](d, []int64{1, 1}, 2), vector[float32](d, []int64{1, 1}, 3))[0]
	near(t, y, []float64{5}, 0, 0)
}

func TestWinogradConv(t *testing.T) {
	r := newDice()
	for _, d := range []tensor.DType{tensor.Float32, tensor.Float32, tensor.Float32, tensor.Float16} {
		for i := range 12 {
			a := ConvAttrs{Groups: 1, Stride: []int64{1, 1}, Dilation: []int64{1, 1}, Before: r.list(2, 0, 4), After: r.list(2, 0, 4)}
			c, m := 32+r.Int64N(40), 16+r.Int64N(40)
			x := r.numbers(d, 1+r.Int64N(2), 3+r.Int64N(12), 3+r.Int64N(12), c)
			switch i {
			case 0: // more bands than are few
				c, m = 33, 17
				x = r.numbers(d, 3, 37, 58, c)
			case 1: // a line of more tiles than go together
				c, m = 32, 16
				x = r.numbers(d, 1, 3, 2417, c)
			}
			w := r.numbers(d, 3, 3, c, m)
			y := must(t, &Conv, a, x, w)[0]
			packed(t, &Conv, a, y, x, w)
			want := naiveConv(x, w, y.Type, a)
			near(t, y, want, 160, 3*math.Sqrt(float64(c)))

			p, err := Conv.Plan([]tensor.Type{x.Type, w.Type}, a)
			if err != nil || p.step.(*convStep).winograd == nil {
				t.Errorf("%v is not computed by Winograd's way: %v", w.Type, err)
			}
		}
	}
}

// A line of many tiles is no longer without a look at the deadline than others.
func TestWinogradDeadline(t *testing.T) {
	r := newDice()
	one := []int64{1, 1}
	a := ConvAttrs{Groups: 1, Stride: one, Dilation: one, Before: one, After: one}
	c := planned(t, &Conv, a, r.numbers(tensor.Float32, 5, 3, 2417, 32), r.numbers(tensor.Float32, 3, 3, 32, 16))
	c.Packed = tensor.Aligned(c.Plan.Packed)
	if err := Conv.Pack(c, c.In[1], c.Packed); err != nil {
		t.Fatal(err)
	}
	c.Ctx = &patient{c.Ctx, 40}
	if err := Conv.Run(c); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}

// The packed form of the weights serves inputs of any size.
func TestWinogradIgnoresSize(t *testing.T) {
	f := func(dims ...int64) tensor.Type { return tensor.Of(tensor.Float32, dims...) }
	one := []int64{1, 1}
	a := ConvAttrs{Groups: 1, Stride: one, Dilation: one, Before: one, After: one}
	for _, w := range []tensor.Type{f(3, 3, 32, 16), f(3, 3, 256, 256), f(3, 3, 31, 16), f(3, 3, 512, 256)} {
		size := int64(-1)
		for _, x := range []tensor.Type{f(0, 5, 5, w.Dims[2]), f(1, 1, 1, w.Dims[2]), f(1, 500, 7, w.Dims[2]), f(3, 1, 1<<20, w.Dims[2])} {
			p, err := Conv.Plan([]tensor.Type{x, w}, a)
			if err != nil {
				t.Fatal(err)
			}
			if size >= 0 && p.Packed != size {
				t.Errorf("%v: %d bytes packed for %v, %d elsewhere", w, p.Packed, x, size)
			}
			size = p.Packed
		}
	}
}
