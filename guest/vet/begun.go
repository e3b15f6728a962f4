package vet

import "encoding/binary"

// Begun is what a guest remembers once its start-up code has run. A guest of
// our own is shipped with it, so that no instance runs that code again.
type Begun struct {
	Pages   int       // of the memory, 64 KiB each
	Data    []Segment // what of it is not zero
	Globals []uint64  // in the order of the exports State
}

// Segment is data that a memory starts with.
type Segment struct {
	Offset uint32
	Data   []byte
}

// gap is how many zeros are cheaper to copy than another segment is to set up.
const gap = 256

// Nonzero lists what a memory holds, leaving out longer runs of zeros.
func Nonzero(memory []byte) []Segment {
	var list []Segment
	end := 0 // of the last byte that is not zero
	for k, b := range memory {
		if b == 0 {
			continue
		}
		if n := len(list) - 1; n >= 0 && k-end <= gap {
			list[n].Data = memory[list[n].Offset : k+1]
		} else {
			list = append(list, Segment{uint32(k), memory[k : k+1]})
		}
		end = k + 1
	}
	return list
}

// Encode writes b as ParseBegun reads it: the number of pages, the globals and
// the segments, each list behind its length. Numbers are little-endian.
//
//	u32 pages │ u32 count │ u64 … │ u32 count │ u32 offset │ u32 size │ bytes │ …
func (b *Begun) Encode() []byte {
	le := binary.LittleEndian
	out := le.AppendUint32(le.AppendUint32(nil, uint32(b.Pages)), uint32(len(b.Globals)))
	for _, g := range b.Globals {
		out = le.AppendUint64(out, g)
	}
	out = le.AppendUint32(out, uint32(len(b.Data)))
	for _, s := range b.Data {
		out = le.AppendUint32(le.AppendUint32(out, s.Offset), uint32(len(s.Data)))
		out = append(out, s.Data...)
	}
	return out
}

// ErrBegun is why ParseBegun refused.
const ErrBegun Error = "vet: not the memory of a guest"

// Error is a reason that is always the same.
type Error string

func (e Error) Error() string { return string(e) }

// ParseBegun reads what Encode has written. Its segments are parts of b.
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
	s := &Begun{Pages: number()}
	for range number() {
		if s.Globals = append(s.Globals, binary.LittleEndian.Uint64(take(8))); bad {
			break
		}
	}
	for range number() {
		offset, size := number(), number()
		if bad = bad || size > len(b) || s.Pages > maxPages || offset+size > s.Pages*pageBytes; bad {
			break
		}
		s.Data = append(s.Data, Segment{uint32(offset), take(size)})
	}
	if bad || len(b) > 0 {
		return nil, ErrBegun
	}
	return s, nil
}
