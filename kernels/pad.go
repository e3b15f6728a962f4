package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Pad adds elements before and after each dim.
//
//	y[i0, i1, …] = x[i0 - Before[0], i1 - Before[1], …]
//
// Outside x, PadConstant gives v, PadEdge the nearest element, PadReflect
// mirrors about the first and last element without repeating them, and PadWrap
// starts over from the other end.
//
//	x      any [...]
//	v      like x, a scalar; absent it is 0. Only with PadConstant
//	attrs  Before, After, one for each dim and not negative; Mode
//	y      any [Before[0] + n0 + After[0], ...]
var Pad = Op{name: "pad", plan: planner(planPad), run: bySize(runPad[uint8], runPad[uint16], runPad[uint32], runPad[uint64])}

// PadAttrs are the attributes of Pad.
type PadAttrs struct {
	Before, After []int64
	Mode          int64
}

// The modes of Pad.
const (
	PadConstant = 1
	PadReflect  = 2
	PadEdge     = 3
	PadWrap     = 4
)

// padStep is a Pad over dims of units: run elements, the trailing dims that
// are not padded. There is at least one dim.
type padStep struct {
	rank       int
	before, in [tensor.MaxRank]int64
	out        [tensor.MaxRank]int64
	run, mode  int64
}

func planPad(in []tensor.Type, a PadAttrs) (Plan, error) {
	if len(in) == 2 && in[1] == (tensor.Type{}) {
		in = in[:1]
	}
	if err := required(in, max(1, min(len(in), 2))); err != nil {
		return Plan{}, err
	}
	x := in[0]
	if len(in) == 2 && a.Mode != PadConstant {
		return Plan{}, fmt.Errorf("%w: mode %d takes no value", ErrArity, a.Mode)
	}
	if len(in) == 2 && in[1].DType != x.DType {
		return Plan{}, fmt.Errorf("%w: value %v", ErrDType, in[1])
	}
	if len(in) == 2 && in[1].Rank != 0 {
		return Plan{}, fmt.Errorf("%w: value %v", ErrRank, in[1])
	}
	if a.Mode < PadConstant || a.Mode > PadWrap {
		return Plan{}, fmt.Errorf("%w: mode %d", ErrAttr, a.Mode)
	}
	if len(a.Before) != int(x.Rank) || len(a.After) != int(x.Rank) {
		return Plan{}, fmt.Errorf("%w: lists do not match rank %d", ErrAttr, x.Rank)
	}
	y := x
	for k, n := range x.Shape() {
		before, after := a.Before[k], a.After[k]
		if before < 0 || after < 0 {
			return Plan{}, fmt.Errorf("%w: padding %d and %d", ErrAttr, before, after)
		}
		if n == 0 && before|after != 0 && a.Mode != PadConstant {
			return Plan{}, fmt.Errorf("%w: nothing to repeat in %v", ErrShape, x)
		}
		y.Dims[k] = tensor.AddSat(n, tensor.AddSat(before, after))
	}
	y, err := sized(y.DType, y.Shape())
	if err != nil {
		return Plan{}, err
	}
	s := padStep{rank: int(x.Rank), run: 1, mode: a.Mode}
	for s.rank > 0 && x.Dims[s.rank-1] == y.Dims[s.rank-1] {
		s.rank--
		s.run *= x.Dims[s.rank]
	}
	for k := range s.rank {
		s.before[k], s.in[k], s.out[k] = a.Before[k], x.Dims[k], y.Dims[k]
	}
	if s.rank == 0 {
		s.rank, s.in[0], s.out[0] = 1, 1, 1
	}
	return moving(y, &s), nil
}

func runPad[T word](c *Call) error {
	x, y := tensor.View[T](c.In[0].Data), tensor.View[T](c.Out[0].Data)
	var v T
	if len(c.In) == 2 && len(c.In[1].Data) > 0 {
		v = tensor.View[T](c.In[1].Data)[0]
	}
	s := c.Plan.step.(*padStep)
	row := s.out[s.rank-1] * s.run
	return c.split(int64(len(y)), int64(c.Out[0].DType.Size()), func(lo, hi int64) {
		for lo < hi {
			end := min(hi, lo-lo%row+row)
			src, inside := s.row(lo / row)
			if inside {
				padRow(s, y[lo:end], x[src:src+s.in[s.rank-1]*s.run], v, lo%row)
			} else {
				fillWords(y[lo:end], v)
			}
			lo = end
		}
	})
}

// row is where row r of y comes from in x, if it does.
func (s *padStep) row(r int64) (src int64, inside bool) {
	stride := s.in[s.rank-1] * s.run
	for k := s.rank - 2; k >= 0; k-- {
		i := s.source(r%s.out[k]-s.before[k], s.in[k])
		if i < 0 {
			return 0, false
		}
		src += i * stride
		r /= s.out[k]
		stride *= s.in[k]
	}
	return src, true
}

// source is the index in a dim of n that stands for i, or -1.
func (s *padStep) source(i, n int64) int64 {
	if i >= 0 && i < n {
		return i
	}
	switch s.mode {
	case PadEdge:
		return min(max(i, 0), n-1)
	case PadWrap:
		return ((i % n) + n) % n
	case PadReflect:
		period := max(1, 2*(n-1))
		i = ((i % period) + period) % period
		return min(i, period-i)
	default:
		return -1
	}
}

// padRow writes the part of a row of y that begins at element at.
func padRow[T word](s *padStep, dst, src []T, v T, at int64) {
	n := s.in[s.rank-1]
	for len(dst) > 0 {
		i, off := at/s.run-s.before[s.rank-1], at%s.run
		var m int64
		if i >= 0 && i < n {
			from := i*s.run + off
			m = int64(copy(dst, src[from:]))
		} else if j := s.source(i, n); j >= 0 {
			m = int64(copy(dst, src[j*s.run+off:(j+1)*s.run]))
		} else {
			m = int64(len(dst))
			if i < 0 {
				m = min(m, -i*s.run-off)
			}
			fillWords(dst[:m], v)
		}
		dst, at = dst[m:], at+m
	}
}
