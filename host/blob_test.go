package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/glovebox-ml/glovebox/guest/abi"
)

type readerAt struct{ b []byte }

func (r *readerAt) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(r.b)) {
		return 0, io.EOF
	}
	n := copy(p, r.b[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func now() time.Time              { return time.Now() }
func since(start time.Time) int64 { return time.Since(start).Milliseconds() }

// A file that changes between two reads of one piece is refused, however it
// changes; what was read before stays what it was.
func TestChangingFile(t *testing.T) {
	tests := []struct {
		name   string
		change func(r *readerAt)
		want   error
	}{
		{"one bit flips", func(r *readerAt) { r.b[10] ^= 1 }, ErrChanged},
		{"it is truncated", func(r *readerAt) { r.b = r.b[:100] }, ErrChanged},
		{"it vanishes", func(r *readerAt) { r.b = nil }, ErrChanged},
		{"it grows", func(r *readerAt) { r.b = append(r.b, 1) }, ErrChanged},
		{"it stays", func(*readerAt) {}, nil},
	}
	for i := range 2 * len(tests) {
		tt, plain := tests[i/2], i%2 > 0
		t.Run(fmt.Sprintf("%s, by SHA-256: %v", tt.name, plain), func(t *testing.T) {
			r := &readerAt{make([]byte, 2*pieceSize+5)}
			m, err := NewModel(Config{Parts: []Part{{"f", r, int64(len(r.b))}}, Limits: Limits{Memory: 1 << 30, File: 1 << 30}})
			if err != nil {
				t.Fatal(err)
			}
			defer m.Close()
			if plain {
				m.blobs[0].mac = nil
			}
			b := m.LoadBox(context.Background(), abi.TaskModel)
			defer b.Close()
			buf := make([]byte, 32)
			ok(t, b.BlobRead(1, 0, buf))
			ok(t, b.BlobRead(1, 2*pieceSize, buf[:5]))
			tt.change(r)
			_, err = m.Digest(context.Background(), 0)
			if !errors.Is(err, tt.want) {
				t.Errorf("digest: %v, want %v", err, tt.want)
			}
		})
	}
}

func TestBlobOfLoad(t *testing.T) {
	m, err := NewModel(Config{Parts: []Part{bytesPart("f", nil)}, Limits: small})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	b := m.LoadBox(context.Background(), abi.TaskModel)
	h, e := b.BlobNew(100)
	ok(t, e)
	ok(t, b.BlobWrite(h, 50, []byte{1, 2, 3}))
	is(t, b.BlobWrite(h, 99, []byte{1, 2, 3}), abi.ErrBounds)
	is(t, b.BlobWrite(h, -1, []byte{1}), abi.ErrBounds)
	is(t, b.BlobWrite(1, 0, nil), abi.ErrHandle)
	m.Freeze(b)
	r := runBox(m)
	defer r.Close()
	var got [4]byte
	ok(t, r.BlobRead(h, 49, got[:]))
	if got != [4]byte{0, 1, 2, 3} {
		t.Errorf("read %v", got)
	}
	is(t, r.BlobWrite(h, 0, []byte{1}), abi.ErrState)
}
