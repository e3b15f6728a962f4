package host

import (
	"cmp"
	"slices"
)

// maxSpare is how many pieces of memory wait for other constants: an op has
// seldom more inputs that are made for it.
const maxSpare = 2

// spared keeps memory for another constant: the system takes as long to hand
// out new pages as a constant takes to read.
func (w *prologue) spared(c *memory) {
	if c.region == nil {
		c.free()
		return
	}
	w.spare = append(w.spare, c)
	slices.SortFunc(w.spare, func(a, b *memory) int { return cmp.Compare(a.n, b.n) })
	if len(w.spare) > maxSpare {
		w.spare[0].free()
		w.spare = w.spare[1:]
	}
}

// take is memory for what does not stay, zeroed or not.
func (w *prologue) take(n int64) (*memory, error) {
	for i, c := range w.spare {
		if n >= smallest && c.n >= n {
			w.spare = slices.Delete(w.spare, i, i+1)
			c.data = c.region.Bytes()[:n:n]
			return c, nil
		}
	}
	return w.fresh(n)
}

// fresh is new memory, at the expense of what is not needed now.
func (w *prologue) fresh(n int64) (*memory, error) {
	if c, err := allocate(&w.m.ledger, n); err == nil {
		return c, nil
	}
	for _, c := range w.spare {
		c.free()
	}
	w.spare = nil
	return w.m.squeeze(w.start, n)
}
