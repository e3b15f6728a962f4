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

func runReduce(c *Call) error {
	switch c.Out[0].DType {
	case tensor.Float64:
		return reduce(c, math.Inf(-1), math.Inf(1))
	case tensor.Int8:
		return reduce[int8](c, math.MinInt8, math.MaxInt8)
	case tensor.Int16:
		return reduce[int16](c, math.MinInt16, math.MaxInt16)
	case tensor.Int32:
		return reduce[int32](c, math.MinInt32, math.MaxInt32)
	case tensor.Int64:
		return reduce[int64](c, math.MinInt64, math.MaxInt64)
	case tensor.Uint8:
		return reduce[uint8](c, 0, math.MaxUint8)
	case tensor.Uint16:
		return reduce[uint16](c, 0, math.MaxUint16)
	case tensor.Uint32:
		return reduce[uint32](c, 0, math.MaxUint32)
	case tensor.Uint64:
		return reduce[uint64](c, 0, math.MaxUint64)
	case tensor.Bool:
		return reduce[uint8](c, 0, 1)
	default:
		return reduce(c, float32(math.Inf(-1)), float32(math.Inf(1)))
	}
}

func reduce[T tensor.Element](c *Call, lowest, highest T) error {
	s, y := c.Plan.step.(*reduceStep), c.Out[0]
	sums := tensor.View[T](c.Scratch)
	if !s.scratch {
		sums = tensor.View[T](y.Data)
	}
	start, join := joining(s.fn, lowest, highest)
	if err := foldAll(c, &s.fold, sums, start, join, func() loader[T] { return loading[T](s, c.In[0], y.DType) }); err != nil {
		return err
	}
	return c.split(y.Elems(), int64(y.DType.Size()), func(lo, hi int64) {
		row := sums[lo:hi]
		if s.fn == ReduceMean {
			for i, v := range row {
				row[i] = average(v, s.count)
			}
		}
		if f, ok := any(row).([]float32); ok && s.scratch {
			writeFloat32(y, int(lo), f)
		} else if s.scratch {
			copy(tensor.View[T](y.Data)[lo:hi], row)
		}
		s.epilogue.apply(y.Data, c.In[1:], lo, hi)
	})
}

// joining is what a function folds with and what it starts from.
func joining[T tensor.Element](fn int64, lowest, highest T) (start T, join joiner[T]) {
	switch fn {
	case ReduceProd:
		return 1, joinProd[T]
	case ReduceMin, ReduceAll:
		return highest, joinMin[T]
	case ReduceMax, ReduceAny:
		return lowest, joinMax[T]
	}
	return 0, joinSum[T]
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
	one, two := T(1), T(2)
	switch {
	case one/two != 0: // a float
		return sum / T(n)
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
	mid := tensor.Aligned(int64(foldChunk * size))
	wide := make([]float32, foldChunk)
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
