package host

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// PortDeclare adds a port during load.
func (b *Box) PortDeclare(rec []byte) abi.Errno {
	if b.running() {
		return abi.ErrState
	}
	if len(b.m.ports) >= abi.MaxPorts {
		return abi.ErrCount
	}
	p, e := abi.DecodePort(rec)
	if e != abi.OK {
		return e
	}
	if d := tensor.DType(p.DType); len(p.Dims) > tensor.MaxRank || !p.Ranked && len(p.Dims) > 0 || d > tensor.String {
		return abi.ErrType
	}
	if p.Name == "" {
		return abi.ErrName
	}
	name := portName{p.Name, p.Output}
	if b.names[name] {
		return abi.ErrName
	}
	if err := b.ledger.charge(portWeight + portCopies*int64(len(rec))); err != nil {
		return b.end(err)
	}
	for i := range p.Dims {
		p.Dims[i].Size = max(p.Dims[i].Size, -1)
	}
	b.m.ports = append(b.m.ports, p)
	if b.names == nil {
		b.names = map[portName]bool{}
	}
	b.names[name] = true
	return abi.OK
}

// portName is what a port is found by.
type portName struct {
	name   string
	output bool
}

// What a port takes in the host, in bytes and in copies of its record.
const (
	portWeight = 512
	portCopies = 2
)

// RunInput is the tensor of input port i.
func (b *Box) RunInput(port uint32) (abi.Input, abi.Errno) {
	switch {
	case !b.running():
		return abi.Input{}, abi.ErrState
	case int64(port) >= int64(len(b.in)):
		return abi.Input{}, abi.ErrHandle
	}
	in := b.in[port]
	if in.Type == (tensor.Type{}) {
		return abi.Input{}, abi.OK
	}
	if b.inRefs[port] == 0 {
		h, e := b.addTensor(&held{typ: in.Type, data: in.Data, used: true, source: source{fromRequest, int32(port)}})
		if e != abi.OK {
			return abi.Input{}, e
		}
		b.inRefs[port] = h
	}
	return abi.Input{Tensor: b.inRefs[port], Type: in.Type}, abi.OK
}

// RunOutput gives a tensor to output port i, once.
func (b *Box) RunOutput(port uint32, h abi.Handle) abi.Errno {
	switch {
	case !b.running():
		return abi.ErrState
	case int64(port) >= int64(len(b.out)):
		return abi.ErrHandle
	case b.out[port].Type != (tensor.Type{}):
		return abi.ErrState
	}
	t := b.tensor(h)
	if t == nil {
		return abi.ErrHandle
	}
	declared := &b.m.ports[b.m.outputs[port]]
	if declared.DType != 0 && declared.DType != uint8(t.typ.DType) {
		return abi.ErrType
	}
	if b.given += t.typ.Bytes(); b.given > b.limits.Output {
		return b.end(ErrOutput)
	}
	if err := b.ledger.charge(t.typ.Bytes()); err != nil {
		return b.end(err)
	}
	out := kernels.Tensor{Type: t.typ}
	if !b.dry {
		data, err := b.bytes(h, t)
		if err != nil {
			return b.end(err)
		}
		out.Data = tensor.Aligned(t.typ.Bytes())
		copy(out.Data, data)
		canonical(t.typ.DType, out.Data)
	}
	b.out[port] = out
	b.outRef[port] = b.sourceOf(h, t)
	t.used = true
	return abi.OK
}

// Emit takes a log line, the reason of a failure or an item of a report.
func (b *Box) Emit(kind abi.Emit, rec []byte) abi.Errno {
	switch kind {
	case abi.EmitLog:
		if len(rec) > abi.MaxMessage || len(b.log)+len(rec)+1 > abi.MaxLog {
			return abi.ErrText
		}
		b.log = append(append(b.log, rec...), '\n')
	case abi.EmitFault:
		f, e := abi.DecodeFault(rec)
		if e != abi.OK {
			return e
		}
		if b.fault == nil {
			b.fault = &f
		}
	case abi.EmitReport:
		if b.task != abi.TaskInspect {
			return abi.ErrState
		}
		if b.report += len(rec) + 64; b.report > abi.MaxReport {
			return abi.ErrText
		}
		it, e := abi.DecodeItem(rec)
		if e != abi.OK {
			return e
		}
		b.items = append(b.items, it)
	default:
		return abi.ErrRecord
	}
	return abi.OK
}

// Yield is where a long computation of the guest meets the limits.
func (b *Box) Yield() abi.Errno {
	if err := b.check(); err != nil {
		return b.end(err)
	}
	return abi.OK
}
