package trace

import (
	"github.com/glovebox-ml/glovebox/guest/abi"
	"github.com/glovebox-ml/glovebox/kernels/tensor"
)

// mapTypes works out what an elementwise program over float32s gives, as most
// ops of a model are such and asking the host takes longer. It answers nil for
// whatever else, and for all that the host might refuse: then the host is asked.
func mapTypes(n *node) []abi.Type {
	if n.op != abi.OpMap || len(n.in) == 0 || len(n.in) > abi.MaxMapInputs {
		return nil
	}
	p := n.attrs.(*abi.Map).Program
	if !sound(p, len(n.in)) || len(p.Out) == 0 {
		return nil
	}
	var truth [abi.MaxMapInputs + abi.MaxMapCode]bool // registers of Bool, not float32
	for k := range p.Code {
		reg := len(n.in) + k
		ok := false
		if truth[reg], ok = float32Result(&p.Code[k], truth[:reg]); !ok {
			return nil
		}
	}
	shape, ok := float32Shape(n.in)
	if !ok {
		return nil
	}
	types := make([]abi.Type, len(p.Out))
	for i, r := range p.Out {
		types[i] = shape
		if truth[r] {
			types[i].DType = tensor.Bool
		}
	}
	return types
}

// float32Shape is what float32s broadcast to.
func float32Shape(in []*result) (shape abi.Type, ok bool) {
	shape.DType = tensor.Float32
	for _, r := range in {
		if r == nil || r.typ.DType != tensor.Float32 {
			return shape, false
		}
		shape.Rank = max(shape.Rank, r.typ.Rank)
	}
	for i := range shape.Rank {
		d := int64(1)
		for _, r := range in {
			lead := shape.Rank - r.typ.Rank
			if i < lead {
				continue
			}
			switch n := r.typ.Dims[i-lead]; {
			case d == 1:
				d = n
			case n != 1 && n != d:
				return shape, false
			}
		}
		shape.Dims[i] = d
	}
	return shape, shape.Check() == nil
}

// float32Result reports whether an instruction on float32s gives a Bool, and
// whether it is known to be one that the host has. truth says which registers
// are of Bool.
func float32Result(i *abi.Instr, truth []bool) (isBool, ok bool) {
	if i.DType != uint8(tensor.Float32) {
		return false, false
	}
	for k, r := range operands(i) {
		if truth[*r] != (i.Fn == abi.FnSelect && k == 0) {
			return false, false
		}
	}
	switch fn := i.Fn; {
	case fn == abi.FnConst, fn >= abi.FnAdd && fn <= abi.FnFma, fn == abi.FnSelect,
		fn >= abi.FnNeg && fn <= abi.FnRecip, fn >= abi.FnExp && fn <= abi.FnAtanh, fn >= abi.FnRelu && fn <= abi.FnMish:
		return false, true
	case fn >= abi.FnEq && fn <= abi.FnGe, fn == abi.FnIsNaN:
		return true, true
	}
	return false, false
}
