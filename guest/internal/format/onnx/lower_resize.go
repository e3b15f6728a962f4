package onnx

import (
	"math"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/trace"
)

var (
	resizeModes  = map[string]int64{"nearest": abi.ResizeNearest, "linear": abi.ResizeLinear, "cubic": abi.ResizeCubic}
	resizeCoords = map[string]int64{
		"half_pixel":           abi.CoordHalfPixel,
		"half_pixel_symmetric": abi.CoordHalfPixelSymmetric,
		"pytorch_half_pixel":   abi.CoordPytorchHalfPixel,
		"align_corners":        abi.CoordAlignCorners,
		"asymmetric":           abi.CoordAsymmetric,
		"tf_crop_and_resize":   abi.CoordTFCropAndResize,
	}
	resizeRounds = map[string]int64{
		"round_prefer_floor": abi.RoundPreferFloor,
		"round_prefer_ceil":  abi.RoundPreferCeil,
		"floor":              abi.RoundFloor,
		"ceil":               abi.RoundCeil,
	}
)

// named reads an attribute whose value is one of a few words.
func (l *walker) named(n *node, attr, def string, words map[string]int64) int64 {
	word := n.str(attr, def)
	if words[word] == 0 {
		l.Fail(abi.FaultUnsupported, "%s %q", attr, word)
	}
	return words[word]
}

// grid is the size of a resized tensor and the factors it follows from, which
// are absent where the size alone was given.
type grid struct {
	dims   []trace.Int
	scales []float32
}

// scaled is the grid of x made larger by a factor for each axis.
func (l *walker) scaled(x *trace.Value, axes []int, by []float32) grid {
	if len(by) != len(axes) {
		l.Fail(abi.FaultMalformed, "%d factors for %d axes", len(by), len(axes))
	}
	g := grid{x.Dims(), make([]float32, x.Rank())}
	for i := range g.scales {
		g.scales[i] = 1
	}
	for i, axis := range axes {
		s, d := float64(by[i]), g.dims[axis]
		g.scales[axis] = by[i]
		switch {
		case !(s > 0 && s < 1<<30):
			l.Fail(abi.FaultMalformed, "factor %g", s)
		case s == math.Trunc(s):
			g.dims[axis] = l.Mul(d, trace.Const(int64(s)))
		case 1/s == math.Trunc(1/s):
			g.dims[axis] = l.FloorDiv(d, trace.Const(int64(1/s)))
		default:
			g.dims[axis] = trace.Const(int64(by[i] * float32(l.Pin(d))))
		}
	}
	return g
}

// sized is the grid that has these sizes along axes, or keeps the proportions
// of x and is as near to them as the policy allows.
func (l *walker) sized(x *trace.Value, axes []int, sizes []trace.Int, policy string) grid {
	if len(sizes) != len(axes) {
		l.Fail(abi.FaultMalformed, "%d sizes for %d axes", len(sizes), len(axes))
	}
	g := grid{dims: x.Dims()}
	if policy == "stretch" {
		for i, axis := range axes {
			g.dims[axis] = sizes[i]
		}
		return g
	}
	var best float64
	for i, axis := range axes {
		s := float64(l.Pin(sizes[i])) / float64(l.Pin(x.Dim(axis)))
		if i == 0 || policy == "not_larger" && s < best || policy == "not_smaller" && s > best {
			best = s
		}
	}
	if policy != "not_larger" && policy != "not_smaller" || !(best > 0 && best < 1<<30) {
		l.Fail(abi.FaultMalformed, "aspect ratio policy %q with factor %g", policy, best)
	}
	g.scales = make([]float32, x.Rank())
	for i := range g.scales {
		g.scales[i] = 1
	}
	for _, axis := range axes {
		g.scales[axis] = float32(best)
		g.dims[axis] = trace.Const(int64(best*float64(l.Pin(x.Dim(axis))) + 0.5))
	}
	return g
}

func resize(l *walker, n *node, in []*trace.Value) *trace.Value {
	x := in[0]
	if n.version < 11 {
		l.demand(n, in[:2])
		return l.upsample(n, x, l.Floats(in[1]))
	}
	axes := axesFrom(0, x.Rank())
	if list := n.ints("axes"); list != nil {
		axes = l.axes(list, x.Rank())
	}
	a := &abi.Resize{
		Mode:          l.named(n, "mode", "nearest", resizeModes),
		Coord:         l.named(n, "coordinate_transformation_mode", "half_pixel", resizeCoords),
		Round:         l.named(n, "nearest_mode", "round_prefer_floor", resizeRounds),
		CubicA:        n.float("cubic_coeff_a", -0.75),
		Extrapolation: n.float("extrapolation_value", 0),
		Antialias:     n.flag("antialias", false),
		Exclude:       n.flag("exclude_outside", false),
	}
	// Nearest has no weights that could be left out.
	a.Exclude = a.Exclude && a.Mode != abi.ResizeNearest
	policy := n.str("keep_aspect_ratio_policy", "stretch")
	var g grid
	switch {
	case in[2] != nil && in[2].Elems() > 0:
		g = l.scaled(x, axes, l.Floats(in[2]))
	case in[3] != nil:
		g = l.sized(x, axes, l.Ints(in[3]), policy)
	default:
		l.Fail(abi.FaultMalformed, "neither factors nor sizes")
	}
	if a.Coord == abi.CoordTFCropAndResize {
		l.demand(n, in[:2])
		a.ROI = l.regionOfInterest(axes, l.Floats(in[1]), x.Rank())
	}
	return l.resize(x, a, g)
}

// regionOfInterest gives all dims a start and an end, as bit patterns, starts first.
func (l *walker) regionOfInterest(axes []int, roi []float32, rank int) []int64 {
	if len(roi) != 2*len(axes) {
		l.Fail(abi.FaultMalformed, "a region of %d numbers for %d axes", len(roi), len(axes))
	}
	all := append(repeat(0, rank), repeat(int64(math.Float32bits(1)), rank)...)
	for i, axis := range axes {
		all[axis] = int64(math.Float32bits(roi[i]))
		all[rank+axis] = int64(math.Float32bits(roi[len(axes)+i]))
	}
	return all
}

func (l *walker) resize(x *trace.Value, a *abi.Resize, g grid) *trace.Value {
	a.Dims = l.Words(g.dims)
	for _, s := range g.scales {
		a.Scales = append(a.Scales, abi.Const(int64(math.Float32bits(s))))
	}
	return l.One(abi.OpResize, a, x)
}

func upsample(l *walker, n *node, in []*trace.Value) *trace.Value {
	switch {
	case n.version >= 9:
		l.demand(n, in)
		return l.upsample(n, in[0], l.Floats(in[1]))
	case n.version >= 7:
		return l.upsample(n, in[0], n.floats("scales"))
	default:
		return l.upsample(n, in[0], []float32{1, 1, n.float("height_scale", 0), n.float("width_scale", 0)})
	}
}

// upsample is Resize as it was before version 11: nearest rounds down where it
// enlarges and up where it makes smaller.
func (l *walker) upsample(n *node, x *trace.Value, by []float32) *trace.Value {
	a := &abi.Resize{Coord: abi.CoordAsymmetric, Round: abi.RoundFloor}
	switch mode := n.str("mode", "nearest"); mode {
	case "nearest":
		a.Mode = abi.ResizeNearest
	case "linear", "bilinear":
		a.Mode = abi.ResizeLinear
	default:
		l.Fail(abi.FaultUnsupported, "mode %q", mode)
	}
	larger := false
	for _, s := range by {
		larger = larger || s > 1
		if s < 1 {
			a.Round = abi.RoundCeil
		}
	}
	if larger && a.Round == abi.RoundCeil && a.Mode == abi.ResizeNearest {
		l.Fail(abi.FaultUnsupported, "enlarging one dim and making another smaller")
	}
	return l.resize(x, a, l.scaled(x, axesFrom(0, x.Rank()), by))
}
