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

func layerNorm[T real](c *Call) error {
	s, y := c.Plan.step.(*layerNormStep), c.Out[0]
	if y.Elems() == 0 {
		return nil
	}
	rest := scratchOf(c)
	var in [normExtra][]T
	for i := range min(len(c.In), normExtra) {
		var err error
		if in[i], err = operand[T](c, c.In[i], &rest); err != nil {
			return err
		}
	}
	x, skip, gamma, beta := in[normX], in[normSkip], in[normGamma], in[normBeta]
	out := output[T](y, &rest)
	v, sum := x, Tensor{}
	if skip != nil {
		sum = c.Out[1]
		v = output[T](sum, &rest)
	}
	means := cutReals[T](&rest, s.count*s.blocks)
	scales := cutReals[T](&rest, s.count*s.blocks)
	scale := func(row int) {
		mean := total(&s.rows, scales, row) / T(s.n)
		scales[s.stat(row, 0)] = 1 / T(math.Sqrt(float64(mean+T(s.eps))))
	}
	passes := []rowPass{{
		block: func(row, b, lo, hi int) {
			lo, hi = lo+row*s.n, hi+row*s.n
			if skip != nil {
				for i := lo; i < hi; i++ {
					v[i] = x[i] + skip[i]
				}
				store(sum, v, lo, hi)
			}
			if s.rms {
				scales[s.stat(row, b)] = simd.Deviation(v[lo:hi], 0)
			} else {
				means[s.stat(row, b)] = simd.Sum(v[lo:hi])
			}
		},
		row: func(row int) { means[s.stat(row, 0)] = total(&s.rows, means, row) / T(s.n) },
	}, {
		block: func(row, b, lo, hi int) {
			scales[s.stat(row, b)] = simd.Deviation(v[row*s.n+lo:row*s.n+hi], means[s.stat(row, 0)])
		},
		row: scale,
	}, {
		block: func(row, b, lo, hi int) {
			at := row * s.n
			simd.Normalize(out[at+lo:at+hi], v[at+lo:at+hi], part(gamma, lo, hi), part(beta, lo, hi),
				means[s.stat(row, 0)], scales[s.stat(row, 0)])
			store(y, out, at+lo, at+hi)
			s.epilogue.apply(y.Data, c.In[min(len(c.In), normExtra):], int64(at+lo), int64(at+hi))
		},
	}}
	if s.rms {
		passes[0].row = func(row int) {
			scale(row)
			means[s.stat(row, 0)] = 0
		}
		passes = append(passes[:1], passes[2])
	}
	return s.run(c, passes...)
}
