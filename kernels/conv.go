package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// Conv is a convolution over 1 to 3 spatial dims, channels last.
//
//	y[n, o…, j] = Σ x[n, o·Stride + t·Dilation - Before, i] · W[t…, i, j]
//
// with i over the channels of j's group and zeros outside of x. The terms of a
// sum are in the order of W, first t, then i, and are added up as in MatMul of
// rows x (positions, taps·c/Groups) by W (taps·c/Groups, m). A depthwise
// convolution (c = Groups > 1) leaves out the zeros and has no blocks. One by
// windows of 3×3 without strides, of float32 or less, is computed by Winograd's
// way if it has neither few channels nor very many. Its error is some 10⁻⁶ of
// the size of the results nearby, and an infinity or NaN may show in those, too.
//
//	x      float [n, sp…, c]
//	W      like x [k…, c/Groups, m]
//	e…     inputs of the epilogue
//	attrs  Stride, Dilation, Before, After, one for each spatial dim; Groups; Epilogue
//	y      like x [n, out…, m]
var Conv = Op{name: "conv", plan: planner(planConv), pack: packConv, run: runConv}

// ConvAttrs are the attributes of Conv. Epilogue is as in MatMulAttrs.
type ConvAttrs struct {
	Stride, Dilation, Before, After []int64
	Groups                          int64
	Epilogue                        Program
}

// convStep is a product for each group: its rows are the places of y, its
// terms the taps and channels of the group, its columns the group's part of m.
type convStep struct {
	gemm
	window
	groups    int
	c, cg     int  // channels of x, of a group
	direct    bool // a place of y needs just the same place of x
	lines     bool // the taps along the last spatial dim are read as one run
	depthwise bool
	winograd  *winograd // nil for other ways
	epilogue  *epilogue
}

func planConv(in []tensor.Type, a ConvAttrs) (Plan, error) {
	if len(in) < 2 {
		return Plan{}, fmt.Errorf("%w: %d, want at least 2", ErrArity, len(in))
	}
	if err := required(in[:2], 2); err != nil {
		return Plan{}, err
	}
	x, w := in[0], in[1]
	if !x.DType.IsFloat() || w.DType != x.DType {
		return Plan{}, fmt.Errorf("%w: %v and %v", ErrDType, x, w)
	}
	if x.Rank < 3 || x.Rank > 5 || w.Rank != x.Rank {
		return Plan{}, fmt.Errorf("%w: %v and %v", ErrRank, x, w)
	}
	spatial := x.Rank - 2
	win, err := planWindow(&x, sliding{w.Dims[:spatial], a.Stride, a.Dilation, a.Before, a.After})
	if err != nil {
		return Plan{}, err
	}
	if err := win.slide(); err != nil {
		return Plan{}, err
	}
	c, cg, m := x.Dims[x.Rank-1], w.Dims[spatial], w.Dims[spatial+1]
	if a.Groups < 1 || a.Groups > max(c, m, 1) {
		return Plan{}, fmt.Errorf("%w: %d groups", ErrAttr, a.Groups)
	}
	if c%a.Groups != 0 || m%a.Groups != 0 || c/a.Groups != cg {
		return Plan{}, fmt.Errorf("%w: %v and %v in %d groups", ErrShape, x, w, a.Groups)
	}
	y, err := win.result(&x, m)
	if err != nil {
		return Plan{}, err
	}
	e, err := planEpilogue(a.Epilogue, y, in[2:])
	if err != nil {
		return Plan{}, err
	}
	terms := tensor.Product(w.Dims[:spatial+1])
	places := tensor.Product(y.Dims[:spatial+1])
	s := &convStep{window: win, groups: int(a.Groups), c: int(c), cg: int(cg), epilogue: e}
	p := Plan{
		Out:   []tensor.Type{y},
		Flops: tensor.MulSat(y.Elems(), tensor.AddSat(tensor.MulSat(2, terms), e.flops())),
		Bytes: bytesOf(in, y),
		step:  s,
	}
	if cg == 1 && a.Groups > 1 && x.DType != tensor.Float64 {
		s.depthwise = true
		s.gemm = newDepthwise(int(places), int(m), int(terms), win.out[2])
		if m == c {
			e.quicken(a.Epilogue, y, in[2:], false)
		}
		p.Scratch = float32Scratch(x, w, y)
		return p, nil
	}
	e.quicken(a.Epilogue, y, in[2:], true)
	s.gemm = newProduct(int(places), int(m/a.Groups), int(terms), e)
	if x.DType == tensor.Float64 {
		s.gemm = newGemm(int(places), int(m/a.Groups), int(terms))
	}
	s.ldc = int(m)
	s.direct = win.kernel == [3]int{1, 1, 1} && win.stride == win.kernel && win.in == win.out && win.before == [3]int{}
	s.lines = x.Elems() > 0 && a.Groups == 1 && win.dilation[2] == 1 && win.stride[2] <= win.kernel[2] && c <= narrow && terms <= simd.Block
	if x.DType != tensor.Float64 {
		p.Packed = packedBytes(a.Groups, terms, m/a.Groups)
		if byWinograd(&win, a.Groups, c, m) {
			s.winograd = s.planWinograd()
			p.Packed = packedBytes(simd.WinogradPlanes, c, m)
			p.Scratch = s.winogradScratch()
		}
		p.Scratch = tensor.AddSat(p.Scratch, tensor.AddSat(p.Packed, float32Scratch(x, y)))
	}
	return p, nil
}

func packConv(c *Call, w Tensor, dst []byte) error {
	return c.Plan.step.(*convStep).packW(c, tensor.View[float32](dst), w)
}

// packW packs W (terms, m) for each group of its columns.
func (s *convStep) packW(c *Call, dst []float32, w Tensor) error {
	if s.winograd != nil {
		return s.packWinograd(c, dst, w)
	}
	return packPanels(c, dst, w, s.groups, s.k, s.n, s.n, s.ldc, 1)
}

func runConv(c *Call) error {
	s, y := c.Plan.step.(*convStep), c.Out[0]
	switch {
	case y.Elems() == 0:
		return nil
	case y.DType == tensor.Float64:
		return s.float64s(c)
	}
	rest := scratchOf(c)
	x, err := c.asFloat32(c.In[0], &rest)
	if err != nil {
		return err
	}
	r := kept(c, func() *convRun { return &convRun{slots: make(chan []float32, winogradSlots)} })
	r.x, r.y = x, output[float32](y, &rest)
	if s.depthwise {
		if r.w, err = c.asFloat32(c.In[1], &rest); err != nil {
			return err
		}
		return s.gemm.run(c, 1, depthwiseTile)
	}
	if r.w = tensor.View[float32](c.Packed); c.Packed == nil {
		r.w = rest.cut(c.Plan.Packed / 4)
		if err := s.packW(c, r.w, c.In[1]); err != nil {
			return err
		}
	}
	if s.winograd != nil {
		return s.runWinograd(c, r, &rest)
	}
	return s.gemm.run(c, s.groups, convTile)
}

// convRun is what a convolution works on, w packed unless it is depthwise.
type convRun struct {
	x, w, y []float32
	slots   chan []float32 // of a convolution by Winograd's way: memory of bands
	part    winogradPart   // of one whose bands are worked on by all cores
}

func convTile(c *Call, p patch) {
	s, r := c.Plan.step.(*convStep), c.kept.(*convRun)
	base := p.batch * s.n
	x, w := tail(r.x, p.batch*s.cg), r.w[p.batch*simd.PackedLen(s.k, s.n):]
	if end := s.ending(p, base, s.epilogue, c.In[2:]); s.direct {
		s.float32s(p, r.y[base:], x, s.c, w, end)
	} else {
		s.slide(p, r.y[base:], x, w, end)
	}
	finish(&s.gemm, c, p, base, r.y, 1, s.epilogue, c.In[2:])
}

func depthwiseTile(c *Call, p patch) {
	s, r := c.Plan.step.(*convStep), c.kept.(*convRun)
	s.spread(p, r.y, r.x, r.w, s.ending(p, 0, s.epilogue, c.In[2:]))
	finish(&s.gemm, c, p, 0, r.y, 1, s.epilogue, c.In[2:])
}

// copyTerms sets dst to what place i of y takes from x from term k on. x begins
// at the first channel of the group.
func copyTerms[T float32 | float64](s *convStep, dst, x []T, i, k int) {
	if len(dst) == 0 {
		return
	}
	corner, image := s.corner(i)
	tap, from := s.tap(k/s.cg), k%s.cg
	for len(dst) > 0 {
		n := min(s.cg-from, len(dst))
		if at, ok := s.place(corner, tap); ok {
			copy(dst[:n], x[(image+at)*s.c+from:])
		} else {
			clear(dst[:n])
		}
		dst, from = dst[n:], 0
		s.next(&tap)
	}
}

// tail is x from element at on. An x without places has no element there, and
// none is needed.
func tail[T any](x []T, at int) []T { return x[min(at, len(x)):] }

// float64s computes y in float64, each sum in one accumulator.
func (s *convStep) float64s(c *Call) error {
	x, w, y := tensor.View[float64](c.In[0].Data), tensor.View[float64](c.In[1].Data), tensor.View[float64](c.Out[0].Data)
	return s.gemm.run(c, s.groups, func(c *Call, p patch) {
		var memory [simd.Block]float64
		base := p.batch * s.n
		for i := p.row0; i < p.row1; i++ {
			row := y[base+i*s.ldc+p.col0:][:p.col1-p.col0]
			if p.k0 == 0 {
				clear(row)
			}
			for k := p.k0; k < p.k1; k += len(memory) {
				terms := memory[:min(p.k1-k, len(memory))]
				copyTerms(s, terms, tail(x, p.batch*s.cg), i, k)
				for t, v := range terms {
					for j, u := range w[base+(k+t)*s.ldc+p.col0:][:len(row)] {
						row[j] += float64(v * u)
					}
				}
			}
		}
		finish(&s.gemm, c, p, base, y, 1, s.epilogue, c.In[2:])
	})
}
