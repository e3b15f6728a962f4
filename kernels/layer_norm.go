package kernels

import (
	"fmt"
	"math"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// LayerNorm normalises x over its dims from Axis on.
//
//	v = x + skip
//	y = (v - mean(v)) / √(mean((v-mean(v))²) + Eps) · gamma + beta
//
// With RMS, y = v / √(mean(v²) + Eps) · gamma. Means are sums in the order of
// fold, divided by their number; y is v - mean times the reciprocal of the
// root, times gamma, plus beta, each rounded.
//
//	x      float [r…, n…]
//	skip   like x; optional
//	gamma  like x [n…]; optional
//	beta   like x [n…]; optional, not with RMS
//	e…     inputs of the epilogue
//	attrs  Axis, from 0 to the rank of x; Eps; RMS; Epilogue
//	y      like x
//	sum    v, like x; only with skip
var LayerNorm = Op{name: "layer_norm", plan: planner(planLayerNorm), run: runLayerNorm}

// LayerNormAttrs are the attributes of LayerNorm. Epilogue is as in
// MatMulAttrs and runs on y.
type LayerNormAttrs struct {
	Axis     int64
	Eps      float32
	RMS      bool
	Epilogue Program
}

type layerNormStep struct {
	rows
	eps      float32
	rms      bool
	epilogue *epilogue
}

// The regular inputs of LayerNorm.
const (
	normX     = 0
	normSkip  = 1
	normGamma = 2
	normBeta  = 3
	normExtra = 4
)

func planLayerNorm(in []tensor.Type, a LayerNormAttrs) (Plan, error) {
	if len(in) == 0 {
		return Plan{}, fmt.Errorf("%w: none", ErrArity)
	}
	if err := required(in[:1], 1); err != nil {
		return Plan{}, err
	}
	x, in, extra := in[0], in[:min(len(in), normExtra)], in[min(len(in), normExtra):]
	if !x.DType.IsFloat() {
		return Plan{}, fmt.Errorf("%w: %v", ErrDType, x)
	}
	if a.Axis < 0 || a.Axis > int64(x.Rank) {
		return Plan{}, fmt.Errorf("%w: axis %d of rank %d", ErrAttr, a.Axis, x.Rank)
	}
	if !(a.Eps >= 0) {
		return Plan{}, fmt.Errorf("%w: epsilon %v", ErrAttr, a.Eps)
	}
	axis := int(a.Axis)
	given := func(i int) bool { return i < len(in) && in[i] != (tensor.Type{}) }
	for i := normSkip; i <= normBeta; i++ {
		want := x
		if i != normSkip {
			want = tensor.Of(x.DType, x.Dims[axis:x.Rank]...)
		}
		switch {
		case !given(i):
		case in[i].DType != x.DType:
			return Plan{}, fmt.Errorf("%w: input %d: %v", ErrDType, i, in[i])
		case in[i] != want:
			return Plan{}, fmt.Errorf("%w: input %d: %v, want %v", ErrShape, i, in[i], want)
		}
	}
	if a.RMS && given(normBeta) {
		return Plan{}, fmt.Errorf("%w: beta without a mean", ErrArity)
	}
	e, err := planEpilogue(a.Epilogue, x, extra)
	if err != nil {
		return Plan{}, err
	}
	s := &layerNormStep{eps: a.Eps, rms: a.RMS, epilogue: e}
	p := Plan{Out: []tensor.Type{x}, step: s}
	if given(normSkip) {
		p.Out = append(p.Out, x)
	}
	p.Flops = tensor.MulSat(x.Elems(), 10+e.flops())
	p.Bytes = tensor.AddSat(bytesOf(in, p.Out...), bytesOf(extra))
	if x.Elems() == 0 {
		return p, nil
	}
	s.rows = newRows(tensor.Product(x.Dims[:axis]), tensor.Product(x.Dims[axis:x.Rank]))
	p.Scratch = float32Scratch(in...) + float32Scratch(p.Out...) + 2*realSize(x.DType)*int64(s.count*s.blocks)
	return p, nil
}

func runLayerNorm(c *Call) error {
	if c.Out[0].DType == tensor.Float64 {
		return layerNorm[float64](c)
	}
	return layerNorm[float32](c)
}

// normRun is a run of LayerNorm: what it works on, and the passes over it.
type normRun[T real] struct {
	*layerNormStep
	c                    *Call
	x, skip, gamma, beta []T
	v, out               []T
	means, scales        []T
	passes, rmsPasses    []rowPass
}

func newNormRun[T real]() *normRun[T] {
	s := &normRun[T]{}
	first := func(row, b, lo, hi int) {
		lo, hi = lo+row*s.n, hi+row*s.n
		if s.skip != nil {
			for i := lo; i < hi; i++ {
				s.v[i] = s.x[i] + s.skip[i]
			}
			store(s.c.Out[1], s.v, lo, hi)
		}
		if s.rms {
			s.scales[s.stat(row, b)] = simd.Deviation(s.v[lo:hi], 0)
		} else {
			s.means[s.stat(row, b)] = simd.Sum(s.v[lo:hi])
		}
	}
	scale := func(row int) {
		mean := total(&s.rows, s.scales, row) / T(s.n)
		s.scales[s.stat(row, 0)] = 1 / T(math.Sqrt(float64(mean+T(s.eps))))
	}
	last := rowPass{block: func(row, b, lo, hi int) {
		at := row * s.n
		simd.Normalize(s.out[at+lo:at+hi], s.v[at+lo:at+hi], part(s.gamma, lo, hi), part(s.beta, lo, hi),
			s.means[s.stat(row, 0)], s.scales[s.stat(row, 0)])
		store(s.c.Out[0], s.out, at+lo, at+hi)
		s.epilogue.apply(s.c.Out[0].Data, s.c.In[min(len(s.c.In), normExtra):], int64(at+lo), int64(at+hi))
	}}
	s.passes = []rowPass{
		{first, func(row int) { s.means[s.stat(row, 0)] = total(&s.rows, s.means, row) / T(s.n) }},
		{func(row, b, lo, hi int) {
			s.scales[s.stat(row, b)] = simd.Deviation(s.v[row*s.n+lo:row*s.n+hi], s.means[s.stat(row, 0)])
		}, scale},
		last,
	}
	s.rmsPasses = []rowPass{
		{first, func(row int) {
			scale(row)
			s.means[s.stat(row, 0)] = 0
		}},
		last,
	}
	return s
}

func layerNorm[T real](c *Call) error {
	if c.Out[0].Elems() == 0 {
		return nil
	}
	s := kept(c, newNormRun[T])
	err := s.run(c)
	*s = normRun[T]{passes: s.passes, rmsPasses: s.rmsPasses}
	return err
}

func (s *normRun[T]) run(c *Call) (err error) {
	s.layerNormStep, s.c = c.Plan.step.(*layerNormStep), c
	rest := scratchOf(c)
	for i, to := range [normExtra]*[]T{&s.x, &s.skip, &s.gamma, &s.beta} {
		if i < len(c.In) {
			if *to, err = operand[T](c, c.In[i], &rest); err != nil {
				return err
			}
		}
	}
	s.out = output[T](c.Out[0], &rest)
	s.v = s.x
	if s.skip != nil {
		s.v = output[T](c.Out[1], &rest)
	}
	s.means = cutReals[T](&rest, s.count*s.blocks)
	s.scales = cutReals[T](&rest, s.count*s.blocks)
	if s.rms {
		return s.rows.run(c, s.rmsPasses...)
	}
	return s.rows.run(c, s.passes...)
}
