package kernels

import (
	"github.com/glovebox-ml/glovebox/kernels/internal/simd"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// gridRank leaves room for tile, which walks each dim of x twice.
const gridRank = 2 * tensor.MaxRank

// A grid is a copy from one strided array to another: for every index i, the
// element at src0 + Σ i[k]·src[k] goes to dst0 + Σ i[k]·dst[k]. No element of
// dst is written twice. Strides of src may be zero or negative.
//
// After seal its last two dims are a plane of rows and columns which is walked
// in blocks; the dims before it only add to the offsets.
type grid struct {
	rank       int
	dims       [gridRank]int64
	dst, src   [gridRank]int64
	dst0, src0 int64

	kind       planeKind
	rows, cols int64 // of one block
	perTile    int64 // blocks of one tile
}

type planeKind uint8

const (
	planeStrided   planeKind = iota
	planeCopy                // both sides have neighbouring columns
	planeRepeat              // one element of src fills a row
	planeTranspose           // neighbours in a row of dst are neighbours in a column of src
)

// add appends a dim inside those already there, as one with the last of them
// where the two are contiguous on both sides.
func (g *grid) add(n, dst, src int64) {
	if n == 1 {
		return
	}
	if k := g.rank - 1; k >= 0 && g.dst[k] == n*dst && g.src[k] == n*src {
		g.dims[k] *= n
		g.dst[k], g.src[k] = dst, src
		return
	}
	g.dims[g.rank], g.dst[g.rank], g.src[g.rank] = n, dst, src
	g.rank++
}

// seal chooses the plane and the size of its blocks for elements of size bytes.
func (g *grid) seal(size int) {
	for g.rank < 2 {
		copy(g.dims[1:], g.dims[:g.rank])
		copy(g.dst[1:], g.dst[:g.rank])
		copy(g.src[1:], g.src[:g.rank])
		g.dims[0], g.dst[0], g.src[0] = 1, 0, 0
		g.rank++
	}
	a, b := g.rank-2, g.rank-1
	tile := int64(tileBytes / size)
	block := tile
	g.cols = min(g.dims[b], tile)
	if g.dst[b] == 1 {
		switch {
		case g.src[b] == 1:
			g.kind = planeCopy
		case g.src[b] == 0:
			g.kind = planeRepeat
		default:
			for k := range b {
				if g.src[k] == 1 {
					g.swap(k, a)
					g.kind = planeTranspose
					g.cols = min(g.dims[b], 64)
					block = 64 * 64
					break
				}
			}
		}
	}
	g.rows = min(g.dims[a], max(1, block/max(g.cols, 1)))
	g.perTile = max(1, tile/max(g.rows*g.cols, 1))
}

func (g *grid) swap(i, j int) {
	g.dims[i], g.dims[j] = g.dims[j], g.dims[i]
	g.dst[i], g.dst[j] = g.dst[j], g.dst[i]
	g.src[i], g.src[j] = g.src[j], g.src[i]
}

// runGrid is the run of every op that is one strided copy.
func runGrid(c *Call) error { return c.move(c.Plan.step.(*grid), c.Out[0].Data, c.In[0].Data) }

// move runs a sealed grid on elements of the type of the result.
func (c *Call) move(g *grid, dst, src []byte) error {
	if g.rows == 0 || g.cols == 0 {
		return nil
	}
	t := &c.tiles
	t.grid, t.dst, t.src = g, dst, src
	err := c.Each(int((g.blocks()+g.perTile-1)/g.perTile), gridTiles[c.Out[0].DType.Size()])
	t.dst, t.src = nil, nil
	return err
}

var gridTiles = [...]func(c *Call, tile int){1: gridTile[uint8], 2: gridTile[uint16], 4: gridTile[uint32], 8: gridTile[uint64]}

func (g *grid) blocks() int64 {
	a, b := g.rank-2, g.rank-1
	return tensor.Product(g.dims[:a]) * ((g.dims[a] + g.rows - 1) / g.rows) * ((g.dims[b] + g.cols - 1) / g.cols)
}

// gridTile moves perTile blocks.
func gridTile[T word](c *Call, tile int) {
	g, dst, src := c.tiles.grid, tensor.View[T](c.tiles.dst), tensor.View[T](c.tiles.src)
	a, b := g.rank-2, g.rank-1
	down, across := (g.dims[a]+g.rows-1)/g.rows, (g.dims[b]+g.cols-1)/g.cols
	lo := int64(tile) * g.perTile
	n := min(g.perTile, g.blocks()-lo)
	col, row, outer := lo%across, lo/across%down, lo/across/down
	d, s := g.dst0, g.src0
	var at [gridRank]int64
	for k := a - 1; k >= 0; k-- {
		at[k] = outer % g.dims[k]
		outer /= g.dims[k]
		d += at[k] * g.dst[k]
		s += at[k] * g.src[k]
	}
	for ; n > 0; n-- {
		i, j := row*g.rows, col*g.cols
		plane(g, dst, src, d+i*g.dst[a]+j*g.dst[b], s+i*g.src[a]+j*g.src[b],
			min(g.rows, g.dims[a]-i), min(g.cols, g.dims[b]-j))
		if col++; col < across {
			continue
		}
		col = 0
		if row++; row < down {
			continue
		}
		row = 0
		for k := a - 1; k >= 0; k-- {
			at[k]++
			d, s = d+g.dst[k], s+g.src[k]
			if at[k] < g.dims[k] {
				break
			}
			at[k] = 0
			d, s = d-g.dims[k]*g.dst[k], s-g.dims[k]*g.src[k]
		}
	}
}

// plane moves the block whose first element is at s in src and at d in dst.
func plane[T word](g *grid, dst, src []T, d, s, rows, cols int64) {
	a, b := g.rank-2, g.rank-1
	da, db, sa, sb := g.dst[a], g.dst[b], g.src[a], g.src[b]
	switch g.kind {
	case planeCopy:
		for ; rows > 0; rows-- {
			copyRun(dst[d:d+cols], src[s:s+cols])
			d, s = d+da, s+sa
		}
	case planeRepeat:
		for ; rows > 0; rows-- {
			fillWords(dst[d:d+cols], src[s])
			d, s = d+da, s+sa
		}
	case planeTranspose:
		simd.Transpose(dst[d:], int(da), src[s:], int(sb), int(rows), int(cols))
	default:
		for ; rows > 0; rows-- {
			if db == 1 && sb == 2 {
				everySecond(dst[d:][:cols], src[s:])
			} else {
				for j := range cols {
					dst[d+j*db] = src[s+j*sb]
				}
			}
			d, s = d+da, s+sa
		}
	}
}

// everySecond copies every second element, the step that images are taken in.
func everySecond[T word](dst, src []T) {
	for len(dst) >= 4 && len(src) >= 7 {
		d, s := dst[:4:4], src[:7:7]
		d[0], d[1], d[2], d[3] = s[0], s[2], s[4], s[6]
		dst, src = dst[4:], src[min(8, len(src)):]
	}
	for j := range dst {
		dst[j] = src[2*j]
	}
}

// copyRun is copy, without its call where the run is short.
func copyRun[T word](dst, src []T) {
	if len(dst) > 8 {
		copy(dst, src)
		return
	}
	for i, v := range src[:len(dst)] {
		dst[i] = v
	}
}
