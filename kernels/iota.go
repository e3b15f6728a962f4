package kernels

import (
	"fmt"
	"math"
	"math/bits"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Iota counts.
//
//	y[k] = Start + k·Step
//
//	attrs  N, Start, Step, DType (a number, not Bool)
//	y      DType [N]
//
// The sum is exact; a float type rounds it. No value may be outside an integer
// type.
var Iota = Op{name: "iota", plan: planner(planIota), run: runIota}

// IotaAttrs are the attributes of Iota.
type IotaAttrs struct {
	N, Start, Step int64
	DType          int64
}

func planIota(in []tensor.Type, a IotaAttrs) (Plan, error) {
	if err := required(in, 0); err != nil {
		return Plan{}, err
	}
	d, err := element(a.DType)
	if err != nil {
		return Plan{}, err
	}
	if d == tensor.Bool {
		return Plan{}, fmt.Errorf("%w: %v", ErrDType, d)
	}
	y, err := sized(d, []int64{a.N})
	if err != nil {
		return Plan{}, err
	}
	lo, hi := integerRange(d)
	last, ok := progression(a.Start, a.Step, a.N-1)
	if a.N > 0 && (!ok || min(a.Start, last) < lo || max(a.Start, last) > hi) {
		return Plan{}, fmt.Errorf("%w: %d by %d as %v", ErrAttr, a.Start, a.Step, d)
	}
	p := moving(y, a)
	p.Bytes = y.Bytes()
	return p, nil
}

// progression is start + k·step and whether an int64 holds it.
func progression(start, step, k int64) (v int64, ok bool) {
	size := uint64(step)
	if step < 0 {
		size = -size
	}
	hi, p := bits.Mul64(size, uint64(max(k, 0)))
	if hi != 0 || p > math.MaxInt64 {
		return 0, false
	}
	if step < 0 {
		v = start - int64(p)
		return v, v <= start
	}
	v = start + int64(p)
	return v, v >= start
}

// integerRange is the part of int64 that d holds; all of it for a float.
func integerRange(d tensor.DType) (lo, hi int64) {
	if d.IsFloat() || d == tensor.Int64 {
		return math.MinInt64, math.MaxInt64
	}
	if d == tensor.Uint64 {
		return 0, math.MaxInt64
	}
	bits := 8 * d.Size()
	if d.IsSigned() {
		return -1 << (bits - 1), 1<<(bits-1) - 1
	}
	return 0, 1<<bits - 1
}

func runIota(c *Call) error {
	switch d := c.Out[0].DType; d {
	case tensor.Float32:
		return countUp(c, func(v int64) float32 { return float32(v) })
	case tensor.Float64:
		return countUp(c, func(v int64) float64 { return float64(v) })
	case tensor.Float16, tensor.BFloat16:
		narrow := halfOf(d).narrow
		return countUp(c, func(v int64) uint16 { return narrow(oddFloat32(uint64(v), uint64(v>>63))) })
	default:
		switch d.Size() {
		case 1:
			return countUp(c, func(v int64) uint8 { return uint8(v) })
		case 2:
			return countUp(c, func(v int64) uint16 { return uint16(v) })
		case 4:
			return countUp(c, func(v int64) uint32 { return uint32(v) })
		default:
			return countUp(c, func(v int64) uint64 { return uint64(v) })
		}
	}
}

func countUp[T tensor.Element](c *Call, as func(int64) T) error {
	a, y := c.Plan.step.(IotaAttrs), tensor.View[T](c.Out[0].Data)
	return c.split(a.N, int64(c.Out[0].DType.Size()), func(lo, hi int64) {
		for k := lo; k < hi; k++ {
			y[k] = as(a.Start + k*a.Step)
		}
	})
}
