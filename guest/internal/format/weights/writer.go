package weights

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/guest/internal/scan"
)

// piece is how much is written to a blob at once.
const piece = 64 << 10

// Writer fills a blob of its own from its front to its end. It never holds
// more than a piece of it.
type Writer struct {
	box   abi.Box
	blob  abi.Handle
	at    int64
	buf   []byte
	fault abi.Fault
}

// NewWriter makes a blob of size bytes. If the host has no room for it or what
// is written, the file is refused with fault and the host's reason.
func NewWriter(box abi.Box, size int64, fault abi.Fault) *Writer {
	w := &Writer{box: box, buf: make([]byte, 0, min(piece, max(size, 1))), fault: fault}
	var e abi.Errno
	w.blob, e = box.BlobNew(size)
	w.check(e)
	return w
}

func (w *Writer) check(e abi.Errno) {
	if e != abi.OK {
		w.fault.Text += ": " + e.Error()
		scan.Refuse(w.fault)
	}
}

// Write writes all of p; it ends the load where it cannot.
func (w *Writer) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		k := copy(w.buf[len(w.buf):cap(w.buf)], p)
		w.buf, p = w.buf[:len(w.buf)+k], p[k:]
		if len(w.buf) == cap(w.buf) {
			w.flush()
		}
	}
	return n, nil
}

func (w *Writer) flush() {
	w.check(w.box.BlobWrite(w.blob, w.at, w.buf))
	w.at, w.buf = w.at+int64(len(w.buf)), w.buf[:0]
}

// Close writes what is left and gives the blob.
func (w *Writer) Close() abi.Handle {
	w.flush()
	return w.blob
}
