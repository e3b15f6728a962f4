package kernels

import (
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestGRU(t *testing.T) { tryRecurrent(t, &GRU, 3) }

func TestGRURefuses(t *testing.T) {
	f := func(dims ...int64) tensor.Type { return tensor.Of(tensor.Float32, dims...) }
	none, x, w, r := tensor.Type{}, f(5, 2, 3), f(1, 12, 3), f(1, 12, 4)
	a := RecurrentAttrs{Direction: DirForward, Activations: usual(&GRU, 1), Alpha: make([]int64, 2), Beta: make([]int64, 2)}
	coupled, few := a, a
	coupled.Coupled = true
	few.Activations = usual(&RNN, 1)
	refuses(t, &GRU, []refusal{
		{"seven inputs", a, types(x, w, r, none, none, none, none), ErrArity},
		{"coupled", coupled, types(x, w, r), ErrAttr},
		{"activations", few, types(x, w, r), ErrAttr},
		{"W", a, types(x, f(1, 16, 3), r), ErrShape},
	})
}
