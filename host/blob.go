package host

import (
	"cmp"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/sha256"
	"io"
	"sync"

	"github.com/glovebox-ml/glovebox/kernels"
)

// pieceSize is the unit in which a file is read and hashed: a small one would
// let a file of many parts hold many hashes.
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
//
// The hash is GMAC under a key that never leaves the blob, seven times as fast
// as SHA-256: whoever changes a file knows neither key nor hashes, and finds a
// second piece of the same hash with a chance of 2⁻¹¹².
type blob struct {
	part Part // Data is nil for bytes that the guest wrote
	data []byte
	mem  *memory

	mu     sync.Mutex
	mac    cipher.AEAD // nil: SHA-256 takes its place
	hashes map[int64]pieceHash
	cached int64 // which piece is in piece, or -1
	piece  []byte
}

type pieceHash [16]byte

func newBlob(p Part) *blob {
	b := &blob{part: p, hashes: map[int64]pieceHash{}, cached: -1}
	var secret [16]byte
	rand.Read(secret[:])
	if c, err := aes.NewCipher(secret[:]); err == nil {
		b.mac, _ = cipher.NewGCM(c) // nil where a policy allows no nonces of ours
	}
	return b
}

// hash is that of a piece.
func (b *blob) hash(p []byte) (h pieceHash) {
	if b.mac == nil {
		sum := sha256.Sum256(p)
		return pieceHash(sum[:len(h)])
	}
	var nonce [12]byte // the same for all pieces, as no hash is ever shown
	b.mac.Seal(h[:0], nonce[:], nil, p)
	return h
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
	if b.piece == nil {
		b.piece = make([]byte, 0, min(pieceSize, b.part.Size))
	}
	b.cached = -1
	b.piece = b.piece[:min(pieceSize, b.part.Size-i*pieceSize)]
	h, err := b.fetch(i, b.piece)
	if err == nil {
		err = b.check(i, h)
	}
	if err == nil {
		b.cached = i
	}
	return err
}

// fetch reads piece i into p, which is as long, and hashes what it read.
func (b *blob) fetch(i int64, p []byte) (pieceHash, error) {
	if got, err := b.part.Data.ReadAt(p, i*pieceSize); got != len(p) {
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return pieceHash{}, ErrChanged
		}
		return pieceHash{}, ErrRead
	}
	return b.hash(p), nil
}

// check compares the hash of piece i with its first. The caller holds the lock.
func (b *blob) check(i int64, h pieceHash) error {
	if first, ok := b.hashes[i]; ok && first != h {
		return ErrChanged
	}
	b.hashes[i] = h
	return nil
}

// readAll is read for many bytes: pieces that lie in p as a whole are read into
// it by as many workers as are idle.
func (b *blob) readAll(c *kernels.Call, off int64, p []byte) error {
	first := (off + pieceSize - 1) / pieceSize
	head := min(first*pieceSize-off, int64(len(p)))
	whole := (int64(len(p)) - head) / pieceSize
	if b.part.Data == nil || whole == 0 {
		return b.read(off, p)
	}
	if err := b.read(off, p[:head]); err != nil {
		return err
	}
	var wrong error
	err := c.Tiles(int(whole), func(k int) {
		i := first + int64(k)
		h, err := b.fetch(i, p[head+int64(k)*pieceSize:][:pieceSize])
		b.mu.Lock()
		defer b.mu.Unlock()
		if err == nil {
			err = b.check(i, h)
		}
		if err != nil && wrong == nil {
			wrong = err
		}
	})
	if wrong != nil || err != nil {
		return cmp.Or(wrong, err)
	}
	return b.read(off+head+whole*pieceSize, p[head+whole*pieceSize:])
}

// digest is the SHA-256 of the whole blob, read through the same checks.
func (b *blob) digest(stop func() error) ([sha256.Size]byte, error) {
	if b.part.Data == nil {
		return sha256.Sum256(b.data), nil
	}
	h := sha256.New()
	for i := int64(0); i*pieceSize < b.part.Size; i++ {
		err := stop()
		b.mu.Lock() // a piece at a time: a run may be waiting for another
		if err == nil {
			err = b.load(i)
		}
		h.Write(b.piece)
		b.mu.Unlock()
		if err != nil {
			return [sha256.Size]byte{}, err
		}
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
