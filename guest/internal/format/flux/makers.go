package flux

import (
	"slices"

	"github.com/glovebox-ml/glovebox/guest/internal/layer"
)

// makers make layers of the structs of Flux. What has layers inside is the
// builder's.
var makers = map[string]func(v part) *layer.Layer{
	"Dropout":      func(part) *layer.Layer { return &layer.Layer{Kind: layer.Dropout} },
	"AlphaDropout": func(part) *layer.Layer { return &layer.Layer{Kind: layer.Dropout} },

	"Dense":     dense,
	"Bilinear":  bilinear,
	"Diagonal":  scale,
	"Scale":     scale,
	"Embedding": embedding,

	"Conv2D":        func(v part) *layer.Layer { return v.conv(true) },
	"Conv":          func(v part) *layer.Layer { return v.conv(true) },
	"CrossCor":      func(v part) *layer.Layer { return v.conv(false) },
	"DepthwiseConv": depthwiseConv,
	"ConvTranspose": convTranspose,

	"MaxPool":          func(v part) *layer.Layer { return v.pool(layer.MaxPool) },
	"MeanPool":         func(v part) *layer.Layer { return v.pool(layer.MeanPool) },
	"GlobalMaxPool":    func(part) *layer.Layer { return &layer.Layer{Kind: layer.GlobalMaxPool} },
	"GlobalMeanPool":   func(part) *layer.Layer { return &layer.Layer{Kind: layer.GlobalMeanPool} },
	"AdaptiveMaxPool":  func(v part) *layer.Layer { return v.adaptivePool(layer.AdaptiveMaxPool) },
	"AdaptiveMeanPool": func(v part) *layer.Layer { return v.adaptivePool(layer.AdaptiveMeanPool) },

	"Upsample":     upsample,
	"PixelShuffle": pixelShuffle,

	"BatchNorm":    func(v part) *layer.Layer { return v.norm(layer.BatchNorm) },
	"InstanceNorm": func(v part) *layer.Layer { return v.norm(layer.InstanceNorm) },
	"GroupNorm":    func(v part) *layer.Layer { return v.norm(layer.GroupNorm) },
	"LayerNorm":    layerNorm,

	"Recur":      recur,
	"Recurrence": sequence,
	"RNN":        sequence,
	"LSTM":       sequence,
	"GRU":        sequence,
	"GRUv3":      sequence,
}

func dense(v part) *layer.Layer {
	l := &layer.Layer{Kind: layer.Dense, Function: v.field("σ").activation()}
	w := v.field("weight").transposed()
	set(l, layer.Main, w)
	set(l, layer.Bias, v.field("bias").weight())
	l.Out, l.In = w.Shape()[0], w.Shape()[1]
	return l
}

// bilinear has weights (out, in1, in2) in Julia.
func bilinear(v part) *layer.Layer {
	l := &layer.Layer{Kind: layer.Bilinear, Function: v.field("σ").activation()}
	w := v.field("weight").array(3)
	w.Perm = []int64{2, 1, 0}
	set(l, layer.Main, w)
	set(l, layer.Bias, v.field("bias").weight())
	s := w.Shape()
	l.Out, l.In, l.In2 = s[0], s[1], s[2]
	return l
}

func scale(v part) *layer.Layer {
	l := &layer.Layer{Kind: layer.Scale}
	if f, ok := v.find("σ"); ok {
		l.Function = f.activation()
	}
	factor := v.field("scale", "α")
	w := factor.weight()
	if w == nil {
		factor.refuse("no array")
	}
	set(l, layer.Main, w)
	set(l, layer.Bias, v.field("bias", "β").weight())
	l.Size = w.Shape()
	return l
}

func embedding(v part) *layer.Layer {
	w := v.field("weight").array(2)
	l := &layer.Layer{Kind: layer.Embedding, In: w.Shape()[0], Out: w.Shape()[1], First: 1}
	set(l, layer.Main, w)
	return l
}

// spatial puts one number for each dim, first axis first as in Julia, into the
// order of rows: last axis first.
func (v part) spatial(n int) []int64 {
	ns := v.integers()
	if len(ns) == 1 && v.form == formPlain {
		ns = slices.Repeat(ns, n)
	}
	if len(ns) != n {
		v.refuse("%d numbers for %d dims", len(ns), n)
	}
	slices.Reverse(ns)
	return ns
}

// pads are the padding before and after each dim. Where Flux has two numbers
// for each they stand together.
func (v part) pads(n int) (before, after []int64) {
	ns := v.integers()
	if len(ns) != 2*n || n == 1 && v.form == formPlain {
		ns = v.spatial(n)
		return ns, ns
	}
	for i := n - 1; i >= 0; i-- {
		before, after = append(before, ns[2*i]), append(after, ns[2*i+1])
	}
	return before, after
}

// window reads what all convolutions have in common. Weights of Julia's
// (k…, a, b) read row by row are (b, a, k… reversed).
func (v part) window(kind layer.Kind, flip bool) (*layer.Layer, *layer.Weight) {
	field := v.field("weight")
	w := field.weight()
	if w == nil || w.Type.Rank < 3 || w.Type.Rank > 5 {
		field.refuse("no array of 3 to 5 dims")
	}
	n := int(w.Type.Rank) - 2
	l := &layer.Layer{Kind: kind, Kernel: w.Shape()[2:], Groups: 1, Function: v.field("σ").activation()}
	l.Stride = v.field("stride").spatial(n)
	l.Dilation = slices.Repeat([]int64{1}, n)
	l.Before = make([]int64, n)
	l.After = l.Before
	if p, ok := v.find("pad"); ok {
		l.Before, l.After = p.pads(n)
	}
	if d, ok := v.find("dilation"); ok {
		l.Dilation = d.spatial(n)
	}
	if g, ok := v.find("groups"); ok {
		if l.Groups = g.integer(); l.Groups < 1 || l.Groups > maxChannels {
			g.refuse("%d groups", l.Groups)
		}
	}
	for axis := 2; flip && axis < n+2; axis++ {
		w.Flip = append(w.Flip, axis)
	}
	set(l, layer.Main, w)
	if b, ok := v.find("bias"); ok {
		set(l, layer.Bias, b.weight())
	}
	return l, w
}

// maxChannels keeps products of channels and groups from wrapping; the layer
// itself checks them against its weights.
const maxChannels = 1 << 31

// conv flips its kernel, which a cross-correlation does not.
func (v part) conv(flip bool) *layer.Layer {
	l, w := v.window(layer.Conv, flip)
	l.Out, l.In = w.Shape()[0], w.Shape()[1]*l.Groups
	return l
}

// depthwiseConv has weights (k…, multiplier, in): result (i-1)·multiplier + m
// is of input i.
func depthwiseConv(v part) *layer.Layer {
	l, w := v.window(layer.Conv, true)
	in, each := w.Shape()[0], w.Shape()[1]
	w.Dims = append([]int64{in * each, 1}, l.Kernel...)
	l.In, l.Out, l.Groups = in, in*each, in
	return l
}

// convTranspose is the gradient of a convolution that flips its kernel.
func convTranspose(v part) *layer.Layer {
	l, w := v.window(layer.ConvTranspose, true)
	l.In, l.Out = w.Shape()[0], w.Shape()[1]*l.Groups
	l.OutPad = make([]int64, len(l.Kernel))
	if p, ok := v.find("outpad"); ok {
		l.OutPad = p.spatial(len(l.Kernel))
	}
	return l
}

func (v part) pool(kind layer.Kind) *layer.Layer {
	k := v.field("k")
	n := len(k.integers())
	l := &layer.Layer{Kind: kind, Kernel: k.spatial(n), Stride: v.field("stride").spatial(n)}
	l.Before, l.After = v.field("pad").pads(n)
	return l
}

func (v part) adaptivePool(kind layer.Kind) *layer.Layer {
	out := v.field("out")
	return &layer.Layer{Kind: kind, Size: out.spatial(len(out.integers()))}
}

// upsampled are the ways of Flux to say what lies between the places of an
// array, and whether it is on the line between them.
var upsampled = map[string]bool{"nearest": false, "bilinear": true, "trilinear": true}

// upsample has its mode in its type.
func upsample(v part) *layer.Layer {
	mode := ""
	if p := v.b.f.params(v.typ); len(p) > 0 {
		mode = v.b.f.value(&p[0]).name
	}
	on, known := upsampled[mode]
	if !known {
		v.refuse("a Flux.Upsample of the mode %q", mode)
	}
	list := func(v part) []int64 {
		ns := v.integers()
		slices.Reverse(ns)
		return ns
	}
	if size, ok := v.find("size"); ok && !size.absent() {
		return &layer.Layer{Kind: layer.Resize, Size: list(size), Linear: on}
	}
	return &layer.Layer{Kind: layer.Upsample, Scale: list(v.field("scale")), Linear: on}
}

func pixelShuffle(v part) *layer.Layer {
	return &layer.Layer{Kind: layer.PixelShuffle, Scale: []int64{v.field("r").integer()}}
}

// norm reads a layer that normalises channels. Early layers always had all
// their arrays; later ones say whether they use them.
func (v part) norm(kind layer.Kind) *layer.Layer {
	l := &layer.Layer{Kind: kind, Function: v.field("λ").activation(), Eps: v.field("ϵ").real()}
	wants := func(name string) bool {
		p, ok := v.find(name)
		return !ok || p.boolean()
	}
	sizes := []string{"γ", "β", "μ", "σ²"}
	for i, r := range [...]layer.Role{layer.Main, layer.Bias, layer.Mean, layer.Variance} {
		if flag := [...]string{"affine", "track_stats"}[i/2]; !wants(flag) {
			continue
		}
		field := v.field(sizes[i])
		w := field.weight()
		if w == nil {
			continue
		}
		if kind == layer.GroupNorm && w.Type.Rank == 2 {
			w.Dims = []int64{w.Type.Elems()}
		}
		set(l, r, w)
		if len(w.Shape()) != 1 {
			field.refuse("an array of %d dims, not 1", len(w.Shape()))
		}
		if i < 2 || kind != layer.GroupNorm {
			l.In = w.Shape()[0]
		}
	}
	if c, ok := v.find("chs"); ok {
		l.In = c.integer()
	}
	if g, ok := v.find("G"); ok {
		l.Groups, l.Out = g.integer(), l.In
	}
	if kind == layer.BatchNorm {
		l.Deviation = v.deviation()
	}
	return l
}

// deviation tells the batch norm of Flux 0.6 and before, which stored standard
// deviations and then used no ϵ: it is of the time of Julia 0.6, or has the ϵ
// that was the default then.
func (v part) deviation() bool {
	if _, ok := v.find("affine"); ok {
		return false
	}
	eps := v.field("ϵ")
	return v.b.f.void || v.b.f.early || eps.form == formPlain && eps.n.kind == kindDouble && eps.n.number() == 1e-8
}

// layerNorm was a Diagonal with the standard deviation under it, to which ϵ
// was added; later it is the root of the variance and ϵ².
func layerNorm(v part) *layer.Layer {
	l := &layer.Layer{Kind: layer.LayerNorm}
	diag := v.field("diag")
	eps, later := v.find("ϵ")
	l.Deviation = diag.absent() || layerName(diag.value.name) == "Diagonal"
	switch {
	case later && l.Deviation:
		l.Eps = eps.real()
	case later:
		e := eps.real()
		l.Eps = e * e
	case !v.b.f.tracker:
		l.Eps = 1e-6 // with Tracker there was none
	}
	if later {
		l.Size = v.field("size").integers()
		slices.Reverse(l.Size)
		if !v.field("affine").boolean() {
			l.Function = v.field("λ").activation()
			return l
		}
	}
	if name := layerName(diag.value.name); name != "Diagonal" && name != "Scale" {
		diag.refuse("%s in place of a Scale", diag.brief())
	}
	inner := scale(diag)
	l.Weights, l.Function = inner.Weights, inner.Function
	if !later {
		l.Size = inner.Size
	} else if l.Deviation {
		l.Function = v.field("λ").activation()
	}
	return l
}
