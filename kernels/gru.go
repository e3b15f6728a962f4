package kernels

import "github.com/glovebox-ml/glovebox/kernels/tensor"

// GRU is a gated recurrent unit, as ONNX defines it. For each time t, with the
// gates in the order z, r, n and activations F, G:
//
//	z = F(x[t]·Wz + h·Rz + bz)
//	r = F(x[t]·Wr + h·Rr + br)
//	n = G(x[t]·Wn + (r∘h)·Rn + bn), or with LinearBefore
//	n = G(x[t]·Wn + r∘(h·Rn + b of Rn) + b of Wn)
//	h = (1-z)∘n + z∘h
//
// where b are the biases of W and R added up; see LSTM for the rest.
//
//	x      float [time, batch, in]
//	W      like x [dirs, 3·hidden, in]
//	R      like x [dirs, 3·hidden, hidden]
//	B      like x [dirs, 6·hidden], of W, then of R; optional
//	h0     like x [dirs, batch, hidden]; optional
//	len    int32 [batch], at most time; optional
//	attrs  Direction, Activations (F, G of each direction) with Alpha and Beta, Clip, LinearBefore
//	Y      like x [time, dirs, batch, hidden]
//	h      like x [dirs, batch, hidden]
var GRU = Op{name: "gru", plan: planner(planGRU), pack: packRecurrent, run: runGRU}

func planGRU(in []tensor.Type, a RecurrentAttrs) (Plan, error) {
	return planRecurrent(in, a, recurrentKind{gates: 3, activations: 2, parts: []int64{2, 1}})
}

func runGRU(c *Call) error {
	if c.In[recX].DType == tensor.Float64 {
		return recur(c, stepGRU[float64])
	}
	return recur(c, stepGRU[float32])
}

func stepGRU[T real](q *recurrence[T], t int) error {
	if err := q.project(0, q.h); err != nil {
		return err
	}
	inner := q.h // what the new gate multiplies
	if !q.attrs.LinearBefore {
		inner = q.tmp
	}
	err := q.each(t, func(m memory[T]) {
		both := m.gates[:2*q.hid]
		for j := range both {
			both[j] = m.line[j] + both[j]
		}
		q.gate(0, both)
		for j, r := range both[q.hid:] {
			m.tmp[j] = r * m.h[j]
		}
	})
	if err != nil {
		return err
	}
	if err := q.project(1, inner); err != nil {
		return err
	}
	return q.each(t, func(m memory[T]) {
		z, r, n := m.gates[:q.hid], m.gates[q.hid:2*q.hid], m.gates[2*q.hid:]
		if q.attrs.LinearBefore {
			if bias := q.in[recBias]; bias != nil {
				for j, b := range bias[(2*q.dir+2)*q.wide-q.hid:][:q.hid] {
					n[j] += b
				}
			}
			for j, v := range r {
				n[j] *= v
			}
		}
		for j, v := range m.line[2*q.hid:] {
			n[j] = v + n[j]
		}
		q.gate(1, n)
		for j, v := range z {
			m.h[j] = T((1-v)*n[j]) + T(v*m.h[j])
		}
	})
}
