package kernels

import (
	"context"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// numbers has random elements of about 1, or small integers.
func (r dice) numbers(d tensor.DType, dims ...int64) Tensor {
	t := tensor.Of(d, dims...)
	v := make([]float64, t.Elems())
	for i := range v {
		switch {
		case d.IsFloat():
			v[i] = r.NormFloat64()
		case d == tensor.Bool:
			v[i] = float64(r.IntN(2))
		case d.IsSigned():
			v[i] = float64(r.IntN(21) - 10)
		default:
			v[i] = float64(r.IntN(11))
		}
	}
	return tensorOf(d, dims, v)
}

// tensorOf has the elements v in row-major order.
func tensorOf(d tensor.DType, dims []int64, v []float64) Tensor {
	t := Tensor{Type: tensor.Of(d, dims...)}
	t.Data = tensor.Aligned(t.Bytes())
	for i, x := range v {
		switch d {
		case tensor.Float32, tensor.Float16, tensor.BFloat16:
			writeFloat32(t, i, []float32{float32(x)})
		case tensor.Float64:
			tensor.View[float64](t.Data)[i] = x
		default:
			copy(t.Data[i*d.Size():], appendInt(nil, d, int64(x)))
		}
	}
	return t
}

// values are the elements of t.
func values(t Tensor) []float64 {
	v := make([]float64, t.Elems())
	for i := range v {
		b := t.Data[i*t.DType.Size():][:t.DType.Size()]
		switch t.DType {
		case tensor.Float32, tensor.Float16, tensor.BFloat16:
			var f [1]float32
			readFloat32(f[:], t, i)
			v[i] = float64(f[0])
		case tensor.Float64:
			v[i] = tensor.View[float64](t.Data)[i]
		default:
			n := int64(0)
			for k := len(b) - 1; k >= 0; k-- {
				n = n<<8 | int64(b[k])
			}
			if t.DType.IsSigned() {
				shift := 64 - 8*len(b)
				n = n << shift >> shift
			}
			v[i] = float64(n)
		}
	}
	return v
}

// epsilon is the distance from 1 to the next number of d.
func epsilon(d tensor.DType) float64 {
	switch d {
	case tensor.Float32:
		return 0x1p-23
	case tensor.Float64:
		return 0x1p-52
	case tensor.Float16:
		return 0x1p-10
	case tensor.BFloat16:
		return 0x1p-7
	}
	return 0
}

// near demands that y has the elements want, up to ulps roundings of numbers
// of the size of scale.
func near(t testing.TB, y Tensor, want []float64, ulps, scale float64) {
	t.Helper()
	got := values(y)
	if len(got) != len(want) {
		t.Fatalf("%v: want %d elements", y.Type, len(want))
	}
	for i := range want {
		limit := ulps * epsilon(y.DType) * math.Max(scale, math.Abs(want[i]))
		if got[i] == want[i] || math.Abs(got[i]-want[i]) <= limit || got[i] != got[i] && want[i] != want[i] {
			continue
		}
		t.Fatalf("%v: element %d is %v, want %v", y.Type, i, got[i], want[i])
	}
}

// must runs a call that Plan accepts.
func must(t testing.TB, op *Op, attrs any, in ...Tensor) []Tensor {
	t.Helper()
	out, err := everywhere(t, op, attrs, in...)
	if err != nil {
		t.Fatalf("%+v: %v", attrs, err)
	}
	return out
}

// packed runs op with the packed form of input 1 and demands the result that
// it gives without.
func packed(t testing.TB, op *Op, attrs any, want Tensor, in ...Tensor) {
	t.Helper()
	c := planned(t, op, attrs, in...)
	c.In = append([]Tensor{}, in...)
	c.Scratch = c.Scratch[c.Plan.Packed:]
	if c.Plan.Packed > 0 {
		c.Packed = tensor.Aligned(c.Plan.Packed)
		if err := op.Pack(c, in[1], c.Packed); err != nil {
			t.Fatal(err)
		}
		c.In[1].Data = nil
	}
	if err := op.Run(c); err != nil {
		t.Fatal(err)
	}
	if string(c.Out[0].Data) != string(want.Data) {
		t.Fatalf("%s %+v: packed and unpacked weights differ", op.Name(), attrs)
	}
}

// planned is a call with its memory, ready to run.
func planned(t testing.TB, op *Op, attrs any, in ...Tensor) *Call {
	t.Helper()
	types := make([]tensor.Type, len(in))
	for i := range in {
		types[i] = in[i].Type
	}
	p, err := op.Plan(types, attrs)
	if err != nil {
		t.Fatal(err)
	}
	c := &Call{Ctx: context.Background(), Plan: &p, In: in, Scratch: tensor.Aligned(p.Scratch)}
	for _, y := range p.Out {
		c.Out = append(c.Out, Tensor{y, tensor.Aligned(y.Bytes())})
	}
	return c
}

// bench runs a call again and again and reports the time of each of its work
// units.
func bench(b *testing.B, work int64, unit string, op *Op, attrs any, in ...Tensor) {
	b.Helper()
	benchOn(b, nil, work, unit, op, attrs, in...)
}

// benchOn is bench on the workers of a pool, whose peak is that of all cores.
func benchOn(b *testing.B, pool *Pool, work int64, unit string, op *Op, attrs any, in ...Tensor) {
	b.Helper()
	c := planned(b, op, attrs, in...)
	c.Pool = pool
	cores := 1.0
	if pool != nil {
		cores += float64(len(pool.workers))
	}
	if op.HasPack() && c.Plan.Packed > 0 {
		c.Packed = tensor.Aligned(c.Plan.Packed)
		if err := op.Pack(c, in[1], c.Packed); err != nil {
			b.Fatal(err)
		}
	}
	benchPeak(b, cores, work, unit, func() {
		if err := op.Run(c); err != nil {
			b.Fatal(err)
		}
	})
}

// benchPeak runs what does so many multiply-adds again and again, on so many
// cores, and reports its share of what the cores could do.
func benchPeak(b *testing.B, cores float64, work int64, unit string, op func()) {
	b.Helper()
	// After runs that keep the workers awake the peak is measured for as long,
	// so that what disturbs one disturbs the other, in pieces as long as a run.
	// The fastest of either are those that nothing else on the machine disturbed.
	const batch = 10 * time.Millisecond
	rate := func(flops int, t time.Duration) float64 { return float64(flops) / float64(t) }
	best, most := time.Duration(math.MaxInt64), 0.0
	took, runs, shares := time.Duration(0), 0, []float64{}
	for b.Loop() {
		start := time.Now()
		op()
		run := time.Since(start)
		best, took, runs = min(best, run), took+run, runs+1
		if took < batch {
			continue
		}
		b.StopTimer()
		flops, peak := 0, time.Duration(0)
		for peak < took {
			n, piece := 0, time.Duration(0)
			for start = time.Now(); piece < best; piece = time.Since(start) {
				n += simd.Peak(10_000)
			}
			flops, peak, most = flops+n, peak+piece, max(most, rate(n, piece))
		}
		shares = append(shares, rate(2*int(work)*runs, took)/rate(flops, peak)/cores)
		took, runs = 0, 0
		b.StartTimer()
	}
	slices.Sort(shares)
	b.ReportMetric(float64(work)/float64(best), unit+"/ns")
	if len(shares) > 0 {
		b.ReportMetric(100*shares[len(shares)/2], "%peak")
		b.ReportMetric(100*rate(2*int(work), best)/most/cores, "%best")
	}
}
