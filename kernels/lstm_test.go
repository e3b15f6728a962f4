package kernels

import (
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestLSTM(t *testing.T) { tryRecurrent(t, &LSTM, 4) }

func TestLSTMRefuses(t *testing.T) {
	f := func(dims ...int64) tensor.Type { return tensor.Of(tensor.Float32, dims...) }
	none, x, w, r := tensor.Type{}, f(5, 2, 3), f(1, 16, 3), f(1, 16, 4)
	three := make([]int64, 3)
	a := RecurrentAttrs{Direction: DirForward, Activations: usual(&LSTM, 1), Alpha: three, Beta: three}
	with := func(change func(a *RecurrentAttrs)) RecurrentAttrs {
		b := a
		change(&b)
		return b
	}
	in := types(x, w, r)
	refuses(t, &LSTM, []refusal{
		{"two inputs", a, types(x, w), ErrArity},
		{"nine inputs", a, types(x, w, r, none, none, none, none, none, none), ErrArity},
		{"absent R", a, types(x, w, none), ErrArity},
		{"integers", a, types(tensor.Of(tensor.Int32, 5, 2, 3), w, r), ErrDType},
		{"rank", a, types(f(5, 2), w, r), ErrRank},
		{"direction", with(func(a *RecurrentAttrs) { a.Direction = 4 }), in, ErrAttr},
		{"clip", with(func(a *RecurrentAttrs) { a.Clip = -1 }), in, ErrAttr},
		{"activations", with(func(a *RecurrentAttrs) { a.Activations = usual(&LSTM, 2) }), in, ErrAttr},
		{"activation of two", with(func(a *RecurrentAttrs) { a.Activations = []int64{int64(FnAdd), 1, 1} }), in, ErrAttr},
		{"no such activation", with(func(a *RecurrentAttrs) { a.Activations = []int64{1 << 40, 1, 1} }), in, ErrAttr},
		{"activation with a bool", with(func(a *RecurrentAttrs) { a.Activations = []int64{int64(FnIsNaN), 1, 1} }), in, ErrDType},
		{"parameter", with(func(a *RecurrentAttrs) { a.Alpha = []int64{-1, 0, 0} }), in, ErrAttr},
		{"linear before", with(func(a *RecurrentAttrs) { a.LinearBefore = true }), in, ErrAttr},
		{"dirs", with(func(a *RecurrentAttrs) {
			a.Direction, a.Activations, a.Alpha, a.Beta = DirBidirectional, usual(&LSTM, 2), make([]int64, 6), make([]int64, 6)
		}), in, ErrShape},
		{"W", a, types(x, f(1, 12, 3), r), ErrShape},
		{"bias", a, types(x, w, r, f(1, 16)), ErrShape},
		{"lengths", a, types(x, w, r, none, none, tensor.Of(tensor.Int64, 2)), ErrDType},
		{"peepholes", a, types(x, w, r, none, none, none, none, f(1, 16)), ErrShape},
	})
}

func BenchmarkLSTM(b *testing.B) {
	r := newDice()
	const time, hid = 20, 128
	three := make([]int64, 3)
	a := RecurrentAttrs{Direction: DirForward, Activations: usual(&LSTM, 1), Alpha: three, Beta: three}
	bench(b, time*8*hid*hid, "fma", &LSTM, a, r.numbers(tensor.Float32, time, 1, hid),
		r.numbers(tensor.Float32, 1, 4*hid, hid), r.numbers(tensor.Float32, 1, 4*hid, hid))
}
