package kernels

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func TestTopK(t *testing.T) {
	r := newDice()
	for range 300 {
		rank := r.rank(1)
		x := r.tensor(r.dtype(), r.dims(rank, 12)...)
		for i := range x.Data {
			x.Data[i] &= 0x83 // many equals
		}
		axis := r.IntN(rank)
		n := x.Dims[axis]
		a := TopKAttrs{int64(axis), r.Int64N(n + 1), r.IntN(2) == 0, r.IntN(2) == 0}
		out, err := everywhere(t, &TopK, a, x)
		if err != nil {
			t.Fatal(err)
		}
		order := orderOf(x.DType)
		key := func(i int64) uint64 {
			var v uint64
			for k, b := range elem(x, i) {
				v |= uint64(b) << (8 * k)
			}
			return order(v)
		}
		y, index := out[0], tensor.View[int64](out[1].Data)
		line := x.Dims
		line[axis] = 1
		each(line[:rank], func(_ int64, at []int64) {
			places := make([]int64, n)
			for i := range places {
				places[i] = int64(i)
			}
			from := func(i int64) int64 {
				at[axis] = i
				return flat(x.Shape(), at)
			}
			slices.SortStableFunc(places, func(i, j int64) int {
				if a.Largest {
					i, j = j, i
				}
				return cmp.Compare(key(from(i)), key(from(j)))
			})
			for k := range a.K {
				at[axis] = k
				p := flat(y.Shape(), at)
				if index[p] != places[k] || !bytes.Equal(elem(y, p), elem(x, from(places[k]))) {
					t.Fatalf("%v by %+v: at %d of line %v: got index %d, want %d", x.Type, a, k, at, index[p], places[k])
				}
			}
		})
	}
}

func TestTopKRefuses(t *testing.T) {
	x := tensor.Of(tensor.Float32, 2, 6)
	refuses(t, &TopK, []refusal{
		{"no input", TopKAttrs{}, nil, ErrArity},
		{"axis past the rank", TopKAttrs{Axis: 2}, types(x), ErrAttr},
		{"more than there are", TopKAttrs{Axis: 1, K: 7}, types(x), ErrAttr},
		{"negative", TopKAttrs{Axis: 1, K: -1}, types(x), ErrAttr},
		{"indices too large", TopKAttrs{Axis: 0, K: 1 << 45}, types(tensor.Of(tensor.Int8, 1<<45)), ErrSize},
	})
}

// An order that makes a heap work its hardest costs no more than is charged.
func BenchmarkTopK(b *testing.B) {
	const n = 100_000
	x := Tensor{tensor.Of(tensor.Float32, n), tensor.Aligned(4 * n)}
	for i := range n {
		tensor.View[float32](x.Data)[i] = float32(i)
	}
	for _, k := range []int64{1, 100, n} {
		b.Run(fmt.Sprint(k), func(b *testing.B) {
			p, err := TopK.Plan(types(x.Type), TopKAttrs{K: k, Largest: true})
			if err != nil {
				b.Fatal(err)
			}
			call := Call{Ctx: b.Context(), Plan: &p, In: []Tensor{x}}
			for _, y := range p.Out {
				call.Out = append(call.Out, Tensor{y, tensor.Aligned(y.Bytes())})
			}
			for b.Loop() {
				if err := TopK.Run(&call); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
