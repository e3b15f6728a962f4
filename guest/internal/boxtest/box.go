// Package boxtest is a host in memory, for tests of what reads files. It holds
// blobs, gives out views of them and notes what it is told; it runs nothing.
package boxtest

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
)

// Box holds the blobs of one load. Methods that it does not have panic.
type Box struct {
	abi.Box
	Blobs [][]byte // handles 1…
	Names []string // of the parts among them
	Ports []abi.Port
	Items []abi.Item
	Views map[abi.Handle]View
	Given abi.Handle // to output port 0
}

// View is a tensor of bytes of a blob.
type View struct {
	Blob abi.Handle
	Off  int64
	Type abi.Type
}

// New holds parts, which are called a, b and so on.
func New(parts ...[]byte) *Box {
	b := &Box{Views: map[abi.Handle]View{}}
	for i, p := range parts {
		b.Blobs = append(b.Blobs, p)
		b.Names = append(b.Names, string(rune('a'+i)))
	}
	return b
}

// Bytes are the bytes of a view.
func (b *Box) Bytes(v View) []byte { return b.Blobs[v.Blob-1][v.Off:][:v.Type.Bytes()] }

func (b *Box) in(h abi.Handle, off, n int64) abi.Errno {
	if h < 1 || int(h) > len(b.Blobs) {
		return abi.ErrHandle
	}
	if size := int64(len(b.Blobs[h-1])); off < 0 || off > size || n > size-off {
		return abi.ErrBounds
	}
	return abi.OK
}

func (b *Box) BlobSize(h abi.Handle) (int64, abi.Errno) {
	if e := b.in(h, 0, 0); e != abi.OK {
		return 0, e
	}
	return int64(len(b.Blobs[h-1])), abi.OK
}

func (b *Box) BlobRead(h abi.Handle, off int64, p []byte) abi.Errno {
	if len(p) > abi.MaxRead {
		return abi.ErrBounds
	}
	if e := b.in(h, off, int64(len(p))); e != abi.OK {
		return e
	}
	copy(p, b.Blobs[h-1][off:])
	return abi.OK
}

func (b *Box) BlobPart(name string) (abi.Handle, abi.Errno) {
	for i, n := range b.Names {
		if n == name {
			return abi.Handle(i + 1), abi.OK
		}
	}
	return 0, abi.ErrUnknown
}

func (b *Box) BlobNew(size int64) (abi.Handle, abi.Errno) {
	if size < 0 || size > 1<<30 || len(b.Blobs) == abi.MaxBlobs {
		return 0, abi.ErrCount
	}
	b.Blobs = append(b.Blobs, make([]byte, size))
	return abi.Handle(len(b.Blobs)), abi.OK
}

func (b *Box) BlobWrite(h abi.Handle, off int64, p []byte) abi.Errno {
	if int(h) <= len(b.Names) || len(p) > abi.MaxRead {
		return abi.ErrState
	}
	if e := b.in(h, off, int64(len(p))); e != abi.OK {
		return e
	}
	copy(b.Blobs[h-1][off:], p)
	return abi.OK
}

func (b *Box) TensorConst(h abi.Handle, off int64, t abi.Type) (abi.Handle, abi.Errno) {
	if t.Check() != nil {
		return 0, abi.ErrType
	}
	if e := b.in(h, off, t.Bytes()); e != abi.OK {
		return 0, e
	}
	v := abi.Handle(1<<20 + len(b.Views))
	b.Views[v] = View{h, off, t}
	return v, abi.OK
}

func (b *Box) PortDeclare(rec []byte) abi.Errno {
	p, e := abi.DecodePort(rec)
	if e != abi.OK {
		return e
	}
	for _, q := range b.Ports {
		if p.Name == "" || q.Name == p.Name && q.Output == p.Output {
			return abi.ErrName
		}
	}
	b.Ports = append(b.Ports, p)
	return abi.OK
}

func (b *Box) RunOutput(port uint32, h abi.Handle) abi.Errno {
	if _, ok := b.Views[h]; !ok || port != 0 {
		return abi.ErrHandle
	}
	b.Given = h
	return abi.OK
}

func (b *Box) Emit(kind abi.Emit, rec []byte) abi.Errno {
	if kind != abi.EmitReport {
		return abi.ErrState
	}
	it, e := abi.DecodeItem(rec)
	if e == abi.OK {
		b.Items = append(b.Items, it)
	}
	return e
}
