package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// scatterable refuses updates u of x that Reduce cannot take.
func scatterable(x, u *tensor.Type, reduce int64) error {
	if u.DType != x.DType {
		return fmt.Errorf("%w: updates %v of %v", ErrDType, u, x)
	}
	switch reduce {
	case 0:
		return nil
	case ReduceSum, ReduceProd, ReduceMin, ReduceMax:
	default:
		return fmt.Errorf("%w: reduction %d", ErrAttr, reduce)
	}
	if x.DType == tensor.Bool {
		return fmt.Errorf("%w: reduction of %v", ErrDType, x)
	}
	return nil
}

// scattering is the plan of a scatter of the indices i.
func scattering(in []tensor.Type, step any) Plan {
	x, i, u := in[0], in[1], in[2]
	p := moving(x, step)
	p.Flops = tensor.AddSat(p.Flops, 2*u.Elems())
	p.Bytes = tensor.AddSat(p.Bytes, tensor.AddSat(i.Bytes(), 3*u.Bytes()))
	return p
}

// merge joins n elements of the updates, counted from from, into n elements of
// the result, counted from at.
type merge func(at, from, n int64)

// merger copies x to the result and gives the merge of its type. Sums are
// formed in the order of the calls.
func (c *Call) merger(reduce int64) (merge, error) {
	if err := runView(c); err != nil {
		return nil, err
	}
	y, u := c.Out[0].Data, c.In[2].Data
	if reduce == 0 {
		switch c.Out[0].DType.Size() {
		case 1:
			return mergeWords[uint8](y, u), nil
		case 2:
			return mergeWords[uint16](y, u), nil
		case 4:
			return mergeWords[uint32](y, u), nil
		default:
			return mergeWords[uint64](y, u), nil
		}
	}
	switch d := c.Out[0].DType; d {
	case tensor.Float32:
		return mergeNumbers[float32](y, u, reduce), nil
	case tensor.Float64:
		return mergeNumbers[float64](y, u, reduce), nil
	case tensor.Float16, tensor.BFloat16:
		return mergeHalves(y, u, halfOf(d), reduce), nil
	case tensor.Int8:
		return mergeNumbers[int8](y, u, reduce), nil
	case tensor.Int16:
		return mergeNumbers[int16](y, u, reduce), nil
	case tensor.Int32:
		return mergeNumbers[int32](y, u, reduce), nil
	case tensor.Int64:
		return mergeNumbers[int64](y, u, reduce), nil
	case tensor.Uint8:
		return mergeNumbers[uint8](y, u, reduce), nil
	case tensor.Uint16:
		return mergeNumbers[uint16](y, u, reduce), nil
	case tensor.Uint32:
		return mergeNumbers[uint32](y, u, reduce), nil
	default:
		return mergeNumbers[uint64](y, u, reduce), nil
	}
}

func mergeWords[T word](out, updates []byte) merge {
	y, u := tensor.View[T](out), tensor.View[T](updates)
	return func(at, from, n int64) { copyRun(y[at:at+n], u[from:from+n]) }
}

func mergeNumbers[T number](out, updates []byte, reduce int64) merge {
	y, u := tensor.View[T](out), tensor.View[T](updates)
	join := joins[T](reduce)
	return func(at, from, n int64) {
		d := y[at : at+n]
		for i, v := range u[from : from+n] {
			d[i] = join(d[i], v)
		}
	}
}

func mergeHalves(out, updates []byte, h half, reduce int64) merge {
	y, u := tensor.View[uint16](out), tensor.View[uint16](updates)
	join := joins[float32](reduce)
	return func(at, from, n int64) {
		d := y[at : at+n]
		for i, v := range u[from : from+n] {
			d[i] = h.narrow(join(h.widen(d[i]), h.widen(v)))
		}
	}
}

// joins is a reduction of two numbers. Integers wrap; the smaller and the
// larger of a number and NaN is NaN.
func joins[T number](reduce int64) func(a, b T) T {
	switch reduce {
	case ReduceSum:
		return func(a, b T) T { return a + b }
	case ReduceProd:
		return func(a, b T) T { return a * b }
	case ReduceMin:
		return func(a, b T) T { return min(a, b) }
	default:
		return func(a, b T) T { return max(a, b) }
	}
}
