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
	perTile := max(1, tileWork/16/max(1, min(r.n, foldBlock)))
	if r.blocks == 1 {
		return c.Tiles((r.count+perTile-1)/perTile, func(tile int) {
			for row := tile * perTile; row < min((tile+1)*perTile, r.count); row++ {
				for _, p := range passes {
					p.block(row, 0, 0, r.n)
					if p.row != nil {
						p.row(row)
					}
				}
			}
		})
	}
	for _, p := range passes {
		units := r.count * r.blocks
		err := c.Tiles((units+perTile-1)/perTile, func(tile int) {
			for u := tile * perTile; u < min((tile+1)*perTile, units); u++ {
				lo := u % r.blocks * foldBlock
				p.block(u/r.blocks, u%r.blocks, lo, min(lo+foldBlock, r.n))
			}
		})
		if err != nil {
			return err
		}
		if p.row == nil {
			continue
		}
		if err := c.Tiles(r.count, p.row); err != nil {
			return err
		}
	}
	return nil
}

// total adds up what is known of the blocks of a row, in order.
func total[T real](r *rows, stats []T, row int) T {
	blocks := stats[row*r.blocks:][:r.blocks]
	sum := blocks[0]
	for _, v := range blocks[1:] {
		sum += v
	}
	return sum
}
