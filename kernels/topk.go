package kernels

import (
	"fmt"
	"math/bits"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// TopK gives the K largest or smallest elements along one axis, best first,
// and where they were. Equals keep their order. NaN is the largest value.
//
//	y[… k …] = x[… i[… k …] …]
//
//	x      any [..., n, ...]
//	attrs  Axis; K ≤ n; Largest; Sorted, which only an unsorted result could
//	       tell: it is always sorted
//	y      like x, K along Axis
//	i      int64, dims of y
//
// Each line keeps its best in a heap, so any order of x costs O(n·log K).
var TopK = Op{name: "topk", plan: planner(planTopK), run: bySize(runTopK[uint8], runTopK[uint16], runTopK[uint32], runTopK[uint64])}

// TopKAttrs are the attributes of TopK.
type TopKAttrs struct {
	Axis            int64
	K               int64
	Largest, Sorted bool
}

func planTopK(in []tensor.Type, a TopKAttrs) (Plan, error) {
	if err := required(in, 1); err != nil {
		return Plan{}, err
	}
	y := in[0]
	if err := onAxis(&y, a.Axis); err != nil {
		return Plan{}, err
	}
	n := in[0].Dims[a.Axis]
	if a.K < 0 || a.K > n {
		return Plan{}, fmt.Errorf("%w: %d of %d", ErrAttr, a.K, n)
	}
	y.Dims[a.Axis] = a.K
	i := y
	i.DType = tensor.Int64
	steps := int64(bits.Len64(uint64(a.K)))
	return Plan{
		Out:   []tensor.Type{y, i},
		Flops: tensor.MulSat(in[0].Elems(), 2*steps+1),
		Bytes: tensor.AddSat(in[0].Bytes(), tensor.AddSat(y.Bytes(), i.Bytes())),
		step:  a,
	}, nil
}

func runTopK[T word](c *Call) error {
	a, x := c.Plan.step.(TopKAttrs), tensor.View[T](c.In[0].Data)
	y, index := tensor.View[T](c.Out[0].Data), tensor.View[int64](c.Out[1].Data)
	if len(y) == 0 {
		return nil
	}
	order := orderOf(c.In[0].DType)
	if !a.Largest {
		order = falling(order)
	}
	l := lanesOf(&c.In[0].Type, a.Axis)
	err := c.split(l.outer*l.inner, 16*l.n, func(lo, hi int64) {
		for lane := lo; lane < hi; lane++ {
			o, i := lane/l.inner, lane%l.inner
			h := heap[T]{y: y[o*a.K*l.inner+i:], index: index[o*a.K*l.inner+i:], stride: l.inner, n: a.K, order: order}
			h.best(c, x[o*l.n*l.inner+i:], l.n)
		}
	})
	if err != nil {
		return err
	}
	return c.Ctx.Err()
}

// heap keeps n elements and their indices in the memory of a result, the worst
// of them at the root.
type heap[T word] struct {
	y      []T
	index  []int64
	stride int64
	n      int64
	order  func(uint64) uint64
}

// best leaves the best of the n elements of x, sorted.
func (h *heap[T]) best(c *Call, x []T, n int64) {
	for i := range h.n {
		if c.expired(i) {
			return
		}
		h.set(i, x[i*h.stride], i)
	}
	for i := h.n/2 - 1; i >= 0; i-- {
		if c.expired(i) {
			return
		}
		h.sink(i, h.n)
	}
	worst := h.order(uint64(h.y[0]))
	for i := h.n; i < n; i++ {
		if c.expired(i) {
			return
		}
		// What comes later loses against its equals.
		if v := x[i*h.stride]; h.order(uint64(v)) > worst {
			h.set(0, v, i)
			h.sink(0, h.n)
			worst = h.order(uint64(h.y[0]))
		}
	}
	for end := h.n - 1; end > 0; end-- {
		if c.expired(end) {
			return
		}
		v, i := h.at(end)
		h.set(end, h.y[0], h.index[0])
		h.set(0, v, i)
		h.sink(0, end)
	}
}

func (h *heap[T]) at(i int64) (T, int64) { return h.y[i*h.stride], h.index[i*h.stride] }

func (h *heap[T]) set(i int64, v T, index int64) {
	h.y[i*h.stride], h.index[i*h.stride] = v, index
}

// sink moves entry i of the first n down to where no child is worse.
func (h *heap[T]) sink(i, n int64) {
	v, index := h.at(i)
	key := h.order(uint64(v))
	for {
		child := 2*i + 1
		if child >= n {
			break
		}
		w, at := h.at(child)
		low := h.order(uint64(w))
		if child+1 < n {
			w2, at2 := h.at(child + 1)
			if k := h.order(uint64(w2)); k < low || k == low && at2 > at {
				child, w, at, low = child+1, w2, at2, k
			}
		}
		if low > key || low == key && at < index {
			break
		}
		h.set(i, w, at)
		i = child
	}
	h.set(i, v, index)
}
