package engine

import (
	"encoding/binary"

	"github.com/glovebox-ml/glovebox/guest/abi"
)

// record is the length of a record in the argument after its pointer.
func record(arg int) length { return length{arg: arg, unit: 1, max: abi.MaxRecord} }

// imports is all that a guest can ask of the host. The parameters and the
// memory of each function are described in package abi.
var imports = []function{
	{name: "blob_size", price: price{400, 0}, call: func(f frame, box abi.Box) abi.Errno {
		out, ok := f.at(1, 8)
		if !ok {
			return abi.ErrBounds
		}
		n, e := box.BlobSize(f.handle(0))
		if e == abi.OK {
			binary.LittleEndian.PutUint64(out, uint64(n))
		}
		return e
	}},
	{name: "blob_read", price: price{800, 4}, length: length{3, 1, abi.MaxRead}, call: func(f frame, box abi.Box) abi.Errno {
		return f.transfer(box.BlobRead)
	}},
	{name: "blob_part", price: price{4000, 32}, length: length{1, 1, abi.MaxName}, call: func(f frame, box abi.Box) abi.Errno {
		name, ok := f.at(0, int64(f.u32(1)))
		if !ok {
			return abi.ErrBounds
		}
		return give(f, 2, func() (abi.Handle, abi.Errno) { return box.BlobPart(string(name)) })
	}},
	{name: "blob_new", price: price{8000, 0}, call: func(f frame, box abi.Box) abi.Errno {
		return give(f, 1, func() (abi.Handle, abi.Errno) { return box.BlobNew(f.i64(0)) })
	}},
	{name: "blob_write", price: price{800, 4}, length: length{3, 1, abi.MaxRead}, call: func(f frame, box abi.Box) abi.Errno {
		return f.transfer(box.BlobWrite)
	}},

	{name: "tensor_const", price: price{2000, 0}, call: func(f frame, box abi.Box) abi.Errno {
		t, e := f.typ(2)
		if e != abi.OK {
			return e
		}
		return give(f, 3, func() (abi.Handle, abi.Errno) { return box.TensorConst(f.handle(0), f.i64(1), t) })
	}},
	{name: "tensor_new", price: price{8000, 0}, call: func(f frame, box abi.Box) abi.Errno {
		t, e := f.typ(0)
		if e != abi.OK {
			return e
		}
		return give(f, 1, func() (abi.Handle, abi.Errno) { return box.TensorNew(t) })
	}},
	{name: "tensor_read", price: price{800, 4}, length: length{3, 1, abi.MaxReadBack}, call: func(f frame, box abi.Box) abi.Errno {
		return f.transfer(box.TensorRead)
	}},
	{name: "tensor_write", price: price{800, 4}, length: length{3, 1, abi.MaxReadBack}, call: func(f frame, box abi.Box) abi.Errno {
		return f.transfer(box.TensorWrite)
	}},
	{name: "tensor_free", price: price{1200, 0}, call: func(f frame, box abi.Box) abi.Errno {
		return box.TensorFree(f.handle(0))
	}},

	{name: "program_new", price: price{4000, 0}, call: func(f frame, box abi.Box) abi.Errno {
		return give(f, 0, box.ProgramNew)
	}},
	{name: "program_input", price: price{2000, 0}, call: func(f frame, box abi.Box) abi.Errno {
		t, e := f.typ(1)
		if e != abi.OK {
			return e
		}
		return give(f, 2, func() (abi.Value, abi.Errno) { return box.ProgramInput(f.handle(0), t) })
	}},
	{name: "program_const", price: price{2000, 0}, call: func(f frame, box abi.Box) abi.Errno {
		return give(f, 2, func() (abi.Value, abi.Errno) { return box.ProgramConst(f.handle(0), f.handle(1)) })
	}},
	{name: "program_op", price: price{4000, 16}, length: record(2), call: programOp},
	{name: "program_seal", price: price{8000, 16}, length: record(2), call: func(f frame, box abi.Box) abi.Errno {
		rec, ok := f.record(1)
		if !ok {
			return abi.ErrBounds
		}
		return box.ProgramSeal(f.handle(0), rec)
	}},
	{name: "program_run", price: price{8000, 40}, length: length{2, 4, abi.MaxArity * 4}, call: programRun},
	{name: "program_free", price: price{2000, 0}, call: func(f frame, box abi.Box) abi.Errno {
		return box.ProgramFree(f.handle(0))
	}},
	{name: "program_publish", price: price{20000, 0}, call: func(_ frame, box abi.Box) abi.Errno {
		return box.ProgramPublish()
	}},

	{name: "port_declare", price: price{4000, 8}, length: record(1), call: func(f frame, box abi.Box) abi.Errno {
		rec, ok := f.record(0)
		if !ok {
			return abi.ErrBounds
		}
		return box.PortDeclare(rec)
	}},
	{name: "run_input", price: price{2000, 0}, call: func(f frame, box abi.Box) abi.Errno {
		out, ok := f.at(1, abi.ResultSize)
		if !ok {
			return abi.ErrBounds
		}
		in, e := box.RunInput(f.u32(0))
		if e == abi.OK {
			abi.AppendInput(out[:0], in)
		}
		return e
	}},
	{name: "run_output", price: price{2000, 0}, call: func(f frame, box abi.Box) abi.Errno {
		return box.RunOutput(f.u32(0), f.handle(1))
	}},

	{name: "emit", price: price{4000, 8}, length: record(2), call: func(f frame, box abi.Box) abi.Errno {
		rec, ok := f.record(1)
		if !ok {
			return abi.ErrBounds
		}
		return box.Emit(abi.Emit(f.u32(0)), rec)
	}},
	{name: "yield", price: price{400, 0}, call: func(f frame, box abi.Box) abi.Errno {
		f.refill()
		return box.Yield()
	}},
}

// transfer moves bytes between guest memory and a blob or tensor: handle,
// offset, pointer, length. They are not copied on the way.
func (f frame) transfer(do func(abi.Handle, int64, []byte) abi.Errno) abi.Errno {
	p, ok := f.at(2, int64(f.u32(3)))
	if !ok {
		return abi.ErrBounds
	}
	return do(f.handle(0), f.i64(1), p)
}

func programOp(f frame, box abi.Box) abi.Errno {
	capacity := f.u32(4)
	if capacity > abi.MaxOutputs {
		return abi.ErrCount
	}
	rec, ok1 := f.record(1)
	out, ok2 := f.at(3, int64(capacity)*abi.ResultSize)
	count, ok3 := f.at(5, 4)
	if !ok1 || !ok2 || !ok3 {
		return abi.ErrBounds
	}
	var results [abi.MaxOutputs]abi.Result
	n, e := box.ProgramOp(f.handle(0), rec, results[:capacity])
	if e != abi.OK {
		return e
	}
	for i, r := range results[:n] {
		abi.AppendResult(out[i*abi.ResultSize:][:0], r)
	}
	binary.LittleEndian.PutUint32(count, uint32(n))
	return abi.OK
}

func programRun(f frame, box abi.Box) abi.Errno {
	capacity := f.u32(4)
	if capacity > abi.MaxArity {
		return abi.ErrCount
	}
	in, ok1 := f.at(1, int64(f.u32(2))*4)
	out, ok2 := f.at(3, int64(capacity)*4)
	count, ok3 := f.at(5, 4)
	if !ok1 || !ok2 || !ok3 {
		return abi.ErrBounds
	}
	handles := make([]abi.Handle, len(in)/4+int(capacity))
	args, results := handles[:len(in)/4], handles[len(in)/4:]
	for i := range args {
		args[i] = abi.Handle(binary.LittleEndian.Uint32(in[4*i:]))
	}
	n, e := box.ProgramRun(f.handle(0), args, results)
	if e != abi.OK {
		return e
	}
	for i, h := range results[:n] {
		binary.LittleEndian.PutUint32(out[4*i:], uint32(h))
	}
	binary.LittleEndian.PutUint32(count, uint32(n))
	return abi.OK
}
