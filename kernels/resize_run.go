package kernels

import (
	"math"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// sample is the type of a sum of Resize.
type sample interface{ float32 | float64 }

func runResize(c *Call) error {
	s, d := c.Plan.step.(*resizeStep), c.Out[0].DType
	switch {
	case len(c.Out[0].Data) == 0:
		return nil
	case len(s.axes) == 0:
		return runView(c)
	case s.attrs.Mode == ResizeNearest:
		return bySize(runNearest[uint8], runNearest[uint16], runNearest[uint32], runNearest[uint64])(c)
	}
	switch d {
	case tensor.Float32:
		return resample(c, same[float32], same[float32])
	case tensor.Float64:
		return resample(c, same[float64], same[float64])
	case tensor.Float16, tensor.BFloat16:
		h := halfOf(d)
		return resample(c, each1(h.widen), each1(h.narrow))
	case tensor.Int8:
		return resample(c, widen[int8, float32], saturating[int8, float32](d))
	case tensor.Int16:
		return resample(c, widen[int16, float32], saturating[int16, float32](d))
	case tensor.Uint8:
		return resample(c, widen[uint8, float32], saturating[uint8, float32](d))
	case tensor.Uint16:
		return resample(c, widen[uint16, float32], saturating[uint16, float32](d))
	case tensor.Int32:
		return resample(c, widen[int32, float64], saturating[int32, float64](d))
	case tensor.Int64:
		return resample(c, widen[int64, float64], saturating[int64, float64](d))
	case tensor.Uint32:
		return resample(c, widen[uint32, float64], saturating[uint32, float64](d))
	default:
		return resample(c, widen[uint64, float64], saturating[uint64, float64](d))
	}
}

// same is for samples that are elements already: it only ever sees the value
// of the extrapolation.
func same[F sample](dst, src []F) { copy(dst, src) }

func widen[T integer, F sample](dst []F, src []T) {
	for i, v := range src[:len(dst)] {
		dst[i] = F(v)
	}
}

func each1[D, S tensor.Element](f func(S) D) func(dst []D, src []S) {
	return func(dst []D, src []S) {
		for i, v := range src[:len(dst)] {
			dst[i] = f(v)
		}
	}
}

// saturating rounds to nearest, ties to even, within T, whose DType is d. NaN
// is 0.
func saturating[T integer, F sample](d tensor.DType) func(dst []T, src []F) {
	low, high := T(0), ^T(0)
	if d.IsSigned() {
		low = T(1) << (8*d.Size() - 1)
		high = ^low
	}
	return func(dst []T, src []F) {
		for i, v := range src[:len(dst)] {
			switch f := math.RoundToEven(float64(v)); {
			case f != f:
				dst[i] = 0
			case f <= float64(low):
				dst[i] = low
			case f >= float64(high):
				dst[i] = high
			default:
				dst[i] = T(f)
			}
		}
	}
}

// extrapolation is the bits of v as an element of d, for ResizeNearest.
func extrapolation(d tensor.DType, v float32) uint64 {
	switch {
	case d == tensor.Float32:
		return uint64(math.Float32bits(v))
	case d == tensor.Float64:
		return math.Float64bits(float64(v))
	case d.IsFloat():
		return uint64(halfOf(d).narrow(v))
	case d.IsSigned():
		var n [1]int64
		saturating[int64, float32](tensor.Int64)(n[:], []float32{v})
		lo, hi := integerRange(d)
		return uint64(min(max(n[0], lo), hi))
	default:
		var n [1]uint64
		saturating[uint64, float32](tensor.Uint64)(n[:], []float32{v})
		return min(n[0], highest(d))
	}
}

// highest is the largest value of an unsigned type or Bool.
func highest(d tensor.DType) uint64 {
	if d == tensor.Bool {
		return 1
	}
	return math.MaxUint64 >> (64 - 8*d.Size())
}

// cutter hands out pieces of the scratch.
type cutter []byte

func (s *cutter) cut(n int64) []byte {
	b := (*s)[:n:n]
	*s = (*s)[n:]
	return b
}

// runNearest copies runs of the dims behind the last one that changes.
func runNearest[T word](c *Call) error {
	x, y := tensor.View[T](c.In[0].Data), tensor.View[T](c.Out[0].Data)
	s, in, out := c.Plan.step.(*resizeStep), c.In[0].Type, c.Out[0].Type
	beyond := T(extrapolation(out.DType, s.attrs.Extrapolation))
	scratch := cutter(c.Scratch)
	var from [tensor.MaxRank][]int64
	last := 0
	for k := range s.axes {
		a := &s.axes[k]
		places := tensor.View[int64](scratch.cut(8 * a.m))
		from[a.axis], last = places, max(last, a.axis)
		err := c.split(a.m, 64, func(lo, hi int64) {
			for j := lo; j < hi; j++ {
				places[j] = a.nearest(&s.attrs, j)
			}
		})
		if err != nil {
			return err
		}
	}
	m, run := out.Dims[last], tensor.Product(out.Dims[last+1:out.Rank])
	return c.runs(tensor.Product(out.Dims[:last+1]), run, out.DType.Size(), func(lo, hi, left, right int64) {
		for lo < hi {
			row, j := lo/m, lo%m
			end := min(hi, lo+m-j)
			src, inside := int64(0), true
			for k, stride := last-1, in.Dims[last]; k >= 0; k-- {
				i := row % out.Dims[k]
				if from[k] != nil {
					i = from[k][i]
					inside = inside && i >= 0
				}
				src += i * stride
				stride *= in.Dims[k]
				row /= out.Dims[k]
			}
			if run == 1 && inside {
				pick(y[lo:end], x[src:], from[last][j:], beyond)
				lo = end
			}
			for ; lo < end; lo, j = lo+1, j+1 {
				dst := y[lo*run+left : lo*run+right]
				if i := from[last][j]; inside && i >= 0 {
					i = (src+i)*run + left
					copyRun(dst, x[i:i+right-left])
				} else {
					fillWords(dst, beyond)
				}
			}
		}
	})
}

// pick sets y[j] = x[from[j]], or beyond where that is negative.
func pick[T word](y, x []T, from []int64, beyond T) {
	for j, i := range from[:len(y)] {
		if i >= 0 {
			y[j] = x[i]
		} else {
			y[j] = beyond
		}
	}
}

// resample runs the passes of a linear or cubic Resize over samples F. They are
// loaded and stored only where the elements T are of another type.
func resample[T tensor.Element, F sample](c *Call, load func([]F, []T), store func([]T, []F)) error {
	s, x, y := c.Plan.step.(*resizeStep), c.In[0], c.Out[0]
	direct := x.DType == s.sizes[0].DType
	scratch := cutter(c.Scratch)
	var bufs [2][]F
	for i, n := range s.bufs {
		bufs[i] = tensor.View[F](scratch.cut(n))
	}
	cur := bufs[0]
	if direct {
		cur = tensor.View[F](x.Data)
	} else if err := convertAll(c, cur, tensor.View[T](x.Data), load); err != nil {
		return err
	}
	var from [tensor.MaxRank][]int64
	for k := range s.axes {
		a := &s.axes[k]
		p := pass[F]{
			axis: a, size: s.sizes[k], x: cur, y: bufs[(k+1)%2],
			from:    tensor.View[int64](scratch.cut(8 * a.m)),
			at:      tensor.View[int64](scratch.cut(8 * a.m)),
			exact:   tensor.View[float64](scratch.cut(8 * a.m * a.window)),
			weights: tensor.View[F](scratch.cut(8 * a.m * a.window)),
		}
		if direct && k == len(s.axes)-1 {
			p.y = tensor.View[F](y.Data)
		}
		from[a.axis] = p.from
		if err := p.run(c, &s.attrs); err != nil {
			return err
		}
		cur = p.y
	}
	out := tensor.View[T](y.Data)
	if !direct {
		if err := convertAll(c, out, cur, store); err != nil {
			return err
		}
	}
	if s.attrs.Coord == CoordTFCropAndResize {
		var v [1]T
		store(v[:], []F{F(s.attrs.Extrapolation)})
		return fillOutside(c, out, y.Type, &from, v[0])
	}
	return nil
}

// convertAll converts as many elements as both hold.
func convertAll[D, S tensor.Element](c *Call, dst []D, src []S, as func([]D, []S)) error {
	return c.split(int64(min(len(dst), len(src))), 16, func(lo, hi int64) {
		as(dst[lo:hi], src[lo:hi])
	})
}

// fillOutside writes v wherever one of the dims is outside x.
func fillOutside[T tensor.Element](c *Call, y []T, t tensor.Type, from *[tensor.MaxRank][]int64, v T) error {
	for k, places := range from {
		if places == nil {
			continue
		}
		m, run := t.Dims[k], tensor.Product(t.Dims[k+1:t.Rank])
		err := c.runs(tensor.Product(t.Dims[:k+1]), run, t.DType.Size(), func(lo, hi, left, right int64) {
			for r := lo; r < hi; r++ {
				if places[r%m] >= 0 {
					continue
				}
				for i := r*run + left; i < r*run+right; i++ {
					y[i] = v
				}
			}
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// pass resizes one dim: x of size becomes y.
type pass[F sample] struct {
	axis    *resizeAxis
	size    tensor.Type
	x, y    []F
	from    []int64   // [m], complemented outside
	at      []int64   // [m], where the elements that are weighed begin
	exact   []float64 // (m, window)
	weights []F       // the same
}

func (p *pass[F]) run(c *Call, attrs *ResizeAttrs) error {
	a := p.axis
	n, m, window := a.n, a.m, a.window
	run := tensor.Product(p.size.Dims[a.axis+1 : p.size.Rank])
	err := c.split(m, 64*a.taps, func(lo, hi int64) {
		for j := lo; j < hi; j++ {
			w := p.exact[j*window : (j+1)*window]
			p.from[j] = a.weigh(attrs, j, w)
			p.at[j] = max(p.from[j], ^p.from[j]) * run
			for t, v := range w {
				p.weights[j*window+int64(t)] = F(v)
			}
		}
	})
	if err != nil {
		return err
	}
	rows := tensor.Product(p.size.Dims[:a.axis]) * m
	return c.runs(rows, run, p.size.DType.Size()*int(window), func(lo, hi, left, right int64) {
		for lo < hi {
			row, j := lo/m, lo%m
			end := min(m, j+hi-lo)
			simd.WeighedRows(p.y[lo*run+left:], int(run), p.x[row*n*run+left:], p.at[j:end], int(run), p.weights[j*window:end*window], int(right-left))
			lo += end - j
		}
	})
}
