package main

import (
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"

	. "github.com/glovebox-ml/glovebox/kernels/internal/simd/_asm/vec"
)

// A wideFunction computes a vector from vectors of its inputs and of its
// parameters in lanes of 64 bits.
type wideFunction struct {
	name   string
	inputs int
	tuned  bool
	of     func(d Doubles, x, p []V) V
}

func wide1(name string, of func(d Doubles, x V) V) wideFunction {
	return wideFunction{name, 1, false, func(d Doubles, x, _ []V) V { return of(d, x[0]) }}
}

func wide2(name string, of func(d Doubles, a, b V) V) wideFunction {
	return wideFunction{name, 2, false, func(d Doubles, x, _ []V) V { return of(d, x[0], x[1]) }}
}

var wideFunctions = []wideFunction{
	wide1("exp2", exp2),
	wide1("expm1", expm1),
	wide1("log", log),
	wide1("log1p", log1p),
	wide1("sin", sin),
	wide1("cos", cos),
	wide1("tan", tan),
	wide1("asin", asin),
	wide1("acos", acos),
	wide1("atan", atan),
	wide1("sinh", sinh),
	wide1("cosh", cosh),
	wide1("asinh", asinh),
	wide1("acosh", acosh),
	wide1("atanh", atanh),
	wide1("softplus", softplus),
	wide1("mish", mish),
	wide2("pow", pow),
	wide2("atan2", atan2),
	{"elu", 1, true, func(d Doubles, x, p []V) V { return elu(d, x[0], p[0]) }},
	{"selu", 1, true, func(d Doubles, x, p []V) V { return selu(d, x[0], p[0], p[1]) }},
	{"celu", 1, true, func(d Doubles, x, p []V) V { return celu(d, x[0], p[0]) }},
}

// write writes the function over n elements, all under a mask: it is long, so
// that a second one for the rest would cost more than it saves.
func (fn wideFunction) write(d Doubles) {
	Begin(fn.name+d.Name, signature(fn.inputs, fn.tuned))
	dst, n, i, in, params := arguments(fn.inputs, fn.tuned, d.Broadcast)
	mask := d.All()
	at := func(p reg.GPVirtual) Mem { return Mem{Base: p, Index: i, Scale: 4} }

	XORQ(i, i)
	Label("next")
	CMPQ(n, Imm(uint64(d.Lanes)))
	JGE(LabelRef("full"))
	mask.First(n)
	Label("full")
	var x []V
	for _, p := range in {
		x = append(x, mask.Load(at(p)))
	}
	mask.Store(fn.of(d, x, params), at(dst))
	ADDQ(Imm(uint64(d.Lanes)), i)
	SUBQ(Imm(uint64(d.Lanes)), n)
	JG(LabelRef("next"))
	Leave()
}
