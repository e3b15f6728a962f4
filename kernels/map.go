package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Map runs an elementwise program on inputs that broadcast against each other,
// as numpy does.
//
//	y[i] = program(x0[i], x1[i], …) for every index i of the common shape
//
//	x0 … x7  any type, each dim 1 or that of the common shape, counted from the last
//	attrs    Program
//	y0 … y3  the common shape; types as the program computes them
//
// The shape of no inputs is that of a scalar.
var Map = Op{name: "map", plan: planner(planMap), run: runMap}

// MapAttrs are the attributes of Map.
type MapAttrs struct{ Program Program }

func planMap(in []tensor.Type, a MapAttrs) (Plan, error) {
	shape, err := common(in)
	if err != nil {
		return Plan{}, err
	}
	t, err := newTape(a.Program, in, shape)
	if err != nil {
		return Plan{}, err
	}
	p := Plan{Flops: tensor.MulSat(shape.Elems(), t.cost), step: t}
	for i := range in {
		p.Bytes = tensor.AddSat(p.Bytes, in[i].Bytes())
	}
	for _, o := range t.out {
		y := shape
		y.DType = o.dtype
		p.Out = append(p.Out, y)
		p.Bytes = tensor.AddSat(p.Bytes, y.Bytes())
	}
	return p, nil
}

// common is the shape to which all inputs broadcast.
func common(in []tensor.Type) (tensor.Type, error) {
	shape := tensor.Type{DType: tensor.Bool}
	for i := range in {
		shape.Rank = max(shape.Rank, in[i].Rank)
	}
	for k := range shape.Shape() {
		shape.Dims[k] = 1
	}
	for i := range in {
		lead := int(shape.Rank - in[i].Rank)
		for k, n := range in[i].Shape() {
			d := &shape.Dims[lead+k]
			if *d == 1 {
				*d = n
			} else if n != 1 && n != *d {
				return shape, fmt.Errorf("%w: input %d is %v, another has %d there", ErrShape, i, in[i], *d)
			}
		}
	}
	return shape, nil
}

func runMap(c *Call) error {
	chunk := c.Plan.step.(*tape).chunk()
	return c.Each(int((c.Out[0].Elems()+chunk-1)/chunk), mapTile)
}

func mapTile(c *Call, i int) {
	t := c.Plan.step.(*tape)
	f := t.frame()
	for k := range c.In {
		f.in[k] = c.In[k].Data
	}
	for k := range c.Out {
		f.out[k] = c.Out[k].Data
	}
	from := int64(i) * t.chunk()
	t.run(f, from, min(from+t.chunk(), c.Out[0].Elems()))
	t.release(f)
}
