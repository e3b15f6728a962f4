package kernels

import (
	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// apart reports whether the windows of a transposed convolution lie beside one
// another and cover y: then each place of y has one tap, and all taps of a line
// are columns of one product, whose rows are the places of x.
func (w *window) apart(groups int64, outPad []int64) bool {
	for d := range w.in {
		if w.kernel[d] != w.stride[d] || w.dilation[d] != 1 && w.kernel[d] > 1 || w.before[d] != 0 || w.after[d] != 0 {
			return false
		}
	}
	for _, p := range outPad {
		if p != 0 {
			return false
		}
	}
	return groups == 1
}

// planApart is for the windows of apart: a product of (places of x, c) by
// (c, kernel·m) for each line of the window.
func (s *transposeStep) planApart(p *Plan, e Program, in []tensor.Type) {
	x, y := in[0], p.Out[0]
	s.each = s.n
	s.gemm = newProduct(int(tensor.Product(x.Dims[:x.Rank-1])), s.kernel[2]*s.each, s.c, nil)
	s.epilogue.quicken(e, y, in[2:], true)
	p.Packed = packedBytes(int64(s.kernel[0]*s.kernel[1]), int64(s.c), int64(s.n))
	p.Scratch = tensor.AddSat(tensor.AddSat(p.Packed, float32Scratch(x, y)), 4*int64(s.n))
}

// packApart packs W (lines, kernel, c, m) as a matrix (c, kernel·m) for each
// line of the window.
func (s *transposeStep) packApart(c *Call, dst []float32, w Tensor) error {
	if s.c == 0 {
		return nil
	}
	c.tiles.packing = packing{dst: dst, src: w}
	g := newGemm(1, s.n, s.c)
	return g.run(c, s.kernel[0]*s.kernel[1], packApartTile)
}

func packApartTile(c *Call, p patch) {
	s, t := c.Plan.step.(*transposeStep), &c.tiles.packing
	to := t.dst[p.batch*simd.PackedLen(s.c, s.n):]
	for j := p.col0; j < p.col1; j += simd.Panel {
		for i := p.k0; i < p.k1; i++ {
			row := to[j/simd.Panel*simd.PanelLen(s.c)+i*simd.Panel:][:simd.Panel]
			clear(row)
			for col, end := j, min(j+simd.Panel, p.col1); col < end; {
				tap, m := col/s.each, col%s.each
				n := min(end-col, s.each-m)
				readFloat32(row[col-j:][:n], t.src, ((p.batch*s.kernel[2]+tap)*s.c+i)*s.each+m)
				col += n
			}
		}
	}
}

// runApart computes y by the packed weights.
func (s *transposeStep) runApart(c *Call, r *transposeRun, rest *workspace) error {
	// A bias is one for each column of a line.
	if e := s.epilogue; e != nil && e.bias != 0 {
		r.biases = rest.cut(int64(s.n))
		if err := c.spans(int64(s.kernel[2]), 4*int64(s.each), spreadBias); err != nil {
			return err
		}
	}
	return s.gemm.run(c, s.kernel[0]*s.kernel[1], apartTile)
}

func spreadBias(c *Call, lo, hi int64) {
	s, r := c.Plan.step.(*transposeStep), c.kept.(*transposeRun)
	bias := tensor.View[float32](c.In[1+s.epilogue.bias].Data)
	for i := int(lo); i < int(hi); i++ {
		copy(r.biases[i*s.each:], bias)
	}
}

func apartTile(c *Call, p patch) {
	s, r := c.Plan.step.(*transposeStep), c.kept.(*transposeRun)
	for row := p.row0; row < p.row1; {
		part := p
		part.row0, part.row1 = row, min(row-row%s.in[2]+s.in[2], p.row1)
		row = part.row1
		s.lineApart(c, part, r)
	}
}

// lineApart computes a patch of places of x that lie on one line.
func (s *transposeStep) lineApart(c *Call, p patch, r *transposeRun) {
	line := p.row0 / s.in[2]
	image, d, h := line/s.in[1]/s.in[0], line/s.in[1]%s.in[0], line%s.in[1]
	d, h = d*s.stride[0]+p.batch/s.kernel[1], h*s.stride[1]+p.batch%s.kernel[1]
	// The line of y is as long as those of x times n, so that row0 counts from
	// where line 0 would begin.
	base := ((image*s.out[0]+d)*s.out[1]+h)*s.in[2]*s.n - line*s.in[2]*s.n
	end := s.ending(p, base, s.epilogue, c.In[2:])
	if end.Bias != nil {
		end.Bias = r.biases[p.col0:]
	}
	at, w := base+p.row0*s.ldc+p.col0, r.w[p.batch*simd.PackedLen(s.c, s.n):]
	for k := p.k0; k == p.k0 || k < p.k1; k += simd.Block {
		terms, last := min(p.k1-k, simd.Block), simd.Ending{}
		if k+terms >= s.k {
			last = end
		}
		simd.Gemm(r.y[at:], s.ldc, r.x[p.row0*s.c+k:], s.c, s.columns(p, w, k), simd.PanelLen(s.k), p.row1-p.row0, p.col1-p.col0, terms, k > 0, &last)
	}
	finish(&s.gemm, c, p, base, r.y, 1, s.epilogue, c.In[2:])
}
