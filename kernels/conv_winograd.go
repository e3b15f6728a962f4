package kernels

import (
	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// winograd is a convolution by tiles of 4×4 places of y, each from 6×6 places
// of x: simd.WinogradInput makes 36 numbers of a tile's channel, of which each
// goes through a product of its own (tiles, c) by (c, m), and
// simd.WinogradOutput makes places of what comes out.
type winograd struct {
	tilesX, tilesY int // of an image
	images         int
	lines          int // of tiles that are one job
	across         int // tiles that are multiplied together
	slots          int // jobs that may run at once
}

// Bounds of winograd. Fewer channels leave too little to multiply, and with
// more the transformed weights, four times as large, take longer to read than
// the products that are saved.
const (
	winogradChannels = 32
	winogradColumns  = 16
	winogradPairs    = 1 << 16
	winogradMemory   = 1 << 18 // floats of a job
	winogradSlots    = 16
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
		tilesX: (s.out[2] + simd.WinogradTile - 1) / simd.WinogradTile,
		tilesY: (s.out[1] + simd.WinogradTile - 1) / simd.WinogradTile,
		images: s.m / max(1, s.out[1]*s.out[2]),
	}
	w.across = min(64, max(16, winogradMemory/(simd.WinogradPlanes*(s.c+s.n))))
	w.lines = max(1, w.across/max(1, w.tilesX))
	w.across = min(w.across, w.lines*w.tilesX)
	w.slots = min(winogradSlots, max(1, w.jobs()))
	return w
}

func (w *winograd) jobs() int { return w.images * ((w.tilesY + w.lines - 1) / w.lines) }

// slot is the memory of one job: the input of the products and their output.
func (s *convStep) slot() int {
	return simd.WinogradPlanes * (winogradPlane(s.winograd.across, s.c) + winogradPlane(s.winograd.across, s.n))
}

// winogradPlane is how many elements matrices of (tiles, channels) are apart:
// an odd number of lines, so that they do not compete for the same sets of the
// cache when one element of each is written.
func winogradPlane(tiles, channels int) int { return ((tiles*channels+15)/16 | 1) * 16 }

// packWinograd transforms and packs W (9, c, m).
func (s *convStep) packWinograd(call *Call, dst []float32, w Tensor) error {
	size := simd.PackedLen(s.c, s.n)
	return call.Tiles(s.c, func(c int) {
		var row [9][simd.Panel]float32
		for j := 0; j < s.n; j += simd.Panel {
			cols := min(simd.Panel, s.n-j)
			for i := range row {
				readFloat32(row[i][:cols], w, (i*s.c+c)*s.n+j)
				clear(row[i][cols:])
			}
			for k := range simd.Panel {
				var g [9]float32
				for i := range g {
					g[i] = row[i][k]
				}
				for p, v := range simd.WinogradWeights(&g) {
					dst[p*size+j/simd.Panel*simd.PanelLen(s.c)+c*simd.Panel+k] = v
				}
			}
		}
	})
}

// runWinograd computes y from x and the packed weights.
func (s *convStep) runWinograd(c *Call, r *convRun, rest *workspace) error {
	for len(r.slots) > 0 {
		<-r.slots // of the run before
	}
	for range s.winograd.slots {
		r.slots <- rest.cut(int64(s.slot()))
	}
	return c.Each(s.winograd.jobs(), winogradTile)
}

func winogradTile(c *Call, i int) {
	s, r := c.Plan.step.(*convStep), c.kept.(*convRun)
	w := s.winograd
	memory := <-r.slots
	defer func() { r.slots <- memory }()
	down := (w.tilesY + w.lines - 1) / w.lines
	image, line := i/down, i%down*w.lines
	end := min(line+w.lines, w.tilesY)
	ending := s.ending(patch{}, 0, s.epilogue, c.In[2:])
	for t := line * w.tilesX; t < end*w.tilesX; t += w.across {
		s.winogradTiles(memory, r.y, r.x, r.w, image, t, min(w.across, end*w.tilesX-t), &ending)
	}
	places := s.out[1] * s.out[2]
	p := patch{
		row0: image*places + line*simd.WinogradTile*s.out[2],
		row1: image*places + min(end*simd.WinogradTile, s.out[1])*s.out[2],
		col1: s.n, k1: s.k,
	}
	finish(&s.gemm, c, p, 0, r.y, 1, s.epilogue, c.In[2:])
}

// winogradTiles computes count tiles of an image from tile t on.
func (s *convStep) winogradTiles(memory, y, x, packed []float32, image, t, count int, end *simd.Ending) {
	in, out := winogradPlane(count, s.c), winogradPlane(count, s.n)
	v := memory[:simd.WinogradPlanes*in]
	m := memory[len(v):][:simd.WinogradPlanes*out]
	for i := range count {
		at := s.winogradWindow(image, t+i)
		simd.WinogradInput(v[i*s.c:], in, x, &at, s.c)
	}
	size := simd.PackedLen(s.c, s.n)
	for p := range simd.WinogradPlanes {
		simd.Gemm(m[p*out:], s.n, v[p*in:], s.c, packed[p*size:], simd.PanelLen(s.c), count, s.n, s.c, false, &simd.Ending{})
	}
	for i := range count {
		at := s.winogradPlaces(image, t+i)
		simd.WinogradOutput(y, &at, m[i*s.n:], out, s.n, end)
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
