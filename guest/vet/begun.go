package vet

import (
	"bytes"
	"encoding/binary"
)

// Begun is what a guest remembers once its start-up code has run. A guest of
// our own is shipped with it, so that no instance runs that code again. The
// zero Begun is of a guest that has yet to run it.
type Begun struct {
	Globals []uint64 // in the order of the exports State
	leaves  [][]byte // the memory; nil is a leaf of zeros
}

// Leaf is the size of the pieces in which a memory is compared and kept: what
// the system hands out at once.
const Leaf = 4 << 10

// leaves is how many a page of a memory has.
const leaves = pageBytes / Leaf

// Begin is the Begun of a guest with this memory, which is kept, and these
// globals.
func Begin(memory []byte, globals []uint64) *Begun {
	b := &Begun{globals, make([][]byte, len(memory)/Leaf)}
	zeros := make([]byte, Leaf)
	for k := range b.leaves {
		if leaf := memory[k*Leaf:][:Leaf]; !bytes.Equal(leaf, zeros) {
			b.leaves[k] = leaf
		}
	}
	return b
}

// Size is the size of the memory.
func (b *Begun) Size() int64 { return int64(len(b.leaves)) * Leaf }

// Leaf is the k-th piece of the memory, nil where it is zero or ends before. It
// may not be changed.
func (b *Begun) Leaf(k int) []byte {
	if k < len(b.leaves) {
		return b.leaves[k]
	}
	return nil
}

// Encode writes b as ParseBegun reads it: the number of pages, the globals, and
// the leaves that are not zero, each list behind its length. Numbers are
// little-endian.
//
//	u32 pages │ u32 count │ u64 … │ u32 count │ u32 index … │ leaf …
func (b *Begun) Encode() []byte {
	le := binary.LittleEndian
	out := le.AppendUint32(le.AppendUint32(nil, uint32(len(b.leaves)/leaves)), uint32(len(b.Globals)))
	for _, g := range b.Globals {
		out = le.AppendUint64(out, g)
	}
	var index, data []byte
	for k, leaf := range b.leaves {
		if leaf != nil {
			index, data = le.AppendUint32(index, uint32(k)), append(data, leaf...)
		}
	}
	return append(append(le.AppendUint32(out, uint32(len(index)/4)), index...), data...)
}

// ErrBegun is why ParseBegun refused.
const ErrBegun Error = "vet: not the memory of a guest"

// Error is a reason that is always the same.
type Error string

func (e Error) Error() string { return string(e) }

// ParseBegun reads what Encode has written. Its leaves are parts of b.
func ParseBegun(b []byte) (*Begun, error) {
	bad := false
	take := func(n int) []byte {
		if bad = bad || n > len(b); bad {
			return make([]byte, 8)
		}
		part := b[:n:n]
		b = b[n:]
		return part
	}
	number := func() int { return int(binary.LittleEndian.Uint32(take(4))) }
	pages, globals := number(), number()
	if pages > maxPages {
		return nil, ErrBegun
	}
	s := &Begun{leaves: make([][]byte, pages*leaves)}
	for range globals {
		if s.Globals = append(s.Globals, binary.LittleEndian.Uint64(take(8))); bad {
			break
		}
	}
	count := number()
	if bad || int64(len(b)) != int64(count)*(4+Leaf) {
		return nil, ErrBegun
	}
	index := take(4 * count)
	for i := range count {
		k := binary.LittleEndian.Uint32(index[4*i:])
		if k >= uint32(len(s.leaves)) || s.leaves[k] != nil {
			return nil, ErrBegun
		}
		s.leaves[k] = take(Leaf)
	}
	return s, nil
}
