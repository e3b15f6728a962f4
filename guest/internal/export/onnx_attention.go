package export

import (
	"math"

	"github.com/glovebox-ml/glovebox/guest/internal/layer"
)

// attention is softmax(q·kᵀ/√size)·v for each head, and its weights.
func (g *graph) attention(l *layer.Layer, x []value) []value {
	if len(x) < 1 || len(x) > 3 {
		g.lacks("%d inputs, not 1 to 3", len(x))
	}
	var parts []value
	for i, inner := range l.Layers[:3] {
		v := x[min(i, len(x)-1)]
		if !v.ranked || len(v.dims) != 3 {
			g.lacks("attention over an array that is not known to be a batch of sequences; give the shape of the input")
		}
		y := g.all(inner, []value{v})
		if len(y) != 1 {
			g.lacks("a layer with %d results", len(y))
		}
		if features := y[0].dim(2); features == free || features%l.Heads != 0 {
			g.lacks("%d features for %d heads", features, l.Heads)
		}
		parts = append(parts, y[0])
	}
	size := parts[0].dims[2] / l.Heads
	heads := func(v value, perm ...int64) value {
		v = g.op("Reshape", []value{v, g.vector(0, 0, l.Heads, -1)})
		return g.op("Transpose", []value{v}, attr{"perm", perm})
	}
	raw := g.op("MatMul", []value{heads(parts[0], 0, 2, 1, 3), heads(parts[1], 0, 2, 3, 1)})
	scaled := g.op("Mul", []value{raw, g.scalar(1/math.Sqrt(float64(max(size, 1))), raw.dtype)})
	shares := g.op("Softmax", []value{scaled}, attr{"axis", int64(3)})
	y := g.op("MatMul", []value{shares, heads(parts[2], 0, 2, 1, 3)})
	y = g.op("Reshape", []value{g.op("Transpose", []value{y}, attr{"perm", []int64{0, 2, 1, 3}}), g.vector(0, 0, -1)})
	y = y.with(parts[0].dims[0], parts[0].dims[1], parts[2].dims[2])
	shares = shares.with(parts[0].dims[0], l.Heads, parts[0].dims[1], parts[1].dims[1])
	return append(g.all(l.Layers[3], []value{y}), shares)
}
