package kernels

import "github.com/glovebox-ml/glovebox/kernels/tensor"

// LSTM is a long short-term memory, as ONNX defines it. For each time t, with
// the gates in the order i, o, f, g and activations F, G, H:
//
//	i = F(x[t]·Wi + h·Ri + bi + Pi∘c)
//	f = F(x[t]·Wf + h·Rf + bf + Pf∘c), or 1 - i when Coupled
//	c = f∘c + i∘G(x[t]·Wg + h·Rg + bg)
//	o = F(x[t]·Wo + h·Ro + bo + Po∘c)
//	h = o∘H(c)
//
// where b are the biases of W and R added up. A product is as in MatMul; to
// that of x the bias is added, then that of h, then the peephole. Past its
// length an entry of the batch keeps its state and Y is 0; in reverse it
// starts at its length. The activations of gates, F and G, see their argument within
// ±Clip.
//
//	x      float [time, batch, in]
//	W      like x [dirs, 4·hidden, in]
//	R      like x [dirs, 4·hidden, hidden]
//	B      like x [dirs, 8·hidden], of W, then of R; optional
//	h0     like x [dirs, batch, hidden]; optional
//	len    int32 [batch], at most time; optional
//	c0     like x [dirs, batch, hidden]; optional
//	P      like x [dirs, 3·hidden] for i, o, f; optional
//	attrs  Direction, Activations (F, G, H of each direction) with Alpha and Beta, Clip, Coupled
//	Y      like x [time, dirs, batch, hidden]
//	h, c   like x [dirs, batch, hidden]
var LSTM = Op{name: "lstm", plan: planner(planLSTM), pack: packRecurrent, run: runLSTM}

func planLSTM(in []tensor.Type, a RecurrentAttrs) (Plan, error) {
	return planRecurrent(in, a, recurrentKind{gates: 4, activations: 3, parts: []int64{4}, cell: true})
}

func runLSTM(c *Call) error {
	if c.In[recX].DType == tensor.Float64 {
		return recur(c, stepLSTM[float64])
	}
	return recur(c, stepLSTM[float32])
}

func stepLSTM[T real](q *recurrence[T], t int) error {
	if err := q.project(0, q.h); err != nil {
		return err
	}
	return q.each(t, func(m memory[T]) {
		for j, v := range m.line {
			m.gates[j] = v + m.gates[j]
		}
		part := func(k int) []T { return m.gates[k*q.hid:][:q.hid] }
		i, o, f, g := part(0), part(1), part(2), part(3)
		peep := func(k int, gate []T) {
			if all := q.in[recPeep]; all != nil {
				for j, w := range all[(q.dir*3+k)*q.hid:][:q.hid] {
					gate[j] += T(w * m.cell[j])
				}
			}
		}
		peep(0, i)
		q.gate(0, i)
		if q.attrs.Coupled {
			for j, v := range i {
				f[j] = 1 - v
			}
		} else {
			peep(2, f)
			q.gate(0, f)
		}
		q.gate(1, g)
		for j, v := range m.cell {
			m.cell[j] = T(f[j]*v) + T(i[j]*g[j])
		}
		peep(1, o)
		q.gate(0, o)
		copy(m.tmp, m.cell)
		q.activate(2, m.tmp)
		for j, v := range m.tmp {
			m.h[j] = o[j] * v
		}
	})
}
