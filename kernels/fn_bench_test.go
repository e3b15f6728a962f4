package kernels

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// BenchmarkFunctions times every function of the table on every type: for
// elements of usual size, for any bits and for a first operand of subnormal
// size. Beside them stands what the table charges. The fastest of all runs
// counts; -benchtime=30x are enough.
func BenchmarkFunctions(b *testing.B) {
	for f := range functions {
		row := &functions[f]
		for d := tensor.Float32; d <= tensor.Bool; d++ {
			if row.on&classOf(d) == 0 {
				continue
			}
			if Fn(f) != FnCast {
				b.Run(fmt.Sprintf("%v/%v", Fn(f), d), func(b *testing.B) { benchFunction(b, Fn(f), d, d) })
				continue
			}
			for from := tensor.Float32; from <= tensor.Bool; from++ {
				b.Run(fmt.Sprintf("cast/%v/%v", from, d), func(b *testing.B) { benchFunction(b, FnCast, d, from) })
			}
		}
	}
}

func benchFunction(b *testing.B, f Fn, d, from tensor.DType) {
	const n = 1 << 14
	r := newDice()
	row := &functions[f]
	i := Instr{Fn: f, DType: d}
	switch row.imm {
	case immSigns:
		i.Imm = 3
	case immAlpha, immBoth:
		i.Imm = uint64(math.Float32bits(0.75)) | uint64(math.Float32bits(1.25))<<32
		if row.imm == immAlpha {
			i.Imm &= math.MaxUint32
		}
	}
	calls := map[string]*Call{}
	for name, first := range map[string]func(d tensor.DType) Tensor{
		"ns/elem":           func(d tensor.DType) Tensor { return r.numbers(d, n) },
		"any-ns/elem":       func(d tensor.DType) Tensor { return r.tensor(d, n) },
		"subnormal-ns/elem": func(d tensor.DType) Tensor { return r.subnormal(d, n) },
	} {
		if name[0] == 's' && (!from.IsFloat() || row.arity == 0) {
			continue
		}
		var in []Tensor
		for k := range max(row.arity, 1) {
			*[]*uint8{&i.A, &i.B, &i.C}[k] = uint8(min(k, row.arity))
			t := from
			if f == FnSelect && k == 0 {
				t = tensor.Bool
			}
			switch {
			case k == 0 || name[0] == 'a':
				in = append(in, first(t))
			default:
				in = append(in, r.numbers(t, n))
			}
		}
		calls[name] = planned(b, &Map, MapAttrs{Program{[]Instr{i}, []int64{int64(len(in))}}}, in...)
	}
	best := map[string]time.Duration{}
	for b.Loop() {
		for name, c := range calls {
			start := time.Now()
			if err := Map.Run(c); err != nil {
				b.Fatal(err)
			}
			if t := time.Since(start); best[name] == 0 || t < best[name] {
				best[name] = t
			}
		}
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(row.of(d)), "cost")
	for name, t := range best {
		b.ReportMetric(float64(t)/n, name)
	}
}

// subnormal has random floats that are subnormal, but for a few.
func (r dice) subnormal(d tensor.DType, dims ...int64) Tensor {
	v := values(r.numbers(tensor.Float32, dims...))
	for i := range v {
		switch d {
		case tensor.Float16:
			v[i] *= 0x1p-17
		case tensor.Float64:
			v[i] *= 0x1p-1025
		default:
			v[i] *= 0x1p-129
		}
	}
	return tensorOf(d, dims, v)
}
