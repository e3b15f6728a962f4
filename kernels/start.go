package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// moved is what a start that is known at run time adds to an offset: for each
// of some axes the stride, and the last start that leaves room.
type moved struct {
	n            int
	stride, last [tensor.MaxRank]int64
}

func (m *moved) add(stride, last int64) {
	m.stride[m.n], m.last[m.n] = stride, last
	m.n++
}

// startable refuses a call that has neither n inputs nor, with axes, a start
// for each of them behind.
func startable(in []tensor.Type, n int, axes []int64) error {
	if len(axes) == 0 {
		return required(in, n)
	}
	if err := required(in, n+1); err != nil {
		return err
	}
	x, start := in[0], in[n]
	if !isIndex(&start) {
		return fmt.Errorf("%w: start %v", ErrDType, start)
	}
	if start.Elems() != int64(len(axes)) {
		return fmt.Errorf("%w: start %v of %d axes", ErrShape, start, len(axes))
	}
	var seen [tensor.MaxRank]bool
	for _, k := range axes {
		if err := onAxis(&x, k); err != nil {
			return err
		}
		if seen[k] {
			return fmt.Errorf("%w: axis %d twice", ErrAttr, k)
		}
		seen[k] = true
	}
	return nil
}

// at is the offset that the start in input n makes, or ErrValue.
func (m *moved) at(c *Call, n int) (int64, error) {
	if m.n == 0 {
		return 0, nil
	}
	start, at := indicesOf(c.In[n]), int64(0)
	for k := range m.n {
		var s int64
		if start.wide != nil {
			s = start.wide[k]
		} else {
			s = int64(start.narrow[k])
		}
		if s < 0 || s > m.last[k] {
			return 0, fmt.Errorf("%w: start %d, and the last is %d", ErrValue, s, m.last[k])
		}
		at += s * m.stride[k]
	}
	return at, nil
}
