package kernels

import (
	"math"
	"testing"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

func sigmoid(x float64) float64 { return 1 / (1 + math.Exp(-x)) }

// naiveRecurrent runs one entry of the batch at a time, as the docs of LSTM,
// GRU and RNN have it, with sigmoid and tanh.
func naiveRecurrent(op *Op, a RecurrentAttrs, in [recLimit]Tensor) (y, h, c []float64) {
	time, batch, size := in[recX].Dims[0], in[recX].Dims[1], in[recX].Dims[2]
	dirs, wide, hid := in[recR].Dims[0], in[recR].Dims[1], in[recR].Dims[2]
	var v [recLimit][]float64
	for i := range in {
		if in[i].Data != nil || in[i].DType != 0 {
			v[i] = values(in[i])
		}
	}
	zeros := func(p *[]float64, n int64) {
		if *p == nil {
			*p = make([]float64, n)
		}
	}
	zeros(&v[recBias], dirs*2*wide)
	zeros(&v[recH], dirs*batch*hid)
	zeros(&v[recC], dirs*batch*hid)
	zeros(&v[recPeep], dirs*3*hid)
	y, h, c = make([]float64, time*dirs*batch*hid), v[recH], v[recC]
	for d := range dirs {
		for n := range batch {
			length := time
			if v[recLen] != nil {
				length = int64(v[recLen][n])
			}
			hs, cs := h[(d*batch+n)*hid:][:hid], c[(d*batch+n)*hid:][:hid]
			for step := range length {
				t := step
				if a.Direction == DirReverse || d == 1 {
					t = length - 1 - step
				}
				clip := func(x float64) float64 {
					if a.Clip > 0 {
						return math.Max(-float64(a.Clip), math.Min(float64(a.Clip), x))
					}
					return x
				}
				ofX := func(row int64) float64 {
					s := v[recBias][d*2*wide+row]
					for k := range size {
						s += v[recX][(t*batch+n)*size+k] * v[recW][(d*wide+row)*size+k]
					}
					return s
				}
				ofH := func(row int64, state []float64) float64 {
					s := v[recBias][d*2*wide+wide+row]
					for k, u := range state {
						s += u * v[recR][(d*wide+row)*hid+int64(k)]
					}
					return s
				}
				peep := func(k, j int64) float64 { return v[recPeep][(d*3+k)*hid+j] }
				next, cell := make([]float64, hid), make([]float64, hid)
				reset := make([]float64, hid)
				for j := range hid {
					if op == &GRU {
						reset[j] = sigmoid(clip(ofX(hid+j)+ofH(hid+j, hs))) * hs[j]
					}
				}
				for j := range hid {
					switch op {
					case &RNN:
						next[j] = math.Tanh(clip(ofX(j) + ofH(j, hs)))
					case &GRU:
						z := sigmoid(clip(ofX(j) + ofH(j, hs)))
						inner := ofH(2*hid+j, reset)
						if a.LinearBefore {
							inner = sigmoid(clip(ofX(hid+j)+ofH(hid+j, hs))) * ofH(2*hid+j, hs)
						}
						next[j] = (1-z)*math.Tanh(clip(ofX(2*hid+j)+inner)) + z*hs[j]
					case &LSTM:
						i := sigmoid(clip(ofX(j) + ofH(j, hs) + peep(0, j)*cs[j]))
						f := sigmoid(clip(ofX(2*hid+j) + ofH(2*hid+j, hs) + peep(2, j)*cs[j]))
						if a.Coupled {
							f = 1 - i
						}
						cell[j] = f*cs[j] + i*math.Tanh(clip(ofX(3*hid+j)+ofH(3*hid+j, hs)))
						o := sigmoid(clip(ofX(hid+j) + ofH(hid+j, hs) + peep(1, j)*cell[j]))
						next[j] = o * math.Tanh(cell[j])
					}
				}
				copy(hs, next)
				copy(cs, cell)
				copy(y[((t*dirs+d)*batch+n)*hid:], hs)
			}
		}
	}
	return y, h, c
}

// usual are the usual activations of an op for so many directions.
func usual(op *Op, dirs int64) (fns []int64) {
	for range dirs {
		fns = append(fns, map[*Op][]int64{
			&LSTM: {int64(FnSigmoid), int64(FnTanh), int64(FnTanh)}, &GRU: {int64(FnSigmoid), int64(FnTanh)}, &RNN: {int64(FnTanh)},
		}[op]...)
	}
	return fns
}

// tryRecurrent holds an op of so many gates against the naive loop.
func tryRecurrent(t *testing.T, op *Op, wide int64) {
	r := newDice()
	dtypes := []tensor.DType{tensor.Float32, tensor.Float32, tensor.Float64, tensor.Float16, tensor.BFloat16}
	for range 50 {
		d, dirs := dtypes[r.IntN(len(dtypes))], 1+r.Int64N(2)
		time, batch, size, hid := r.Int64N(6), r.Int64N(4), r.Int64N(20), 1+r.Int64N(20)
		a := RecurrentAttrs{Direction: DirBidirectional, Clip: []float32{0, 0.5}[r.IntN(2)],
			Coupled: op == &LSTM && r.IntN(2) == 0, LinearBefore: op == &GRU && r.IntN(2) == 0}
		if dirs == 1 {
			a.Direction = 1 + r.Int64N(2)
		}
		a.Activations = usual(op, dirs)
		a.Alpha, a.Beta = make([]int64, len(a.Activations)), make([]int64, len(a.Activations))
		small := func(dims ...int64) Tensor {
			v := values(r.numbers(tensor.Float64, dims...))
			for i := range v {
				v[i] /= 4
			}
			return tensorOf(d, dims, v)
		}
		all := [recLimit]Tensor{
			small(time, batch, size), small(dirs, wide*hid, size), small(dirs, wide*hid, hid), small(dirs, 2*wide*hid), small(dirs, batch, hid),
			r.numbers(tensor.Int32, batch), small(dirs, batch, hid), small(dirs, 3*hid),
		}
		for n := range batch {
			tensor.View[int32](all[recLen].Data)[n] = int32(r.Int64N(time + 1))
		}
		for i := recBias; i < recLimit; i++ {
			if r.IntN(2) == 0 || op != &LSTM && i >= recCommon {
				all[i] = Tensor{}
			}
		}
		in := all[:]
		if op != &LSTM {
			in = all[:recCommon]
		}
		out := must(t, op, a, in...)
		packed(t, op, a, out[0], in...)
		y, h, c := naiveRecurrent(op, a, all)
		near(t, out[0], y, 16, 1)
		near(t, out[1], h, 16, 1)
		if op == &LSTM {
			near(t, out[2], c, 16, 4)
		}
	}
}
