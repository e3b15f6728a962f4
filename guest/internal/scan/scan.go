// Package scan reads a blob of the host through a bounded window. Every read
// of a model file goes through it, so a length is compared with the bytes that
// are there before anything is allocated or skipped.
//
// A file that is not what it claims to be ends the reading: Fail panics with a
// *abi.Fault that names the blob and the byte, and Catch turns it into a value
// again where the guest was entered.
package scan

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/glovebox-ml/glovebox/guest/abi"
	"google.golang.org/protobuf/encoding/protowire"
)

// window is how much is read ahead. Headers of tensors are a few hundred bytes
// between megabytes of weights that are skipped, so more would be wasted.
const window = 32 << 10

// Blob is a blob and the piece of it that was read last.
type Blob struct {
	box    abi.Box
	handle abi.Handle
	size   int64
	start  int64 // offset of ahead[0]
	ahead  []byte
	buf    []byte
}

// Open begins to read a blob.
func Open(box abi.Box, h abi.Handle) *Blob {
	b := &Blob{box: box, handle: h}
	size, e := box.BlobSize(h)
	if e != abi.OK || size < 0 {
		Refuse(abi.Fault{Kind: abi.FaultMalformed, Blob: h, Offset: -1, Text: "the file cannot be read: " + e.Error()})
	}
	b.size = size
	return b
}

// Handle is the handle of the blob.
func (b *Blob) Handle() abi.Handle { return b.handle }

// Size is the size of the blob.
func (b *Blob) Size() int64 { return b.size }

// All is a cursor over the whole blob.
func (b *Blob) All() Cursor { return Cursor{blob: b, end: b.size} }

// peek gives the bytes from off on: n of them, or as many as stand before end.
// They are valid until the next call. n is at most the window.
func (b *Blob) peek(off, end int64, n int) []byte {
	n = int(min(int64(n), end-off))
	if off < b.start || off+int64(n) > b.start+int64(len(b.ahead)) {
		if b.buf == nil {
			b.buf = make([]byte, min(window, b.size))
		}
		b.start, b.ahead = off, b.buf[:min(int64(len(b.buf)), b.size-off)]
		b.read(off, b.ahead)
	}
	return b.ahead[off-b.start:][:n]
}

func (b *Blob) read(off int64, p []byte) {
	if e := b.box.BlobRead(b.handle, off, p); e != abi.OK {
		b.ahead = nil
		Refuse(abi.Fault{Kind: abi.FaultMalformed, Blob: b.handle, Offset: off, Text: "the file cannot be read: " + e.Error()})
	}
}

// Cursor is a range of a blob that is read from its front to its end. Copies
// of a cursor are independent. The zero Cursor is an empty range.
type Cursor struct {
	blob     *Blob
	pos, end int64
}

// Blob is the blob that c is a range of.
func (c *Cursor) Blob() *Blob { return c.blob }

// Offset is the place in the blob of the next byte.
func (c *Cursor) Offset() int64 { return c.pos }

// Left is the number of bytes that are left.
func (c *Cursor) Left() int64 { return c.end - c.pos }

// Fail refuses the file at the next byte.
func (c *Cursor) Fail(format string, args ...any) {
	c.FailAt(c.pos, format, args...)
}

// FailAt refuses the file as malformed at an offset.
func (c *Cursor) FailAt(off int64, format string, args ...any) {
	f := abi.Fault{Kind: abi.FaultMalformed, Offset: off, Text: fmt.Sprintf(format, args...)}
	if c.blob != nil {
		f.Blob = c.blob.handle
	}
	Refuse(f)
}

// Take splits the next n bytes off as a range of their own.
func (c *Cursor) Take(n uint64) Cursor {
	if n > uint64(c.Left()) {
		c.Fail("length %d, but %d bytes are left", n, c.Left())
	}
	t := Cursor{c.blob, c.pos, c.pos + int64(n)}
	c.pos = t.end
	return t
}

// need gives the next n bytes (n ≤ 16) and passes over them.
func (c *Cursor) need(n int) []byte {
	if int64(n) > c.Left() {
		c.Fail("%d bytes expected, but %d are left", n, c.Left())
	}
	p := c.blob.peek(c.pos, c.end, n)
	c.pos += int64(n)
	return p
}

// Byte reads one byte.
func (c *Cursor) Byte() byte { return c.need(1)[0] }

// Uint16 reads a little-endian number.
func (c *Cursor) Uint16() uint16 { return binary.LittleEndian.Uint16(c.need(2)) }

// Uint32 reads a little-endian number.
func (c *Cursor) Uint32() uint32 { return binary.LittleEndian.Uint32(c.need(4)) }

// Uint64 reads a little-endian number.
func (c *Cursor) Uint64() uint64 { return binary.LittleEndian.Uint64(c.need(8)) }

// Varint reads a protobuf varint.
func (c *Cursor) Varint() uint64 {
	if c.Left() == 0 {
		c.Fail("the bytes end where a varint is expected")
	}
	v, n := protowire.ConsumeVarint(c.blob.peek(c.pos, c.end, 10))
	if n < 0 {
		c.Fail("bad varint")
	}
	c.pos += int64(n)
	return v
}

// Tag reads the number and wire type of a protobuf field.
func (c *Cursor) Tag() (protowire.Number, protowire.Type) {
	at := c.pos
	num, typ := protowire.DecodeTag(c.Varint())
	if num < protowire.MinValidNumber {
		c.FailAt(at, "bad field number")
	}
	return num, typ
}

// Peek shows up to n of the next bytes (n ≤ 4096) without passing over them.
// They are valid until the next read.
func (c *Cursor) Peek(n int) []byte {
	if c.Left() == 0 {
		return nil
	}
	return c.blob.peek(c.pos, c.end, n)
}

// Bytes copies all that is left of the range, which the caller bounds.
func (c *Cursor) Bytes(limit int64) []byte {
	if c.Left() > limit {
		c.Fail("%d bytes, over the limit of %d", c.Left(), limit)
	}
	p := make([]byte, c.Left())
	c.ReadFull(p)
	return p
}

// ReadFull fills p with the next bytes.
func (c *Cursor) ReadFull(p []byte) {
	if int64(len(p)) > c.Left() {
		c.Fail("%d bytes expected, but %d are left", len(p), c.Left())
	}
	for len(p) > 0 {
		n := min(len(p), window)
		if n == window {
			c.blob.read(c.pos, p[:n])
		} else {
			copy(p, c.blob.peek(c.pos, c.end, n))
		}
		p, c.pos = p[n:], c.pos+int64(n)
	}
}

// Read reads the next bytes into p, for what takes an io.Reader.
func (c *Cursor) Read(p []byte) (int, error) {
	n := int(min(int64(len(p)), c.Left()))
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	c.ReadFull(p[:n])
	return n, nil
}
