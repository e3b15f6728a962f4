package trace

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// TestRandomModels builds models of random ops three ways: as the tracer does
// it; with every permute carried out at once and nothing fused; and served by
// the host at sizes that the tracer never saw. All must agree to the bit.
func TestRandomModels(t *testing.T) {
	ins := []tensor.Type{f32(-1, 3, -1, 4), f32(2, 6)}
	weights := []kernels.Tensor{random(f32(4), 1), random(f32(3, 1, 1), 2), random(f32(6, 4), 3), random(f32(1, 1, 1, 4), 4)}
	var exact []row
	for _, r := range rows {
		if r.producer != 0 {
			exact = append(exact, r)
		}
	}
	var refused, served int
	const models = 200
	for seed := range uint64(models) {
		build := func(eager bool) func(t *Tracer, in, w []*Value) []*Value {
			return func(t *Tracer, in, w []*Value) []*Value {
				g := generator{t: t, r: rand.New(rand.NewPCG(seed, 7)), eager: eager, w: w}
				g.values = slices.Clone(in)
				for range 12 {
					g.step()
				}
				return g.values[len(g.values)-4:]
			}
		}
		inputs := func(n, m int64) []kernels.Tensor {
			return []kernels.Tensor{random(f32(n, 3, m, 4), seed), random(f32(2, 6), seed+1)}
		}
		lazy := newTrial(t, ins, weights, 4, build(false))
		lazy.rows = exact
		plain := newTrial(t, ins, weights, 4, build(true))
		plain.rows = nil
		for i, in := range [][]kernels.Tensor{inputs(2, 5), inputs(3, 4), inputs(1, 7)} {
			want, fault := plain.enter(in...)
			got, other := lazy.enter(in...)
			if (fault == nil) != (other == nil) {
				t.Fatalf("model %d: refused %v and %v", seed, fault, other)
			}
			if fault != nil {
				refused++
				break
			}
			again := lazy.serve(in...)
			if again != nil && i > 0 {
				served++
			}
			for k := range want {
				if !equal(got[k], want[k]) {
					t.Errorf("model %d: output %d is %v, want %v", seed, k, got[k].Type, want[k].Type)
				}
				if again != nil && !equal(again[k], want[k]) {
					t.Errorf("model %d: served output %d differs", seed, k)
				}
			}
		}
	}
	t.Logf("%d of %d models are refused; %d runs were served", refused, models, served)
	if refused > models/4 {
		t.Errorf("%d of %d models are refused", refused, models)
	}
}

// generator makes ops by chance. What it chooses follows from ranks and from
// which dims are constant, so that it makes the same model at all sizes.
type generator struct {
	t      *Tracer
	r      *rand.Rand
	eager  bool
	values []*Value
	w      []*Value
}

func (g *generator) pick() *Value { return g.values[g.r.IntN(len(g.values))] }

func (g *generator) add(v *Value) {
	if g.eager {
		v = placed(g.t.place(v))
	}
	g.values = append(g.values, v)
}

func (g *generator) perm(rank int) []int64 {
	p := make([]int64, rank)
	for i, k := range g.r.Perm(rank) {
		p[i] = int64(k)
	}
	return p
}

func (g *generator) step() {
	t, x := g.t, g.pick()
	rank := x.Rank()
	axis := g.r.IntN(max(rank, 1))
	last := rank - 1
	switch choice := g.r.IntN(16); {
	case choice < 3:
		g.add(t.Permute(x, g.perm(rank)...))
	case choice < 4 && rank == 4:
		g.add(t.Permute(x, 0, 3, 1, 2))
	case choice < 6:
		fns := []abi.Fn{abi.FnRelu, abi.FnNeg, abi.FnAbs, abi.FnSigmoid}
		g.add(t.Map1(fns[g.r.IntN(len(fns))], 0, x))
	case choice < 7:
		g.add(t.Map2(abi.FnMul, x, t.Scalar(tensor.Float32, 1.5)))
	case choice < 9:
		y := g.pick()
		for _, z := range g.values {
			if sameDims(z.Dims(), x.Dims()) && g.r.IntN(2) == 0 {
				y = z
			}
		}
		if sameDims(y.Dims(), x.Dims()) {
			g.add(t.Map2(abi.FnAdd, x, y))
		}
	case choice < 10:
		for _, w := range g.w {
			if d := x.Dims(); rank == 4 && (w.Rank() != 3 && d[3] == Const(4) || w.Rank() == 3 && d[1] == Const(3)) && w.Rank() != 2 {
				g.add(t.Map2(abi.FnSub, x, w))
				return
			}
		}
	case choice < 11 && rank > 1:
		r := t.One(abi.OpReduce, &abi.Reduce{Axes: []int64{int64(axis)}, Fn: abi.ReduceMax, Keep: true}, x)
		g.add(t.Map2(abi.FnSub, x, r))
		g.add(r)
	case choice < 12 && rank > 2:
		g.add(t.One(abi.OpReduce, &abi.Reduce{Axes: []int64{int64(axis)}, Fn: abi.ReduceMin}, x))
	case choice < 13:
		if dims := x.Dims(); rank > 0 && dims[axis].IsConst() && dims[axis].N > 1 {
			start := make([]Int, rank)
			start[axis], dims[axis] = Const(1), t.Sub(dims[axis], Const(1))
			g.add(t.Slice(x, start, dims, nil))
			return
		}
		g.add(t.Concat(axis, x, x))
	case choice < 14 && rank < 6:
		dims := slices.Insert(x.Dims(), g.r.IntN(rank+1), Const(1))
		if g.r.IntN(2) == 0 {
			dims[g.r.IntN(len(dims))] = Const(-1)
		}
		g.add(t.Reshape(x, dims))
	case choice < 15 && rank > 1:
		dims := x.Dims()
		if at := slices.Index(dims, Const(1)); at >= 0 {
			g.add(t.Reshape(x, slices.Delete(dims, at, at+1)))
			return
		}
		// Join the last two dims.
		g.add(t.Reshape(x, append(dims[:last-1], Const(-1))))
	case rank >= 2:
		swap := make([]int64, rank)
		for i := range swap {
			swap[i] = int64(i)
		}
		swap[last-1], swap[last] = swap[last], swap[last-1]
		g.add(t.One(abi.OpMatMul, &abi.MatMul{}, x, t.Permute(x, swap...)))
	}
}
