package kernels

import (
	"fmt"
	"math"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// GroupNorm normalises x over its spatial dims and the channels of a group,
// channels last.
//
//	y = (x - mean) / √(mean((x-mean)²) + Eps) · gamma + beta
//
// A mean is a sum for each channel in the order of fold, these added in order
// and divided by their number; the rest is as in LayerNorm.
//
//	x      float [n, sp…, c]
//	gamma  like x [c]; optional
//	beta   like x [c]; optional
//	e…     inputs of the epilogue
//	attrs  Groups, which divides c; Eps; Epilogue
//	y      like x
var GroupNorm = Op{name: "group_norm", plan: planner(planGroupNorm), run: runGroupNorm}

// GroupNormAttrs are the attributes of GroupNorm. Epilogue is as in MatMulAttrs.
type GroupNormAttrs struct {
	Groups   int64
	Eps      float32
	Epilogue Program
}

// groupNormStep sees x as (n, places, c).
type groupNormStep struct {
	fold             // of each channel of an image
	n, places, c     int
	groups, perGroup int
	eps              float32
	epilogue         *epilogue
}

// groupInputs are the regular inputs of GroupNorm.
const groupInputs = 3

func planGroupNorm(in []tensor.Type, a GroupNormAttrs) (Plan, error) {
	if len(in) == 0 {
		return Plan{}, fmt.Errorf("%w: none", ErrArity)
	}
	if err := required(in[:1], 1); err != nil {
		return Plan{}, err
	}
	x, in, extra := in[0], in[:min(len(in), groupInputs)], in[min(len(in), groupInputs):]
	if !x.DType.IsFloat() {
		return Plan{}, fmt.Errorf("%w: %v", ErrDType, x)
	}
	if x.Rank < 2 {
		return Plan{}, fmt.Errorf("%w: %v", ErrRank, x)
	}
	n, c := x.Dims[0], x.Dims[x.Rank-1]
	if a.Groups < 1 || a.Groups > max(c, 1) {
		return Plan{}, fmt.Errorf("%w: %d groups", ErrAttr, a.Groups)
	}
	if !(a.Eps >= 0) {
		return Plan{}, fmt.Errorf("%w: epsilon %v", ErrAttr, a.Eps)
	}
	for i, t := range in[1:] {
		switch {
		case t == (tensor.Type{}):
		case t.DType != x.DType:
			return Plan{}, fmt.Errorf("%w: input %d: %v", ErrDType, i+1, t)
		case t != tensor.Of(x.DType, c):
			return Plan{}, fmt.Errorf("%w: input %d: %v for %d channels", ErrShape, i+1, t, c)
		}
	}
	if c%a.Groups != 0 {
		return Plan{}, fmt.Errorf("%w: %d channels in %d groups", ErrShape, c, a.Groups)
	}
	e, err := planEpilogue(a.Epilogue, x, extra)
	if err != nil {
		return Plan{}, err
	}
	s := &groupNormStep{groups: int(a.Groups), perGroup: int(c / a.Groups), eps: a.Eps, epilogue: e}
	p := Plan{
		Out:   []tensor.Type{x},
		Flops: tensor.MulSat(x.Elems(), 10+e.flops()),
		Bytes: tensor.AddSat(bytesOf(in, x), bytesOf(extra)),
		step:  s,
	}
	if x.Elems() == 0 {
		return p, nil
	}
	places := tensor.Product(x.Dims[1 : x.Rank-1])
	s.n, s.places, s.c = int(n), int(places), int(c)
	flat := tensor.Of(x.DType, n, places, c)
	s.fold = newFold(&flat, [tensor.MaxRank]bool{1: true})
	p.Scratch = float32Scratch(in...) + float32Scratch(x) + realSize(x.DType)*(n*c*int64(s.blocks)+n*c+n*a.Groups)
	return p, nil
}

func runGroupNorm(c *Call) error {
	if c.Out[0].DType == tensor.Float64 {
		return groupNorm[float64](c)
	}
	return groupNorm[float32](c)
}

func groupNorm[T real](c *Call) error {
	s, y := c.Plan.step.(*groupNormStep), c.Out[0]
	if y.Elems() == 0 {
		return nil
	}
	rest := scratchOf(c)
	var in [groupInputs][]T
	for i := range min(len(c.In), groupInputs) {
		var err error
		if in[i], err = operand[T](c, c.In[i], &rest); err != nil {
			return err
		}
	}
	x, gamma, beta := in[0], in[1], in[2]
	out := output[T](y, &rest)
	sums := cutReals[T](&rest, s.results()*s.blocks)
	means := cutReals[T](&rest, s.n*s.c) // of the group that a channel is in
	scales := cutReals[T](&rest, s.n*s.groups)

	// average sets each group's element of dst to the mean of its channels.
	average := func(dst []T) {
		for g := range dst {
			sum := T(0)
			for _, v := range sums[g*s.perGroup:][:s.perGroup] {
				sum += v
			}
			dst[g] = quotient(sum, T(s.perGroup*s.places))
		}
	}
	start, join := joining[T](ReduceSum)
	plain := func() loader[T] { return func(at, n int) []T { return x[at : at+n] } }
	if err := foldAll(c, &s.fold, sums, join, inLanes(&s.fold, start, join, plain)); err != nil {
		return err
	}
	average(scales)
	for i := range means {
		means[i] = scales[i/s.perGroup]
	}
	squares := func() loader[T] {
		d := make([]T, foldChunk)
		return func(at, n int) []T {
			for i := 0; i < n; {
				image, channel := (at+i)/(s.places*s.c), (at+i)%s.c
				end := min(n, i+s.c-channel)
				squareDistances(d[i:end], x[at+i:at+end], means[image*s.c+channel:])
				i = end
			}
			return d[:n]
		}
	}
	if err := foldAll(c, &s.fold, sums, join, inLanes(&s.fold, start, join, squares)); err != nil {
		return err
	}
	average(scales)
	for i, v := range scales {
		scales[i] = 1 / T(math.Sqrt(float64(v+T(s.eps))))
	}
	extra := c.In[min(len(c.In), groupInputs):]
	return c.runs(int64(s.n*s.places), int64(s.c), 16, func(lo, hi, from, to int64) {
		for r := int(lo); r < int(hi); r++ {
			first := r / s.places * s.groups
			d, v := out[r*s.c:][:s.c], x[r*s.c:][:s.c]
			for j := int(from); j < int(to); {
				g := j / s.perGroup
				end := min((g+1)*s.perGroup, int(to))
				simd.Normalize(d[j:end], v[j:end], part(gamma, j, end), part(beta, j, end), means[(first+g)*s.perGroup], scales[first+g])
				j = end
			}
		}
		at, end := lo*int64(s.c)+from, (hi-1)*int64(s.c)+to
		store(y, out, int(at), int(end))
		s.epilogue.apply(y.Data, extra, at, end)
	})
}

// squareDistances sets d[i] to (x[i]-m[i])².
func squareDistances[T real](d, x, m []T) {
	if v, ok := any(d).([]float32); ok && len(d) >= foldWidth {
		simd.Sub.Map(v, any(x).([]float32), any(m).([]float32))
		simd.Mul.Map(v, v, v)
		return
	}
	for i, v := range x {
		v -= m[i]
		d[i] = product(v, v)
	}
}

// part is v[lo:hi], or nil where there is no v.
func part[T real](v []T, lo, hi int) []T {
	if v == nil {
		return nil
	}
	return v[lo:hi]
}
