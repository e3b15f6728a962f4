package kernels

// A tile that is a plain function takes what it needs from its call. A closure
// would be allocated anew each time that the call is made; of these ways to cut
// work into tiles nothing is.

// tiles is what Each and the ways built on it are about to do.
type tiles struct {
	run  func(i int) // calls tile; made once a Call
	tile func(c *Call, i int)

	span    func(c *Call, lo, hi int64)
	n, step int64

	strip      func(c *Call, lo, hi, from, to int64)
	row, limit int64
	pieces     int64

	grid     *grid
	dst, src []byte

	rows   *rows
	passes []rowPass

	products    products
	packing     packing
	transposing transposing
}

// kept is what an op keeps in its call, made when the call is first made:
// closures that would else be allocated each time.
func kept[R any](c *Call, make func() *R) *R {
	r, ok := c.kept.(*R)
	if !ok {
		r = make()
		c.kept = r
	}
	return r
}

// Each is Tiles for a plain function.
func (c *Call) Each(n int, tile func(c *Call, i int)) error {
	t := &c.tiles
	if t.run == nil {
		t.run = func(i int) { t.tile(c, i) }
	}
	t.tile = tile
	return c.Tiles(n, t.run)
}

// spans calls f on consecutive ranges of n units of unit bytes each.
func (c *Call) spans(n, unit int64, f func(c *Call, lo, hi int64)) error {
	t := &c.tiles
	t.span, t.n, t.step = f, n, max(1, tileBytes/max(unit, 1))
	return c.Each(int((n+t.step-1)/t.step), spanTile)
}

func spanTile(c *Call, i int) {
	t := &c.tiles
	lo := int64(i) * t.step
	t.span(c, lo, min(lo+t.step, t.n))
}

// strips splits rows of run elements of size bytes: f gets the elements from …
// to of each of the rows lo … hi. Rows too long for one tile come in pieces.
func (c *Call) strips(rows, run int64, size int, f func(c *Call, lo, hi, from, to int64)) error {
	if rows == 0 || run == 0 {
		return nil
	}
	t := &c.tiles
	t.strip, t.row, t.limit = f, run, int64(max(1, tileBytes/size))
	if run <= t.limit {
		return c.spans(rows, run*int64(size), wholeRows)
	}
	t.pieces = (run + t.limit - 1) / t.limit
	return c.Each(int(rows*t.pieces), pieceOfRow)
}

func wholeRows(c *Call, lo, hi int64) { c.tiles.strip(c, lo, hi, 0, c.tiles.row) }

func pieceOfRow(c *Call, i int) {
	t := &c.tiles
	row, from := int64(i)/t.pieces, int64(i)%t.pieces*t.limit
	t.strip(c, row, row+1, from, min(from+t.limit, t.row))
}

// split is spans for a closure.
func (c *Call) split(n, unit int64, f func(lo, hi int64)) error {
	return c.spans(n, unit, func(_ *Call, lo, hi int64) { f(lo, hi) })
}

// runs is strips for a closure.
func (c *Call) runs(rows, run int64, size int, f func(lo, hi, from, to int64)) error {
	return c.strips(rows, run, size, func(_ *Call, lo, hi, from, to int64) { f(lo, hi, from, to) })
}
