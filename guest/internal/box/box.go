//go:build wasip1

// Package box reaches the host through the imports of glovebox_v1. What each
// of them means is written in package abi.
package box

import "github.com/glovebox-ml/glovebox/guest/abi"

// Box is the box that this guest runs in.
type Box struct{}

var _ abi.Box = (*Box)(nil)

// New is the one Box there is. It yields once, since every guest has to import
// yield and the linker drops imports that nothing calls.
func New() *Box {
	yield()
	return &Box{}
}

func (*Box) BlobSize(blob abi.Handle) (int64, abi.Errno) {
	var size int64
	e := blobSize(uint32(blob), &size)
	return size, abi.Errno(e)
}

func (*Box) BlobRead(blob abi.Handle, off int64, p []byte) abi.Errno {
	return abi.Errno(blobRead(uint32(blob), off, first(p), uint32(len(p))))
}

func (*Box) BlobPart(name string) (abi.Handle, abi.Errno) {
	var h uint32
	e := blobPart(name, &h)
	return abi.Handle(h), abi.Errno(e)
}

func (*Box) BlobNew(size int64) (abi.Handle, abi.Errno) {
	var h uint32
	e := blobNew(size, &h)
	return abi.Handle(h), abi.Errno(e)
}

func (*Box) BlobWrite(blob abi.Handle, off int64, p []byte) abi.Errno {
	return abi.Errno(blobWrite(uint32(blob), off, first(p), uint32(len(p))))
}

func (*Box) TensorConst(blob abi.Handle, off int64, t abi.Type) (abi.Handle, abi.Errno) {
	rec, h := encode(t), uint32(0)
	e := tensorConst(uint32(blob), off, &rec[0], &h)
	return abi.Handle(h), abi.Errno(e)
}

func (*Box) TensorNew(t abi.Type) (abi.Handle, abi.Errno) {
	rec, h := encode(t), uint32(0)
	e := tensorNew(&rec[0], &h)
	return abi.Handle(h), abi.Errno(e)
}

func (*Box) TensorRead(h abi.Handle, off int64, p []byte) abi.Errno {
	return abi.Errno(tensorRead(uint32(h), off, first(p), uint32(len(p))))
}

func (*Box) TensorWrite(h abi.Handle, off int64, p []byte) abi.Errno {
	return abi.Errno(tensorWrite(uint32(h), off, first(p), uint32(len(p))))
}

func (*Box) TensorFree(h abi.Handle) abi.Errno { return abi.Errno(tensorFree(uint32(h))) }

func (*Box) ProgramNew() (abi.Handle, abi.Errno) {
	var h uint32
	e := programNew(&h)
	return abi.Handle(h), abi.Errno(e)
}

func (*Box) ProgramInput(p abi.Handle, t abi.Type) (abi.Value, abi.Errno) {
	rec, v := encode(t), uint32(0)
	e := programInput(uint32(p), &rec[0], &v)
	return abi.Value(v), abi.Errno(e)
}

func (*Box) ProgramConst(p abi.Handle, tensor abi.Handle) (abi.Value, abi.Errno) {
	var v uint32
	e := programConst(uint32(p), uint32(tensor), &v)
	return abi.Value(v), abi.Errno(e)
}

func (*Box) ProgramOp(p abi.Handle, rec []byte, out []abi.Result) (int, abi.Errno) {
	var one [abi.ResultSize]byte
	buf := one[:]
	if len(out) != 1 {
		buf = make([]byte, len(out)*abi.ResultSize)
	}
	var n uint32
	e := abi.Errno(programOp(uint32(p), first(rec), uint32(len(rec)), first(buf), uint32(len(out)), &n))
	if e != abi.OK {
		return 0, e
	}
	for i := range out[:n] {
		if out[i], e = abi.DecodeResult(buf[i*abi.ResultSize:]); e != abi.OK {
			return 0, e
		}
	}
	return int(n), abi.OK
}

func (*Box) ProgramSeal(p abi.Handle, rec []byte) abi.Errno {
	return abi.Errno(programSeal(uint32(p), first(rec), uint32(len(rec))))
}

func (*Box) ProgramRun(p abi.Handle, in []abi.Handle, out []abi.Handle) (int, abi.Errno) {
	var n uint32
	e := programRun(uint32(p), firstHandle(in), uint32(len(in)), firstHandle(out), uint32(len(out)), &n)
	return int(n), abi.Errno(e)
}

func (*Box) ProgramFree(p abi.Handle) abi.Errno { return abi.Errno(programFree(uint32(p))) }
func (*Box) ProgramPublish() abi.Errno          { return abi.Errno(programPublish()) }

func (*Box) PortDeclare(rec []byte) abi.Errno {
	return abi.Errno(portDeclare(first(rec), uint32(len(rec))))
}

func (*Box) RunInput(port uint32) (abi.Input, abi.Errno) {
	var buf [abi.ResultSize]byte
	if e := abi.Errno(runInput(port, &buf[0])); e != abi.OK {
		return abi.Input{}, e
	}
	return abi.DecodeInput(buf[:])
}

func (*Box) RunOutput(port uint32, tensor abi.Handle) abi.Errno {
	return abi.Errno(runOutput(port, uint32(tensor)))
}

func (*Box) Emit(kind abi.Emit, rec []byte) abi.Errno {
	return abi.Errno(emit(uint32(kind), first(rec), uint32(len(rec))))
}

func (*Box) Yield() abi.Errno { return abi.Errno(yield()) }

func encode(t abi.Type) (rec [abi.TypeSize]byte) {
	abi.AppendType(rec[:0], t)
	return rec
}

func first(p []byte) *byte {
	if len(p) == 0 {
		return nil
	}
	return &p[0]
}

func firstHandle(p []abi.Handle) *uint32 {
	if len(p) == 0 {
		return nil
	}
	return (*uint32)(&p[0])
}
