package kernels

import "github.com/glovebox-ml/glovebox/kernels/tensor"

// Nonzero finds the elements that are not zero; NaN is not, -0 is.
//
//	y[d, j] = dim d of the index of the j-th of them, in row-major order
//
//	x      any [...]
//	y      int64 [rank, elements of x]; columns from count on are 0
//	count  int64 []
var Nonzero = Op{name: "nonzero", plan: planner(planNonzero), run: bySize(runNonzero[uint8], runNonzero[uint16], runNonzero[uint32], runNonzero[uint64])}

// NonzeroAttrs are the attributes of Nonzero.
type NonzeroAttrs struct{}

// nonzeroChunk is how many elements one tile looks at.
const nonzeroChunk = 16 << 10

func planNonzero(in []tensor.Type, _ NonzeroAttrs) (Plan, error) {
	if err := required(in, 1); err != nil {
		return Plan{}, err
	}
	x := in[0]
	y, err := sized(tensor.Int64, []int64{int64(x.Rank), x.Elems()})
	if err != nil {
		return Plan{}, err
	}
	return Plan{
		Out:     []tensor.Type{y, tensor.Of(tensor.Int64)},
		Scratch: 8 * ((x.Elems() + nonzeroChunk - 1) / nonzeroChunk),
		Flops:   2*x.Elems() + y.Elems(),
		Bytes:   2*x.Bytes() + y.Bytes() + 8,
	}, nil
}

// runNonzero counts in each chunk, so that every chunk knows where its columns
// begin, and then writes them.
func runNonzero[T word](c *Call) error {
	x, y := tensor.View[T](c.In[0].Data), tensor.View[int64](c.Out[0].Data)
	dims, starts := c.In[0].Shape(), tensor.View[int64](c.Scratch)
	value := ^T(0)
	if c.In[0].DType.IsFloat() {
		value >>= 1 // all but the sign
	}
	chunk := func(i int) []T { return x[i*nonzeroChunk : min((i+1)*nonzeroChunk, len(x))] }
	err := c.Tiles(len(starts), func(i int) {
		n := int64(0)
		for _, v := range chunk(i) {
			if v&value != 0 {
				n++
			}
		}
		starts[i] = n
	})
	if err != nil {
		return err
	}
	count := int64(0)
	for i, n := range starts {
		starts[i] = count
		count += n
	}
	tensor.View[int64](c.Out[1].Data)[0] = count
	err = c.Tiles(len(starts), func(i int) {
		column := starts[i]
		for j, v := range chunk(i) {
			if v&value == 0 {
				continue
			}
			flat := int64(i*nonzeroChunk + j)
			for d := len(dims) - 1; d >= 0; d-- {
				y[d*len(x)+int(column)] = flat % dims[d]
				flat /= dims[d]
			}
			column++
		}
	})
	if err != nil {
		return err
	}
	for d := range dims {
		rest := y[int64(d*len(x))+count : (d+1)*len(x)]
		err := c.split(int64(len(rest)), 8, func(lo, hi int64) { clear(rest[lo:hi]) })
		if err != nil {
			return err
		}
	}
	return nil
}
