package kernels

import (
	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// A gemm is how a product of (m, k) by (k, n) is cut into tiles: down times
// across of them, as equal as whole units of rows and panels of columns allow.
// Depth is a whole number of blocks, so how k is cut does not show in the
// result, whose rows are ldc elements apart.
type gemm struct {
	m, n, k      int
	ldc          int
	down, across int
	unit         int // rows that are not cut
	depth        int
}

// A patch is the part of a product that one tile works on.
type patch struct {
	batch                  int
	row0, row1, col0, col1 int
	k0, k1                 int
}

// Bounds of a tile, in multiply-adds. Vector units do those of a product some
// ten times as fast as other loops do theirs.
const (
	tileWork    = 1 << 20
	productWork = 4 << 20
	maxDepth    = 2 * simd.Block
)

// newGemm cuts a loop that does its multiply-adds one by one.
func newGemm(m, n, k int) gemm {
	g := gemm{m: m, n: n, k: k, ldc: n, unit: 1}
	g.depth = max(1, min(k, maxDepth))
	rows := max(1, min(m, 64, tileWork/(simd.Panel*g.depth)))
	g.down, g.across = ceilDiv(m, rows), ceilDiv(n, max(1, tileWork/(rows*g.depth*simd.Panel))*simd.Panel)
	return g
}

// newProduct cuts a product that is done by simd.Gemm. There are enough tiles
// for some cores, unless each would be over at once. They are wide, so that rows
// are read few times, and cut down rather than across where the columns are
// fewer than the rows or an epilogue is to run on what a tile has of each row;
// those of the same columns come one after another, while these are in the
// cache.
func newProduct(m, n, k int, e *epilogue) gemm {
	const (
		enough = 16
		least  = 1 << 18 // multiply-adds of a tile
		widest = 16      // panels
		worth  = 1 << 11 // panels of terms for which an epilogue may begin anew in each row
	)
	g := gemm{m: m, n: n, k: k, ldc: n, unit: rowsAtOnce / 3}
	g.depth = max(1, min(k, maxDepth))
	panels, units := max(1, ceilDiv(n, simd.Panel)), max(1, ceilDiv(m, g.unit))
	g.across = ceilDiv(panels, widest)
	rows := productWork / max(1, min(panels, widest)*simd.Panel*g.depth) / g.unit
	g.down = ceilDiv(units, max(3, rows))
	tiles := int64(max(1, min(enough, tensor.MulSat(tensor.MulSat(int64(m), int64(panels*simd.Panel)), int64(k))/least)))
	apply, slim := e != nil && e.tape != nil, 3
	if apply {
		slim = max(slim, worth/max(1, k))
	}
	for int64(g.down)*int64(g.across) < tiles {
		across, down := panels >= 2*slim*g.across, units >= 2*g.down
		switch {
		case across && (!down || n >= m && !apply):
			g.across *= 2
		case down:
			g.down *= 2
		default:
			return g
		}
	}
	return g
}

// rowsAtOnce is how many rows go through the columns of a tile together, a
// multiple of the rows of every tile of package simd. A third more may, too.
const rowsAtOnce = 72

// products is what gemm.run is about to do.
type products struct {
	gemm
	tile          func(c *Call, p patch)
	units, panels int
	from          int // the term that the patches begin with
}

// run calls tile for every patch of batch products. What was summed over the
// depths before is in the result when the next depth comes.
func (g *gemm) run(c *Call, batch int, tile func(c *Call, p patch)) error {
	if batch == 0 || g.m == 0 || g.n == 0 {
		return nil
	}
	t := &c.tiles.products
	*t = products{gemm: *g, tile: tile, units: ceilDiv(g.m, g.unit), panels: ceilDiv(g.n, simd.Panel)}
	t.down, t.across = min(g.down, t.units), min(g.across, t.panels)
	for ; t.from == 0 || t.from < t.k; t.from += t.depth {
		if err := c.Each(batch*t.down*t.across, productTile); err != nil {
			return err
		}
	}
	return nil
}

// productTile does patch i. Those below one another share columns, so they come
// one after another.
func productTile(c *Call, i int) {
	t := &c.tiles.products
	row, col := i%t.down, i/t.down%t.across
	t.tile(c, patch{
		batch: i / t.across / t.down,
		row0:  row * t.units / t.down * t.unit, row1: min((row+1)*t.units/t.down*t.unit, t.m),
		col0: col * t.panels / t.across * simd.Panel, col1: min((col+1)*t.panels/t.across*simd.Panel, t.n),
		k0: t.from, k1: min(t.from+t.depth, t.k),
	})
}

// float32s computes the patch of y (m, n) = a (m, k) · packed b (k, n), where
// the rows of a are lda apart. end is what becomes of sums that are complete.
func (g *gemm) float32s(p patch, y, a []float32, lda int, b []float32, end simd.Ending) {
	rows, cols := p.row1-p.row0, p.col1-p.col0
	c := y[p.row0*g.ldc+p.col0:]
	for k := p.k0; k == p.k0 || k < p.k1; k += simd.Block {
		terms := min(p.k1-k, simd.Block)
		last := simd.Ending{}
		if k+terms >= g.k {
			last = end
		}
		simd.Gemm(c, g.ldc, a[p.row0*lda+k:], lda, g.columns(p, b, k), simd.PanelLen(g.k), rows, cols, terms, k > 0, &last)
	}
}

// columns are those of a patch in the packed b, from row k on, and what the
// next patch reads.
func (g *gemm) columns(p patch, b []float32, k int) []float32 {
	from, to := p.col0/simd.Panel*simd.PanelLen(g.k), len(b)
	if p.row1 < g.m {
		to = (p.col1-1)/simd.Panel*simd.PanelLen(g.k) + g.k*simd.Panel
	}
	return b[from+k*simd.Panel : to]
}

// finish is for a patch that is complete, of the result of c, which is computed
// in y: each element is multiplied by alpha, then the epilogue runs on them. The
// product's first element is at base in y.
func finish[T tensor.Element](g *gemm, c *Call, p patch, base int, y []T, alpha T, e *epilogue, extra []Tensor) {
	out := c.Out[0]
	if p.k1 < g.k || alpha == 1 && !isHalf(out.DType) && (e == nil || e.tape == nil) {
		return
	}
	rows, lo, hi := p.row1-p.row0, base+p.row0*g.ldc+p.col0, base+p.row0*g.ldc+p.col1
	if hi-lo == g.ldc {
		rows, hi = 1, lo+rows*g.ldc
	}
	for range rows {
		if alpha != 1 {
			for i := range y[lo:hi] {
				y[lo+i] *= alpha
			}
		}
		store(out, y, lo, hi)
		e.apply(out.Data, extra, int64(lo), int64(hi))
		lo, hi = lo+g.ldc, hi+g.ldc
	}
}

// packedBytes is the size of count packed matrices (k, n).
func packedBytes(count, k, n int64) int64 {
	if k > tensor.MaxBytes {
		return k
	}
	panels := tensor.MulSat(count, (n+simd.Panel-1)/simd.Panel)
	return tensor.MulSat(panels, 4*int64(simd.PanelLen(int(k))))
}

// packing is what packPanels is about to do.
type packing struct {
	dst              []float32
	src              Tensor
	k, n             int
	matrix, row, col int
}

// packPanels packs count matrices (k, n) of src, with the given strides of a
// matrix, a row and a column.
func packPanels(c *Call, dst []float32, src Tensor, count, k, n int, matrix, row, col int) error {
	if k == 0 {
		return nil
	}
	c.tiles.packing = packing{dst, src, k, n, matrix, row, col}
	g := newGemm(1, n, k)
	return g.run(c, count, packTile)
}

func packTile(c *Call, p patch) {
	t := &c.tiles.packing
	d := t.dst[p.batch*simd.PackedLen(t.k, t.n)+p.col0/simd.Panel*simd.PanelLen(t.k):]
	for j := p.col0; j < p.col1; j += simd.Panel {
		to, at := d[p.k0*simd.Panel:], p.batch*t.matrix+p.k0*t.row+j*t.col
		if k, n := p.k1-p.k0, min(simd.Panel, t.n-j); t.src.DType == tensor.Float32 {
			simd.Pack(to, tensor.View[float32](t.src.Data)[at:], k, n, t.row, t.col)
		} else {
			packHalves(to, t.src, at, k, n, t.row, t.col)
		}
		d = d[min(simd.PanelLen(t.k), len(d)):]
	}
}

// packHalves is simd.Pack of one panel that lies at an element of src.
func packHalves(dst []float32, src Tensor, at, k, n, row, col int) {
	h, v := halfOf(src.DType), tensor.View[uint16](src.Data)
	for i := range k {
		d := dst[i*simd.Panel:][:simd.Panel]
		for j := range n {
			d[j] = h.widen(v[at+i*row+j*col])
		}
		clear(d[n:])
	}
}
