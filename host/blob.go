package host

import (
	"crypto/sha256"
	"io"
	"sync"
)

// pieceSize is the unit in which a file is read and hashed. A piece costs
// 0.6 ms to hash, and a small one would let a file of many parts hold many.
const pieceSize = 1 << 20

// Part is one file of a model, as the caller opened it.
type Part struct {
	Name string
	Data io.ReaderAt
	Size int64
}

// blob is a file of the model or bytes that the guest wrote during load. Files
// are never mapped: what is read is hashed piece by piece, and a piece that is
// read again must have the hash it had the first time, so all of a load and
// every run see one and the same file.
type blob struct {
	part Part // Data is nil for bytes that the guest wrote
	data []byte
	mem  *memory

	mu     sync.Mutex
	hashes map[int64][sha256.Size]byte
	cached int64 // which piece is in piece, or -1
	piece  []byte
}

func newBlob(p Part) *blob {
	return &blob{part: p, hashes: map[int64][sha256.Size]byte{}, cached: -1}
}

func (b *blob) size() int64 {
	if b.part.Data == nil {
		return int64(len(b.data))
	}
	return b.part.Size
}

// in reports whether [off, off+n) lies in the blob.
func (b *blob) in(off, n int64) bool {
	return off >= 0 && n >= 0 && off <= b.size() && n <= b.size()-off
}

// read fills p from off. The range must be in the blob.
func (b *blob) read(off int64, p []byte) error {
	if b.part.Data == nil {
		copy(p, b.data[off:])
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(p) > 0 {
		i := off / pieceSize
		if err := b.load(i); err != nil {
			return err
		}
		n := copy(p, b.piece[off-i*pieceSize:])
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// load makes piece i the cached one and checks it against its first hash.
func (b *blob) load(i int64) error {
	if b.cached == i {
		return nil
	}
	n := min(pieceSize, b.part.Size-i*pieceSize)
	if b.piece == nil {
		b.piece = make([]byte, 0, min(pieceSize, b.part.Size))
	}
	b.cached = -1
	b.piece = b.piece[:n]
	if got, err := b.part.Data.ReadAt(b.piece, i*pieceSize); got != len(b.piece) {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return ErrChanged
		}
		return ErrRead
	}
	h := sha256.Sum256(b.piece)
	if first, ok := b.hashes[i]; ok && first != h {
		return ErrChanged
	}
	b.hashes[i] = h
	b.cached = i
	return nil
}

// digest is the SHA-256 of the whole blob, read through the same checks.
func (b *blob) digest(stop func() error) ([sha256.Size]byte, error) {
	if b.part.Data == nil {
		return sha256.Sum256(b.data), nil
	}
	h := sha256.New()
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := int64(0); i*pieceSize < b.part.Size; i++ {
		if err := stop(); err != nil {
			return [sha256.Size]byte{}, err
		}
		if err := b.load(i); err != nil {
			return [sha256.Size]byte{}, err
		}
		h.Write(b.piece)
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// whole checks that a part still ends where it ended: one byte more, and the
// file grew.
func (b *blob) whole() error {
	if b.part.Data == nil {
		return nil
	}
	var one [1]byte
	if n, _ := b.part.Data.ReadAt(one[:], b.part.Size); n != 0 {
		return ErrChanged
	}
	return nil
}

// drop lets the cached piece go once nothing reads the blob often.
func (b *blob) drop() {
	b.mu.Lock()
	b.cached, b.piece = -1, nil
	b.mu.Unlock()
}
