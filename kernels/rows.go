package kernels

// rows is work on count rows of n elements that are cut into blocks. What an
// op learns of a row it gathers block by block, so the result does not depend
// on how rows are given to goroutines: several short ones to a tile, or the
// blocks of a long one to many.
type rows struct {
	count, n, blocks int
}

func newRows(count, n int64) rows {
	return rows{int(count), int(n), max(1, int((n+foldBlock-1)/foldBlock))}
}

// A rowPass goes over every block lo … hi of each row, then over each row.
type rowPass struct {
	block func(row, b, lo, hi int)
	row   func(row int)
}

// stat is the place of what is known of a block in a list for all rows; that
// of the row itself is the place of block 0.
func (r *rows) stat(row, b int) int { return row*r.blocks + b }

func (r *rows) run(c *Call, passes ...rowPass) error {
	t := &c.tiles
	t.rows, t.passes = r, passes
	if r.blocks == 1 {
		return c.Each(ceilDiv(r.count, r.perTile()), rowsTile)
	}
	for i := range passes {
		t.passes = passes[i : i+1]
		if err := c.Each(ceilDiv(r.count*r.blocks, r.perTile()), blocksTile); err != nil {
			return err
		}
		if passes[i].row == nil {
			continue
		}
		if err := c.Each(r.count, rowTile); err != nil {
			return err
		}
	}
	return nil
}

func (r *rows) perTile() int { return max(1, tileWork/16/max(1, min(r.n, foldBlock))) }

// rowsTile makes all passes of some rows of one block.
func rowsTile(c *Call, tile int) {
	r, passes := c.tiles.rows, c.tiles.passes
	for row := tile * r.perTile(); row < min((tile+1)*r.perTile(), r.count); row++ {
		for i := range passes {
			passes[i].block(row, 0, 0, r.n)
			if passes[i].row != nil {
				passes[i].row(row)
			}
		}
	}
}

// blocksTile makes one pass of some blocks.
func blocksTile(c *Call, tile int) {
	r, pass := c.tiles.rows, &c.tiles.passes[0]
	for u := tile * r.perTile(); u < min((tile+1)*r.perTile(), r.count*r.blocks); u++ {
		lo := u % r.blocks * foldBlock
		pass.block(u/r.blocks, u%r.blocks, lo, min(lo+foldBlock, r.n))
	}
}

func rowTile(c *Call, row int) { c.tiles.passes[0].row(row) }

// total adds up what is known of the blocks of a row, in order.
func total[T real](r *rows, stats []T, row int) T {
	blocks := stats[row*r.blocks:][:r.blocks]
	sum := blocks[0]
	for _, v := range blocks[1:] {
		sum += v
	}
	return sum
}
