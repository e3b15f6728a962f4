package host

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
)

// BlobSize is the size of a blob in bytes.
func (b *Box) BlobSize(h abi.Handle) (int64, abi.Errno) {
	f := b.file(h)
	if f == nil {
		return 0, abi.ErrHandle
	}
	return f.size(), abi.OK
}

// BlobRead copies from a blob into guest memory.
func (b *Box) BlobRead(h abi.Handle, off int64, p []byte) abi.Errno {
	f := b.file(h)
	switch {
	case f == nil:
		return abi.ErrHandle
	case len(p) > abi.MaxRead || !f.in(off, int64(len(p))):
		return abi.ErrBounds
	}
	if err := f.read(off, p); err != nil {
		return b.end(err)
	}
	return abi.OK
}

// BlobPart finds the part with exactly this name. The model itself is not a
// part of itself.
func (b *Box) BlobPart(name string) (abi.Handle, abi.Errno) {
	for i, f := range b.m.blobs[:b.m.files] {
		if i > 0 && f.part.Name == name {
			return abi.Handle(i + 1), abi.OK
		}
	}
	return 0, abi.ErrUnknown
}

// BlobNew makes a blob that the guest writes during load, charged to the model.
func (b *Box) BlobNew(size int64) (abi.Handle, abi.Errno) {
	switch {
	case b.running():
		return 0, abi.ErrState
	case size < 0:
		return 0, abi.ErrBounds
	case len(b.m.written) >= abi.MaxTensors:
		return 0, abi.ErrCount
	}
	if size > b.limits.File {
		return 0, b.end(ErrFile)
	}
	mem, err := allocate(b.ledger, size)
	if err != nil {
		return 0, b.end(err)
	}
	h := b.handle()
	b.m.written[h] = &blob{data: mem.data, mem: mem}
	return h, abi.OK
}

// BlobWrite fills a blob made by this load.
func (b *Box) BlobWrite(h abi.Handle, off int64, p []byte) abi.Errno {
	if b.running() {
		return abi.ErrState
	}
	f := b.file(h)
	switch {
	case f == nil || f.part.Data != nil:
		return abi.ErrHandle
	case len(p) > abi.MaxRead || !f.in(off, int64(len(p))):
		return abi.ErrBounds
	}
	copy(f.data[off:], p)
	return abi.OK
}

// file finds a blob by handle: the parts, then what load wrote.
func (b *Box) file(h abi.Handle) *blob {
	if h == 0 {
		return nil
	}
	if int64(h) <= int64(b.m.files) {
		return b.m.blobs[h-1]
	}
	return b.m.written[h]
}
