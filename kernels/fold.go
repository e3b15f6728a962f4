package kernels

import "github.com/glovebox-ml/glovebox/kernels/tensor"

// A fold reduces some dims of x to one element. The elements that make one
// result are counted in row-major order; element i joins lane i mod 16, the
// lanes join in a tree (0 with 8, 0 with 4, …), and what each block of 8192
// elements gave joins in order. So the result depends on the shape alone.
//
// x is seen as rows of cols neighbours that belong to different results:
// offset kept(q) + reduced(i) + column.
type fold struct {
	kept, reduced axes
	outer         int // results divided by cols
	cols          int
	count         int // elements of one result
	blocks        int
	width         int // columns that are folded together
	perTile       int
}

const (
	foldLanes = 16
	foldBlock = 8192
	// foldChunk is how many elements are loaded at once.
	foldChunk = 1024
)

func newFold(x *tensor.Type, reduce [tensor.MaxRank]bool) fold {
	f := fold{outer: 1, cols: 1, count: 1}
	stride := strides(x)
	last := true // kept: whether the innermost dim is
	for k, n := range x.Shape() {
		if n == 1 {
			continue
		}
		if last = !reduce[k]; last {
			f.kept.add(int(n), int(stride[k]))
			f.outer *= int(n)
		} else {
			f.reduced.add(int(n), int(stride[k]))
			f.count *= int(n)
		}
	}
	if last && f.kept.rank > 0 {
		f.kept.rank--
		f.cols = f.kept.dims[f.kept.rank]
		f.outer = 1
		for _, n := range f.kept.dims[:f.kept.rank] {
			f.outer *= n
		}
	}
	f.blocks = max(1, (f.count+foldBlock-1)/foldBlock)
	f.width = max(1, min(f.cols, foldChunk/foldLanes))
	f.perTile = max(1, tileWork/2/(f.width*max(1, min(f.count, foldBlock))))
	return f
}

// units is the number of pieces of work: blocks of up to width columns.
func (f *fold) units() int { return f.outer * ceilDiv(f.cols, f.width) * f.blocks }

func (f *fold) tiles() int { return ceilDiv(f.units(), f.perTile) }

// unit says of piece u where its results go, where their first element is, how
// many they are, and with which element its block begins.
func (f *fold) unit(u int) (to, base, width, lo int) {
	strips := ceilDiv(f.cols, f.width)
	b, strip, q := u%f.blocks, u/f.blocks%strips, u/f.blocks/strips
	col := strip * f.width
	return b*f.results() + q*f.cols + col, f.kept.at(q) + col, min(f.width, f.cols-col), b * foldBlock
}

// results is the number of results.
func (f *fold) results() int { return f.outer * f.cols }

// loader gives the elements at … at+n of the folded array, n ≤ foldChunk. Each
// goroutine has its own.
type loader[T any] func(at, n int) []T

// joiner joins each element of x to that of acc, which has the same length.
type joiner[T any] func(acc, x []T)

// A folder folds the elements lo … hi of each of width neighbouring results,
// the first element of which is at base, and sets dst to what they give. lo is
// where a block begins. Each goroutine has its own.
type folder[T any] func(dst []T, base, width, lo, hi int)

// foldAll sets the first results elements of sums, which has room for as many
// of every block. What blocks gave is joined.
func foldAll[T any](c *Call, f *fold, sums []T, join joiner[T], newFolder func() folder[T]) error {
	results := f.results()
	if results == 0 {
		return nil
	}
	err := c.Tiles(f.tiles(), func(tile int) {
		fold := newFolder()
		for u := tile * f.perTile; u < min((tile+1)*f.perTile, f.units()); u++ {
			to, base, width, lo := f.unit(u)
			fold(sums[to:][:width], base, width, lo, min(lo+foldBlock, f.count))
		}
	})
	if err != nil || f.blocks == 1 {
		return err
	}
	return c.split(int64(results), int64(f.blocks), func(lo, hi int64) { joinBlocks(f, sums, join, lo, hi) })
}

// joinBlocks joins what the blocks of the results lo … hi gave.
func joinBlocks[T any](f *fold, sums []T, join joiner[T], lo, hi int64) {
	for b := 1; b < f.blocks; b++ {
		at := int64(b * f.results())
		join(sums[lo:hi], sums[at+lo:at+hi])
	}
}

// inLanes makes folders of what newLoad gives.
func inLanes[T any](f *fold, start T, join joiner[T], newLoad func() loader[T]) func() folder[T] {
	return func() folder[T] {
		load, lanes := newLoad(), make([]T, foldLanes*f.width)
		return func(dst []T, base, width, lo, hi int) {
			acc := lanes[:foldLanes*width]
			for i := range acc {
				acc[i] = start
			}
			foldUnit(f, acc, base, width, lo, hi, join, load)
			joinLanes(dst, acc, join)
		}
	}
}

// joinLanes sets dst to what its lanes give, and changes them.
func joinLanes[T any](dst, lanes []T, join joiner[T]) {
	for n := len(lanes) / 2; n >= len(dst); n /= 2 {
		join(lanes[:n], lanes[n:2*n])
	}
	copy(dst, lanes)
}

// foldUnit joins elements lo … hi of width results to their lanes.
func foldUnit[T any](f *fold, acc []T, base, width, lo, hi int, join joiner[T], load loader[T]) {
	run := 1
	if k := f.reduced.rank; k > 0 {
		run = f.reduced.dims[k-1]
	}
	for i := lo; i < hi; {
		at, n := base+f.reduced.at(i), min(run-i%run, hi-i)
		if width < f.cols {
			// The rest of each row belongs to other strips.
			for end := i + n; i < end; i++ {
				join(acc[i%foldLanes*width:][:width], load(at, width))
				at += f.cols
			}
			continue
		}
		n = min(n, foldChunk/width)
		x := load(at, n*width)
		for lane := i % foldLanes * width; len(x) > 0; lane = 0 {
			m := min(len(x), len(acc)-lane)
			join(acc[lane:lane+m], x[:m])
			x = x[m:]
		}
		i += n
	}
}
