package kernels

import (
	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// winograd is a convolution by tiles of 4×4 places of y, each from 6×6 places
// of x: simd.WinogradInput makes 36 numbers of a tile's channel, of which each
// goes through a product of its own (tiles, c) by (c, m), and
// simd.WinogradOutput makes places of what comes out.
//
// An image is cut into bands of lines of tiles, or of parts of a line that has
// many. Many bands are each done by one core, few together by all of them: one
// core multiplies by some of the 36 matrices of weights then, which are what
// takes the room in its cache.
type winograd struct {
	tilesX, tilesY int // of an image
	images         int
	bands          int // of an image
	pieces         int // bands that a line of tiles is cut into
	most           int // tiles of a band
	slots          int // bands that may be worked on at once
	together       bool
}

// Bounds of winograd. Fewer channels leave too little to multiply, and with
// more the transformed weights, four times as large, take longer to read than
// the products that are saved.
const (
	winogradChannels = 32
	winogradColumns  = 16
	winogradPairs    = 1 << 16
	winogradMemory   = 1 << 18 // floats of a band
	winogradTogether = 1 << 20 // floats of a band that all cores work on
	winogradSlots    = 16
	winogradFew      = 4 // bands that are few, and tiles that a core transforms at once
)

// byWinograd reports whether the weights of a convolution with that window are
// transformed. It does not depend on the size of x, which the packed form of
// the weights must not.
func byWinograd(w *window, groups, c, m int64) bool {
	return w.kernel == [3]int{1, 3, 3} && w.stride == [3]int{1, 1, 1} && w.dilation == [3]int{1, 1, 1} && groups == 1 &&
		w.before[0] == 0 && w.after[0] == 0 &&
		c >= winogradChannels && m >= winogradColumns && c <= simd.Block && m <= simd.Block && c*m <= winogradPairs
}

func (s *convStep) planWinograd() *winograd {
	w := &winograd{
		tilesX: ceilDiv(s.out[2], simd.WinogradTile),
		tilesY: ceilDiv(s.out[1], simd.WinogradTile),
		images: s.m / max(1, s.out[1]*s.out[2]),
	}
	size := simd.WinogradPlanes * (s.c + s.n)
	w.cut(min(64, max(16, winogradMemory/size)))
	w.slots = min(winogradSlots, max(1, w.images*w.bands))
	if w.together = w.images*w.bands <= winogradFew; w.together {
		w.cut(max(16, winogradTogether/size))
		w.slots = 1
	}
	return w
}

// cut makes bands of so many tiles at most, as equal as lines allow.
func (w *winograd) cut(most int) {
	w.pieces = ceilDiv(max(1, w.tilesX), most)
	lines := ceilDiv(w.tilesY, max(1, most/max(1, w.tilesX)))
	w.bands = lines * w.pieces
	w.most = min(most, ceilDiv(w.tilesY, max(1, lines))*w.tilesX)
}

// band finds the tiles lo … hi of an image that band i is.
func (w *winograd) band(i int) (image, lo, hi int) {
	image, i = i/w.bands, i%w.bands
	line, piece, lines := i/w.pieces, i%w.pieces, w.bands/w.pieces
	first, last := line*w.tilesY/lines*w.tilesX, (line+1)*w.tilesY/lines*w.tilesX
	return image, first + (last-first)*piece/w.pieces, first + (last-first)*(piece+1)/w.pieces
}

// slot is the memory of a band: the input of the products and their output.
func (s *convStep) slot() int {
	return simd.WinogradPlanes * (winogradPlane(s.winograd.most, s.c) + winogradPlane(s.winograd.most, s.n))
}

// winogradPlane is how many elements matrices of (tiles, channels) are apart:
// an odd number of lines, so that they do not compete for the same sets of the
// cache when one element of each is written.
func winogradPlane(tiles, channels int) int { return ((tiles*channels+15)/16 | 1) * 16 }

// packWinograd transforms and packs W (9, c, m).
func (s *convStep) packWinograd(call *Call, dst []float32, w Tensor) error {
	size := simd.PackedLen(s.c, s.n)
	return call.Tiles(s.c, func(c int) {
		for j := 0; j < s.n; j += simd.Panel {
			to := dst[j/simd.Panel*simd.PanelLen(s.c)+c*simd.Panel:]
			if w.DType == tensor.Float32 && j+simd.Panel <= s.n {
				simd.WinogradWeights(to, size, tensor.View[float32](w.Data)[c*s.n+j:], s.c*s.n)
				continue
			}
			var rows [9 * simd.Panel]float32 // zeros in the columns that a last panel lacks
			for i := range 9 {
				readFloat32(rows[i*simd.Panel:][:min(simd.Panel, s.n-j)], w, (i*s.c+c)*s.n+j)
			}
			simd.WinogradWeights(to, size, rows[:], simd.Panel)
		}
	})
}

// runWinograd computes y from x and the packed weights.
func (s *convStep) runWinograd(c *Call, r *convRun, rest *workspace) error {
	w := s.winograd
	if !w.together {
		for len(r.slots) > 0 {
			<-r.slots // of the run before
		}
		for range w.slots {
			r.slots <- rest.cut(int64(s.slot()))
		}
		return c.Each(w.images*w.bands, winogradBand)
	}
	memory := rest.cut(int64(s.slot()))
	for i := range w.images * w.bands {
		r.part = s.part(memory, i)
		few := ceilDiv(r.part.count, winogradFew)
		if err := c.Each(few, winogradTake); err != nil {
			return err
		}
		if err := c.Each(simd.WinogradPlanes, winogradMultiply); err != nil {
			return err
		}
		if err := c.Each(few, winogradGive); err != nil {
			return err
		}
	}
	return nil
}

func winogradBand(c *Call, i int) {
	s, r := c.Plan.step.(*convStep), c.kept.(*convRun)
	memory := <-r.slots
	defer func() { r.slots <- memory }()
	p := s.part(memory, i)
	p.take(s, r.x, 0, p.count)
	for plane := range simd.WinogradPlanes {
		p.multiply(s, r.w, plane)
	}
	p.give(s, c, r.y, 0, p.count)
}

func winogradTake(c *Call, i int) {
	s, r := c.Plan.step.(*convStep), c.kept.(*convRun)
	r.part.take(s, r.x, i*winogradFew, min((i+1)*winogradFew, r.part.count))
}

func winogradMultiply(c *Call, i int) {
	s, r := c.Plan.step.(*convStep), c.kept.(*convRun)
	r.part.multiply(s, r.w, i)
}

func winogradGive(c *Call, i int) {
	s, r := c.Plan.step.(*convStep), c.kept.(*convRun)
	r.part.give(s, c, r.y, i*winogradFew, min((i+1)*winogradFew, r.part.count))
}

// A winogradPart is a band at work.
type winogradPart struct {
	image, first, count int
	x, y                []float32 // 36 matrices (count, c) and (count, m)
	apart, yApart       int       // elements from one matrix to the next
}

func (s *convStep) part(memory []float32, band int) winogradPart {
	image, first, last := s.winograd.band(band)
	count := last - first
	p := winogradPart{image: image, first: first, count: count, apart: winogradPlane(count, s.c), yApart: winogradPlane(count, s.n)}
	p.x = memory[:simd.WinogradPlanes*p.apart]
	p.y = memory[len(p.x):][:simd.WinogradPlanes*p.yApart]
	return p
}

// take makes the input of the products for the part's tiles lo … hi.
func (p *winogradPart) take(s *convStep, x []float32, lo, hi int) {
	for i := lo; i < hi; i++ {
		at := s.winogradWindow(p.image, p.first+i)
		simd.WinogradInput(p.x[i*s.c:], p.apart, x, &at, s.c)
	}
}

// multiply is the product by one matrix of the weights.
func (p *winogradPart) multiply(s *convStep, packed []float32, plane int) {
	w := packed[plane*simd.PackedLen(s.c, s.n):]
	simd.Gemm(p.y[plane*p.yApart:], s.n, p.x[plane*p.apart:], s.c, w, simd.PanelLen(s.c), p.count, s.n, s.c, false, &simd.Ending{})
}

// give makes the places of y that the part's tiles lo … hi cover.
func (p *winogradPart) give(s *convStep, c *Call, y []float32, lo, hi int) {
	end := s.ending(patch{}, 0, s.epilogue, c.In[2:])
	for i := lo; i < hi; i++ {
		at := s.winogradPlaces(p.image, p.first+i)
		simd.WinogradOutput(y, &at, p.y[i*s.n:], p.yApart, s.n, &end)
	}
	for w := s.winograd; lo < hi; {
		line, x := (p.first+lo)/w.tilesX, (p.first+lo)%w.tilesX
		n := min(w.tilesX-x, hi-lo)
		from, to := x*simd.WinogradTile, min((x+n)*simd.WinogradTile, s.out[2])
		for i := line * simd.WinogradTile; i < min((line+1)*simd.WinogradTile, s.out[1]); i++ {
			row := (p.image*s.out[1] + i) * s.out[2]
			finish(&s.gemm, c, patch{row0: row + from, row1: row + to, col1: s.n, k1: s.k}, 0, y, 1, s.epilogue, c.In[2:])
		}
		lo += n
	}
}

// winogradWindow is where the places of x lie that tile t takes.
func (s *convStep) winogradWindow(image, t int) (at [simd.WinogradPlanes]int) {
	top := t/s.winograd.tilesX*simd.WinogradTile - s.before[1]
	left := t%s.winograd.tilesX*simd.WinogradTile - s.before[2]
	for i := range simd.WinogradWindow {
		line := (image*s.in[1] + top + i) * s.in[2]
		for j := range simd.WinogradWindow {
			place := -1
			if uint(top+i) < uint(s.in[1]) && uint(left+j) < uint(s.in[2]) {
				place = (line + left + j) * s.c
			}
			at[i*simd.WinogradWindow+j] = place
		}
	}
	return at
}

// winogradPlaces is where the places of y lie that tile t makes.
func (s *convStep) winogradPlaces(image, t int) (at [simd.WinogradTile * simd.WinogradTile]int) {
	top, left := t/s.winograd.tilesX*simd.WinogradTile, t%s.winograd.tilesX*simd.WinogradTile
	for i := range simd.WinogradTile {
		line := (image*s.out[1] + top + i) * s.out[2]
		for j := range simd.WinogradTile {
			place := -1
			if top+i < s.out[1] && left+j < s.out[2] {
				place = (line + left + j) * s.n
			}
			at[i*simd.WinogradTile+j] = place
		}
	}
	return at
}

// winogradScratch is the memory of the jobs in bytes.
func (s *convStep) winogradScratch() int64 {
	return tensor.MulSat(4*int64(s.winograd.slots), int64(s.slot()))
}
