package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// ConvTranspose is the gradient of Conv, channels last: each element of x adds
// a window of weights to y.
//
//	y[n, p·Stride + t·Dilation - Before, j] += x[n, p, i] · W[t…, i, j]
//
// with i over the channels of j's group. For each tap t in order, what it adds
// to y is a product as in MatMul, in blocks of 1024 channels. Where a group has one channel on each side
// the taps are fused multiply-adds to y; in float64 each sum has one
// accumulator.
//
//	x      float [n, sp…, c]
//	W      like x [k…, c, m/Groups]
//	e…     inputs of the epilogue
//	attrs  Stride, Dilation, Before, After, OutPad, one for each spatial dim; Groups; Epilogue
//	y      like x [n, out…, m] with out = (sp-1)·Stride + Dilation·(k-1) + 1 + OutPad - Before - After
var ConvTranspose = Op{name: "conv_transpose", plan: planner(planConvTranspose), pack: packConvTranspose, run: runConvTranspose}

// ConvTransposeAttrs are the attributes of ConvTranspose. Epilogue is as in
// MatMulAttrs.
type ConvTransposeAttrs struct {
	Stride, Dilation, Before, After, OutPad []int64
	Groups                                  int64
	Epilogue                                Program
}

// transposeStep is a product for each group: its rows are the places of y, its
// terms the taps and channels of the group, many of which do not reach a place.
type transposeStep struct {
	gemm
	window
	groups   int
	c, cg    int  // channels of x, of a group
	single   bool // a group has one channel on each side
	each     int  // columns of a tap where the windows lie apart, else 0
	epilogue *epilogue
}

func planConvTranspose(in []tensor.Type, a ConvTransposeAttrs) (Plan, error) {
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
	if err := win.unslide(int(spatial), a.OutPad); err != nil {
		return Plan{}, err
	}
	c, mg := x.Dims[x.Rank-1], w.Dims[spatial+1]
	if a.Groups < 1 || a.Groups > max(c, 1) {
		return Plan{}, fmt.Errorf("%w: %d groups", ErrAttr, a.Groups)
	}
	if w.Dims[spatial] != c || c%a.Groups != 0 {
		return Plan{}, fmt.Errorf("%w: %v and %v in %d groups", ErrShape, x, w, a.Groups)
	}
	y, err := win.result(&x, tensor.MulSat(mg, a.Groups))
	if err != nil {
		return Plan{}, err
	}
	e, err := planEpilogue(a.Epilogue, y, in[2:])
	if err != nil {
		return Plan{}, err
	}
	cg, taps := c/a.Groups, tensor.Product(w.Dims[:spatial])
	terms := tensor.MulSat(taps, cg)
	s := &transposeStep{window: win, groups: int(a.Groups), c: int(c), cg: int(cg), epilogue: e}
	s.single = cg == 1 && mg == 1
	p := Plan{
		Out:   []tensor.Type{y},
		Flops: tensor.MulSat(y.Elems(), tensor.AddSat(tensor.MulSat(2, terms), tensor.AddSat(taps, e.flops()))),
		Bytes: bytesOf(in, y),
		step:  s,
	}
	switch places := tensor.Product(y.Dims[:spatial+1]); {
	case s.single:
		s.gemm = newGemm(int(places), int(c), int(taps))
		p.Scratch = float32Scratch(x, w, y)
	case x.DType != tensor.Float64 && win.apart(a.Groups, a.OutPad):
		s.n = int(mg)
		s.planApart(&p, a.Epilogue, in)
	default:
		s.gemm = newGemm(int(places), int(mg), int(terms))
		s.ldc = int(y.Dims[y.Rank-1])
		if x.DType != tensor.Float64 {
			p.Packed = packedBytes(taps*a.Groups, cg, mg)
			p.Scratch = tensor.AddSat(p.Packed, float32Scratch(x, y))
		}
	}
	return p, nil
}

// unslide sets the size of the result of the transposed window over x of as
// many spatial dims.
func (w *window) unslide(spatial int, outPad []int64) error {
	if len(outPad) != spatial {
		return fmt.Errorf("%w: %d entries of output padding for %d dims", ErrAttr, len(outPad), spatial)
	}
	var pad [3]int64
	for i, v := range outPad {
		if v < 0 || v >= maxWindow {
			return fmt.Errorf("%w: output padding %d", ErrAttr, v)
		}
		pad[3-spatial+i] = v
	}
	for d := range w.in {
		size := int64(w.extent(d)-w.before[d]-w.after[d]) + pad[d]
		if w.in[d] == 0 {
			size -= int64(w.stride[d])
		} else if apart := tensor.MulSat(int64(w.in[d]-1), int64(w.stride[d])); apart <= tensor.MaxBytes {
			size += apart
		} else {
			return fmt.Errorf("%w: %d times %d", ErrSize, w.in[d], w.stride[d])
		}
		if size < 0 {
			return fmt.Errorf("%w: output of %d", ErrShape, size)
		}
		w.out[d] = int(size)
	}
	return nil
}

func packConvTranspose(c *Call, w Tensor, dst []byte) error {
	return c.Plan.step.(*transposeStep).packW(c, tensor.View[float32](dst), w)
}

// packW packs W (taps, groups, cg, mg) for each tap and group.
func (s *transposeStep) packW(c *Call, dst []float32, w Tensor) error {
	if s.each > 0 {
		return s.packApart(c, dst, w)
	}
	return packPanels(c, dst, w, s.taps()*s.groups, s.cg, s.n, s.cg*s.n, s.n, 1)
}

func runConvTranspose(c *Call) error {
	s, y := c.Plan.step.(*transposeStep), c.Out[0]
	switch {
	case y.Elems() == 0:
		return nil
	case y.DType == tensor.Float64:
		x, w := tensor.View[float64](c.In[0].Data), tensor.View[float64](c.In[1].Data)
		return transposePlaces(c, s, tensor.View[float64](y.Data), x, w)
	}
	rest := scratchOf(c)
	x, err := c.asFloat32(c.In[0], &rest)
	if err != nil {
		return err
	}
	r := kept(c, func() *transposeRun { return new(transposeRun) })
	r.x, r.y = x, output[float32](y, &rest)
	if s.single {
		w, err := c.asFloat32(c.In[1], &rest)
		if err != nil {
			return err
		}
		return transposePlaces(c, s, r.y, x, w)
	}
	if r.w = tensor.View[float32](c.Packed); c.Packed == nil {
		r.w = rest.cut(c.Plan.Packed / 4)
		if err := s.packW(c, r.w, c.In[1]); err != nil {
			return err
		}
	}
	if s.each > 0 {
		return s.runApart(c, r, &rest)
	}
	return s.gemm.run(c, s.groups, convTransposeTile)
}

// transposeRun is what a transposed convolution works on, w packed.
type transposeRun struct{ x, w, y, biases []float32 }

func convTransposeTile(c *Call, p patch) {
	s, r := c.Plan.step.(*transposeStep), c.kept.(*transposeRun)
	for row := p.row0; row < p.row1; {
		line := row - row%s.out[2]
		end := min(line+s.out[2], p.row1)
		s.line(p, r.y, r.x, r.w, row, end)
		row = end
	}
	finish(&s.gemm, c, p, p.batch*s.n, r.y, 1, s.epilogue, c.In[2:])
}

// line adds the terms of a patch to the places lo … hi of y, which lie along
// its last spatial dim. The places that a tap reaches are Stride apart and take
// neighbours of x.
func (s *transposeStep) line(p patch, y, x, w []float32, lo, hi int) {
	base := p.batch*s.n + p.col0
	if p.k0 == 0 {
		for i := lo; i < hi; i++ {
			clear(y[i*s.ldc+base:][:p.col1-p.col0])
		}
	}
	size := simd.PackedLen(s.cg, s.n)
	at, image := s.split(lo)
	first, last := at[2], at[2]+hi-lo
	for k := p.k0; k < p.k1; {
		number, from := k/s.cg, k%s.cg
		terms := min(s.cg-from, p.k1-k, simd.Block-from%simd.Block)
		k += terms
		tap := s.tap(number)
		// Place o of y takes p of x where o = p·stride + shift.
		shift := tap[2]*s.dilation[2] - s.before[2]
		begin := max(0, ceilDiv(first-shift, s.stride[2]))
		end := min(s.in[2], ceilDiv(last-shift, s.stride[2]))
		at[2] = begin*s.stride[2] + shift
		place, ok := s.origin(at, tap)
		if !ok || begin >= end {
			continue
		}
		to := lo - first + at[2]
		simd.Gemm(y[to*s.ldc+base:], far(s.stride[2], s.ldc), x[(image+place)*s.c+p.batch*s.cg+from:], s.c,
			w[(number*s.groups+p.batch)*size+p.col0/simd.Panel*simd.PanelLen(s.cg)+from*simd.Panel:], simd.PanelLen(s.cg),
			end-begin, p.col1-p.col0, terms, true, &simd.Ending{})
	}
}

// transposePlaces computes y place by place from W as it is.
func transposePlaces[T real](c *Call, s *transposeStep, y, x, w []T) error {
	batch := s.groups
	if s.single {
		batch = 1
	}
	return s.gemm.run(c, batch, func(c *Call, p patch) {
		base := p.batch * s.n
		for i := p.row0; i < p.row1; i++ {
			row := y[i*s.ldc+base+p.col0:][:p.col1-p.col0]
			if p.k0 == 0 {
				clear(row)
			}
			at, image := s.split(i)
			for k := p.k0; k < p.k1; {
				number, from := k, 0
				terms := 1
				if !s.single {
					number, from = k/s.cg, k%s.cg
					terms = min(s.cg-from, p.k1-k)
				}
				k += terms
				place, ok := s.origin(at, s.tap(number))
				if !ok {
					continue
				}
				xr := x[(image+place)*s.c:]
				if s.single {
					mulAdd(row, xr[p.col0:], w[number*s.c+p.col0:])
					continue
				}
				for j, v := range xr[p.batch*s.cg+from:][:terms] {
					wr := w[(number*s.c+p.batch*s.cg+from+j)*s.n+p.col0:][:len(row)]
					for q, u := range wr {
						row[q] += T(v * u)
					}
				}
			}
		}
		finish(&s.gemm, c, p, base, y, 1, s.epilogue, c.In[2:])
	})
}

// mulAdd adds a·b to c, fused in float32.
func mulAdd[T real](c, a, b []T) {
	if c, ok := any(c).([]float32); ok {
		simd.MulAdd(c, any(a).([]float32), any(b).([]float32), c)
		return
	}
	for i := range c {
		c[i] += T(a[i] * b[i])
	}
}
