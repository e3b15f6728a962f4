package kernels

import (
	"fmt"
	"math"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Reduce folds some dims of x to one element each.
//
//	y[o…] = Epilogue(Fn over r… of Pre(x[o…, r…]))
//
// The order of the fold is fixed, see fold. Float16 and bfloat16 are folded as
// float32 and rounded once; integers wrap around, and their mean is rounded
// toward zero. Nothing folds to 0, a product to 1, min and max to the highest
// and lowest value of the type, a mean to NaN or 0, any to false, all to true.
// A min or max with a NaN is NaN.
//
//	x      number [...]; for any and all what Pre gives is Bool
//	e…     inputs of the epilogue
//	attrs  Axes, Fn, Keep the reduced dims as 1, Pre, Epilogue
//	y      as Pre gives [...]
var Reduce = Op{name: "reduce", plan: planner(planReduce), run: runReduce}

// ReduceAttrs are the attributes of Reduce. Epilogue is as in MatMulAttrs, Pre
// a program of one input and one output. No Axes means no dims.
type ReduceAttrs struct {
	Axes     []int64
	Fn       int64
	Keep     bool
	Pre      Program
	Epilogue Program
}

// The functions of Reduce, Cumulate and the scatters.
const (
	ReduceSum  = 1
	ReduceMean = 2
	ReduceProd = 3
	ReduceMin  = 4
	ReduceMax  = 5
	ReduceAny  = 6
	ReduceAll  = 7
)

type reduceStep struct {
	fold
	fn       int64
	pre      *pre
	epilogue *epilogue
	scratch  bool // results are folded in scratch
	vector   vectorFold
}

func planReduce(in []tensor.Type, a ReduceAttrs) (Plan, error) {
	if len(in) == 0 {
		return Plan{}, fmt.Errorf("%w: none", ErrArity)
	}
	if err := required(in[:1], 1); err != nil {
		return Plan{}, err
	}
	x := in[0]
	pre, err := planPre(a.Pre, x.DType)
	if err != nil {
		return Plan{}, err
	}
	y := tensor.Type{DType: x.DType}
	if pre != nil {
		y.DType = pre.out()
	}
	switch {
	case a.Fn < ReduceSum || a.Fn > ReduceAll:
		return Plan{}, fmt.Errorf("%w: function %d", ErrAttr, a.Fn)
	case (a.Fn >= ReduceAny) != (y.DType == tensor.Bool):
		return Plan{}, fmt.Errorf("%w: function %d on %v", ErrDType, a.Fn, y.DType)
	}
	var reduce [tensor.MaxRank]bool
	for _, k := range a.Axes {
		if err := onAxis(&x, k); err != nil {
			return Plan{}, err
		}
		if reduce[k] {
			return Plan{}, fmt.Errorf("%w: axis %d twice", ErrAttr, k)
		}
		reduce[k] = true
	}
	for k, n := range x.Shape() {
		if reduce[k] {
			if !a.Keep {
				continue
			}
			n = 1
		}
		y.Dims[y.Rank] = n
		y.Rank++
	}
	e, err := planEpilogue(a.Epilogue, y, in[1:])
	if err != nil {
		return Plan{}, err
	}
	s := &reduceStep{fold: newFold(&x, reduce), fn: a.Fn, pre: pre, epilogue: e}
	half := isHalf(y.DType)
	s.scratch = half || s.blocks > 1
	if pre == nil && y.DType == tensor.Float32 {
		s.vector = s.ofFloat32(a.Fn)
	}
	p := Plan{
		Out:   []tensor.Type{y},
		Flops: tensor.AddSat(tensor.MulSat(x.Elems(), 1+pre.flops()), tensor.MulSat(y.Elems(), foldLanes+int64(s.blocks)+e.flops())),
		Bytes: bytesOf(in, y),
		step:  s,
	}
	if s.scratch {
		size := int64(y.DType.Size())
		if half {
			size = 4
		}
		p.Scratch = tensor.MulSat(size, tensor.MulSat(y.Elems(), int64(s.blocks)))
	}
	return p, nil
}

var reduces = perType{
	tensor.Float32: reduce[float32], tensor.Float16: reduce[float32], tensor.BFloat16: reduce[float32], tensor.Float64: reduce[float64],
	tensor.Int8: reduce[int8], tensor.Int16: reduce[int16], tensor.Int32: reduce[int32], tensor.Int64: reduce[int64],
	tensor.Uint8: reduce[uint8], tensor.Uint16: reduce[uint16], tensor.Uint32: reduce[uint32], tensor.Uint64: reduce[uint64],
	tensor.Bool: reduce[uint8],
}

func runReduce(c *Call) error {
	if s := c.Plan.step.(*reduceStep); s.vector != nil {
		return s.vectors(c)
	}
	return reduces[c.Out[0].DType](c)
}

func reduce[T tensor.Element](c *Call) error {
	s, y := c.Plan.step.(*reduceStep), c.Out[0]
	start, join := joining[T](s.fn)
	newFolder := inLanes(&s.fold, start, join, func() loader[T] { return loading[T](s, c.In[0], y.DType) })
	if err := foldAll(c, &s.fold, sumsOf[T](c, s), join, newFolder); err != nil {
		return err
	}
	return c.split(y.Elems(), int64(y.DType.Size()), func(lo, hi int64) { finishReduce[T](c, lo, hi) })
}

// vectors is reduce for what vector code folds.
func (s *reduceStep) vectors(c *Call) error {
	if s.results() == 0 {
		return nil
	}
	if err := c.Each(s.tiles(), vectorTile); err != nil {
		return err
	}
	return c.spans(int64(s.results()), int64(4*s.blocks), vectorEnd)
}

func vectorTile(c *Call, tile int) {
	s := c.Plan.step.(*reduceStep)
	x, sums := tensor.View[float32](c.In[0].Data), sumsOf[float32](c, s)
	w := foldWorks.Get().(*foldWork)
	for u := tile * s.perTile; u < min((tile+1)*s.perTile, s.units()); u++ {
		to, base, width, lo := s.unit(u)
		s.vector(&s.fold, w, sums[to:][:width], x, base, width, lo, min(lo+foldBlock, s.count))
	}
	foldWorks.Put(w)
}

func vectorEnd(c *Call, lo, hi int64) {
	s := c.Plan.step.(*reduceStep)
	joinBlocks(&s.fold, sumsOf[float32](c, s), simdJoins[s.fn], lo, hi)
	finishReduce[float32](c, lo, hi)
}

// sumsOf is where the results are folded.
func sumsOf[T tensor.Element](c *Call, s *reduceStep) []T {
	if s.scratch {
		return tensor.View[T](c.Scratch)
	}
	return tensor.View[T](c.Out[0].Data)
}

// finishReduce makes the results lo … hi of what was folded.
func finishReduce[T tensor.Element](c *Call, lo, hi int64) {
	s, y := c.Plan.step.(*reduceStep), c.Out[0]
	sums := sumsOf[T](c, s)
	row := sums[lo:hi]
	if s.fn == ReduceMean {
		for i, v := range row {
			row[i] = average(v, s.count)
		}
	}
	if s.scratch && !isHalf(y.DType) {
		copy(tensor.View[T](y.Data)[lo:hi], row)
	}
	store(y, sums, int(lo), int(hi))
	s.epilogue.apply(y.Data, c.In[1:], lo, hi)
}

// joining is what a function folds with and what it starts from.
func joining[T tensor.Element](fn int64) (start T, join joiner[T]) {
	lowest, highest := limits[T]()
	switch fn {
	case ReduceProd:
		start, join = 1, joinProd[T]
	case ReduceMin:
		start, join = highest, joinMin[T]
	case ReduceMax:
		start, join = lowest, joinMax[T]
	case ReduceAny:
		return 0, joinMax[T]
	case ReduceAll:
		return 1, joinMin[T]
	default:
		start, join = 0, joinSum[T]
	}
	if vector, ok := any(simdJoins[fn]).(joiner[T]); ok {
		join = vector
	}
	return start, join
}

// isReal reports whether T is a floating-point type.
func isReal[T tensor.Element]() bool {
	one, two := T(1), T(2)
	return one/two != 0
}

// limits are the lowest and the highest value of T.
func limits[T tensor.Element]() (lowest, highest T) {
	zero := T(0)
	switch {
	case isReal[T]():
		inf := math.Inf(1)
		return T(-inf), T(inf)
	case zero-1 > 0: // unsigned
		return 0, zero - 1
	}
	for highest = 1; highest*2+1 > highest; highest = highest*2 + 1 {
	}
	return -highest - 1, highest
}

func joinSum[T tensor.Element](acc, x []T) {
	x = x[:len(acc)]
	for i := range acc {
		acc[i] += x[i]
	}
}

func joinProd[T tensor.Element](acc, x []T) {
	x = x[:len(acc)]
	for i := range acc {
		acc[i] *= x[i]
	}
}

func joinMin[T tensor.Element](acc, x []T) {
	x = x[:len(acc)]
	for i, v := range x {
		acc[i] = min(acc[i], v)
	}
}

func joinMax[T tensor.Element](acc, x []T) {
	x = x[:len(acc)]
	for i, v := range x {
		acc[i] = max(acc[i], v)
	}
}

// average is sum/n; that of no integers is 0.
func average[T tensor.Element](sum T, n int) T {
	switch {
	case isReal[T]():
		return T(float64(sum) / float64(n))
	case n == 0:
		return 0
	case sum < 0:
		return T(int64(sum) / int64(n))
	}
	return T(uint64(sum) / uint64(n))
}

// loading reads x as the elements that are folded: through Pre, and halves as
// float32.
func loading[T tensor.Element](s *reduceStep, x Tensor, to tensor.DType) loader[T] {
	half := isHalf(to)
	if s.pre == nil && !half {
		v := tensor.View[T](x.Data)
		return func(at, n int) []T { return v[at : at+n] }
	}
	from, size := x.DType.Size(), to.Size()
	most := min(foldChunk, x.Elems())
	mid := tensor.Aligned(most * int64(size))
	var wide []float32
	if half {
		wide = make([]float32, most)
	}
	return func(at, n int) []T {
		src := x.Data[at*from : (at+n)*from]
		if s.pre != nil {
			s.pre.apply(mid[:n*size], src)
			src = mid[:n*size]
		}
		if !half {
			return tensor.View[T](src)
		}
		readFloat32(wide[:n], Tensor{tensor.Of(to, int64(n)), src}, 0)
		return any(wide[:n]).([]T)
	}
}
