package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// word is the unit of a data move: bits of some width, whatever they mean.
type word interface {
	uint8 | uint16 | uint32 | uint64
}

// bySize is the run of an op that knows its elements by their bits: the instance
// for the width of x, or of the result where there is no input.
func bySize(f1, f2, f4, f8 func(c *Call) error) func(c *Call) error {
	return func(c *Call) error {
		size := c.Out[0].DType.Size()
		if len(c.In) > 0 {
			size = c.In[0].DType.Size()
		}
		switch size {
		case 1:
			return f1(c)
		case 2:
			return f2(c)
		case 4:
			return f4(c)
		default:
			return f8(c)
		}
	}
}

// required refuses a call that has not exactly n inputs, all present.
func required(in []tensor.Type, n int) error {
	if len(in) != n {
		return fmt.Errorf("%w: %d, want %d", ErrArity, len(in), n)
	}
	for i, t := range in {
		if t == (tensor.Type{}) {
			return fmt.Errorf("%w: input %d is absent", ErrArity, i)
		}
	}
	return nil
}

// sized is the type of a result with dims that came from attributes. Sizes
// computed from it cannot wrap.
func sized(d tensor.DType, dims []int64) (tensor.Type, error) {
	if len(dims) > tensor.MaxRank {
		return tensor.Type{}, fmt.Errorf("%w: result of rank %d", ErrRank, len(dims))
	}
	for _, n := range dims {
		if n < 0 {
			return tensor.Type{}, fmt.Errorf("%w: dimension %d", ErrAttr, n)
		}
	}
	t := tensor.Of(d, dims...)
	if err := t.Check(); err != nil {
		return tensor.Type{}, fmt.Errorf("%w: %w", ErrSize, err)
	}
	return t, nil
}

// onAxis refuses an axis that x does not have.
func onAxis(x *tensor.Type, axis int64) error {
	if axis < 0 || axis >= int64(x.Rank) {
		return fmt.Errorf("%w: axis %d of rank %d", ErrAttr, axis, x.Rank)
	}
	return nil
}

// strides are the distances in elements between neighbours along each dim of
// a row-major array.
func strides(t *tensor.Type) (s [tensor.MaxRank]int64) {
	n := int64(1)
	for i := int(t.Rank) - 1; i >= 0; i-- {
		s[i] = n
		n *= t.Dims[i]
	}
	return s
}

// moving is the plan of an op that writes each element of out once.
func moving(out tensor.Type, step any) Plan {
	return Plan{
		Out:   []tensor.Type{out},
		Flops: out.Elems(),
		Bytes: 2 * out.Bytes(),
		step:  step,
	}
}

// tileBytes is the work of one tile of a data move: some 20 µs.
const tileBytes = 128 << 10

// indices reads an int32 or int64 tensor.
type indices struct {
	narrow []int32
	wide   []int64
}

func indicesOf(t Tensor) indices {
	if t.DType == tensor.Int32 {
		return indices{narrow: tensor.View[int32](t.Data)}
	}
	return indices{wide: tensor.View[int64](t.Data)}
}

// at is index i of n, counted from the end where it is negative.
func (x *indices) at(i, n int64) (k int64, ok bool) {
	if x.wide != nil {
		k = x.wide[i]
	} else {
		k = int64(x.narrow[i])
	}
	if k < 0 {
		k += n
	}
	return k, uint64(k) < uint64(n)
}

// isIndex reports whether t may hold indices.
func isIndex(t *tensor.Type) bool { return t.DType == tensor.Int32 || t.DType == tensor.Int64 }

// fillWords sets every element of dst to v.
func fillWords[T word](dst []T, v T) {
	for i := range dst {
		dst[i] = v
	}
}

// expired reports, once in a while, whether the deadline has passed. A loop
// that no tile divides asks at each step i, and returns c.Ctx.Err() after it.
func (c *Call) expired(i int64) bool { return i&0xffff == 0 && c.Ctx.Err() != nil }
