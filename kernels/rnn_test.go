package kernels

import (
	"math"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestRNN(t *testing.T) { tryRecurrent(t, &RNN, 1) }

func TestRNNLength(t *testing.T) {
	in := []Tensor{{Type: tensor.Of(tensor.Float32, 2, 1, 0)}, {Type: tensor.Of(tensor.Float32, 1, 1, 0)}, vector[float32](tensor.Float32, []int64{1, 1, 1}, 1), {}, {}, {}}
	a := RecurrentAttrs{Direction: DirForward, Activations: usual(&RNN, 1), Alpha: []int64{0}, Beta: []int64{0}}
	for _, n := range []int32{-1, 3, math.MaxInt32} {
		in[recLen] = vector(tensor.Int32, []int64{1}, n)
		if _, err := everywhere(t, &RNN, a, in...); err == nil {
			t.Errorf("length %d was accepted", n)
		}
	}
}

func TestRNNRefuses(t *testing.T) {
	f := func(dims ...int64) tensor.Type { return tensor.Of(tensor.Float32, dims...) }
	none, x, w, r := tensor.Type{}, f(5, 2, 3), f(1, 4, 3), f(1, 4, 4)
	a := RecurrentAttrs{Direction: DirForward, Activations: usual(&RNN, 1), Alpha: make([]int64, 1), Beta: make([]int64, 1)}
	linear := a
	linear.LinearBefore = true
	refuses(t, &RNN, []refusal{
		{"seven inputs", a, types(x, w, r, none, none, none, none), ErrArity},
		{"linear before", linear, types(x, w, r), ErrAttr},
		{"R", a, types(x, w, f(1, 4, 5)), ErrShape},
	})
}
