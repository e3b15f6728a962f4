package trace

import (
	"math/rand/v2"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// dimOf is the only dim of a free input of size n.
func dimOf(t *Tracer, n int64) Int {
	return t.leaf(tensor.Of(tensor.Float32, n), 1, []bool{true}).Dim(0)
}

// TestIntIsAffine does random arithmetic at one size. At another size for
// which all guards hold, the symbols must give what the arithmetic gives
// there.
func TestIntIsAffine(t *testing.T) {
	kept := 0
	for seed := range uint64(3000) {
		work := func(n int64) (*Tracer, []Int) {
			r := rand.New(rand.NewPCG(seed, 3))
			t := New(nil)
			xs := []Int{dimOf(t, n), Const(2), Const(3), Const(-1), Const(7)}
			for range 6 {
				a, b := xs[r.IntN(len(xs))], xs[r.IntN(len(xs))]
				switch op := r.IntN(8); {
				case op == 0:
					xs = append(xs, t.Add(a, b))
				case op == 1:
					xs = append(xs, t.Sub(a, b))
				case op == 2:
					xs = append(xs, t.Mul(a, b))
				case op == 3 && b.N != 0 && b.IsConst():
					xs = append(xs, t.Div(a, b))
				case op == 4 && b.N != 0 && b.IsConst():
					xs = append(xs, t.FloorDiv(a, b))
				case op == 5:
					xs = append(xs, t.Max(a, b))
				case op == 6:
					xs = append(xs, t.Min(a, b))
				case op == 7 && t.Equal(a, b):
					xs = append(xs, Const(1))
				default:
					xs = append(xs, Const(int64(op)))
				}
			}
			return t, xs
		}
		traced, xs := work(12)
		for _, n := range []int64{0, 1, 2, 11, 13, 24, 100} {
			holds := true
			for _, g := range traced.guards {
				w := abi.Guard{Cmp: g.cmp, Word: abi.Word{A: g.sym.a, B: g.sym.b, D: g.sym.d}, Limit: g.limit}
				holds = holds && w.Holds(n)
			}
			if !holds {
				continue
			}
			kept++
			_, want := work(n)
			for i, x := range xs {
				got := x.N
				if x.sym != nil {
					w := abi.Word{A: x.sym.a, B: x.sym.b, D: x.sym.d}
					got, _ = w.Eval(n)
				}
				if got != want[i].N {
					t.Fatalf("seed %d, size %d: number %d is %d, want %d", seed, n, i, got, want[i].N)
				}
			}
		}
	}
	if kept < 3000 {
		t.Errorf("only %d comparisons: the arithmetic guards too much", kept)
	}
}

// TestIntForms holds down which forms stay symbols.
func TestIntForms(t *testing.T) {
	tr := New(nil)
	n := dimOf(tr, 10)
	for _, c := range []struct {
		name   string
		got    Int
		want   int64
		symbol bool
	}{
		{"n+2", tr.Add(n, Const(2)), 12, true},
		{"3-n", tr.Sub(Const(3), n), -7, true},
		{"n·4", tr.Mul(n, Const(4)), 40, true},
		{"n/3", tr.Div(n, Const(3)), 3, true},
		{"n-n/2", tr.Sub(n, tr.Div(n, Const(2))), 5, true},
		{"(n/2)/2", tr.Div(tr.Div(n, Const(2)), Const(2)), 2, true},
		{"2n/2", tr.Div(tr.Mul(n, Const(2)), Const(2)), 10, true},
		{"n-n", tr.Sub(n, n), 0, false},
		{"n·0", tr.Mul(n, Const(0)), 0, false},
		{"n/2·2", tr.Mul(tr.Div(n, Const(2)), Const(2)), 10, false},
		{"n·n", tr.Mul(n, n), 100, true},
		{"n mod 3", tr.Mod(n, Const(3)), 1, false},
		{"a large factor", tr.Mul(n, Const(1<<50)), 10 << 50, false},
	} {
		if c.got.N != c.want || !c.got.IsConst() != c.symbol {
			t.Errorf("%s is %d, symbol %v; want %d, %v", c.name, c.got.N, !c.got.IsConst(), c.want, c.symbol)
		}
	}
	if less := tr.Less(Const(3), n); !less {
		t.Error("3 < 10 is false")
	}
}

// TestPattern compares bit patterns with values that are known.
func TestPattern(t *testing.T) {
	for _, c := range []struct {
		d    tensor.DType
		v    float64
		want uint64
	}{
		{tensor.Float16, 1, 0x3c00}, {tensor.Float16, -2, 0xc000}, {tensor.Float16, 65504, 0x7bff}, {tensor.Float16, 65520, 0x7c00},
		{tensor.Float16, 5.9604644775390625e-08, 1}, {tensor.Float16, 2.98e-08, 0}, {tensor.Float16, 6.103515625e-05, 0x0400}, {tensor.Float16, 0.1, 0x2e66},
		{tensor.BFloat16, 1, 0x3f80}, {tensor.BFloat16, 3.140625, 0x4049}, {tensor.BFloat16, 1e39, 0x7f80},
		{tensor.Int8, 300, 127}, {tensor.Int8, -1, 255}, {tensor.Uint8, -1, 0}, {tensor.Uint8, 300, 255}, {tensor.Int64, -3.9, 1<<64 - 3},
		{tensor.Uint64, 1e30, 1<<64 - 1}, {tensor.Bool, 0.5, 1},
	} {
		if got := pattern(c.d, c.v); got != c.want {
			t.Errorf("%v as %v is %#x, want %#x", c.v, c.d, got, c.want)
		}
	}
	for p := range uint64(1 << 16) {
		for _, d := range []tensor.DType{tensor.Float16, tensor.BFloat16} {
			if v, _ := number(d, p); v == v && pattern(d, v) != p {
				t.Fatalf("%v %#x is %v and back %#x", d, p, v, pattern(d, v))
			}
		}
	}
}
