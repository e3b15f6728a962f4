package trace

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Types that are worked out here are those that the kernel gives, which
// refuses nothing that is taken for plain.
func TestMapTypes(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	plain := 0
	for range 100_000 {
		n := &node{op: abi.OpMap}
		var types []tensor.Type
		for range 1 + r.IntN(3) {
			d := tensor.Float32
			if r.IntN(20) == 0 {
				d = tensor.Bool
			}
			dims := make([]int64, r.IntN(4))
			for i := range dims {
				dims[i] = []int64{0, 1, 1, 2, 2, 2, 3}[r.IntN(7)]
			}
			types = append(types, tensor.Of(d, dims...))
			n.in = append(n.in, &result{typ: types[len(types)-1]})
		}
		var p abi.Program
		var q kernels.Program
		regs := len(n.in)
		for range 1 + r.IntN(3) {
			i := abi.Instr{Fn: abi.Fn(r.IntN(128)), DType: uint8(tensor.Float32)}
			for _, o := range operands(&i) {
				*o = uint8(r.IntN(regs))
			}
			if r.IntN(20) == 0 {
				i.DType = uint8(tensor.Int32)
			}
			p.Code = append(p.Code, i)
			q.Code = append(q.Code, kernels.Instr{Fn: kernels.Fn(i.Fn), DType: tensor.DType(i.DType), A: i.A, B: i.B, C: i.C})
			regs++
		}
		p.Out = []int64{int64(regs - 1), int64(r.IntN(regs))}[:1+r.IntN(2)]
		q.Out = p.Out
		n.attrs = &abi.Map{Program: p}
		got := mapTypes(n)
		if got == nil {
			continue
		}
		plain++
		plan, err := kernels.Map.Plan(types, kernels.MapAttrs{Program: q})
		if err != nil || !slices.Equal(got, plan.Out) {
			t.Fatalf("%v of %v: %v, want %v: %v", p, types, got, plan.Out, err)
		}
	}
	if plain < 1000 {
		t.Errorf("only %d were plain", plain)
	}
}
