package jld2

import (
	"encoding/binary"

	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// varying reads where a value of variable length lies: n elements of width
// bytes in a heap. The zero value is empty. Two values never share their bytes
// in files as they are written, and some are read twice here, so that all of
// them together are bounded by the file.
func (f *file) varying(c *scan.Cursor, width int64) scan.Cursor {
	at := c.Offset()
	n, address, index := int64(c.Uint32()), c.Uint64(), c.Uint32()
	if address == 0 && index == 0 {
		return scan.Cursor{}
	}
	if f.varied += n * width; f.varied > 4*f.blob.Size() {
		f.wrong(at, "values of variable length share their bytes: together they take more than the file has")
	}
	heap := f.heap(f.place(at+4, address))
	p, ok := heap[index]
	if !ok || p.Left() < n*width {
		f.wrong(at, "%d elements of %d bytes in entry %d of a heap, which has %d bytes", n, width, index, p.Left())
	}
	return p.Take(uint64(n * width))
}

// heap reads where the entries of a heap lie, once.
//
//	0      4   8            16
//	┌──────┬───┬────────────┬───────┬────────────┬──────┬─────────────┬──────────────────┬──
//	│ GCOL │ 1 │ u64 length │ index │ references │ zero │ u64 n bytes │ entry, to 8 bytes │ …
//	└──────┴───┴────────────┴───────┴────────────┴──────┴─────────────┴──────────────────┴──
func (f *file) heap(at int64) map[uint32]scan.Cursor {
	if h, ok := f.heaps[at]; ok {
		return h
	}
	c := from(f.heaped, at)
	if string(c.Peek(4)) != "GCOL" {
		c.Fail("no heap")
	}
	c.Take(4)
	if v := c.Uint32(); v != 1 {
		f.lacks(at+4, "a heap of version %d", v)
	}
	size := c.Uint64()
	if size < 16 || size > uint64(f.blob.Size()-at) {
		f.wrong(at+8, "a heap of %d bytes, but %d are left", size, f.blob.Size()-at)
	}
	f.claim(at, int64(size))
	// JLD2 does not count the 16 bytes in front among the length, as HDF5 does,
	// but begins no entry in those that are then behind the others.
	last := at + int64(size) - 16
	if !f.julia {
		size -= 16
	}
	c = c.Take(min(size, uint64(c.Left())))
	h := map[uint32]scan.Cursor{}
	for c.Offset() <= last {
		start := c.Offset()
		var head [8]byte
		c.ReadFull(head[:])
		index, n := uint32(binary.LittleEndian.Uint16(head[:])), c.Uint64()
		if index == 0 {
			break // the rest is free
		}
		if _, ok := h[index]; ok || n > uint64(c.Left()) {
			f.wrong(start, "entry %d of a heap, of %d bytes, is there twice or too long", index, n)
		}
		h[index] = c.Take(n)
		c.Take(min(-n&7, uint64(c.Left())))
	}
	f.heaps[at] = h
	return h
}
