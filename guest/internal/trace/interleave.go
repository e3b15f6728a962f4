package trace

import (
	"slices"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// A strided is a slice, or a slice of slices, of one result: size elements of
// each dim from start on, every one in so many steps.
type strided struct {
	of          *result
	start, step []int64
	size        []Int
}

// stridedOf goes back from x through slices that leave elements out.
func stridedOf(x *Value) strided {
	rank := x.Rank()
	s := strided{of: x.src, start: make([]int64, rank), step: ones(rank), size: x.Dims()}
	for {
		n := s.of.node
		if n == nil || n.op != abi.OpSlice || len(n.in) != 1 || s.of.tensor != 0 {
			return s
		}
		a := n.attrs.(*abi.Slice)
		for i, w := range a.Start {
			if w.Of != 0 || a.Step[i] < 1 || s.step[i] > n.in[0].typ.Dims[i] {
				return s
			}
		}
		if allOnes(a.Step) {
			return s
		}
		for i, w := range a.Start {
			s.start[i] = w.N + s.start[i]*a.Step[i]
			s.step[i] *= a.Step[i]
		}
		s.of = n.in[0]
	}
}

// interleaved joins slices that have each element of one value once, such as
// those of an image's even and odd rows and columns, which all begin at another
// of its first elements: dims are split, moved and joined, which is one move of
// data. It answers nil for others.
func (t *Tracer) interleaved(axis int, xs []*Value) *Value {
	for _, x := range xs {
		if x.src == nil || x.perm != nil {
			return nil
		}
	}
	s := stridedOf(xs[0])
	rank, total := len(s.step), tensor.Product(s.step)
	if total != int64(len(xs)) || axis < 0 || axis >= rank {
		return nil
	}
	for i, n := range s.size {
		if whole, ok := scaled(n, s.step[i]); !ok || n.N < 1 || !identical(whole, s.of.dim(i)) {
			return nil
		}
	}
	order := s.order(xs)
	if order == nil || rank+len(order) > tensor.MaxRank {
		return nil
	}
	var split []Int
	var at, first [tensor.MaxRank]int64 // where a dim, and where what it is split into, goes
	for i, n := range s.size {
		at[i] = int64(len(split))
		split = append(split, n)
		if s.step[i] > 1 {
			first[i] = int64(len(split))
			split = append(split, Const(s.step[i]))
		}
	}
	var perm []int64
	for i := range rank {
		if i == axis {
			for _, k := range order {
				perm = append(perm, first[k])
			}
		}
		perm = append(perm, at[i])
	}
	joined := slices.Clone(s.size)
	joined[axis] = t.Mul(joined[axis], Const(total))
	return t.Reshape(t.Permute(t.Reshape(placed(s.of), split), perm...), joined)
}

// order are the dims along which s leaves elements out, such that the starts of
// xs, which are slices like s, count through them, those of the last fastest;
// nil, if they do not.
func (s *strided) order(xs []*Value) (order []int) {
	starts := make([][]int64, len(xs))
	for i, x := range xs {
		o := stridedOf(x)
		if o.of != s.of || !slices.Equal(o.step, s.step) || !slices.EqualFunc(o.size, s.size, identical) {
			return nil
		}
		starts[i] = o.start
	}
	for unit := 1; unit < len(xs); {
		k := slices.Index(starts[unit], 1)
		if k < 0 || slices.Contains(order, k) {
			return nil
		}
		order = append(order, k)
		unit *= int(s.step[k])
	}
	for i, start := range starts {
		n := i
		for _, k := range order {
			if start[k] != int64(n)%s.step[k] {
				return nil
			}
			n /= int(s.step[k])
		}
		for k := range start {
			if start[k] != 0 && !slices.Contains(order, k) {
				return nil
			}
		}
	}
	slices.Reverse(order)
	return order
}
