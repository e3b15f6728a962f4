package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// A recurrence is the run of a recurrent op, one direction after the other.
type recurrence[T real] struct {
	*recurrentStep
	call         *Call
	dir          int
	lens         []int32 // nil: all of time
	in           [recLimit][]T
	w            []float32 // packed
	r            [][]float32
	lines        []T // (time, batch, wide): x·Wᵀ and the biases
	gates        []T // (batch, wide)
	h, cell, tmp []T // (batch, hid)
}

// recur runs a recurrent op; step makes the state that follows time t.
func recur[T real](c *Call, step func(q *recurrence[T], t int) error) error {
	s := c.Plan.step.(*recurrentStep)
	if s.batch == 0 || s.hid == 0 {
		return nil
	}
	q := &recurrence[T]{recurrentStep: s, call: c}
	if err := q.load(); err != nil {
		return err
	}
	for q.dir = range s.dirs {
		if err := q.begin(); err != nil {
			return err
		}
		for i := range s.time {
			t := i
			if s.attrs.Direction == DirReverse || q.dir == 1 {
				t = s.time - 1 - i
			}
			if err := step(q, t); err != nil {
				return err
			}
			q.put(c.Out[0], t*s.dirs+q.dir, q.h, func(n int) bool { return q.active(n, t) })
		}
		all := func(int) bool { return true }
		q.put(c.Out[1], q.dir, q.h, all)
		if s.cell {
			q.put(c.Out[2], q.dir, q.cell, all)
		}
	}
	return nil
}

// load checks the lengths, lays out scratch and packs the weights.
func (q *recurrence[T]) load() error {
	c, s := q.call, q.recurrentStep
	if s.has[recLen] {
		q.lens = tensor.View[int32](c.In[recLen].Data)
		for _, n := range q.lens {
			if n < 0 || int(n) > s.time {
				return fmt.Errorf("%w: length %d of %d", ErrValue, n, s.time)
			}
		}
	}
	rest := scratchOf(c)
	q.lines = cutReals[T](&rest, s.time*s.batch*s.wide)
	q.gates = cutReals[T](&rest, s.batch*s.wide)
	for _, state := range []*[]T{&q.h, &q.cell, &q.tmp} {
		*state = cutReals[T](&rest, s.batch*s.hid)
	}
	double := c.In[recX].DType == tensor.Float64
	for i, t := range c.In {
		if i == recLen || !double && (i == recW || i == recR) {
			continue
		}
		var err error
		if q.in[i], err = operand[T](c, t, &rest); err != nil {
			return err
		}
	}
	if double {
		return nil
	}
	for i, g := range s.hidden {
		part := rest.cut(int64(s.dirs * simd.PackedLen(s.hid, g.n)))
		if err := s.packR(c, part, c.In[recR], i); err != nil {
			return err
		}
		q.r = append(q.r, part)
	}
	if q.w = tensor.View[float32](c.Packed); c.Packed == nil {
		q.w = rest
		return s.packW(c, q.w, c.In[recW])
	}
	return nil
}

// begin makes the lines and the first state of a direction.
func (q *recurrence[T]) begin() error {
	s := q.recurrentStep
	err := times(q, &s.input, q.lines, q.in[recX], q.in[recW], q.dir*s.wide*s.in, q.w, q.dir*simd.PackedLen(s.in, s.wide))
	if err != nil {
		return err
	}
	q.start(q.h, q.in[recH])
	q.start(q.cell, q.in[recC])
	if q.in[recBias] == nil {
		return nil
	}
	both := q.in[recBias][2*q.dir*s.wide:][:2*s.wide]
	ofW, ofR := both[:s.wide], both[s.wide:]
	if s.attrs.LinearBefore {
		ofR = ofR[:2*s.hid] // the new gate adds its own to the product
	}
	return q.call.runs(int64(s.time*s.batch), int64(s.wide), 8, func(lo, hi, from, to int64) {
		for row := lo; row < hi; row++ {
			line := q.lines[row*int64(s.wide):][:s.wide]
			for j := from; j < to; j++ {
				b := ofW[j]
				if int(j) < len(ofR) {
					b += ofR[j]
				}
				line[j] += b
			}
		}
	})
}

func (q *recurrence[T]) start(state, from []T) {
	if from == nil {
		clear(state)
		return
	}
	copy(state, from[q.dir*len(state):])
}

// project sets the gates of part i of R to their product with state.
func (q *recurrence[T]) project(i int, state []T) error {
	s, first := q.recurrentStep, q.first(i)
	var packed []float32
	if q.r != nil {
		packed = q.r[i]
	}
	return times(q, &s.hidden[i], q.gates[first:], state, q.in[recR], (q.dir*s.wide+first)*s.hid,
		packed, q.dir*simd.PackedLen(s.hid, s.hidden[i].n))
}

// times sets y to a·wᵀ, where w begins at an element of w and in float32 at one
// of its packed form.
func times[T real](q *recurrence[T], g *gemm, y, a, w []T, at int, packed []float32, packedAt int) error {
	if g.k == 0 {
		at, packedAt = 0, 0
	}
	return g.run(q.call, 1, func(_ *Call, p patch) {
		if y, ok := any(y).([]float32); ok {
			g.float32s(p, y, any(a).([]float32), g.k, packed[packedAt:], simd.Ending{})
			return
		}
		for i := p.row0; i < p.row1; i++ {
			for j := p.col0; j < p.col1; j++ {
				sum := T(0)
				if p.k0 > 0 {
					sum = y[i*g.ldc+j]
				}
				for k := p.k0; k < p.k1; k++ {
					sum += T(a[i*g.k+k] * w[at+j*g.k+k])
				}
				y[i*g.ldc+j] = sum
			}
		}
	})
}

// A memory is what a recurrent op knows of one entry of the batch.
type memory[T real] struct {
	line         []T // (wide)
	gates        []T // (wide)
	h, cell, tmp []T // (hid)
}

// each calls f for every entry of the batch that has a time t.
func (q *recurrence[T]) each(t int, f func(m memory[T])) error {
	return q.call.Tiles(q.batch, func(n int) {
		if !q.active(n, t) {
			return
		}
		state := func(v []T) []T { return v[n*q.hid:][:q.hid] }
		f(memory[T]{
			line:  q.lines[(t*q.batch+n)*q.wide:][:q.wide],
			gates: q.gates[n*q.wide:][:q.wide],
			h:     state(q.h), cell: state(q.cell), tmp: state(q.tmp),
		})
	})
}

// active reports whether entry n of the batch has a time t.
func (q *recurrence[T]) active(n, t int) bool { return q.lens == nil || t < int(q.lens[n]) }

// gate clips v and applies activation k of the direction to it.
func (q *recurrence[T]) gate(k int, v []T) {
	if clip := T(q.attrs.Clip); clip > 0 {
		for i := range v {
			v[i] = max(-clip, min(clip, v[i]))
		}
	}
	q.activate(k, v)
}

func (q *recurrence[T]) activate(k int, v []T) {
	q.apply[q.dir*q.activations+k].apply(tensor.Bytes(v), tensor.Bytes(v))
}

// put writes block i of (batch, hid) of a result: v, or zeros where an entry
// has no such time.
func (q *recurrence[T]) put(y Tensor, i int, v []T, active func(n int) bool) {
	for n := range q.batch {
		row, at := v[n*q.hid:][:q.hid], (i*q.batch+n)*q.hid
		switch {
		case !active(n):
			size := y.DType.Size()
			clear(y.Data[at*size : (at+q.hid)*size])
		case isHalf(y.DType):
			writeFloat32(y, at, any(row).([]float32))
		default:
			copy(tensor.View[T](y.Data)[at:], row)
		}
	}
}
