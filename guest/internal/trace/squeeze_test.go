package trace

import (
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Dims of a permuted reading that lie side by side are joined and split without
// moving anything; others are moved first.
func TestReshapeOfReading(t *testing.T) {
	for _, c := range []struct {
		name  string
		perm  []int64
		dims  []int64
		moves bool
	}{
		{"spatial dims joined", []int64{0, 3, 1, 2}, []int64{2, 4, 30}, false},
		{"spatial dims joined, one left open", []int64{0, 3, 1, 2}, []int64{2, 4, -1}, false},
		{"channels split", []int64{0, 3, 1, 2}, []int64{2, 2, 2, 5, 6}, false},
		{"split and joined", []int64{0, 3, 1, 2}, []int64{1, 2, 2, 1, 2, 30, 1}, false},
		{"split otherwise", []int64{0, 3, 1, 2}, []int64{2, 4, 3, 10}, false},
		{"channels joined with a spatial dim", []int64{0, 3, 1, 2}, []int64{2, 20, 6}, true},
		{"dims in another order joined", []int64{0, 3, 2, 1}, []int64{2, 4, 30}, true},
		{"all joined", []int64{0, 3, 1, 2}, []int64{240}, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			in := random(f32(2, 5, 6, 4), 1)
			build := func(t *Tracer, in, _ []*Value) []*Value {
				x := t.Permute(t.Map1(abi.FnRelu, 0, in[0]), c.perm...)
				y := t.Reshape(x, Consts(c.dims...))
				return []*Value{t.Map1(abi.FnNeg, 0, y)}
			}
			m := newTrial(t, []tensor.Type{in.Type}, nil, 1, build)
			y := m.run(in)[0]
			ops := slices.Clone(m.spy.varying)
			// What it is to be: the permute carried out, row by row.
			want := plainly(in, c.perm)
			if got := numbersOf(y); !slices.Equal(got, want) {
				t.Errorf("got %v, want %v", got, want)
			}
			// The result itself is in the order of the reading.
			moved := 0
			for _, op := range ops {
				if op == abi.OpPermute {
					moved++
				}
			}
			if moved != 1 {
				t.Errorf("ops %v", ops)
			}
			back := newTrial(t, []tensor.Type{in.Type}, nil, 1, func(t *Tracer, in, w []*Value) []*Value {
				y := build(t, in, w)[0]
				var all []int64
				for i := range y.Rank() {
					all = append(all, int64(i))
				}
				return []*Value{t.One(abi.OpReduce, &abi.Reduce{Axes: all, Fn: abi.ReduceSum}, y)}
			})
			back.run(in)
			if got := slices.Contains(back.spy.varying, abi.OpPermute); got != c.moves {
				t.Errorf("ops %v", back.spy.varying)
			}
		})
	}
}

// plainly is -relu of x with its dims permuted.
func plainly(x kernels.Tensor, perm []int64) []float64 {
	dims, values := x.Shape(), numbersOf(x)
	n := len(dims)
	strides := make([]int64, n)
	for i, s := n-1, int64(1); i >= 0; i-- {
		strides[i], s = s, s*dims[i]
	}
	var out []float64
	var walk func(k int, at int64)
	walk = func(k int, at int64) {
		if k == n {
			out = append(out, -max(values[at], 0))
			return
		}
		for i := range dims[perm[k]] {
			walk(k+1, at+i*strides[perm[k]])
		}
	}
	walk(0, 0)
	return out
}
