package kernels

import "github.com/glovebox-ml/glovebox/kernels/tensor"

// RNN is the simple recurrent net, as ONNX defines it. For each time t:
//
//	h = F(x[t]·W + h·R + b)
//
// where b are the biases of W and R added up; see LSTM for the rest.
//
//	x      float [time, batch, in]
//	W      like x [dirs, hidden, in]
//	R      like x [dirs, hidden, hidden]
//	B      like x [dirs, 2·hidden], of W, then of R; optional
//	h0     like x [dirs, batch, hidden]; optional
//	len    int32 [batch], at most time; optional
//	attrs  Direction, Activations (F of each direction) with Alpha and Beta, Clip
//	Y      like x [time, dirs, batch, hidden]
//	h      like x [dirs, batch, hidden]
var RNN = Op{name: "rnn", plan: planner(planRNN), pack: packRecurrent, run: runRNN}

func planRNN(in []tensor.Type, a RecurrentAttrs) (Plan, error) {
	return planRecurrent(in, a, recurrentKind{gates: 1, activations: 1, parts: []int64{1}})
}

func runRNN(c *Call) error {
	if c.In[recX].DType == tensor.Float64 {
		return recur(c, stepRNN[float64])
	}
	return recur(c, stepRNN[float32])
}

func stepRNN[T real](q *recurrence[T], t int) error {
	if err := q.project(0, q.h); err != nil {
		return err
	}
	return q.each(t, func(m memory[T]) {
		for j, v := range m.line {
			m.gates[j] = v + m.gates[j]
		}
		q.gate(0, m.gates)
		copy(m.h, m.gates)
	})
}
