package kernels

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Resize samples x on a grid of Dims, one dim after the other.
//
//	y[…, j, …] = Σ w(j, t) · x[…, clamp(s(j) + t), …]
//
// A place j of y lies at a place of x that Coord and the scale say, as in
// ONNX. ResizeNearest takes the element that Round finds there. ResizeLinear
// weighs 2 neighbours and ResizeCubic 4, more where Antialias meets a scale
// below 1. Exclude gives no weight to places outside x; otherwise they repeat
// its edge. With CoordTFCropAndResize a place outside x is Extrapolation.
//
//	x      any [...]; not Bool but for ResizeNearest
//	attrs  Dims; Mode; Coord; Round of ResizeNearest; Scales, float32 bits, one
//	       for each dim, or empty for those that Dims imply; ROI, float32 bits,
//	       a start and an end for each dim, starts first, or empty where Coord
//	       does not use it; CubicA; Extrapolation; Antialias and Exclude, not
//	       with ResizeNearest
//	y      like x, Dims
//
// Dims that shrink most come first, which keeps what lies between the passes
// no larger than x or y. Sums are float64 for float64 and for integers of 32
// bits and more, float32 for the rest; integers round to nearest, ties to even,
// and saturate.
var Resize = Op{name: "resize", plan: planner(planResize), run: runResize}

// ResizeAttrs are the attributes of Resize.
type ResizeAttrs struct {
	Dims          []int64
	Mode          int64
	Coord         int64
	Round         int64
	Scales        []int64
	ROI           []int64
	CubicA        float32
	Extrapolation float32
	Antialias     bool
	Exclude       bool
}

// The modes, coordinate transformations and roundings of Resize.
const (
	ResizeNearest = 1
	ResizeLinear  = 2
	ResizeCubic   = 3

	CoordHalfPixel          = 1
	CoordPytorchHalfPixel   = 2
	CoordAlignCorners       = 3
	CoordAsymmetric         = 4
	CoordTFCropAndResize    = 5
	CoordHalfPixelSymmetric = 6

	RoundPreferFloor = 1
	RoundPreferCeil  = 2
	RoundFloor       = 3
	RoundCeil        = 4
)

// resizeStep is a Resize reduced to the dims that change.
type resizeStep struct {
	attrs ResizeAttrs
	axes  []resizeAxis  // in the order of the passes
	bufs  [2]int64      // bytes of the two buffers between passes
	sizes []tensor.Type // of what is before each pass, and behind the last
}

// resizeAxis is one dim that changes.
type resizeAxis struct {
	axis       int
	n, m       int64   // its size in x and y
	scale      float64 // m/n, unless given
	width      float64 // scale·n, which need not be whole
	start, end float64 // the region of interest
	shrink     float64 // min(scale, 1) with Antialias, else 1
	first      int64   // of the taps, counted from the element left of a place
	taps       int64   // the places weighed
	window     int64   // the elements of x they fall on
}

func planResize(in []tensor.Type, a ResizeAttrs) (Plan, error) {
	if err := required(in, 1); err != nil {
		return Plan{}, err
	}
	x := in[0]
	if x.DType == tensor.Bool && a.Mode != ResizeNearest {
		return Plan{}, fmt.Errorf("%w: %v", ErrDType, x)
	}
	if err := a.check(int(x.Rank)); err != nil {
		return Plan{}, err
	}
	y, err := sized(x.DType, a.Dims)
	if err != nil {
		return Plan{}, err
	}
	s := &resizeStep{attrs: a}
	s.attrs.Dims, s.attrs.Scales, s.attrs.ROI = nil, nil, nil
	for k := int(x.Rank) - 1; k >= 0; k-- {
		if x.Dims[k] == 0 && y.Dims[k] > 0 {
			return Plan{}, fmt.Errorf("%w: nothing to sample in %v", ErrShape, x)
		}
		axis, err := a.axis(k, x.Dims[k], y.Dims[k])
		if err != nil {
			return Plan{}, err
		}
		if !axis.identity(a.Coord) {
			s.axes = append(s.axes, axis)
		}
	}
	slices.SortStableFunc(s.axes, func(a, b resizeAxis) int {
		return cmp.Compare(float64(a.m)*float64(b.n), float64(b.m)*float64(a.n))
	})
	p := moving(y, s)
	if y.Elems() > 0 {
		s.layout(&p, x)
	}
	return p, nil
}

// check refuses attributes that no dim can use.
func (a *ResizeAttrs) check(rank int) error {
	switch {
	case a.Mode < ResizeNearest || a.Mode > ResizeCubic:
		return fmt.Errorf("%w: mode %d", ErrAttr, a.Mode)
	case a.Coord < CoordHalfPixel || a.Coord > CoordHalfPixelSymmetric:
		return fmt.Errorf("%w: coordinates %d", ErrAttr, a.Coord)
	case a.Mode == ResizeNearest && (a.Round < RoundPreferFloor || a.Round > RoundCeil):
		return fmt.Errorf("%w: rounding %d", ErrAttr, a.Round)
	case a.Mode == ResizeNearest && (a.Antialias || a.Exclude):
		return fmt.Errorf("%w: nearest has no weights", ErrAttr)
	case math.IsNaN(float64(a.CubicA)) || math.IsInf(float64(a.CubicA), 0):
		return fmt.Errorf("%w: cubic %v", ErrAttr, a.CubicA)
	case len(a.Dims) != rank || len(a.Scales) != 0 && len(a.Scales) != rank:
		return fmt.Errorf("%w: lists do not match rank %d", ErrAttr, rank)
	case len(a.ROI) != 2*rank && (len(a.ROI) != 0 || a.Coord == CoordTFCropAndResize):
		return fmt.Errorf("%w: region of %d for rank %d", ErrAttr, len(a.ROI), rank)
	}
	return nil
}

// axis works out dim k, of n elements in x and m in y.
func (a *ResizeAttrs) axis(k int, n, m int64) (resizeAxis, error) {
	x := resizeAxis{
		axis: k, n: n, m: m, end: 1, shrink: 1,
		scale: float64(m) / float64(max(n, 1)), width: float64(m),
	}
	if len(a.Scales) > 0 {
		var ok bool
		if x.scale, ok = float32Bits(a.Scales[k]); !ok || x.scale <= 0 {
			return x, fmt.Errorf("%w: scale of dim %d", ErrAttr, k)
		}
		x.width = x.scale * float64(n)
	}
	if len(a.ROI) > 0 {
		var ok, too bool
		x.start, ok = float32Bits(a.ROI[k])
		x.end, too = float32Bits(a.ROI[k+len(a.ROI)/2])
		if !ok || !too {
			return x, fmt.Errorf("%w: region of dim %d", ErrAttr, k)
		}
	}
	if a.Mode == ResizeNearest || m == 0 {
		return x, nil
	}
	if a.Antialias {
		x.shrink = min(x.scale, 1)
	}
	first := math.Floor(-a.reach()/x.shrink) + 1
	if first < -1<<22 { // some 50 ms for one place of y
		return x, fmt.Errorf("%w: scale %v of dim %d", ErrAttr, x.scale, k)
	}
	x.first = int64(first)
	x.taps = 2 - 2*x.first
	x.window = min(x.taps, n)
	return x, nil
}

// reach is how far a place is felt, in elements.
func (a *ResizeAttrs) reach() float64 {
	if a.Mode == ResizeCubic {
		return 2
	}
	return 1
}

// float32Bits is the finite float32 whose bits a word holds.
func float32Bits(word int64) (float64, bool) {
	f := float64(math.Float32frombits(uint32(word)))
	return f, word >= 0 && word <= math.MaxUint32 && !math.IsNaN(f) && !math.IsInf(f, 0)
}

// identity reports whether every place of y is the same place of x.
func (x *resizeAxis) identity(coord int64) bool {
	return x.n == x.m && x.scale == 1 && (coord != CoordTFCropAndResize || x.start == 0 && x.end == 1)
}

// layout divides the scratch and charges the passes.
func (s *resizeStep) layout(p *Plan, x tensor.Type) {
	direct := x.DType == samplesIn(x.DType)
	x.DType = samplesIn(x.DType)
	s.sizes = append(s.sizes, x)
	for k, a := range s.axes {
		p.Scratch = tensor.AddSat(p.Scratch, tensor.MulSat(16+16*a.window, a.m))
		p.Flops = tensor.AddSat(p.Flops, tensor.MulSat(16+16*a.taps, a.m))
		if s.attrs.Mode == ResizeNearest {
			continue
		}
		from := x.Bytes()
		x.Dims[a.axis] = a.m
		s.sizes = append(s.sizes, x)
		p.Flops = tensor.AddSat(p.Flops, tensor.MulSat(2*a.window, x.Elems()))
		p.Bytes = tensor.AddSat(p.Bytes, tensor.AddSat(from, x.Bytes()))
		if k < len(s.axes)-1 || !direct {
			s.bufs[(k+1)%2] = max(s.bufs[(k+1)%2], tensor.AddSat(x.Bytes(), 7)&^7)
		}
	}
	if s.attrs.Mode == ResizeNearest {
		return
	}
	if !direct {
		s.bufs[0] = max(s.bufs[0], tensor.AddSat(s.sizes[0].Bytes(), 7)&^7)
	}
	p.Scratch = tensor.AddSat(p.Scratch, tensor.AddSat(s.bufs[0], s.bufs[1]))
}

// samplesIn is the type in which elements of d are summed.
func samplesIn(d tensor.DType) tensor.DType {
	if d.Size() == 8 || d == tensor.Int32 || d == tensor.Uint32 {
		return tensor.Float64
	}
	return tensor.Float32
}

// place is where element j of y lies in x, and whether the region of interest
// puts it outside.
func (x *resizeAxis) place(coord, j int64) (at float64, outside bool) {
	n, y := float64(x.n), float64(j)
	switch coord {
	case CoordAlignCorners:
		if x.width != 1 {
			at = y * (n - 1) / (x.width - 1)
		}
	case CoordAsymmetric:
		at = y / x.scale
	case CoordTFCropAndResize:
		at = (x.end - x.start) * (n - 1) / 2
		if x.width != 1 {
			at = y * (x.end - x.start) * (n - 1) / (x.width - 1)
		}
		at += float64(x.start * (n - 1))
		outside = at < 0 || at > n-1
	case CoordHalfPixelSymmetric:
		at = float64(n/2*(1-float64(x.m)/x.width)) + (y+0.5)/x.scale - 0.5
	default:
		// A single element lies at 0 for PyTorch, as the standard has it; its
		// reference implementation says -1/2.
		if coord == CoordHalfPixel || x.width > 1 {
			at = (y+0.5)/x.scale - 0.5
		}
	}
	// Farther out all taps are on the same edge, and an int64 stays exact.
	far := float64(x.taps + 2)
	return min(max(at, -far), n+far), outside
}

// nearest is the element of x at element j of y, or -1 outside.
func (x *resizeAxis) nearest(a *ResizeAttrs, j int64) int64 {
	at, outside := x.place(a.Coord, j)
	if outside {
		return -1
	}
	down := math.Floor(at)
	rest := at - down
	if rest > 0.5 && a.Round != RoundFloor || rest == 0.5 && a.Round == RoundPreferCeil || rest > 0 && a.Round == RoundCeil {
		down++
	}
	return min(max(int64(down), 0), x.n-1)
}

// weigh writes the weights of element j of y and returns the element of x that
// the first of them is for, complemented outside.
func (x *resizeAxis) weigh(a *ResizeAttrs, j int64, w []float64) int64 {
	at, outside := x.place(a.Coord, j)
	left := int64(math.Ceil(at)) - 1
	rest := at - float64(left)
	from := min(max(left+x.first, 0), x.n-x.window)
	clear(w)
	sum := 0.0
	for t := x.first; t < x.first+x.taps; t++ {
		i := left + t
		if a.Exclude && (i < 0 || i >= x.n) {
			continue
		}
		f := a.filter(math.Abs(x.shrink * (float64(t) - rest)))
		sum += f
		w[min(max(i, 0), x.n-1)-from] += f
	}
	if (a.Antialias || a.Exclude) && sum != 0 {
		for i := range w {
			w[i] /= sum
		}
	}
	if outside {
		return ^from
	}
	return from
}

// filter is the weight of what lies at a distance. The conversions keep the
// compiler from fusing, so that all processors give the same weights.
func (a *ResizeAttrs) filter(d float64) float64 {
	if a.Mode == ResizeLinear {
		return max(1-d, 0)
	}
	c := float64(a.CubicA)
	switch {
	case d <= 1:
		return float64((float64((c+2)*d)-(c+3))*d)*d + 1
	case d < 2:
		return float64((float64((float64(c*d)-5*c)*d)+8*c)*d) - 4*c
	default:
		return 0
	}
}
