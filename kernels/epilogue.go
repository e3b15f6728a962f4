package kernels

import (
	"fmt"

	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// epilogue is an elementwise program that an op runs on its own result while
// that is in the cache. A nil epilogue changes nothing.
type epilogue struct {
	quick
	tape *tape // of what the quick beginning leaves; nil for nothing
	cost int64 // of an element
}

// planEpilogue checks the epilogue of an op with a result of type out. Register
// 0 of p is the result's element, registers 1 … are extra, which broadcast to
// its shape. An empty program has no epilogue.
func planEpilogue(p Program, out tensor.Type, extra []tensor.Type) (*epilogue, error) {
	if len(p.Code) == 0 && len(p.Out) == 0 {
		if len(extra) > 0 {
			return nil, fmt.Errorf("%w: %d inputs for an empty epilogue", ErrArity, len(extra))
		}
		return nil, nil
	}
	if err := out.Check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSize, err)
	}
	in := append([]tensor.Type{out}, extra...)
	shape, err := common(in)
	if err != nil {
		return nil, fmt.Errorf("epilogue: %w", err)
	}
	shape.DType = out.DType
	if shape != out {
		return nil, fmt.Errorf("epilogue: %w: inputs are larger than %v", ErrShape, out)
	}
	t, err := newTape(p, in, out)
	if err != nil {
		return nil, fmt.Errorf("epilogue: %w", err)
	}
	if len(t.out) != 1 {
		return nil, fmt.Errorf("epilogue: %w: %d outputs, want 1", ErrAttr, len(t.out))
	}
	if t.out[0].dtype != out.DType {
		return nil, fmt.Errorf("epilogue: %w: output %v, want %v", ErrDType, t.out[0].dtype, out.DType)
	}
	return &epilogue{tape: t, cost: t.cost}, nil
}

// apply runs the program in place on the row-major elements from … to of the
// result, all of which is y. Calls for ranges that do not overlap may run at
// once. Long ranges are cheaper: a call costs as much as some 100 elements.
func (e *epilogue) apply(y []byte, extra []Tensor, from, to int64) {
	if e == nil || e.tape == nil || from >= to {
		return
	}
	// The tape may compute its output in the memory of register 0: the output
	// is the last instruction, so nothing reads the register after it.
	f := e.tape.frame()
	f.in[0], f.out[0] = y, y
	for i := range extra {
		f.in[i+1] = extra[i].Data
	}
	e.tape.run(f, from, to)
	e.tape.release(f)
}

// flops is the cost of an element.
func (e *epilogue) flops() int64 {
	if e == nil {
		return 0
	}
	return e.cost
}

// pre is an elementwise program of one input and one output that an op runs on
// its operand before it works on it. A nil pre changes nothing.
type pre struct{ tape *tape }

// planPre checks p for an operand of type in. It cannot use FnIota: the
// elements come without their position.
func planPre(p Program, in tensor.DType) (*pre, error) {
	if len(p.Code) == 0 && len(p.Out) == 0 {
		return nil, nil
	}
	// The elements come in runs of any length: as many as may be.
	x := tensor.Of(in, tensor.MaxBytes/8)
	t, err := newTape(p, []tensor.Type{x}, x)
	if err != nil {
		return nil, fmt.Errorf("pre: %w", err)
	}
	if len(t.out) != 1 {
		return nil, fmt.Errorf("pre: %w: %d outputs, want 1", ErrAttr, len(t.out))
	}
	for _, i := range p.Code {
		if i.Fn == FnIota {
			return nil, fmt.Errorf("pre: %w: iota", ErrAttr)
		}
	}
	return &pre{t}, nil
}

// out is the type of the result.
func (p *pre) out() tensor.DType { return p.tape.out[0].dtype }

// apply computes dst from the elements of src, which must not overlap unless
// they are the same memory and both types have the same size.
func (p *pre) apply(dst, src []byte) {
	if p == nil {
		copy(dst, src)
		return
	}
	t := p.tape
	f := t.frame()
	f.in[0], f.out[0] = src, dst
	t.run(f, 0, int64(len(dst)/t.out[0].dtype.Size()))
	t.release(f)
}

// flops is the cost of an element.
func (p *pre) flops() int64 {
	if p == nil {
		return 0
	}
	return p.tape.cost
}
